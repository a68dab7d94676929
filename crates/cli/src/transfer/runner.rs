//! The loop of a call: torrents get their turn, run and end.
//!
//! Owns when a torrent is added, how it ends and when the whole call ends.
//! Waits for four things at once: the session's events ([`events`]), the
//! clock ([`watch`]), what links stand for ([`found`]) and the user.

mod events;
mod found;
mod watch;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use superseed::{LinkError, Magnet, Metainfo, Notice, Session, TorrentKey};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::TICK;
use super::item::{Handle, Item, Running, Stage};
use super::order::Order;
use super::waiting::{Ready, Waiting};
use crate::args::TransferArgs;
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;

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
        links: JoinSet::new(),
        started: Instant::now(),
        firewall_hinted: false,
        tracker_errors: HashMap::new(),
        positions: HashMap::new(),
        missed_events: false,
        incoming_seen: false,
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
    /// Links of which peers are asked what they are.
    links: JoinSet<(usize, Result<Arc<Metainfo>, LinkError>)>,
    started: Instant,
    firewall_hinted: bool,
    /// What was last told of each tracker that fails.
    tracker_errors: HashMap<String, String>,
    /// Which item each torrent of the session is.
    positions: HashMap<TorrentKey, usize>,
    /// Events were lost since all torrents were looked at.
    missed_events: bool,
    /// Somebody has connected to us.
    incoming_seen: bool,
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
                Some(Ok((at, found))) = self.links.join_next() => self.found(at, found).await,
                notice = events.next() => match notice {
                    Some(Notice::Event(event)) => self.event(event).await,
                    // What was lost shows in the figures of the next tick.
                    Some(Notice::Lagged(_)) => self.missed_events = true,
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
            // First what costs little: with thousands of seeds nobody waits, and
            // this is done after each event.
            if self.items[at].waiting().is_none() {
                continue;
            }
            if !self.order.is_seed && self.downloading() >= slots {
                return;
            }
            self.add(at).await;
        }
    }

    fn downloading(&self) -> usize {
        let items = self.items.iter();
        items.filter(|item| item.is_downloading()).count()
    }

    async fn add(&mut self, at: usize) {
        let item = &self.items[at];
        let Some(waiting) = item.waiting() else {
            return;
        };
        let ready = match waiting {
            Waiting::Link(magnet) => return self.look_for(at, Magnet::clone(magnet)).await,
            Waiting::Ready(ready) => Ok(Ready::clone(ready)),
            Waiting::Unread(path) => Ready::again(path, item.hash(), self.args, self.order).await,
        };
        let ready = ready.and_then(|ready| match self.order.is_seed {
            true => has_data(item, &ready).map(|()| ready),
            false => Ok(ready),
        });
        let (metainfo, mut options) = match ready {
            Ok(Ready { metainfo, options }) => (metainfo, options),
            Err(failure) => return self.end(at, Err(failure)).await,
        };
        options.torrent.peers = self.peers.clone();
        match self.session.add(metainfo, options).await {
            Ok(torrent) => {
                self.positions.insert(torrent.key(), at);
                let running = Running::new(Handle::Torrent(torrent), Instant::now());
                self.items[at].stage = Stage::Running(Box::new(running));
                if let Some(view) = self.view(at).await {
                    self.progress.added(&view);
                }
            }
            Err(error) => {
                let failure = Failure::add(self.items[at].name(), &error);
                self.end(at, Err(failure)).await;
            }
        }
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
            // Others go on.
            running.torrent.retire().await;
        }
    }

    fn tell_failure(&mut self, at: usize) {
        let item = &self.items[at];
        if let Some(failure) = item.failure() {
            self.progress.error(item.name(), item.hash(), failure);
        }
    }

    fn note(&mut self, at: usize, words: &str) {
        let name = self.items[at].name();
        let words = crate::text::figures::printable(&format!("{name}: {words}"));
        self.progress.note(&words);
    }

    /// Which item a torrent is, as long as it runs.
    fn position(&mut self, key: TorrentKey) -> Option<usize> {
        let at = *self.positions.get(&key)?;
        self.items[at].running().map(|_| at)
    }
}

/// `seed` expects the data to be there: without this look, a wrong directory
/// would silently turn it into a download.
pub(super) fn has_data(item: &Item, ready: &Ready) -> Result<(), Failure> {
    let path = item.path();
    if path.exists() || !ready.options.renames.is_empty() {
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
