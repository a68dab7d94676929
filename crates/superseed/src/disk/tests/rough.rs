//! Storages that fail, hang and panic as told.

use super::*;

/// A storage whose torrents wait at a gate in every read, or panic in every write.
struct Rough {
    gate: Arc<Gate>,
    device: u64,
}

#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Gate {
    pub(super) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.moved.notify_all();
        while !state.0 {
            state = self.moved.wait(state).unwrap();
        }
    }

    pub(super) fn open(&self) {
        self.state.lock().unwrap().0 = true;
        self.moved.notify_all();
    }

    pub(super) fn close(&self) {
        self.state.lock().unwrap().0 = false;
    }

    pub(super) fn wait_for(&self, count: usize) {
        let mut state = self.state.lock().unwrap();
        while state.1 < count {
            state = self.moved.wait(state).unwrap();
        }
    }
}

impl Storage for Rough {
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
        let torrent = Self {
            gate: Arc::clone(&self.gate),
            device: self.device,
        };
        Ok((Box::new(torrent), spec.nothing_found()))
    }
}

impl TorrentStorage for Rough {
    fn write(&self, _offset: u64, _bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
        panic!("this storage has a bug")
    }
    fn read(&self, _offset: u64, _buf: &mut [u8]) -> Result<(), ReadError> {
        self.gate.pass();
        Ok(())
    }
    fn sync(&self) -> Result<(), DiskError> {
        Err(DiskError {
            kind: DiskErrorKind::Full,
            message: "x is full".to_owned(),
        })
    }
    fn save_record(&self, _snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        Ok(())
    }
    fn set_wanted(&self, _wanted: &[bool]) -> Result<(), DiskError> {
        Ok(())
    }
    fn close(&self) {}
    fn device(&self) -> u64 {
        self.device
    }
}

#[test]
fn a_panic_in_the_storage_is_an_error_of_its_job() {
    let mut bench = Bench::new();
    let torrent = bench.add(
        Arc::new(Rough {
            gate: Arc::default(),
            device: 1,
        }),
        100,
    );
    bench.open(torrent);
    for _ in 0..10 {
        let blocks = bench.blocks(&[1; 100]);
        let piece = PieceIndex(0);
        let op = DiskOp::Write {
            piece,
            begin: 0,
            blocks,
            hasher: None,
            expected: None,
        };
        match bench.run(torrent, op) {
            DiskResult::Written {
                blocks,
                outcome: Err(error),
                ..
            } => {
                assert_eq!((blocks.len(), error.kind), (1, DiskErrorKind::Io));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        bench.run(torrent, DiskOp::Sync),
        DiskResult::Synced(Err(_))
    ));
}

#[test]
fn a_device_that_hangs_stops_no_other() {
    let mut bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let stuck = bench.add(
        Arc::new(Rough {
            gate: Arc::clone(&gate),
            device: 1,
        }),
        100,
    );
    let fine = bench.add(Arc::new(MemoryStorage::new()), 100);
    bench.open(stuck);
    bench.open(fine);
    let waiting: Vec<_> = (0..20)
        .map(|_| bench.submit(stuck, read(0, 0, 1)))
        .collect();
    for _ in 0..20 {
        assert!(matches!(
            bench.run(fine, read(0, 0, 1)),
            DiskResult::Read(Ok(_))
        ));
    }
    let late = bench.add(Arc::new(MemoryStorage::new()), 100);
    bench.open(late);
    gate.open();
    let mut answered: Vec<_> = (0..20).map(|_| bench.next().0).collect();
    answered.sort();
    assert_eq!(answered, waiting);
}

#[test]
fn closing_waits_for_the_jobs_before_it_and_holds_those_behind() {
    let mut bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let torrent = bench.add(
        Arc::new(Rough {
            gate: Arc::clone(&gate),
            device: 1,
        }),
        100,
    );
    bench.open(torrent);
    let first = [
        bench.submit(torrent, read(0, 0, 1)),
        bench.submit(torrent, read(0, 0, 1)),
    ];
    gate.wait_for(2);
    let wanted = bench.submit(torrent, DiskOp::SetWanted { wanted: vec![true] });
    let behind = bench.submit(torrent, read(0, 0, 1));
    let close = bench.submit(torrent, DiskOp::Close);
    assert!(bench.done.is_empty());
    gate.open();
    let order: Vec<_> = (0..5).map(|_| bench.next().0).collect();
    assert!(first.iter().all(|job| order[..2].contains(job)));
    assert_eq!(order[2..], [wanted, behind, close]);
}

#[test]
fn shutting_down_ends_the_threads_and_does_not_wait_for_one_that_hangs() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), 100);
    bench.open(torrent);
    assert!(bench.pool.shutdown(PATIENCE));

    let mut bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let torrent = bench.add(
        Arc::new(Rough {
            gate: Arc::clone(&gate),
            device: 1,
        }),
        100,
    );
    bench.open(torrent);
    bench.submit(torrent, read(0, 0, 1));
    gate.wait_for(1);
    assert!(!bench.pool.shutdown(Duration::from_millis(20)));
    gate.open();
}
