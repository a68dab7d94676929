//! Machines with an engine: what a scenario does with them and asks of them.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use slotmap::{KeyData, SecondaryMap};
use superseed_engine::dht::Found;
use superseed_engine::disk::RecordTotals;
use superseed_engine::stats::{PeerStats, TorrentStats, TrackerStats};
use superseed_engine::{
    AddTorrent, AnnounceKey, Command, ConnKey, DiskErrorKind, Engine, Event, EventKind,
    Explanation, FetchKey, Input, ListenerId, Outbox, Settings, StreamEnd, Ticket, Time,
    TorrentKey, TorrentOptions, TorrentSource,
};
use superseed_proto::layout::{Block, PieceIndex};

use super::tally::Counter;
use super::{HostSpec, WebSeedId, World};
use crate::content::Content;
use crate::disk::{CrashLoss, Disk, Store};
use crate::net::{EndId, Inbound, NodeId, Owned};
use crate::rng::Rng;

/// A machine with an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub(crate) usize);

/// How far a host is with a torrent in this run of its engine.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Pieces verified since the engine started, by the data of peers.
    pub pieces: u32,
    /// When the last piece was verified, once all are there.
    pub finished: Option<Time>,
    /// When the engine said `Complete`.
    pub completed: Option<Time>,
    /// Pieces that hashed wrong.
    pub failed_pieces: Vec<PieceIndex>,
    /// Addresses that were banned.
    pub banned: Vec<SocketAddr>,
    /// Web seeds that were banned.
    pub banned_web_seeds: Vec<String>,
}

pub(super) struct Torrent {
    pub(super) content: Arc<Content>,
    pub(super) key: Option<TorrentKey>,
    pub(super) progress: Progress,
    ticket: Ticket,
    /// How it begins when its metadata is there.
    begins: Option<TorrentOptions>,
}

pub(super) struct Conn {
    pub(super) end: EndId,
    pub(super) up: bool,
    /// Waits for `WantRead`.
    pub(super) read_waits: bool,
    /// Waits for `WantWrite`; if not, for room.
    pub(super) queued_write: bool,
}

/// A machine with an engine, and all that a host keeps for it.
pub(super) struct Host {
    pub(super) node: NodeId,
    pub(super) spec: HostSpec,
    pub(super) disk: Disk,
    pub(super) rng: Rng,
    /// The engine; none while the machine is off.
    pub(super) engine: Option<Engine>,
    /// Counts starts of the engine, so that late answers are dropped.
    pub(super) run: u32,
    pub(super) outbox: Outbox,
    pub(super) conns: SecondaryMap<ConnKey, Conn>,
    pub(super) waiting: HashMap<Ticket, EndId>,
    pub(super) announcing: HashSet<AnnounceKey>,
    /// Requests to web seeds, and what was lent to them before they were answered.
    pub(super) fetching: HashMap<FetchKey, (WebSeedId, u64)>,
    pub(super) to_write: Vec<ConnKey>,
    pub(super) to_read: Vec<ConnKey>,
    /// The tick that is scheduled, and its number.
    pub(super) wake_at: Time,
    pub(super) wake_number: u32,
    pub(super) torrents: Vec<Torrent>,
    pub(super) events: Vec<(Time, Event)>,
    /// What look-ups in the DHT came to, and when.
    pub(super) found: Vec<(Ticket, Time, Found)>,
    /// What it said to its site.
    pub(super) multicasts: Vec<(Time, Vec<u8>)>,
    pub(super) tickets: u64,
    pub(super) inputs: u64,
    /// The most connections since its blocks last fitted into their memory:
    /// those of peers that left meanwhile are still there.
    pub(super) block_bringers: usize,
    pub(super) shut_down: bool,
    /// Counts what passes on its connections, if a scenario asked for it.
    pub(super) counter: Option<Box<Counter>>,
}

impl Host {
    pub(super) fn new(node: NodeId, spec: HostSpec, disk: Disk, rng: Rng) -> Self {
        Self {
            node,
            spec,
            disk,
            rng,
            engine: None,
            run: 0,
            outbox: Outbox::new(),
            conns: SecondaryMap::new(),
            waiting: HashMap::new(),
            announcing: HashSet::new(),
            fetching: HashMap::new(),
            to_write: Vec::new(),
            to_read: Vec::new(),
            wake_at: Time::NEVER,
            wake_number: 0,
            torrents: Vec::new(),
            events: Vec::new(),
            found: Vec::new(),
            multicasts: Vec::new(),
            tickets: 0,
            inputs: 0,
            block_bringers: 0,
            shut_down: false,
            counter: None,
        }
    }

    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine
            .as_mut()
            .expect("a machine that is off gets no input")
    }

    /// The connection that an end is of, unless the host forgot it: another run
    /// of its engine may use the same key.
    pub(super) fn owned(&mut self, of: Owned) -> Option<(ConnKey, &mut Conn)> {
        let key = ConnKey::from(KeyData::from_ffi(of.owner));
        let known = self.conns.get_mut(key)?;
        (known.end == of.end).then_some((key, known))
    }

    pub(super) fn torrent_mut(&mut self, key: TorrentKey) -> Option<&mut Torrent> {
        self.torrents
            .iter_mut()
            .find(|torrent| torrent.key == Some(key))
    }

    /// Notes the key that the engine gave a torrent.
    pub(super) fn added(&mut self, ticket: Ticket, key: TorrentKey) {
        let torrent = self
            .torrents
            .iter_mut()
            .find(|torrent| torrent.ticket == ticket);
        let torrent = torrent.expect("the engine answers tickets that it was given");
        torrent.key = Some(key);
        self.disk.name(key, &torrent.content);
    }
}

impl World {
    /// Starts the engine of a host.
    pub(super) fn boot(&mut self, id: HostId) {
        let addr = self.addr(id);
        let host = &mut self.hosts[id.0];
        let mut seed = [0; 32];
        host.rng.fill(&mut seed);
        host.engine = Some(Engine::new(host.spec.settings.clone(), seed));
        host.run += 1;
        host.shut_down = false;
        self.net.set_inbound(self.hosts[id.0].node, Inbound::Open);
        self.feed(
            id,
            Input::Listening {
                listener: ListenerId(0),
                addr,
            },
        );
    }

    /// Adds a torrent of which the host has nothing, or what is on its disk.
    pub fn add_torrent(&mut self, id: HostId, content: &Arc<Content>, options: TorrentOptions) {
        let source = TorrentSource::Metainfo(Arc::clone(content.metainfo()));
        self.add(id, content, source, (options, None));
    }

    /// Adds a torrent of which the host knows the info-hash and nothing else. As
    /// soon as its metadata is there it begins, with the same options.
    pub fn add_link(&mut self, id: HostId, content: &Arc<Content>, options: TorrentOptions) {
        let source = TorrentSource::InfoHashes(content.metainfo().info_hashes);
        self.add(id, content, source, (options.clone(), Some(options)));
    }

    fn add(
        &mut self,
        id: HostId,
        content: &Arc<Content>,
        source: TorrentSource,
        (options, begins): (TorrentOptions, Option<TorrentOptions>),
    ) {
        let host = &mut self.hosts[id.0];
        host.disk.store(content);
        let ticket = host.next_ticket();
        host.torrents.push(Torrent {
            content: Arc::clone(content),
            key: None,
            progress: Progress::default(),
            ticket,
            begins,
        });
        let add = AddTorrent {
            ticket,
            source,
            options,
        };
        self.command(id, Command::Add(Box::new(add)));
    }

    /// The metadata of a torrent is there: its user, who decides at once, lets
    /// it begin.
    pub(super) fn metadata_came(&mut self, id: HostId, torrent: TorrentKey) {
        let known = self.hosts[id.0].torrent_mut(torrent);
        if let Some(options) = known.and_then(|known| known.begins.take()) {
            let begin = Command::Begin(torrent, Box::new(options));
            self.plan(Duration::ZERO, move |world| world.command(id, begin));
        }
    }

    /// Adds a torrent that the host has in full, with a record that says so.
    pub fn add_seed(&mut self, id: HostId, content: &Arc<Content>, options: TorrentOptions) {
        let store = self.hosts[id.0].disk.store(content);
        store.fill();
        store.record_everything();
        self.add_torrent(id, content, options);
    }

    /// Gives a host's engine a command.
    pub fn command(&mut self, id: HostId, command: Command) {
        self.feed(id, Input::Command(command));
        self.settle_net();
    }

    /// Changes a host's settings.
    pub fn configure(&mut self, id: HostId, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.hosts[id.0].spec.settings.clone();
        change(&mut settings);
        self.hosts[id.0].spec.settings = settings.clone();
        self.command(id, Command::Configure(Box::new(settings)));
    }

    /// Tells a host of a peer.
    pub fn introduce(&mut self, id: HostId, content: &Arc<Content>, peer: SocketAddr) {
        let key = self.torrent_key(id, content);
        self.command(id, Command::AddPeer(key, peer));
    }

    /// What the host's engine calls this torrent.
    pub fn torrent_key(&self, id: HostId, content: &Arc<Content>) -> TorrentKey {
        let key = self.torrent(id, content).key;
        key.unwrap_or_else(|| self.fail("the engine did not take the torrent"))
    }

    fn torrent(&self, id: HostId, content: &Arc<Content>) -> &Torrent {
        let torrents = self.hosts[id.0].torrents.iter();
        let mut named = torrents.filter(|torrent| torrent.content.swarm() == content.swarm());
        named
            .next_back()
            .unwrap_or_else(|| self.fail("the host was given no such torrent"))
    }

    /// How far a host is with a torrent.
    pub fn progress(&self, id: HostId, content: &Arc<Content>) -> &Progress {
        &self.torrent(id, content).progress
    }

    /// Whether all pieces were verified.
    pub fn finished(&self, id: HostId, content: &Arc<Content>) -> bool {
        self.progress(id, content).finished.is_some()
    }

    /// Adds a torrent that begins with these peers and nothing else to say.
    pub fn add_leech(&mut self, id: HostId, content: &Arc<Content>, peers: Vec<SocketAddr>) {
        let options = TorrentOptions {
            peers,
            ..TorrentOptions::default()
        };
        self.add_torrent(id, content, options);
    }

    /// Runs until a host has a torrent; fails if that takes longer than `limit`.
    pub fn complete(&mut self, id: HostId, content: &Arc<Content>, limit: Duration) {
        if !self.run_until(limit, |world| world.finished(id, content)) {
            self.fail("the download did not complete");
        }
    }

    /// What the engine told its user, with the time.
    pub fn events(&self, id: HostId) -> &[(Time, Event)] {
        &self.hosts[id.0].events
    }

    /// Whether the engine told its user something of this kind.
    pub fn saw(&self, id: HostId, wanted: impl Fn(&EventKind) -> bool) -> bool {
        self.events(id).iter().any(|(_, event)| wanted(&event.kind))
    }

    /// Whether a torrent is dormant.
    pub fn is_dormant(&self, id: HostId, content: &Arc<Content>) -> bool {
        let key = self.torrent_key(id, content);
        let engine = self.hosts[id.0].engine.as_ref();
        engine.is_some_and(|engine| engine.is_dormant(key))
    }

    /// The totals in a torrent's resume record.
    pub fn recorded_totals(&mut self, id: HostId, content: &Arc<Content>) -> Option<RecordTotals> {
        self.store(id, content).recorded_totals()
    }

    /// The engine's statistics of a torrent.
    pub fn stats(&self, id: HostId, content: &Arc<Content>) -> TorrentStats {
        let key = self.torrent_key(id, content);
        let engine = self.hosts[id.0].engine.as_ref();
        let stats = engine.and_then(|engine| engine.torrent_stats(key, self.now));
        stats.unwrap_or_else(|| self.fail("the engine has no statistics of the torrent"))
    }

    /// Why a torrent is no faster, as the engine says.
    pub fn explain(&self, id: HostId, content: &Arc<Content>) -> Explanation {
        let key = self.torrent_key(id, content);
        let engine = self.hosts[id.0].engine.as_ref();
        let why = engine.and_then(|engine| engine.explain(key, self.now));
        why.unwrap_or_else(|| self.fail("the engine explains nothing of the torrent"))
    }

    /// The engine's statistics of a torrent's peers.
    pub fn peers(&self, id: HostId, content: &Arc<Content>) -> Vec<PeerStats> {
        let key = self.torrent_key(id, content);
        let engine = self.hosts[id.0].engine.as_ref();
        engine
            .and_then(|engine| engine.peer_stats(key, self.now))
            .unwrap_or_default()
    }

    /// The engine's statistics of a torrent's trackers.
    pub fn trackers(&self, id: HostId, content: &Arc<Content>) -> Vec<TrackerStats> {
        let key = self.torrent_key(id, content);
        let engine = self.hosts[id.0].engine.as_ref();
        engine
            .and_then(|engine| engine.tracker_stats(key, self.now))
            .unwrap_or_default()
    }

    /// A torrent's data on a host's disk.
    fn store(&mut self, id: HostId, content: &Arc<Content>) -> &mut Store {
        self.hosts[id.0].disk.store(content)
    }

    /// How many pieces on a host's disk are right, whatever its engine knows.
    pub fn pieces_on_disk(&mut self, id: HostId, content: &Arc<Content>) -> u32 {
        self.store(id, content).right_pieces()
    }

    /// Whether a host's engine has a piece, verified.
    pub fn has_piece(&self, id: HostId, content: &Arc<Content>, piece: PieceIndex) -> bool {
        let key = self.torrent_key(id, content);
        let layout = content.layout();
        let start = layout.piece_offset(piece);
        let bytes = start..start + u64::from(layout.piece_len(piece));
        let engine = self.hosts[id.0].engine.as_ref();
        engine.is_some_and(|engine| engine.has_bytes(key, bytes))
    }

    /// How many pieces the resume record on a host's disk names.
    pub fn recorded_pieces(&mut self, id: HostId, content: &Arc<Content>) -> u32 {
        self.store(id, content).recorded_pieces()
    }

    /// Puts the data on a host's disk without any record, with some of it spoilt.
    pub fn lay_data(&mut self, id: HostId, content: &Arc<Content>, spoilt: &[u32]) {
        let store = self.store(id, content);
        store.fill();
        for piece in spoilt {
            store.spoil(PieceIndex(*piece));
        }
    }

    /// Turns a random bit of a piece on a host's disk.
    pub fn rot(&mut self, id: HostId, content: &Arc<Content>, piece: u32) {
        let piece = PieceIndex(piece);
        let blocks = content.layout().block_count(piece);
        let index = self.rng.below(blocks.into()) as u32;
        let bit = self.rng.below(1 << 17) as usize;
        self.store(id, content).rot(Block { piece, index }, bit);
    }

    /// Makes a torrent's disk jobs fail, or work again.
    pub fn set_disk_fault(
        &mut self,
        id: HostId,
        content: &Arc<Content>,
        fault: Option<DiskErrorKind>,
    ) {
        self.hosts[id.0].disk.set_fault(content, fault);
    }

    /// Changes how much fits on a host's disk.
    pub fn set_disk_capacity(&mut self, id: HostId, bytes: Option<u64>) {
        self.hosts[id.0].disk.spec.capacity_bytes = bytes;
    }

    /// The engine of a host dies without a word. Returns how many blocks were
    /// lost that its disk had been given.
    pub fn crash(&mut self, id: HostId, loss: CrashLoss) -> u32 {
        let now = self.now;
        let host = &mut self.hosts[id.0];
        host.engine = None;
        host.run += 1;
        host.outbox = Outbox::new();
        let mut ends: Vec<EndId> = host.conns.values().map(|conn| conn.end).collect();
        let mut waiting: Vec<_> = host.waiting.drain().collect();
        waiting.sort_unstable_by_key(|(ticket, _)| *ticket);
        ends.extend(waiting.into_iter().map(|(_, end)| end));
        host.conns.clear();
        host.announcing.clear();
        host.fetching.clear();
        host.to_read.clear();
        host.to_write.clear();
        host.wake_at = Time::NEVER;
        host.torrents.clear();
        self.net
            .set_inbound(self.hosts[id.0].node, Inbound::Refused);
        for end in ends {
            self.net.reset(end, now);
        }
        let lost = match self.hosts[id.0].disk.crash(loss) {
            Ok(lost) => lost,
            Err(why) => self.fail(&why),
        };
        self.settle_net();
        lost
    }

    /// Breaks every connection of a host, as a line does that goes down.
    pub fn cut(&mut self, id: HostId) {
        let conns: Vec<_> = self.hosts[id.0]
            .conns
            .iter()
            .map(|(key, conn)| (key, conn.end))
            .collect();
        for (conn, end) in conns {
            if self.hosts[id.0].conns.remove(conn).is_some() {
                self.net.reset(end, self.now);
                self.feed(
                    id,
                    Input::Closed {
                        conn,
                        end: StreamEnd::Reset,
                    },
                );
            }
        }
        self.settle_net();
    }

    /// Starts a crashed or stopped host's engine again; its torrents must be
    /// added again.
    pub fn restart(&mut self, id: HostId) {
        self.boot(id);
        self.settle_net();
    }

    /// What a host does with incoming connections.
    pub fn set_inbound(&mut self, id: HostId, inbound: Inbound) {
        self.net.set_inbound(self.hosts[id.0].node, inbound);
    }

    /// Ends a host's engine in order; tells whether it was done in time.
    pub fn shut_down(&mut self, id: HostId, patience: Duration) -> bool {
        self.command(id, Command::Shutdown);
        self.run_until(patience, |world| world.hosts[id.0].shut_down)
    }
}
