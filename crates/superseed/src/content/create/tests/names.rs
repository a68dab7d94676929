//! Which files are taken, in which order, under which names.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;

#[test]
fn what_is_not_there_is_told_by_its_path() {
    let dir = dir_of(&[]);
    let path = dir.path().join("gone");
    let error = scan(&path, &CreateOptions::default()).unwrap_err();
    assert!(matches!(error, CreateError::NotFound(found) if found == path));
}

#[test]
fn a_pipe_is_refused_unless_it_is_left_out() {
    let dir = dir_of(&[("a", 10)]);
    let pipe = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for path in [dir.path(), &pipe] {
        let error = scan(path, &CreateOptions::default()).unwrap_err();
        assert!(matches!(error, CreateError::NotAFile(found) if found == pipe));
    }
    let options = CreateOptions {
        filter: Some(Arc::new(|path| path != "pipe")),
        ..CreateOptions::default()
    };
    assert_eq!(scan(dir.path(), &options).unwrap().files().len(), 1);
}

#[test]
fn a_filter_sees_paths_below_the_directory() {
    let dir = dir_of(&[("a.txt", 10), ("b/c.txt", 10), ("b/.d", 10), ("e", 10)]);
    let options = CreateOptions {
        filter: Some(Arc::new(|path| path.starts_with("b/"))),
        ..options(Format::V1, 16_384)
    };
    let metainfo = create(dir.path(), &options).unwrap();
    assert_eq!(paths(&metainfo), ["b/.d", "b/c.txt"]);
    let nothing = CreateOptions {
        filter: Some(Arc::new(|_| false)),
        ..options
    };
    assert!(matches!(
        scan(dir.path(), &nothing),
        Err(CreateError::NothingChosen(_))
    ));
}

#[test]
fn files_are_ordered_by_the_bytes_of_path_elements() {
    let files = [("Z", 1), ("a-b", 3), ("a.c/f", 2), ("a/z", 4), ("é", 1)];
    let dir = dir_of(&files);
    for format in FORMATS {
        let metainfo = create(dir.path(), &options(format, 16_384)).unwrap();
        assert_eq!(paths(&metainfo), ["Z", "a/z", "a-b", "a.c/f", "é"]);
    }
    let sorted = |order: &[SortKey], format| {
        let options = CreateOptions {
            order: order.to_vec(),
            ..options(format, 16_384)
        };
        create(dir.path(), &options).map(|metainfo| paths(&metainfo))
    };
    assert_eq!(
        sorted(&[SortKey::Size], Format::V1).unwrap(),
        ["Z", "é", "a.c/f", "a-b", "a/z"]
    );
    assert_eq!(
        sorted(
            &[SortKey::SizeDescending, SortKey::PathDescending],
            Format::V1
        )
        .unwrap(),
        ["a/z", "a-b", "a.c/f", "é", "Z"]
    );
    for format in [Format::V2, Format::Hybrid] {
        assert!(matches!(
            sorted(&[SortKey::Size], format),
            Err(CreateError::Order)
        ));
        assert!(sorted(&[SortKey::Path], format).is_ok());
    }
}

#[test]
fn names_that_loading_would_change_are_refused() {
    for name in ["a\nb", "a\u{202E}b", "a\\b", &"n".repeat(250)] {
        let dir = dir_of(&[("good", 10), (&format!("d/{name}"), 10)]);
        let error = scan(dir.path(), &CreateOptions::default()).unwrap_err();
        assert!(
            matches!(&error, CreateError::Name { name: found, .. } if found == name),
            "{name:?}: {error:?}"
        );
        assert!(!error.to_string().contains('\n'));
    }
    for name in ["", "..", "a/b", "a\0"] {
        let dir = dir_of(&[("good", 10)]);
        let options = CreateOptions {
            name: Some(name.to_owned()),
            ..CreateOptions::default()
        };
        let error = scan(dir.path(), &options).unwrap_err();
        assert!(matches!(error, CreateError::Name { .. }), "{name:?}");
    }
    let dir = dir_of(&[("readme", 10), ("README", 10)]);
    let error = scan(dir.path(), &CreateOptions::default()).unwrap_err();
    assert!(matches!(error, CreateError::Collision(_)));
}

#[test]
fn a_lone_file_of_a_v2_torrent_must_keep_its_name_too() {
    let dir = dir_of(&[("a\u{202E}b", 10)]);
    let file = dir.path().join("a\u{202E}b");
    let renamed = dir_of(&[("good", 10)]);
    for format in FORMATS {
        let as_it_is = CreateOptions {
            format,
            ..CreateOptions::default()
        };
        let error = scan(&file, &as_it_is).unwrap_err();
        assert!(matches!(error, CreateError::Name { .. }), "{format}");
        for name in ["", "..", "a/b"] {
            let options = CreateOptions {
                name: Some(name.to_owned()),
                ..as_it_is.clone()
            };
            for path in [renamed.path(), &renamed.path().join("good")] {
                let error = scan(path, &options).unwrap_err();
                assert!(matches!(error, CreateError::Name { .. }), "{format} {name}");
            }
        }
    }
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = dir_of(&[]);
    let path = dir.path().join(std::ffi::OsStr::from_bytes(b"a\xFF"));
    fs::write(&path, b"x").unwrap();
    for at in [dir.path(), &path] {
        let error = scan(at, &CreateOptions::default()).unwrap_err();
        assert!(matches!(error, CreateError::NotUtf8(found) if found == path));
    }
}

#[test]
fn a_name_that_is_not_utf8_harms_nobody_where_it_is_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let dir = dir_of(&[("good", 10)]);
    let old = std::ffi::OsStr::from_bytes(b"caf\xE9");
    fs::create_dir(dir.path().join(old)).unwrap();
    for path in [
        dir.path().join(old).join("menu.jpg"),
        dir.path().join("\u{FFFD}.jpg"),
    ] {
        fs::write(path, b"x").unwrap();
    }
    let without = |excluded: &'static str| CreateOptions {
        filter: Some(Arc::new(move |path| !path.contains(excluded))),
        ..CreateOptions::default()
    };
    let left = scan(dir.path(), &without("menu")).unwrap();
    let left: Vec<_> = left.files().map(|file| file.path).collect();
    // What is spelled with U+FFFD is UTF-8.
    assert_eq!(left, ["good", "\u{FFFD}.jpg"]);
    let error = scan(dir.path(), &without("good")).unwrap_err();
    let menu = dir.path().join(old).join("menu.jpg");
    assert!(matches!(error, CreateError::NotUtf8(found) if found == menu));
}

#[test]
fn executables_are_marked() {
    let dir = dir_of(&[("run", 10), ("text", 10)]);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir.path().join("run"), mode).unwrap();
    for format in FORMATS {
        let metainfo = create(dir.path(), &options(format, 16_384)).unwrap();
        let files = metainfo.info.files.iter().filter(|file| !file.padding);
        let marked: Vec<_> = files.map(|file| file.executable).collect();
        assert_eq!(marked, [true, false]);
    }
}

#[test]
fn a_scan_knows_its_files_by_any_name() {
    let dir = dir_of(&[("a", 10), ("b", 10)]);
    let options = CreateOptions {
        filter: Some(Arc::new(|path| path == "a")),
        ..CreateOptions::default()
    };
    let scan = scan(dir.path(), &options).unwrap();
    fs::hard_link(dir.path().join("a"), dir.path().join("c")).unwrap();
    assert!(
        ["a", "./a", "c"]
            .iter()
            .all(|path| scan.holds(&dir.path().join(path)))
    );
    assert!(
        ["b", "d", ""]
            .iter()
            .all(|path| !scan.holds(&dir.path().join(path)))
    );
}
