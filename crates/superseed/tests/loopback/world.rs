//! What the tests are made of: sessions, content and its torrents.

use std::future::Future;
use std::path::Path;

use superseed::{AddOptions, Config, Session, Torrent, TorrentBuilder};

/// Runs a test's future; what takes half a minute hangs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(std::time::Duration::from_secs(30), test).await };
    runtime.block_on(limited).expect("the test hangs");
}

/// A session on a free port of an address.
pub(crate) fn session_on(ip: &str) -> Session {
    let listen = vec![(ip.parse::<std::net::IpAddr>().unwrap(), 0).into()];
    Session::start(Config {
        listen,
        ..Config::default()
    })
    .unwrap()
}

/// A session on a free port of 127.0.0.1.
pub(crate) fn session() -> Session {
    session_on("127.0.0.1")
}

/// Bytes that look random and differ everywhere.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Content and its torrent.
pub(crate) struct Content {
    /// Paths below the download directory, with their bytes.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The `.torrent` file.
    pub(crate) torrent: Vec<u8>,
}

impl Content {
    /// One file.
    pub(crate) fn single(name: &str, len: usize, piece_len: u32) -> Self {
        Self::single_with_tracker(name, len, piece_len, None)
    }

    /// One file with a tracker.
    pub(crate) fn single_with_tracker(
        name: &str,
        len: usize,
        piece_len: u32,
        url: Option<&str>,
    ) -> Self {
        let bytes = noise(len);
        let mut builder = TorrentBuilder::new(name, piece_len)
            .single_file(len as u64)
            .hash_content(&bytes);
        if let Some(url) = url {
            builder = builder.tier([url]);
        }
        Self {
            torrent: builder.build(),
            files: vec![(name.to_owned(), bytes)],
        }
    }

    /// Several files in a directory.
    pub(crate) fn multi(name: &str, files: &[(&str, usize)], piece_len: u32) -> Self {
        let all = noise(files.iter().map(|(_, len)| len).sum());
        let mut builder = TorrentBuilder::new(name, piece_len);
        let (mut at, mut kept) = (0, Vec::new());
        for (path, len) in files {
            builder = builder.file(path.split('/'), *len as u64);
            kept.push((format!("{name}/{path}"), all[at..at + len].to_vec()));
            at += len;
        }
        Self {
            torrent: builder.hash_content(&all).build(),
            files: kept,
        }
    }

    /// Puts the content where a seed expects it.
    pub(crate) fn write(&self, dir: &Path) {
        for (path, bytes) in &self.files {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// All files are there and identical.
    pub(crate) fn assert_in(&self, dir: &Path) {
        for (path, bytes) in &self.files {
            let found = std::fs::read(dir.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
            assert!(&found == bytes, "{path} differs");
        }
    }

    /// Adds the torrent with its files in `dir`.
    pub(crate) async fn add(&self, session: &Session, dir: &Path) -> Torrent {
        self.add_with(session, dir, AddOptions::default()).await
    }

    /// Adds the torrent with its files in `dir` and more options.
    pub(crate) async fn add_with(
        &self,
        session: &Session,
        dir: &Path,
        options: AddOptions,
    ) -> Torrent {
        let options = AddOptions {
            dir: Some(dir.to_owned()),
            ..options
        };
        session.add(self.torrent.clone(), options).await.unwrap()
    }

    /// A session that has the content and serves it from `dir`.
    pub(crate) async fn seed(&self, session: &Session, dir: &Path) -> Torrent {
        self.write(dir);
        let torrent = self.add(session, dir).await;
        torrent.wait_complete().await.unwrap();
        torrent
    }
}
