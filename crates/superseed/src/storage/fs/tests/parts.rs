use super::*;

/// Files of 10, 30, 10 and 14 bytes: pieces 0, 2 and 3 are shared, 1 is not.
fn bench(wanted: [bool; 4]) -> Bench {
    let mut bench = Bench::new(&[10, 30, 10, 14]);
    bench.spec.wanted = wanted.to_vec();
    bench
}

const PARTS: &str = ".0707070707070707070707070707070707070707.parts";
const LOCK: &str = ".0707070707070707070707070707070707070707.lock";

#[test]
fn an_unwanted_file_is_not_made_and_its_share_is_kept_aside() {
    let bench = bench([true, false, true, false]);
    let (torrent, _) = bench.open();
    let bytes = ascending(64);
    for piece in [0, 2, 3] {
        write(&*torrent, piece * 16, &bytes[piece as usize * 16..][..16]);
    }
    assert_eq!(bench.listing(), [LOCK, PARTS, "a/0", "a/2"]);
    assert_eq!(read(&*torrent, 0, 16), bytes[..16]);
    assert_eq!(read(&*torrent, 32, 32), bytes[32..]);
    let mut buf = [0; 16];
    assert!(torrent.read(16, &mut buf).is_err());
}

#[test]
fn a_file_that_becomes_wanted_gets_its_bytes_and_the_part_file_goes() {
    let bench = bench([true, false, true, true]);
    let (torrent, _) = bench.open();
    let bytes = ascending(64);
    write(&*torrent, 0, &bytes[..16]);
    write(&*torrent, 32, &bytes[32..48]);
    torrent.set_wanted(&[true; 4]).unwrap();
    assert_eq!(std::fs::read(bench.path(1)).unwrap()[..6], bytes[10..16]);
    assert_eq!(read(&*torrent, 0, 16), bytes[..16]);
    assert_eq!(read(&*torrent, 32, 16), bytes[32..48]);
    write(&*torrent, 16, &bytes[16..32]);
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), bytes[10..40]);
    torrent.close();
    assert_eq!(bench.listing(), ["a/0", "a/1", "a/2"]);
}

#[test]
fn recorded_pieces_are_trusted_with_their_share_in_the_part_file() {
    let bench = bench([true, false, false, false]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &ascending(16));
    torrent.sync().unwrap();
    torrent.save_record(&snapshot(&bench.spec, &[0])).unwrap();
    torrent.close();
    let (torrent, report) = bench.open();
    assert_eq!(pieces(&report.trusted), [0]);
    assert_eq!(read(&*torrent, 0, 16), ascending(16));
    torrent.close();
    std::fs::remove_file(bench.dir().join(PARTS)).unwrap();
    let (_torrent, report) = bench.open();
    assert_eq!(report.trusted.count() + report.unchecked.count(), 0);
}

#[test]
fn a_file_that_was_there_keeps_its_bytes_when_it_is_given_up() {
    let bench = bench([true; 4]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &ascending(32));
    torrent.set_wanted(&[true, false, true, true]).unwrap();
    write(&*torrent, 32, &[3; 16]);
    assert_eq!(std::fs::read(bench.path(1)).unwrap().len(), 30);
    torrent.close();
    assert!(!bench.dir().join(PARTS).exists());
}

#[test]
fn a_piece_of_an_unwanted_file_alone_makes_the_file_after_all() {
    let bench = bench([true, false, true, true]);
    let (torrent, _) = bench.open();
    let bytes = ascending(64);
    write(&*torrent, 0, &bytes[..16]);
    write(&*torrent, 16, &bytes[16..32]);
    assert_eq!(read(&*torrent, 0, 32), bytes[..32]);
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), bytes[10..32]);
}

#[test]
fn a_move_that_a_crash_interrupted_is_taken_up() {
    let mut bench = bench([true, false, true, true]);
    let (torrent, _) = bench.open();
    let bytes = ascending(64);
    write(&*torrent, 0, &bytes[..16]);
    torrent.sync().unwrap();
    torrent.save_record(&snapshot(&bench.spec, &[0])).unwrap();
    torrent.close();
    // The crash came when the file was made, and nothing had been copied.
    bench.put(1, b"");
    bench.spec.wanted = vec![true; 4];
    let (torrent, report) = bench.open();
    assert_eq!(pieces(&report.unchecked), [0]);
    assert_eq!(read(&*torrent, 0, 16), bytes[..16]);
    torrent.close();
    assert!(!bench.dir().join(PARTS).exists());
}

#[test]
fn a_file_that_is_not_known_as_ours_is_not_written_to_by_a_move() {
    let mut bench = bench([true, false, true, true]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &ascending(16));
    torrent.close();
    std::fs::remove_file(bench.record_path()).unwrap();
    bench.put(1, &[9; 30]);
    bench.spec.wanted = vec![true; 4];
    let _opened = bench.open();
    assert_eq!(std::fs::read(bench.path(1)).unwrap(), [9; 30]);
}

#[test]
fn a_damaged_part_file_counts_as_empty() {
    for content in [&b""[..], b"short", &[1; 5000]] {
        let bench = bench([true, false, true, true]);
        std::fs::create_dir_all(bench.dir()).unwrap();
        std::fs::write(bench.dir().join(PARTS), content).unwrap();
        let (torrent, report) = bench.open();
        assert_eq!(report.trusted.count() + report.unchecked.count(), 0);
        write(&*torrent, 0, &[4; 16]);
        assert_eq!(read(&*torrent, 0, 16), [4; 16]);
    }
}

#[test]
fn many_small_files_in_one_piece_keep_their_shares_apart() {
    let mut bench = Bench::new(&[1, 2, 3, 4, 5, 6, 7, 4]);
    bench.spec.wanted = (0..8).map(|file| file == 3).collect();
    let (torrent, _) = bench.open();
    let bytes = ascending(32);
    write(&*torrent, 0, &bytes);
    assert_eq!(read(&*torrent, 0, 16), bytes[..16]);
    torrent
        .set_wanted(&(0..8).map(|file| file % 2 == 0).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(read(&*torrent, 0, 32), bytes);
    torrent.set_wanted(&[]).unwrap();
    assert_eq!(read(&*torrent, 0, 32), bytes);
}
