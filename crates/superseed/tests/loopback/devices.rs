//! Devices that hang, beside others that do not.

use std::io::IoSlice;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use superseed::storage::memory::MemoryStorage;
use superseed::storage::{
    DiskError, OpenReport, ReadError, ResumeSnapshot, Storage, StorageSpec, TorrentStorage,
};
use superseed::{Config, Session, Torrent};

use crate::world::{Content, run, session};

/// Where torrents go whose device hangs.
const STUCK: &str = "stuck";

/// A device on which nothing moves until it is let go on.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut is_open = self.is_open.lock().unwrap();
        while !*is_open {
            is_open = self.opened.wait(is_open).unwrap();
        }
    }

    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// What a device that hangs hangs in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hangs {
    Reads,
    Writes,
}

/// Two devices in memory, of which one hangs.
struct Devices {
    memory: MemoryStorage,
    hangs: Hangs,
    gate: Arc<Gate>,
}

struct OnDevice {
    torrent: Box<dyn TorrentStorage>,
    /// On the device that hangs, in this.
    hangs: Option<(Hangs, Arc<Gate>)>,
}

impl OnDevice {
    fn pass(&self, what: Hangs) {
        if let Some((hangs, gate)) = &self.hangs
            && *hangs == what
        {
            gate.pass();
        }
    }
}

impl Storage for Devices {
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
        let (torrent, report) = self.memory.open(spec)?;
        let is_stuck = spec.dir == Path::new(STUCK);
        let hangs = is_stuck.then(|| (self.hangs, Arc::clone(&self.gate)));
        Ok((Box::new(OnDevice { torrent, hangs }), report))
    }
}

impl TorrentStorage for OnDevice {
    fn write(&self, offset: u64, bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
        self.pass(Hangs::Writes);
        self.torrent.write(offset, bufs)
    }
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.pass(Hangs::Reads);
        self.torrent.read(offset, buf)
    }
    fn sync(&self) -> Result<(), DiskError> {
        self.torrent.sync()
    }
    fn save_record(&self, snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        self.torrent.save_record(snapshot)
    }
    fn set_wanted(&self, wanted: &[bool]) -> Result<(), DiskError> {
        self.torrent.set_wanted(wanted)
    }
    fn close(&self) {
        self.torrent.close();
    }
    fn device(&self) -> u64 {
        u64::from(self.hangs.is_some())
    }
}

/// A session with two devices, one of which hangs in this.
fn session_with(hangs: Hangs, contents: &[&Content]) -> (Session, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let memory = MemoryStorage::new();
    for content in contents {
        let metainfo = superseed::Metainfo::parse(&content.torrent).unwrap();
        memory.insert(metainfo.info_hashes, content.files[0].1.clone());
    }
    let storage = Devices {
        memory,
        hangs,
        gate: Arc::clone(&gate),
    };
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        storage: Some(Arc::new(storage)),
        ..Config::default()
    };
    config.settings.piece_budget_bytes = 2 << 20;
    config.settings.read_cache_bytes = 2 << 20;
    (Session::start(config).unwrap(), gate)
}

/// Two torrents that want more memory than there is.
fn contents() -> [Content; 2] {
    [
        Content::single("stuck.bin", 8_000_000, 64 * 1024),
        Content::single("fine.bin", 8_000_001, 64 * 1024),
    ]
}

async fn fetch_from(torrent: &Torrent, seeder: &Session) {
    torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
}

#[test]
fn a_torrent_is_downloaded_while_the_writes_of_another_hang() {
    run(async {
        let contents = contents();
        let here = tempfile::tempdir().unwrap();
        let seeder = session();
        for content in &contents {
            content.seed(&seeder, here.path()).await;
        }
        let (leecher, gate) = session_with(Hangs::Writes, &[]);
        let stuck = contents[0].add(&leecher, Path::new(STUCK)).await;
        let fine = contents[1].add(&leecher, Path::new("fine")).await;
        fetch_from(&stuck, &seeder).await;
        // It has all the memory that it ever gets.
        while stuck.stats().await.unwrap().downloaded_bytes < 1 << 20 {
            tokio::task::yield_now().await;
        }
        fetch_from(&fine, &seeder).await;
        fine.wait_complete().await.unwrap();
        assert_eq!(stuck.stats().await.unwrap().pieces_have, 0);
        gate.open();
        stuck.wait_complete().await.unwrap();
        leecher.stop().await;
        seeder.stop().await;
    });
}

#[test]
fn a_torrent_is_served_while_the_reads_of_another_hang() {
    run(async {
        let contents = contents();
        let (seeder, gate) = session_with(Hangs::Reads, &[&contents[0], &contents[1]]);
        let there = tempfile::tempdir().unwrap();
        let leecher = session();
        // Its check hangs from the first read on, and so do those that follow.
        let stuck = contents[0].add(&seeder, Path::new(STUCK)).await;
        let fine = contents[1].add(&seeder, Path::new("fine")).await;
        fine.wait_complete().await.unwrap();
        let fetched = contents[1].add(&leecher, there.path()).await;
        fetch_from(&fetched, &seeder).await;
        fetched.wait_complete().await.unwrap();
        assert_eq!(stuck.stats().await.unwrap().pieces_have, 0);
        gate.open();
        stuck.wait_complete().await.unwrap();
        let fetched = contents[0].add(&leecher, there.path()).await;
        fetch_from(&fetched, &seeder).await;
        fetched.wait_complete().await.unwrap();
        leecher.stop().await;
        seeder.stop().await;
    });
}
