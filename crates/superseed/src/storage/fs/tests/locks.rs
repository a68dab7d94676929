use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_torrent_opens_once_and_again_after_it_was_closed() {
    let bench = Bench::new(&[16]);
    let (torrent, _) = bench.open();
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Locked);
    assert!(
        error.message.contains(&bench.dir().display().to_string()),
        "{error}"
    );
    torrent.close();
    assert_eq!(bench.listing(), [] as [&str; 0]);
    bench.open().0.close();
}

#[test]
fn a_lock_goes_with_its_holder_however_that_ends() {
    let bench = Bench::new(&[16]);
    drop(bench.open());
    assert_eq!(bench.listing().len(), 1);
    bench.open().0.close();
    assert_eq!(bench.listing().len(), 0);
}

#[test]
fn another_torrent_may_live_in_the_same_directory() {
    let bench = Bench::new(&[16]);
    let mut other = Bench::new(&[16]);
    other.spec.dir = bench.dir();
    other.spec.info_hashes = InfoHashes::V1(InfoHashV1([8; 20]));
    let _one = bench.open();
    let _two = other.open();
}

#[test]
fn no_two_ever_hold_the_lock_while_others_remove_its_file() {
    let bench = Bench::new(&[16]);
    let inside = AtomicUsize::new(0);
    let opened = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let Ok((torrent, _)) = bench.try_open() else {
                        continue;
                    };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    opened.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    torrent.close();
                }
            });
        }
    });
    assert!(opened.load(Ordering::SeqCst) > 0);
    assert_eq!(bench.listing(), [] as [&str; 0]);
}
