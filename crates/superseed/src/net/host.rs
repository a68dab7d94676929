//! The engine thread: one engine, one epoll loop, one turn after the other.
//!
//! A turn gathers readiness, feeds inputs, fires timers, performs actions and
//! writes. Inputs are fed in `feed`, bytes move in `transfer`, actions are
//! performed in `perform`; nothing here decides about peers or pieces, and
//! nothing here may block.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use mio::net::TcpStream;
use mio::{Events, Poll, Token};
use superseed_engine::filter::Filter;
use superseed_engine::{
    AnnounceKey, Command, ConnKey, ConnectError, Engine, Event, FetchKey, Input, JobKey, Outbox,
    ResolveKey, Ticket, Time, TorrentKey, TransferError,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::bound::Watch;
use super::descriptors::{Descriptors, Spare};
use super::dials::Dials;
use super::doorbell::Doorbell;
use super::listen::Listener;
use super::multicast::Multicast;
use super::nodes::Nodes;
use super::relay::{self, Association};
use super::streams::{FIRST_TOKEN, Streams};
use super::torrents::Torrents;
use super::turn::{Step, TurnClock};
use crate::control::Control;
use crate::disk::{Completion, DiskPool};
use crate::route::Route;
use crate::session::blocklist::Blocklist;
use crate::session::error::Gone;
use crate::session::request::Request;
use crate::storage::Storage;
use crate::work::Worker;

/// The token of what wakes the loop from other threads.
pub(super) const WAKER: Token = Token(0);
/// Readiness events taken from the system at a time.
const EVENTS_PER_POLL: usize = 1_024;
/// How long an ordered end may take: two seconds for trackers, the rest for a
/// slow disk to take what it owes.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end may take when nobody waits for it.
const ABANDONED_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long to wait for disk workers that are at a job when the thread ends.
const DISK_GRACE: Duration = Duration::from_millis(400);

/// What failed at once while it was performed: the engine is told in the next
/// turn, since it is never re-entered.
pub(super) enum Deferred {
    /// A stream could not even be begun.
    Connect(ConnKey, ConnectError),
    /// An accepted stream could not be watched.
    Stream(ConnKey),
    /// An announce could not be handed over.
    Announce(AnnounceKey, TransferError),
    /// A look-up could not be handed over.
    Resolve(ResolveKey),
    /// A request to a web seed, or a loan to one, could not be handed over.
    Fetch(FetchKey),
}

/// Everything that the engine thread owns.
pub(super) struct Host {
    pub(super) engine: Engine,
    pub(super) out: Outbox,
    /// The engine's [`Time::START`].
    pub(super) began: Instant,
    pub(super) poll: Poll,
    pub(super) listeners: Vec<Listener>,
    /// By what way everything leaves.
    pub(super) route: Route,
    pub(super) watch: Watch,
    /// Heard beside them.
    pub(super) multicast: Multicast,
    /// Of each listener, if datagrams may go by a proxy.
    pub(super) relays: Vec<Association>,
    /// Streams that a proxy is to make.
    pub(super) dials: Dials,
    pub(super) streams: Streams,
    /// Accepted, and not yet named by the engine.
    pub(super) waiting: HashMap<Ticket, TcpStream>,
    pub(super) next_ticket: u64,
    /// What all connections have to make do with.
    pub(super) descriptors: Descriptors,
    pub(super) spare: Spare,
    /// Outgoing streams that may be up or have failed.
    pub(super) connect_events: Vec<ConnKey>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) requests_pending: bool,
    /// Answered at the end of the turn, when all actions were performed.
    pub(super) orders: Vec<oneshot::Sender<Result<(), Gone>>>,
    pub(super) torrents: Torrents,
    pub(super) nodes: Nodes,
    /// Jobs that open a torrent's storage, or wake it.
    pub(super) opening: HashMap<JobKey, TorrentKey>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) disk: DiskPool,
    pub(super) completions: Receiver<Completion>,
    /// Rung when there are more.
    pub(super) bell: Doorbell,
    pub(super) control: Control,
    pub(super) worker: Worker,
    pub(super) notices: broadcast::Sender<Event>,
    pub(super) scratch: Box<[u8]>,
    /// Kept between turns so that a write allocates nothing.
    pub(super) slices: Vec<&'static [u8]>,
    /// When to end at the latest, once ending has begun.
    pub(super) stop_by: Option<Instant>,
    /// The engine has said its last word.
    pub(super) finished: bool,
    /// Told when all is over.
    pub(super) ended: watch::Sender<bool>,
}

impl Host {
    /// The engine's time.
    pub(super) fn now(&self) -> Time {
        Time::from_micros(self.began.elapsed().as_micros() as u64)
    }

    /// Tells the engine something that happened.
    pub(super) fn handle(&mut self, input: Input<'_>) {
        let now = self.now();
        self.engine.handle(input, now, &mut self.out);
    }

    /// Lets neither the engine nor the control plane speak with those whom the
    /// filter blocks.
    pub(super) fn set_filter(&mut self, filter: Arc<Filter>) {
        let of_engine = self.route.filter(&filter);
        self.control.set_filter(filter);
        self.handle(Input::Command(Command::SetFilter(of_engine)));
    }

    /// Runs until the engine has ended.
    pub(super) fn run(mut self, blocklist: Blocklist) {
        if !blocklist.0.is_empty() {
            self.set_filter(blocklist.0);
        }
        self.recall_nodes();
        for at in 0..self.listeners.len() {
            let (listener, addr) = (self.listeners[at].id, self.listeners[at].addr);
            self.handle(Input::Listening { listener, addr });
        }
        // Nothing else may happen for long.
        self.tend_relays();
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        while !self.finished {
            self.bell.before_last_look();
            let timeout = self.timeout();
            let polled = self.poll.poll(&mut events, timeout);
            self.bell.awake();
            if let Err(error) = polled
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the engine thread cannot poll and ends");
                break;
            }
            self.turn(&events);
        }
        self.end();
    }

    fn turn(&mut self, events: &Events) {
        let mut turn = TurnClock::start();
        self.gather(events);
        turn.done(Step::Gather);
        self.take_requests();
        self.tend_interface();
        self.tend_relays();
        self.tend_dials();
        self.tend_multicast();
        turn.done(Step::Requests);
        self.take_completions();
        turn.done(Step::Disk);
        self.take_answers();
        turn.done(Step::Control);
        self.take_connections();
        turn.done(Step::Connections);
        self.take_datagrams();
        turn.done(Step::Datagrams);
        self.read_peers();
        turn.done(Step::Reads);
        self.tick();
        self.keep_nodes();
        turn.done(Step::Timers);
        self.perform_actions();
        turn.done(Step::Actions);
        self.write_peers();
        turn.done(Step::Writes);
        // What was written may have caused more: reads of the disk, say.
        self.perform_actions();
        for order in self.orders.drain(..) {
            // A dropped receiver means that nobody waits any more.
            let _ = order.send(Ok(()));
        }
        turn.done(Step::Actions);
        turn.finish();
    }

    /// How long the loop may sleep.
    fn timeout(&self) -> Option<Duration> {
        let busy = self.requests_pending
            || !self.deferred.is_empty()
            || self.streams.readers() > 0
            || self.streams.writers() > 0
            || !self.completions.is_empty()
            || self.worker.has_answers();
        if busy {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        let engine = self
            .engine
            .next_deadline()
            .filter(|(at, _)| *at != Time::NEVER);
        let engine = engine.map(|(at, _)| at.since(self.now()));
        let listeners = self.listeners.iter().filter(|listener| listener.tcp_ready);
        let rests = listeners.map(|l| l.rest_until.map_or(Duration::ZERO, until));
        let datagrams =
            self.listeners.iter().any(|listener| listener.udp_ready) || self.multicast.is_ready();
        engine
            .into_iter()
            .chain(self.stop_by.map(until))
            .chain(rests)
            .chain(self.multicast.next_deadline().map(until))
            .chain(self.nodes.next_deadline().map(until))
            .chain(self.watch.next_deadline().map(until))
            .chain(self.relays_deadline().map(until))
            .chain(self.dials.next_deadline().map(until))
            .chain(datagrams.then_some(Duration::ZERO))
            .min()
    }

    /// Remembers what became ready.
    fn gather(&mut self, events: &Events) {
        for event in events {
            let token = event.token();
            if token == WAKER {
                // Each queue is looked at in every turn anyway.
                continue;
            }
            if let Some(at) = relay::of_token(token, self.relays.len()) {
                self.relay_stirred(at);
                continue;
            }
            if token.0 < FIRST_TOKEN {
                let at = (token.0 - 1) / 2;
                let Some(listener) = self.listeners.get_mut(at) else {
                    let groups = super::multicast_tokens(self.listeners.len());
                    if let Some(at) = groups.iter().position(|group| *group == token) {
                        self.multicast.became_ready(at);
                    }
                    continue;
                };
                if token == super::tcp_token(at) {
                    listener.tcp_ready = true;
                } else {
                    listener.udp_ready = true;
                }
                continue;
            }
            let Some(key) = self.streams.key_of(token) else {
                continue;
            };
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            if stream.connecting {
                self.connect_events.push(key);
            }
            // An error is found by reading.
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.streams
                    .became_readable(key, event.is_read_closed() || event.is_error());
            }
            if event.is_writable() {
                self.streams.became_writable(key);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.engine.next_deadline().is_some_and(|(at, _)| at <= now) {
            self.engine.handle(Input::Tick, now, &mut self.out);
        }
        if self.stop_by.is_some_and(|by| by <= Instant::now()) {
            tracing::warn!("the session ends without waiting any longer for trackers and disks");
            self.finished = true;
        }
    }

    /// Begins to end. Asked twice, the shorter patience counts.
    pub(super) fn stop(&mut self, abandoned: bool) {
        let patience = if abandoned {
            ABANDONED_TIMEOUT
        } else {
            STOP_TIMEOUT
        };
        let by = Instant::now() + patience;
        if self.stop_by.is_none() {
            self.control.release_ports();
            self.handle(Input::Command(Command::Shutdown));
        }
        self.stop_by = Some(self.stop_by.map_or(by, |earlier| earlier.min(by)));
    }

    fn end(self) {
        self.keep_nodes_at_end();
        let Self {
            ended,
            disk,
            control,
            worker,
            notices,
            requests,
            listeners,
            multicast,
            streams,
            nodes,
            ..
        } = self;
        // Handles learn of the end only when the ports are free, the files are
        // closed and nothing of the session is left.
        drop((listeners, multicast, streams, control, worker, nodes));
        if !disk.shutdown(DISK_GRACE) {
            tracing::warn!("a disk did not answer in time; its worker is left behind");
        }
        drop((requests, notices));
        // Without handles nobody hears it.
        let _ = ended.send(true);
    }
}
