use super::*;

#[test]
fn a_longer_file_is_refused_and_left_alone() {
    let bench = Bench::new(&[16, 16]);
    bench.put(1, &[5; 17]);
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    assert!(
        error.message.contains("a/1 is not this torrent's"),
        "{error}"
    );
    assert!(
        error.message.contains("17 bytes") && error.message.contains("16"),
        "{error}"
    );
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), [5; 17]);
}

#[test]
fn a_longer_file_is_cut_where_overwriting_is_allowed() {
    let mut bench = Bench::new(&[16, 16]);
    bench.spec.allow_overwrite = true;
    bench.put(1, &[5; 17]);
    let (_torrent, report) = bench.open();
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), [5; 16]);
    assert_eq!(pieces(&report.unchecked), [1]);
}

#[test]
fn a_foreign_file_that_is_not_wanted_is_none_of_our_business() {
    let mut bench = Bench::new(&[10, 10]);
    bench.put(1, &[5; 99]);
    bench.spec.wanted = vec![true, false];
    let (torrent, report) = bench.open();
    assert_eq!(report.unchecked.count(), 0);
    write(&*torrent, 0, &[1; 16]);
    assert_eq!(read(&*torrent, 0, 16), [1; 16]);
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), [5; 99]);
    let error = torrent.set_wanted(&[true, true]).unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), [5; 99]);
    assert_eq!(read(&*torrent, 0, 16), [1; 16]);
}

#[test]
fn whatever_is_no_regular_file_is_refused_even_if_overwriting_is_allowed() {
    let mut bench = Bench::new(&[16, 0]);
    bench.spec.allow_overwrite = true;
    std::fs::create_dir_all(bench.path(0)).unwrap();
    assert!(bench.refusal().message.contains("a/0 is a directory"));
    std::fs::remove_dir(bench.path(0)).unwrap();

    let _socket = std::os::unix::net::UnixListener::bind(bench.path(0)).unwrap();
    assert!(
        bench
            .refusal()
            .message
            .contains("a/0 is a device, pipe or socket")
    );
    std::fs::remove_file(bench.path(0)).unwrap();

    let dir = std::fs::File::open(bench.dir()).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(&dir, "a/0", fifo, mode, 0).unwrap();
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    assert!(
        error.message.contains("a/0 is a device, pipe or socket"),
        "{error}"
    );
}

#[test]
fn a_file_in_the_place_of_a_directory_is_refused_by_its_path() {
    let bench = Bench::new(&[16]);
    std::fs::create_dir_all(bench.dir()).unwrap();
    std::fs::write(bench.dir().join("a"), b"in the way").unwrap();
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    let named = bench.dir().join("a").display().to_string();
    assert!(error.message.starts_with(&named), "{error}");
}

#[test]
fn a_download_directory_that_is_a_file_is_named() {
    let bench = Bench::new(&[16]);
    std::fs::write(bench.dir(), b"a file").unwrap();
    let error = bench.refusal();
    assert!(
        error.message.contains(&bench.dir().display().to_string()),
        "{error}"
    );
}
