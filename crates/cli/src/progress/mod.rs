//! What the user sees while torrents run: lines redrawn on a terminal, plain
//! lines in a pipe, JSON lines for programs, or nothing.
//!
//! Progress is talk and goes to standard error; only JSON lines are data. It
//! must never decide anything.

mod bars;
pub(crate) mod hashing;
mod json;
mod line;
mod peers;
mod plain;
pub(crate) mod terminal;
pub(crate) mod why;

use std::path::Path;

use superseed::{Explanation, PeerStats, TorrentStats, WebSeedStats};

use crate::args::{GlobalArgs, TransferArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};

/// A running torrent as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// What to call it.
    pub(crate) name: String,
    /// Its info-hash in hex.
    pub(crate) hash: String,
    /// Its figures.
    pub(crate) stats: TorrentStats,
    /// Its peers; empty unless they are to be shown.
    pub(crate) peers: Vec<PeerStats>,
    /// Its web seeds, likewise.
    pub(crate) web_seeds: Vec<WebSeedStats>,
    /// Why it stalls, if it does.
    pub(crate) stalled: Option<Explanation>,
}

/// How a torrent of a call ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// What to call it.
    pub(crate) name: String,
    /// Its info-hash in hex; empty if it could not be read.
    pub(crate) hash: String,
    /// Where its data lies.
    pub(crate) path: std::path::PathBuf,
    /// Why it failed, if it did.
    pub(crate) failure: Option<Failure>,
}

/// Someone who shows progress. Failures to show it are nobody's concern, but a
/// JSON reader that went away is: see [`Progress::reader_gone`].
pub(crate) trait Progress {
    /// A torrent is in the session.
    fn added(&mut self, view: &View);
    /// What a link stands for is known, and has so many files.
    fn found(&mut self, view: &View, files: usize);
    /// A torrent does something else now.
    fn state(&mut self, view: &View);
    /// A download stalls, or stalls for another reason now.
    fn stalled(&mut self, view: &View);
    /// Another second has passed: the torrents in which something may move, of
    /// so many that run.
    fn update(&mut self, views: &[View], running: usize);
    /// Every wanted piece of a torrent is there.
    fn complete(&mut self, view: &View, path: &Path);
    /// A torrent, or the source of one, failed.
    fn error(&mut self, name: &str, hash: &str, failure: &Failure);
    /// Something else that the user may want to know.
    fn note(&mut self, text: &str);
    /// Nothing runs any more.
    fn summary(&mut self, endings: &[Ending], exit: Exit);
    /// Whether the reader of the data on standard output has gone away.
    fn reader_gone(&self) -> bool {
        false
    }
}

/// The kind of progress that fits the options and the streams.
pub(crate) fn choose(args: &TransferArgs, global: &GlobalArgs, env: &Env) -> Box<dyn Progress> {
    let (stdout, stderr) = (env.stdout.clone(), env.stderr.clone());
    if global.json {
        Box::new(json::Json::new(stdout, stderr, args.summary_interval))
    } else if global.quiet {
        Box::new(plain::Quiet::new(stderr))
    } else if stderr.is_terminal() && global.verbose == 0 {
        // Log lines and redrawn lines would tear each other apart.
        Box::new(bars::Bars::new(stderr, args.peers_table))
    } else {
        Box::new(plain::Plain::new(stderr, args.summary_interval))
    }
}
