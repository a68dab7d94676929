use std::time::Duration;

use superseed_engine::config::{RateLimits, SeedGoal};
use superseed_engine::{Priority, TorrentOptions};
use superseed_proto::layout::FileIndex;
use superseed_proto::metainfo::{BuildFile, Metainfo, TorrentBuilder};

use super::*;
use crate::storage::{Amendment, Keepsake, Terms};

/// A torrent of two files and a link, renamed as a whole and one of them once
/// more, with everything there.
struct Kept {
    bench: Bench,
    metainfo: Arc<Metainfo>,
    path: PathBuf,
}

fn terms() -> Terms {
    Terms {
        trackers: vec![
            vec!["http://a.example".into(), "udp://b.example:1".into()],
            vec![],
        ],
        options: TorrentOptions {
            priorities: vec![Priority::High, Priority::Low, Priority::Skip],
            sequential: true,
            limits: RateLimits {
                upload_bytes_per_s: Some(u64::MAX),
                download_bytes_per_s: None,
            },
            goal: SeedGoal {
                ratio: Some(1.5),
                time: Some(Duration::from_secs(7)),
            },
            paused: true,
            super_seed: true,
            ..TorrentOptions::default()
        },
    }
}

fn kept() -> Kept {
    let bytes = ascending(40_000);
    let torrent = TorrentBuilder::new("t", 16_384)
        .add(BuildFile::new(["one"], 30_000))
        .add(BuildFile::new(["d", "two"], 10_000))
        .add(BuildFile::link(["near"], ["one"]))
        .hash_content(&bytes)
        .build();
    let metainfo = Arc::new(Metainfo::parse(&torrent).unwrap());
    let mut bench = Bench::new(&[1]);
    let (dir, state) = (bench.dir(), bench.spec.state_dir.clone());
    bench.spec = StorageSpec::new(&metainfo, dir, state);
    bench.spec.rename_root(Path::new("elsewhere")).unwrap();
    let again = Path::new("elsewhere/2");
    bench.spec.rename_file(FileIndex(1), again).unwrap();
    let (open, _) = bench.open();
    write(&*open, 0, &bytes);
    open.sync().unwrap();
    let keepsake = Keepsake {
        metainfo: Arc::clone(&metainfo),
        snapshot: snapshot(&bench.spec, &[0, 1, 2]),
        terms: terms(),
    };
    let path = open.keep(&keepsake).unwrap().unwrap();
    open.close();
    Kept {
        bench,
        metainfo,
        path,
    }
}

impl Kept {
    fn wake(&self) -> crate::storage::Woken {
        let woken = self.try_to_wake();
        woken.unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_to_wake(&self) -> Result<crate::storage::Woken, DiskError> {
        let storage = &self.bench.storage;
        storage.wake(storage.recall(&self.path)?, Vec::new())
    }

    fn wake_error(&self) -> DiskError {
        match self.try_to_wake() {
            Ok(_) => panic!("this should not wake"),
            Err(error) => error,
        }
    }

    fn kept_file(&self) -> PathBuf {
        self.path.with_extension("kept")
    }
}

#[test]
fn a_kept_torrent_wakes_where_it_was_and_is_trusted() {
    let kept = kept();
    let woken = kept.wake();
    assert_eq!(woken.metainfo.encode(), kept.metainfo.encode());
    assert_eq!(woken.spec.files, kept.bench.spec.files);
    assert_eq!(pieces(&woken.report.trusted), [0, 1, 2]);
    assert_eq!(
        read(&*woken.storage, 29_990, 20),
        ascending(40_000)[29_990..30_010]
    );
    assert_eq!(kept.bench.listing().len(), 4, "files, link and lock");
}

#[test]
fn a_record_tells_what_a_sleeping_torrent_is() {
    let kept = kept();
    let storage = &kept.bench.storage;
    let found = storage.kept_in(&kept.bench.spec.state_dir).unwrap();
    assert_eq!(found, std::slice::from_ref(&kept.path));
    let summary = storage.summary(&kept.path).unwrap().unwrap();
    assert_eq!(summary.info_hashes, kept.metainfo.info_hashes);
    assert_eq!(summary.layout, kept.metainfo.info.layout);
    assert_eq!((&*summary.name, summary.private), ("t", false));
    assert_eq!(summary.totals.uploaded_bytes, 99);
    assert_eq!(summary.terms, terms());
}

#[test]
fn an_amended_record_has_new_totals_and_terms_and_trusts_as_before() {
    let kept = kept();
    let amendment = Amendment {
        totals: RecordTotals {
            seeding_s: 77,
            ..RecordTotals::default()
        },
        terms: Terms::default(),
    };
    kept.bench.storage.amend(&kept.path, &amendment).unwrap();
    let summary = kept.bench.storage.summary(&kept.path).unwrap().unwrap();
    assert_eq!(
        (summary.totals, summary.terms),
        (amendment.totals, amendment.terms)
    );
    let woken = kept.wake();
    assert_eq!(pieces(&woken.report.trusted), [0, 1, 2]);
    assert_eq!(woken.report.record.unwrap().seeding_s, 77);
    // Records that follow still say that it was kept.
    let snapshot = snapshot(&kept.bench.spec, &[0, 1, 2]);
    woken.storage.save_record(&snapshot).unwrap();
    assert!(kept.bench.storage.summary(&kept.path).unwrap().is_some());
}

#[test]
fn an_incomplete_or_unkept_torrent_has_no_summary() {
    let kept = kept();
    let woken = kept.wake();
    let some = snapshot(&kept.bench.spec, &[0, 2]);
    woken.storage.save_record(&some).unwrap();
    assert_eq!(kept.bench.storage.summary(&kept.path).unwrap(), None);
    woken.storage.close();
    // Added anew, it may be treated otherwise: it has to be kept again.
    let (open, _) = kept.bench.open();
    let all = snapshot(&kept.bench.spec, &[0, 1, 2]);
    open.save_record(&all).unwrap();
    assert_eq!(kept.bench.storage.summary(&kept.path).unwrap(), None);
}

#[test]
fn every_damage_of_what_was_kept_is_an_error_with_its_path() {
    let kept = kept();
    let whole = std::fs::read(kept.kept_file()).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(kept.kept_file(), &bytes).unwrap();
        assert!(kept.wake_error().message.contains(".kept"), "at {at}");
        std::fs::write(kept.kept_file(), &whole[..at]).unwrap();
        assert!(kept.wake_error().message.contains("is damaged"), "at {at}");
    }
    std::fs::remove_file(kept.kept_file()).unwrap();
    assert!(kept.wake_error().message.contains(".kept"));
}

#[test]
fn a_damaged_record_cannot_be_amended_and_has_no_summary() {
    let kept = kept();
    let mut bytes = std::fs::read(&kept.path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::fs::write(&kept.path, bytes).unwrap();
    let amendment = Amendment {
        totals: RecordTotals::default(),
        terms: Terms::default(),
    };
    assert!(kept.bench.storage.amend(&kept.path, &amendment).is_err());
    assert_eq!(kept.bench.storage.summary(&kept.path).unwrap(), None);
}
