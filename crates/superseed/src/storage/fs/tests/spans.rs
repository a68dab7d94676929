use super::*;
use proptest::prelude::*;

#[test]
fn a_run_over_many_files_is_read_as_it_was_written() {
    let bench = Bench::new(&[3, 0, 5, 40, 0, 1]);
    let (torrent, report) = bench.open();
    assert_eq!(report.unchecked.count() + report.trusted.count(), 0);
    assert_eq!(report.record, None);
    let bytes = ascending(49);
    let (left, right) = bytes.split_at(20);
    torrent
        .write(
            0,
            &[IoSlice::new(left), IoSlice::new(&[]), IoSlice::new(right)],
        )
        .unwrap();
    assert_eq!(read(&*torrent, 0, 49), bytes);
    assert_eq!(std::fs::read(bench.path(2)).unwrap(), bytes[3..8]);
    torrent.close();
    assert_eq!(bench.listing(), ["a/0", "a/1", "a/2", "a/3", "a/4", "a/5"]);
}

#[test]
fn only_empty_files_exist_before_the_first_write() {
    let bench = Bench::new(&[3, 0, 5]);
    let (torrent, _) = bench.open();
    assert_eq!(std::fs::metadata(bench.path(1)).unwrap().len(), 0);
    assert!(!bench.path(0).exists() && !bench.path(2).exists());
    write(&*torrent, 3, &[1]);
    assert!(!bench.path(0).exists() && bench.path(2).exists());
}

#[test]
fn empty_files_wait_until_data_without_a_record_was_checked() {
    let bench = Bench::new(&[16, 0]);
    bench.put(0, &ascending(16));
    let (torrent, report) = bench.open();
    assert_eq!(pieces(&report.unchecked), [0]);
    assert!(!bench.path(1).exists());
    torrent.save_record(&snapshot(&bench.spec, &[0])).unwrap();
    assert!(bench.path(1).exists());
}

#[test]
fn what_was_not_written_is_absent() {
    let bench = Bench::new(&[20, 20]);
    let (torrent, _) = bench.open();
    let mut buf = [0; 8];
    assert!(matches!(
        torrent.read(0, &mut buf),
        Err(crate::storage::ReadError::Absent(_))
    ));
    write(&*torrent, 0, &[1; 4]);
    assert!(matches!(
        torrent.read(0, &mut buf),
        Err(crate::storage::ReadError::Absent(_))
    ));
    assert!(matches!(
        torrent.read(38, &mut buf),
        Err(crate::storage::ReadError::Absent(_))
    ));
    let beyond = torrent.write(38, &[IoSlice::new(&buf)]).unwrap_err();
    assert_eq!(beyond.kind, DiskErrorKind::Io);
}

#[test]
fn padding_reads_as_zeroes_and_never_touches_the_disk() {
    let mut bench = Bench::new(&[5, 11, 16]);
    bench.spec.files[1].padding = true;
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[9; 32]);
    assert_eq!(
        read(&*torrent, 0, 32),
        [&[9; 5][..], &[0; 11], &[9; 16]].concat()
    );
    torrent
        .save_record(&snapshot(&bench.spec, &[0, 1]))
        .unwrap();
    torrent.close();
    assert_eq!(bench.listing(), ["a/0", "a/2"]);
    let (_torrent, report) = bench.open();
    assert_eq!(pieces(&report.trusted), [0, 1]);
}

#[test]
fn preallocated_files_have_their_length_and_their_disk_at_once() {
    let mut bench = Bench::new(&[100_000, 10]);
    bench.spec.wanted = vec![true, false];
    bench.spec.preallocate = true;
    let (torrent, _) = bench.open();
    let stat = std::fs::metadata(bench.path(0)).unwrap();
    assert_eq!(stat.len(), 100_000);
    assert!(!bench.path(1).exists());
    assert!(torrent.is_hole(0, 65_536));
    write(&*torrent, 0, &[1; 16]);
    assert_eq!(std::fs::metadata(bench.path(0)).unwrap().len(), 100_000);
}

#[test]
fn a_hole_is_known_without_reading_it() {
    let bench = Bench::new(&[1 << 20, 1 << 20]);
    let (torrent, _) = bench.open();
    write(&*torrent, (2 << 20) - 1, &[1]);
    write(&*torrent, (1 << 20) - 1, &[1]);
    assert!(torrent.is_hole(0, 64 << 10));
    assert!(!torrent.is_hole((1 << 20) - 1, 1));
    assert!(!torrent.is_hole((1 << 20) - 16, 32));
}

#[test]
fn a_file_that_vanishes_is_an_error_of_the_sync() {
    let bench = Bench::new(&[16]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[1; 16]);
    torrent.sync().unwrap();
    write(&*torrent, 0, &[2; 16]);
    std::fs::remove_file(bench.path(0)).unwrap();
    bench.storage.handles.forget_all();
    assert!(torrent.sync().unwrap_err().message.contains("a/0 vanished"));
    // The kernel tells of lost bytes once; we go on telling.
    assert!(torrent.sync().unwrap_err().message.contains("lost earlier"));
}

#[test]
fn many_files_are_synced_together_and_a_vanished_one_is_still_missed() {
    let bench = Bench::new(&[16; 40]);
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &ascending(640));
    torrent.sync().unwrap();
    write(&*torrent, 0, &ascending(640));
    std::fs::remove_file(bench.path(39)).unwrap();
    bench.storage.handles.forget_all();
    let error = torrent.sync().unwrap_err();
    assert!(error.message.contains("a/39 vanished"), "{error}");
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, usize, u8),
    Read(u64, usize),
    Want(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..400, 1usize..60, any::<u8>()).prop_map(|(o, l, b)| Step::Write(o, l, b)),
        4 => (0u64..400, 1usize..90).prop_map(|(o, l)| Step::Read(o, l)),
        1 => (0usize..24, any::<bool>()).prop_map(|(f, w)| Step::Want(f, w)),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_runs_over_any_files_behave_as_one_big_buffer(
        lens in prop::collection::vec(prop_oneof![Just(0u64), 1u64..8, 8u64..70], 1..24),
        first_wanted in prop::collection::vec(any::<bool>(), 24),
        steps in steps(),
    ) {
        let total: u64 = lens.iter().sum();
        prop_assume!(total > 0);
        let mut bench = Bench::new(&lens);
        bench.spec.wanted = first_wanted[..lens.len()].to_vec();
        let (torrent, _) = bench.open();
        let mut wanted = bench.spec.wanted.clone();
        let mut model: Vec<Option<u8>> = vec![None; total as usize];
        for step in steps {
            match step {
                Step::Write(offset, len, byte) => {
                    let offset = offset % total;
                    let len = len.min((total - offset) as usize);
                    write(&*torrent, offset, &vec![byte; len]);
                    model[offset as usize..][..len].fill(Some(byte));
                }
                Step::Read(offset, len) => {
                    let offset = offset % total;
                    let len = len.min((total - offset) as usize);
                    let mut buf = vec![0; len];
                    let expected = &model[offset as usize..][..len];
                    match torrent.read(offset, &mut buf) {
                        Ok(()) => for (got, expected) in buf.iter().zip(expected) {
                            prop_assert_eq!(*got, expected.unwrap_or(0));
                        },
                        Err(_) => prop_assert!(expected.contains(&None)),
                    }
                }
                Step::Want(file, wants) => {
                    let file = file % lens.len();
                    wanted[file] = wants;
                    torrent.set_wanted(&wanted).unwrap();
                }
            }
        }
        torrent.close();
    }
}
