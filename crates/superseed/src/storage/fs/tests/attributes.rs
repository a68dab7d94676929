//! Links and executable files (BEP 47).

use super::*;
use std::os::unix::fs::PermissionsExt;

/// A file `a/0` of sixteen bytes, and a link beside it that leads to it.
fn bench() -> Bench {
    let mut bench = Bench::new(&[16]);
    bench.spec.files[0].executable = true;
    bench.spec.files.push(StorageFile {
        path: "a/deep/link".into(),
        padding: true,
        link: Some("../0".into()),
        ..StorageFile::default()
    });
    bench
}

#[test]
fn a_link_of_the_torrent_is_made_and_its_target_can_be_read_through_it() {
    let bench = bench();
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[7; 16]);
    let link = bench.path(1);
    assert_eq!(std::fs::read_link(&link).unwrap(), PathBuf::from("../0"));
    assert_eq!(std::fs::read(&link).unwrap(), [7; 16]);
    torrent.sync().unwrap();
    drop(torrent);
    // Once more, with the link there already.
    let (torrent, _) = bench.open();
    assert_eq!(read(&*torrent, 0, 16), [7; 16]);
}

#[test]
fn what_is_in_the_place_of_a_link_stays() {
    let bench = bench();
    bench.put(1, b"mine");
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[7; 16]);
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), b"mine");
}

#[test]
fn a_link_is_made_when_it_becomes_wanted_and_not_before() {
    let mut bench = bench();
    bench.spec.wanted = vec![true, false];
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[7; 16]);
    assert!(!bench.path(1).is_symlink());
    torrent.set_wanted(&[true, true]).unwrap();
    assert!(bench.path(1).is_symlink());
}

#[test]
fn a_link_outside_the_directory_is_refused_like_a_file() {
    let mut bench = bench();
    bench.spec.files[1].path = "../link".into();
    assert_eq!(bench.refusal().kind, DiskErrorKind::Foreign);
}

#[test]
fn an_executable_file_is_made_executable_and_a_foreign_one_is_left_as_it_is() {
    let mode = |bench: &Bench| {
        let metadata = std::fs::metadata(bench.path(0)).unwrap();
        metadata.permissions().mode() & 0o111
    };
    let fresh = bench();
    let (torrent, _) = fresh.open();
    write(&*torrent, 0, &[7; 16]);
    assert_ne!(mode(&fresh), 0);
    let found = bench();
    found.put(0, &[7; 16]);
    let (torrent, _) = found.open();
    write(&*torrent, 0, &[8; 16]);
    assert_eq!(mode(&found), 0);
}
