//! Symbolic links, kept and followed.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use superseed_proto::metainfo::Symlink;

use super::*;

#[test]
fn kept_links_lead_to_what_is_in_the_torrent() {
    let dir = dir_of(&[("a/file", 10), ("b/other", 10)]);
    symlink("../a/file", dir.path().join("b/link")).unwrap();
    symlink("a", dir.path().join("dir")).unwrap();
    for format in FORMATS {
        let metainfo = create(dir.path(), &options(format, 16_384)).unwrap();
        assert_eq!(paths(&metainfo), ["a/file", "b/link", "b/other", "dir"]);
        let link = metainfo
            .info
            .files
            .iter()
            .find(|file| file.path == ["b", "link"]);
        let target = vec!["a".to_owned(), "file".to_owned()];
        assert_eq!(link.unwrap().symlink, Some(Symlink::Inside(target)));
        let report = verify(&metainfo, dir.path(), &VerifyOptions::default(), &()).unwrap();
        assert!(report.is_ok(), "{report:?}");
    }
}

#[test]
fn kept_links_that_lead_elsewhere_are_refused() {
    for target in ["/etc/passwd", "../../x", "nowhere", "excluded", ".", ".."] {
        let dir = dir_of(&[("a/file", 10), ("a/excluded", 10)]);
        let link = dir.path().join("a/link");
        symlink(target, &link).unwrap();
        let options = CreateOptions {
            filter: Some(Arc::new(|path| !path.ends_with("excluded"))),
            ..CreateOptions::default()
        };
        let error = scan(dir.path(), &options);
        if target == "." {
            // The directory is in the torrent.
            assert!(error.is_ok());
            continue;
        }
        let error = error.unwrap_err();
        assert!(
            matches!(&error, CreateError::LinkOutside { path, .. } if *path == link),
            "{target}: {error:?}"
        );
    }
}

#[test]
fn followed_links_are_files_and_loops_are_refused() {
    let elsewhere = dir_of(&[("song", 1000)]);
    let dir = dir_of(&[("a/file", 10)]);
    symlink(elsewhere.path(), dir.path().join("music")).unwrap();
    symlink("a/file", dir.path().join("z")).unwrap();
    let options = CreateOptions {
        symlinks: Symlinks::Follow,
        ..options(Format::V1, 16_384)
    };
    let metainfo = create(dir.path(), &options).unwrap();
    assert_eq!(paths(&metainfo), ["a/file", "music/song", "z"]);

    let up = dir.path().join("a/up");
    symlink("..", &up).unwrap();
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(matches!(error, CreateError::LinkLoop(found) if found == up));
    fs::remove_file(&up).unwrap();
    symlink("nowhere", &up).unwrap();
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(matches!(error, CreateError::NotFound(found) if found == up));
}

#[test]
fn links_that_lead_to_the_same_directories_again_and_again_are_refused() {
    let dir = dir_of(&[("file", 10)]);
    // Each directory leads to the next by two links, so 2^30 paths have no file.
    for n in 0..30 {
        let here = dir.path().join(n.to_string());
        fs::create_dir(&here).unwrap();
        for name in ["a", "b"] {
            symlink(format!("../{}", n + 1), here.join(name)).unwrap();
        }
    }
    fs::create_dir(dir.path().join("30")).unwrap();
    let options = CreateOptions {
        symlinks: Symlinks::Follow,
        ..options(Format::V1, 16_384)
    };
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(
        matches!(&error, CreateError::TooManyLinks(found) if found == dir.path()),
        "{error:?}"
    );
}
