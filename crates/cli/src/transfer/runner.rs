//! The loop of a call: torrents get their turn, run and end.
//!
//! Owns when a torrent is added, when it counts as done and when the whole
//! call ends. Waits for three things at once: the session's events, the clock
//! and the user.

use std::net::SocketAddr;
use std::time::Instant;

use superseed::{DiskErrorKind, Event, EventKind, Notice, Session, TorrentKey, TorrentState};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::TICK;
use super::hook::{self, Completed};
use super::item::{Item, Running, Stage};
use super::order::Order;
use crate::args::TransferArgs;
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::progress::{Progress, View};

/// How long to wait for an incoming connection before a firewall is suspected.
const FIREWALL_SUSPECTED_AFTER_S: u64 = 60;

/// Runs all torrents that wait to their end and stops the session.
///
/// An error means that the user interrupted twice, or that the reader of our
/// output has gone: what becomes of the items is then of no interest.
pub(crate) async fn run(
    session: Session,
    items: &mut [Item],
    peers: Vec<SocketAddr>,
    args: &TransferArgs,
    order: Order,
    progress: &mut dyn Progress,
    env: &mut Env,
) -> Result<(), Failure> {
    let mut runner = Runner {
        session,
        items,
        peers,
        args,
        order,
        progress,
        hooks: JoinSet::new(),
        started: Instant::now(),
        firewall_hinted: false,
    };
    runner.drive(env).await?;
    runner.finish(env).await
}

struct Runner<'a> {
    session: Session,
    items: &'a mut [Item],
    peers: Vec<SocketAddr>,
    args: &'a TransferArgs,
    order: Order,
    progress: &'a mut dyn Progress,
    hooks: JoinSet<Option<String>>,
    started: Instant,
    firewall_hinted: bool,
}

impl Runner<'_> {
    /// Until every torrent is over or the user interrupts.
    async fn drive(&mut self, env: &mut Env) -> Result<(), Failure> {
        let mut events = self.session.subscribe();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.add_waiting().await;
            if self.items.iter().all(Item::is_ended) {
                return Ok(());
            }
            tokio::select! {
                // Interrupts first: a flood of events must not delay them.
                biased;
                () = env.interrupts.next() => {
                    self.interrupt();
                    return Ok(());
                }
                Some(words) = self.hooks.join_next() => self.hook_ended(words),
                notice = events.next() => match notice {
                    Some(Notice::Event(event)) => self.event(event).await,
                    // What was lost shows in the figures of the next tick.
                    Some(Notice::Lagged(_)) => (),
                    None => return Err(Failure::new(Exit::Other, "the session has stopped")),
                },
                _ = tick.tick() => {
                    self.tick().await;
                    if self.progress.reader_gone() {
                        self.session.stop().await;
                        return Err(Failure::new(Exit::Success, ""));
                    }
                }
            }
        }
    }

    /// Adds torrents while fewer download than `-j` allows.
    async fn add_waiting(&mut self) {
        let slots = usize::from(self.args.max_concurrent_downloads);
        for at in 0..self.items.len() {
            let busy = self
                .items
                .iter()
                .filter(|item| item.is_downloading())
                .count();
            if !self.items[at].is_waiting() {
                continue;
            }
            if busy >= slots && !self.order.is_seed {
                return;
            }
            self.add(at).await;
        }
    }

    async fn add(&mut self, at: usize) {
        let item = &mut self.items[at];
        let Some(metainfo) = item.metainfo.clone() else {
            return;
        };
        if self.order.is_seed
            && let Err(failure) = has_data(item)
        {
            return self.end(at, Err(failure)).await;
        }
        let mut options = item.options.clone();
        options.torrent.peers = self.peers.clone();
        match self.session.add(metainfo, options).await {
            Ok(torrent) => {
                item.stage = Stage::Running(Box::new(Running::new(torrent, Instant::now())));
                if let Some(view) = self.view(at).await {
                    self.progress.added(&view);
                }
            }
            Err(error) => {
                let failure = Failure::add(item.name(), &error);
                self.end(at, Err(failure)).await;
            }
        }
    }

    async fn event(&mut self, event: Event) {
        let Some(at) = self.position(event.torrent) else {
            return;
        };
        match event.kind {
            EventKind::State(_) => {
                if let Some(view) = self.view(at).await {
                    self.progress.state(&view);
                }
            }
            EventKind::Piece(_) => self.piece(at).await,
            EventKind::Complete => self.complete(at).await,
            EventKind::GoalReached => self.end(at, Ok(())).await,
            EventKind::Failed(error) => {
                let failure = Failure::disk(self.items[at].name(), &error);
                self.end(at, Err(failure)).await;
            }
            EventKind::DiskWaits(error) => {
                let failure = Failure::disk(self.items[at].name(), &error);
                // Space comes back, permissions rarely do: nothing to wait for.
                if error.kind == DiskErrorKind::ReadOnly && self.items[at].is_downloading() {
                    self.end(at, Err(failure)).await;
                } else {
                    self.progress.note(&format!("{failure}; will try again"));
                }
            }
            EventKind::TrackerFailed { url, error } => {
                self.note(at, &format!("tracker {url}: {error}"));
            }
            EventKind::TrackerOk {
                url,
                warning: Some(warning),
                ..
            } => {
                self.note(at, &format!("tracker {url} warns: {warning}"));
            }
            EventKind::PieceFailed(piece) => {
                self.note(
                    at,
                    &format!("piece {} hashed wrong and is fetched again", piece.0),
                );
            }
            EventKind::PeerBanned { addr } => {
                self.note(at, &format!("peer {addr} was banned for sending bad data"));
            }
            EventKind::Checked { .. }
            | EventKind::FileComplete(_)
            | EventKind::TrackerOk { warning: None, .. }
            | EventKind::PeerFault { .. } => (),
        }
    }

    async fn piece(&mut self, at: usize) {
        let Some(running) = self.items[at].running() else {
            return;
        };
        running.pieces += 1;
        if self
            .order
            .max_pieces
            .is_some_and(|max| running.pieces >= max)
        {
            self.end(at, Ok(())).await;
        }
    }

    /// Every wanted piece of a torrent is there.
    async fn complete(&mut self, at: usize) {
        let Some(running) = self.items[at].running() else {
            return;
        };
        if std::mem::replace(&mut running.complete, true) {
            return;
        }
        let path = self.items[at].path();
        let Some(view) = self.view(at).await else {
            return;
        };
        self.progress.complete(&view, &path);
        if let Some(command) = self.args.on_complete.clone() {
            let completed = Completed {
                name: view.name,
                hash: view.hash,
                path,
                bytes: view.stats.wanted_bytes,
            };
            self.hooks.spawn(hook::run(command, completed));
        }
        if !self.order.seeds {
            self.end(at, Ok(())).await;
        }
    }

    async fn tick(&mut self) {
        let mut views = Vec::new();
        for at in 0..self.items.len() {
            let Some(view) = self.view(at).await else {
                continue;
            };
            // Seen here only if its event was lost.
            match view.stats.state {
                TorrentState::Seeding => self.complete(at).await,
                TorrentState::Paused => self.end(at, Ok(())).await,
                _ => (),
            }
            self.check_stall(at).await;
            views.push(view);
        }
        self.hint_at_firewall(&views);
        self.progress.update(&views);
    }

    /// The present figures of a running torrent.
    async fn view(&mut self, at: usize) -> Option<View> {
        let torrent = self.items[at].running()?.torrent.clone();
        // A torrent that is gone has no figures; its event says why.
        let stats = torrent.stats().await.ok()?;
        let peers = if self.args.peers_table {
            torrent.peers().await.unwrap_or_default()
        } else {
            Vec::new()
        };
        let item = &mut self.items[at];
        item.stats = Some(stats.clone());
        Some(View {
            name: item.name().to_owned(),
            hash: item.hash(),
            stats,
            peers,
        })
    }

    /// `--stop-timeout`: gives up on a download that gets nothing.
    async fn check_stall(&mut self, at: usize) {
        let Some(timeout) = self.order.stop_timeout else {
            return;
        };
        let Some(stats) = self.items[at].stats.clone() else {
            return;
        };
        let Some(running) = self.items[at].running() else {
            return;
        };
        let seen = (stats.session_downloaded_bytes, stats.have_bytes);
        let busy = matches!(stats.state, TorrentState::Checking | TorrentState::Opening);
        if seen != running.seen_bytes || busy || running.complete {
            running.seen_bytes = seen;
            running.seen_growing = Instant::now();
        } else if running.seen_growing.elapsed() >= timeout {
            let message = format!(
                "{}: no data came for {} seconds",
                self.items[at].name(),
                timeout.as_secs_f64()
            );
            self.end(at, Err(Failure::new(Exit::Stalled, message)))
                .await;
        }
    }

    /// Says once that nobody could connect to us, where someone should have.
    fn hint_at_firewall(&mut self, views: &[View]) {
        let long = self.started.elapsed().as_secs() >= FIREWALL_SUSPECTED_AFTER_S;
        let seen = views.iter().any(|view| view.stats.incoming_seen);
        if self.firewall_hinted || !long || seen || views.is_empty() {
            return;
        }
        self.firewall_hinted = true;
        let ports: Vec<String> = self
            .session
            .listen_addrs()
            .iter()
            .map(|a| a.to_string())
            .collect();
        self.progress.note(&format!(
            "no peer has connected to us so far; a firewall or router may block {}",
            ports.join(" and ")
        ));
    }

    fn interrupt(&mut self) {
        for at in 0..self.items.len() {
            if !self.items[at].is_ended() {
                self.items[at].interrupt();
                self.tell_failure(at);
            }
        }
    }

    /// Tells trackers and saves; a second interrupt ends it at once.
    async fn finish(mut self, env: &mut Env) -> Result<(), Failure> {
        let session = self.session.clone();
        let aborted = tokio::select! {
            () = async {
                session.stop().await;
                while let Some(words) = self.hooks.join_next().await {
                    self.hook_ended(words);
                }
            } => false,
            () = env.interrupts.next() => true,
        };
        if aborted {
            return Err(Failure::new(
                Exit::Aborted,
                "interrupted twice; the last seconds may be lost",
            ));
        }
        Ok(())
    }

    fn hook_ended(&mut self, words: Result<Option<String>, tokio::task::JoinError>) {
        let words = words.unwrap_or_else(|error| Some(format!("--on-complete: {error}")));
        if let Some(words) = words {
            self.progress.note(&words);
        }
    }

    /// A torrent is over, well or not.
    async fn end(&mut self, at: usize, result: Result<(), Failure>) {
        let stage = std::mem::replace(&mut self.items[at].stage, Stage::Ended(result));
        self.tell_failure(at);
        if let Stage::Running(running) = stage
            && !self.items.iter().all(Item::is_ended)
        {
            // Others go on; this one has no business in the swarm any more. If
            // the session is gone, so is its traffic.
            let _ = running.torrent.pause().await;
        }
    }

    fn tell_failure(&mut self, at: usize) {
        let item = &self.items[at];
        if let Some(failure) = item.failure() {
            self.progress.error(item.name(), &item.hash(), failure);
        }
    }

    fn note(&mut self, at: usize, words: &str) {
        let name = self.items[at].name();
        let words = crate::text::figures::printable(&format!("{name}: {words}"));
        self.progress.note(&words);
    }

    fn position(&mut self, key: TorrentKey) -> Option<usize> {
        self.items.iter_mut().position(|item| {
            item.running()
                .is_some_and(|running| running.torrent.key() == key)
        })
    }
}

/// `seed` expects the data to be there: without this look, a wrong directory
/// would silently turn it into a download.
fn has_data(item: &Item) -> Result<(), Failure> {
    let path = item.path();
    if path.exists() || !item.options.renames.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::NotFound,
        format!(
            "cannot seed {}: {} does not exist",
            item.given,
            path.display()
        ),
    ))
}
