use super::*;
use crate::storage::fs::record::Record;

/// Two files, complete and recorded.
fn complete() -> Bench {
    let bench = Bench::new(&[40, 24]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &ascending(64));
    torrent.sync().unwrap();
    torrent
        .save_record(&snapshot(&bench.spec, &[0, 1, 2, 3]))
        .unwrap();
    torrent.close();
    bench
}

/// Writes to a file in a way that changes its time for certain.
fn touch(bench: &Bench, file: usize) {
    let opened = std::fs::File::options()
        .write(true)
        .open(bench.path(file))
        .unwrap();
    opened.set_modified(std::time::UNIX_EPOCH).unwrap();
}

#[test]
fn untouched_files_are_trusted_and_totals_go_on() {
    let bench = complete();
    let (_torrent, report) = bench.open();
    assert_eq!(pieces(&report.trusted), [0, 1, 2, 3]);
    assert_eq!(report.unchecked.count(), 0);
    let totals = report.record.unwrap();
    assert_eq!((totals.uploaded_bytes, totals.completed_told), (99, true));
}

#[test]
fn a_changed_file_costs_a_check_of_its_pieces_only() {
    let bench = complete();
    touch(&bench, 1);
    let (_torrent, report) = bench.open();
    assert_eq!(pieces(&report.trusted), [0, 1]);
    assert_eq!(pieces(&report.unchecked), [2, 3]);
}

#[test]
fn pieces_of_a_missing_or_shortened_file_are_absent() {
    let bench = complete();
    std::fs::remove_file(bench.path(1)).unwrap();
    std::fs::File::options()
        .write(true)
        .open(bench.path(0))
        .unwrap()
        .set_len(20)
        .unwrap();
    let (_torrent, report) = bench.open();
    assert_eq!(pieces(&report.trusted), [] as [u32; 0]);
    assert_eq!(pieces(&report.unchecked), [0]);
    assert!(report.record.is_some());
}

#[test]
fn a_recheck_trusts_nothing_and_keeps_the_totals() {
    let mut bench = complete();
    bench.spec.recheck = true;
    let (_torrent, report) = bench.open();
    assert_eq!(report.trusted.count(), 0);
    assert_eq!(report.unchecked.count(), 4);
    assert_eq!(report.record.unwrap().uploaded_bytes, 99);
}

#[test]
fn bytes_that_came_after_the_record_are_checked_and_not_lost() {
    let bench = Bench::new(&[64]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &ascending(48));
    torrent.sync().unwrap();
    torrent.save_record(&snapshot(&bench.spec, &[0])).unwrap();
    drop(torrent);
    let (_torrent, report) = bench.open();
    assert_eq!(pieces(&report.trusted), [0]);
    assert_eq!(pieces(&report.unchecked), [1, 2]);
}

#[test]
fn a_kill_before_the_first_record_leaves_the_files_known_as_ours() {
    let bench = Bench::new(&[64]);
    let (torrent, report) = bench.open();
    assert_eq!(report.record, None);
    write(&*torrent, 0, &[1; 3]);
    drop(torrent);
    let (_torrent, report) = bench.open();
    assert_eq!(report.record, Some(RecordTotals::default()));
}

#[test]
fn data_without_a_record_gets_one_only_with_the_first_write() {
    let bench = Bench::new(&[64]);
    bench.put(0, &[9; 64]);
    for _ in 0..2 {
        let (torrent, report) = bench.open();
        assert_eq!(report.record, None);
        assert_eq!(report.unchecked.count(), 4);
        torrent.close();
    }
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[1]);
    torrent.close();
    assert!(bench.open().1.record.is_some());
}

#[test]
fn other_names_or_another_directory_have_another_record() {
    let mut bench = complete();
    std::fs::rename(bench.path(0), bench.dir().join("a/other")).unwrap();
    bench.spec.files[0].path = PathBuf::from("a/other");
    let (torrent, report) = bench.open();
    assert_eq!(report.record, None);
    assert_eq!(report.unchecked.count(), 4);
    torrent.close();
    let moved = bench.temp.path().join("moved");
    std::fs::rename(bench.dir(), &moved).unwrap();
    bench.spec.dir = moved;
    assert_eq!(bench.open().1.record, None);
}

#[test]
fn a_link_to_the_download_directory_finds_the_same_record() {
    let mut bench = complete();
    let link = bench.temp.path().join("link");
    std::os::unix::fs::symlink(bench.dir(), &link).unwrap();
    bench.spec.dir = link;
    assert!(bench.open().1.trusted.is_full());
}

#[test]
fn a_file_that_somebody_else_changed_meanwhile_is_not_vouched_for() {
    let bench = complete();
    let (torrent, _) = bench.open();
    touch(&bench, 1);
    torrent
        .save_record(&snapshot(&bench.spec, &[0, 1, 2, 3]))
        .unwrap();
    torrent.close();
    let (_torrent, report) = bench.open();
    assert_eq!(pieces(&report.unchecked), [2, 3]);
}

#[test]
fn every_torn_record_and_every_flipped_bit_leads_to_a_full_check() {
    let bench = complete();
    let path = bench.record_path();
    let good = std::fs::read(&path).unwrap();
    assert!(Record::decode(&good, &bench.spec).is_some());
    for len in 0..good.len() {
        assert_eq!(
            Record::decode(&good[..len], &bench.spec),
            None,
            "cut to {len} bytes"
        );
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Record::decode(&bad, &bench.spec), None, "bit {bit} flipped");
    }
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    let (_torrent, report) = bench.open();
    assert_eq!(report.record, None);
    assert_eq!(report.unchecked.count(), 4);
}

#[test]
fn the_record_of_another_torrent_is_ignored() {
    let bench = complete();
    let bytes = std::fs::read(bench.record_path()).unwrap();
    let mut other = bench.spec.clone();
    other.info_hashes = InfoHashes::V1(InfoHashV1([8; 20]));
    assert_eq!(Record::decode(&bytes, &other), None);
    let mut other = bench.spec.clone();
    other.layout = Layout::new(640, PIECE_LEN).unwrap();
    assert_eq!(Record::decode(&bytes, &other), None);
    let mut other = bench.spec.clone();
    other.files.pop();
    assert_eq!(Record::decode(&bytes, &other), None);
}

#[test]
fn a_crash_while_the_record_is_replaced_leaves_the_old_one() {
    let bench = complete();
    let path = bench.record_path();
    std::fs::write(path.with_extension("tmp"), b"half of a rec").unwrap();
    let (torrent, report) = bench.open();
    assert!(report.trusted.is_full());
    torrent.save_record(&snapshot(&bench.spec, &[1])).unwrap();
    torrent.close();
    assert_eq!(pieces(&bench.open().1.trusted), [1]);
}
