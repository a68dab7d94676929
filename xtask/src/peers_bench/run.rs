//! What a run is given, inside its namespaces.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::contender::Contender;
use super::load;
use super::ready;
use super::setting::Setting;
use crate::interop::clients::{Job, PORT, Running};
use crate::interop::fixture::Fixture;
use crate::interop::metainfo::with_trackers;
use crate::interop::namespace::host;
use crate::interop::scripted::tracker_of_peers;
use crate::interop::stage::{Process, Stage, link_tree};

/// One run of one entry.
#[derive(Debug)]
pub(super) struct Run<'s> {
    /// Where logs go.
    pub(super) stage: &'s Stage,
    pub(super) fixture: Fixture,
    /// A directory of its own, in memory.
    pub(super) dir: PathBuf,
    /// How long limits are watched at most.
    pub(super) watched: Duration,
    /// This program, built with all optimisations.
    pub(super) program: PathBuf,
}

impl<'s> Run<'s> {
    /// A run with a directory of its own.
    pub(super) fn new(stage: &'s Stage, setting: &Setting, dir: PathBuf) -> Result<Self> {
        Ok(Self {
            stage,
            fixture: setting.fixture()?,
            dir,
            watched: setting.watched,
            program: setting.program.clone(),
        })
    }

    /// How long a transfer may take: what the slowest client needs, three times.
    pub(super) fn limit(&self) -> Duration {
        limit(self.fixture.total_len)
    }

    /// The command of a generator of so many peers that know the content; what
    /// else its kind wants to know is the caller's to add.
    pub(super) fn peers(&self, kind: &str, count: u16) -> Command {
        let mut command = load::command(&self.program, kind);
        command.arg(count.to_string());
        command.args([&self.fixture.torrent, &self.fixture.content]);
        command
    }

    /// Starts seeds, which then listen at these addresses, each as fast as it can
    /// or with so many bytes per second.
    pub(super) fn seeds(
        &self,
        count: u16,
        rate: Option<u32>,
    ) -> Result<(Process, Vec<SocketAddr>)> {
        let mut command = self.peers("seeds", count);
        command.args(rate.map(|rate| rate.to_string()));
        let mut seeds = self.stage.spawn("seeds", &mut command)?;
        seeds.wait_line(self.limit(), "the seeds to listen")?;
        Ok((seeds, (0..count).map(load::seed_addr).collect()))
    }

    /// Starts leechers of what [`Run::seed`] has.
    pub(super) fn leechers(&self, count: u16) -> Result<Process> {
        let mut command = self.peers("leechers", count);
        command.arg(format!("{}:{PORT}", host(2)));
        self.stage.spawn("leechers", &mut command)
    }

    /// A directory, empty.
    pub(super) fn data(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// A directory that holds the content, in no more memory.
    pub(super) fn full(&self, name: &str) -> Result<PathBuf> {
        let dir = self.data(name)?;
        let content = &self.fixture.content;
        let name = content.file_name().context("content has a name")?;
        link_tree(content, &dir.join(name))?;
        Ok(dir)
    }

    /// A seed at `host(2)`, at work. It hears of nobody, though it has a
    /// tracker: rtorrent takes no torrent without.
    pub(super) fn seed(&self, client: Contender) -> Result<Running> {
        self.seed_from(client, &self.full("seed")?)
    }

    /// The same with the content in a directory of the caller's.
    pub(super) fn seed_from(&self, client: Contender, dir: &Path) -> Result<Running> {
        self.seed_limited(client, dir, None)
    }

    /// The same with an upload limit, bytes per second.
    pub(super) fn seed_limited(
        &self,
        client: Contender,
        dir: &Path,
        upload_limit: Option<u64>,
    ) -> Result<Running> {
        let nobody = tracker_of_peers(host(8), &[])?;
        let torrent = with_trackers(&self.fixture, &[nobody], &self.stage.path("seed.torrent"))?;
        let job = Job {
            torrent: &torrent,
            dir,
            ip: host(2),
            peers: &[],
            upload_limit,
        };
        let mut seed = client.seed(self.stage, &job)?;
        let pieces = self.fixture.total_len.div_ceil(self.fixture.piece_len);
        let addr = (host(2), PORT).into();
        let hash = self.fixture.info_hash;
        ready::wait(&mut seed, addr, hash, pieces)?;
        Ok(seed)
    }
}

/// How long a transfer of so many bytes may take.
pub(super) fn limit(total_len: u64) -> Duration {
    // Transmission and rtorrent move little more than 10 MiB/s to a lone leecher.
    Duration::from_secs(60 + (total_len >> 20) / 4)
}
