//! Devices that hang while torrents are opened, closed and let go.

use std::path::Path;

use superseed_proto::metainfo::{Metainfo, TorrentBuilder};

use super::rough::Gate;
use super::*;
use crate::storage::{Recalled, Woken};

/// A storage of several devices: what is below `hangs` waits at a gate to be
/// opened and to be let go, and nothing else does.
#[derive(Default)]
struct Devices {
    gate: Arc<Gate>,
}

struct Torrent {
    hangs: Option<Arc<Gate>>,
}

fn is_stuck(dir: &Path) -> bool {
    dir.starts_with("hangs")
}

impl Devices {
    fn open_in(&self, dir: &Path) -> Torrent {
        let hangs = is_stuck(dir).then(|| Arc::clone(&self.gate));
        if let Some(gate) = &hangs {
            gate.pass();
        }
        Torrent { hangs }
    }
}

impl Storage for Devices {
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
        Ok((Box::new(self.open_in(&spec.dir)), spec.nothing_found()))
    }

    /// The name says where the files are: all are kept in one place.
    fn recall(&self, kept: &Path) -> Result<Recalled, DiskError> {
        let torrent = TorrentBuilder::new("x", PIECE_LEN).single_file(100);
        let metainfo = Metainfo::parse(&torrent.hash_content(&[0; 100]).build()).unwrap();
        Ok(Recalled {
            metainfo: Arc::new(metainfo),
            spec: StorageSpec {
                dir: kept.strip_prefix("kept").unwrap().into(),
                ..spec(100)
            },
            terms: crate::storage::Terms::default(),
        })
    }

    fn wake(&self, recalled: Recalled, _wanted: Vec<bool>) -> Result<Woken, DiskError> {
        let report = recalled.spec.nothing_found();
        Ok(Woken {
            metainfo: recalled.metainfo,
            storage: Box::new(self.open_in(&recalled.spec.dir)),
            spec: Arc::new(recalled.spec),
            report,
        })
    }
}

impl TorrentStorage for Torrent {
    fn write(&self, _offset: u64, _bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
        Ok(())
    }
    fn read(&self, _offset: u64, _buf: &mut [u8]) -> Result<(), ReadError> {
        Ok(())
    }
    fn sync(&self) -> Result<(), DiskError> {
        Ok(())
    }
    fn save_record(&self, _snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        Ok(())
    }
    fn set_wanted(&self, _wanted: &[bool]) -> Result<(), DiskError> {
        Ok(())
    }
    fn close(&self) {}
    fn device(&self) -> u64 {
        1 + u64::from(self.hangs.is_some())
    }
}

/// Letting go closes files, which may hang as well.
impl Drop for Torrent {
    fn drop(&mut self) {
        if let Some(gate) = &self.hangs {
            gate.pass();
        }
    }
}

fn devices() -> (Arc<Gate>, Arc<dyn Storage>) {
    let gate = Arc::new(Gate::default());
    let storage = Devices {
        gate: Arc::clone(&gate),
    };
    (gate, Arc::new(storage))
}

#[test]
fn torrents_are_opened_beside_those_of_a_device_that_hangs() {
    let mut bench = Bench::new();
    let (gate, storage) = devices();
    for n in 0..60 {
        // Several directories of one device, of which nobody knows that.
        let dir = format!("hangs/{}", n % 10);
        let torrent = bench.add_in(&dir, Arc::clone(&storage), 100);
        bench.submit(torrent, DiskOp::Open);
    }
    for dir in ["fine", "fine", "elsewhere"] {
        let fine = bench.add_in(dir, Arc::clone(&storage), 100);
        assert_eq!(bench.open(fine).device, 1);
        assert!(matches!(
            bench.run(fine, read(0, 0, 1)),
            DiskResult::Read(Ok(_))
        ));
    }
    gate.open();
    for _ in 0..60 {
        let (_, DiskResult::Opened(Ok(report))) = bench.next() else {
            panic!("all are opened when the device goes on");
        };
        assert_eq!(report.device, 2);
    }
}

#[test]
fn torrents_wake_beside_those_of_a_device_that_hangs() {
    let mut bench = Bench::new();
    let (gate, storage) = devices();
    let wake = |bench: &mut Bench, dir: &str| {
        let torrent = bench.torrents.insert(());
        let kept = Path::new("kept").join(dir);
        bench
            .pool
            .register_asleep(torrent, Arc::clone(&storage), &kept);
        let wanted = Vec::new();
        (torrent, bench.submit(torrent, DiskOp::Wake { wanted }))
    };
    for _ in 0..60 {
        wake(&mut bench, "hangs");
    }
    let (fine, job) = wake(&mut bench, "fine");
    let (answered, DiskResult::Woken(Ok(awakening))) = bench.next() else {
        panic!("it wakes");
    };
    assert_eq!((answered, awakening.report.device), (job, 1));
    // It sleeps and wakes again, where it is known to be.
    assert!(matches!(bench.run(fine, DiskOp::Sleep), DiskResult::Asleep));
    let wanted = Vec::new();
    let again = bench.run(fine, DiskOp::Wake { wanted });
    assert!(matches!(again, DiskResult::Woken(Ok(_))));
    gate.open();
    for _ in 0..60 {
        assert!(matches!(bench.next().1, DiskResult::Woken(Ok(_))));
    }
}

#[test]
fn who_stops_the_pool_does_not_wait_for_files_to_be_closed() {
    let mut bench = Bench::new();
    let (gate, storage) = devices();
    let torrent = bench.add_in("hangs", storage, 100);
    let open = bench.submit(torrent, DiskOp::Open);
    gate.wait_for(1);
    gate.open();
    assert_eq!(bench.next().0, open);
    gate.close();
    assert!(!bench.pool.shutdown(Duration::from_millis(20)));
    gate.open();
}
