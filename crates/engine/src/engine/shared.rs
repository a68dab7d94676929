//! What all torrents share, and the context in which everything happens.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use slotmap::SlotMap;
use superseed_proto::hash::Sha256Hash;
use superseed_proto::peer_id::PeerId;

use super::dormancy::Dormancy;
use super::jobs::{Job, Outstanding};
use super::keys::KeyJobs;
use super::lookups::Lookup;
use super::memory::{DeviceIndex, Memory};
use super::read_cache::ReadCache;
use super::timers::{Timer, Timers};
use crate::action::{Action, Outbox};
use crate::block::BlockPool;
use crate::candidates::connect::ConnectBudget;
use crate::candidates::{ExternalVotes, Reach, Turnover, Voter};
use crate::config::Settings;
use crate::dht::Dht;
use crate::disk::{DiskJob, DiskOp};
use crate::event::{Event, EventKind};
use crate::filter::Filter;
use crate::ids::{
    AnnounceKey, ConnKey, FetchKey, JobKey, ListenerId, ResolveKey, TorrentKey, WorkKey,
};
use crate::lsd::Lsd;
use crate::metadata::WholeId;
use crate::peer::{Conn, SealBuffers};
use crate::rate::{Ewma, TokenBucket};
use crate::requests::queue_time;
use crate::time::Time;
use crate::trackers::udp::UdpTrackers;
use crate::trackers::{Pace, SlotId, Urls};

/// The memory of the rate that requests are measured out by: short, so that a
/// burst of new peers does not have all memory before it is noticed.
const RATE_TAU: Duration = Duration::from_secs(2);

/// The seed of one part of the engine, derived by the part's name: what it draws
/// changes nothing of what others draw.
pub(crate) fn seed_of(part: &str, seed: &[u8; 32]) -> [u8; 32] {
    Sha256Hash::of(&[part.as_bytes(), seed].concat()).0
}

/// All connections.
pub(crate) type Conns = SlotMap<ConnKey, Conn>;

/// An announce on its way: whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnnounceOf {
    pub(crate) torrent: TorrentKey,
    pub(crate) slot: SlotId,
}

/// A computation on its way: what it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WorkOf {
    /// Keys for a connection that is to be encrypted.
    Keys(ConnKey),
    /// Whether a torrent's metadata is right.
    Metadata(TorrentKey, WholeId),
}

/// The memory for blocks of the torrents of one device, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceMemory {
    /// What they asked for or received.
    pub(crate) held: u64,
    /// What they may hold.
    pub(crate) part: u64,
}

/// The state that belongs to no single torrent.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// For choices; see [`Shared::secret`] for what must not be guessed.
    pub(crate) rng: Xoshiro256PlusPlus,
    /// For peer ids, keys and transaction ids.
    pub(crate) secret: ChaCha12Rng,
    /// For secrets and padding of encrypted handshakes.
    pub(crate) encryption: ChaCha12Rng,
    /// Keys that are being computed for such.
    pub(crate) keys: KeyJobs,
    /// What a stream brought, opened; kept so that nothing is allocated for it.
    pub(crate) opened: Vec<u8>,
    /// Memory for what is sealed.
    pub(crate) seal_buffers: SealBuffers,
    pub(crate) peer_id: PeerId,
    /// Tells trackers that we are the same client after our address changed.
    pub(crate) announce_key: u32,
    pub(crate) pool: BlockPool,
    pub(crate) cache: ReadCache,
    pub(crate) jobs: SlotMap<JobKey, Outstanding>,
    pub(crate) timers: Timers,
    pub(crate) upload: TokenBucket,
    pub(crate) download: TokenBucket,
    pub(crate) upload_waiters: VecDeque<ConnKey>,
    pub(crate) download_waiters: VecDeque<ConnKey>,
    pub(crate) listeners: Vec<(ListenerId, SocketAddr)>,
    /// Whom we do not speak with.
    pub(crate) filter: Arc<Filter>,
    /// Where a gateway lets others call listeners.
    mapped: Vec<(ListenerId, SocketAddr)>,
    external: ExternalVotes,
    /// Our addresses as others see them, one for each listener where it is known.
    pub(crate) ours: Vec<SocketAddr>,
    pub(crate) announces: SlotMap<AnnounceKey, AnnounceOf>,
    /// Requests to web seeds, and whose they are.
    pub(crate) fetches: SlotMap<FetchKey, (TorrentKey, ConnKey)>,
    /// Connections to web seeds that may be lent bytes.
    pub(crate) lend_due: Vec<ConnKey>,
    pub(crate) resolves: SlotMap<ResolveKey, Lookup>,
    pub(crate) udp: UdpTrackers,
    pub(crate) lsd: Lsd,
    pub(crate) dht: Dht,
    pub(crate) pace: Pace,
    pub(crate) urls: Urls,
    pub(crate) connect: ConnectBudget,
    /// Payload of all torrents.
    pub(crate) down: Ewma,
    /// Bytes asked of peers and not received.
    pub(crate) asked_bytes: u64,
    /// Bytes of metadata that is being fetched.
    pub(crate) metadata_bytes: u64,
    /// Computations that are out.
    pub(crate) work: SlotMap<WorkKey, WorkOf>,
    pub(crate) dormancy: Dormancy,
    pub(crate) memory: Memory,
    /// When a peer may be given up because the session is full.
    pub(crate) turnover: Turnover,
    pub(crate) stopping: bool,
}

impl Shared {
    pub(crate) fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let mut secret = ChaCha12Rng::from_seed(seed);
        let rng = Xoshiro256PlusPlus::seed_from_u64(secret.next_u64());
        let mut random = [0; 20];
        secret.fill_bytes(&mut random);
        // Printable, as most clients do, so that logs of others stay readable.
        for byte in &mut random {
            *byte = b'a' + *byte % 26;
        }
        let prefix = &settings.peer_id_prefix[..settings.peer_id_prefix.len().min(12)];
        let peer_id = PeerId::with_prefix(prefix, random);
        let limits = settings.limits;
        let mut dht = Dht::new(seed_of("dht", &seed));
        dht.configure(&settings.dht, Time::START);
        Self {
            rng,
            encryption: ChaCha12Rng::from_seed(seed_of("encryption", &seed)),
            keys: KeyJobs::default(),
            opened: Vec::new(),
            seal_buffers: SealBuffers::default(),
            peer_id,
            announce_key: secret.next_u32(),
            pool: BlockPool::default(),
            cache: ReadCache::new(secret.next_u64()),
            jobs: SlotMap::with_key(),
            timers: Timers::new(secret.next_u64()),
            upload: TokenBucket::new(limits.upload_bytes_per_s, Time::START),
            download: TokenBucket::new(limits.download_bytes_per_s, Time::START),
            upload_waiters: VecDeque::new(),
            download_waiters: VecDeque::new(),
            listeners: Vec::new(),
            filter: Arc::default(),
            mapped: Vec::new(),
            external: ExternalVotes::default(),
            ours: Vec::new(),
            announces: SlotMap::with_key(),
            fetches: SlotMap::with_key(),
            lend_due: Vec::new(),
            resolves: SlotMap::with_key(),
            udp: UdpTrackers::new(),
            lsd: Lsd::new(seed_of("lsd", &seed)),
            dht,
            pace: Pace::default(),
            urls: Urls::default(),
            connect: ConnectBudget::new(settings.half_open_max),
            down: Ewma::new(RATE_TAU, Time::START),
            asked_bytes: 0,
            metadata_bytes: 0,
            work: SlotMap::with_key(),
            dormancy: Dormancy::default(),
            memory: Memory::default(),
            turnover: Turnover::default(),
            stopping: false,
            settings,
            secret,
        }
    }

    /// Bytes that received and asked-for blocks hold or will hold.
    pub(crate) fn block_bytes_committed(&self) -> u64 {
        self.asked_bytes + self.pool.bytes_out()
    }

    /// How much of the memory for blocks a device has, and may have, while
    /// something happens to a torrent on it.
    pub(crate) fn memory_of(&self, device: DeviceIndex) -> DeviceMemory {
        DeviceMemory {
            held: self.memory.held(device, self.block_bytes_committed()),
            part: self.memory.part(device, self.settings.piece_budget_bytes),
        }
    }

    /// How long requests may wait at each peer, as the memory for blocks allows.
    pub(crate) fn request_queue_time(&self, now: Time) -> Duration {
        queue_time(self.settings.piece_budget_bytes, self.down.rate(now))
    }

    /// Somebody says that this is our address.
    pub(crate) fn external_vote(&mut self, voter: Voter, ours: IpAddr, now: Time) {
        self.external.vote(voter, ours);
        self.find_ours();
        for (listener, addr) in &self.listeners {
            if let Some(ip) = self.external.ip(addr.ip()) {
                self.dht.ours(*listener, ip, now);
            }
        }
    }

    /// Works out again which addresses others see us at.
    pub(crate) fn find_ours(&mut self) {
        let announced = self.announced().map(|(_, addr)| addr);
        self.ours = self.external.addrs(&announced.collect::<Vec<_>>());
    }

    /// A gateway lets others call a listener there, or does so no more. Says
    /// whether they have to be told of another port.
    pub(crate) fn mapped(&mut self, listener: ListenerId, external: Option<SocketAddr>) -> bool {
        let port = |shared: &Self| {
            let mut announced = shared.announced();
            announced.find(|(id, _)| *id == listener)
        };
        let before = port(self);
        self.mapped.retain(|(id, _)| *id != listener);
        self.mapped
            .extend(external.map(|external| (listener, external)));
        if let Some(ip) = external.map(|external| external.ip())
            && Reach::of(ip) == Reach::World
        {
            self.external.vote(Voter::Gateway, ip);
        }
        self.find_ours();
        before != port(self)
    }

    /// The listeners, each with the port at which the world calls it: another one
    /// than its own if the gateway has it so.
    pub(crate) fn announced(&self) -> impl Iterator<Item = (ListenerId, SocketAddr)> + '_ {
        self.listeners.iter().map(|(id, addr)| {
            let mapped = self.mapped.iter().find(|(mapped, _)| mapped == id);
            let port = mapped.map_or(addr.port(), |(_, external)| external.port());
            (*id, SocketAddr::new(addr.ip(), port))
        })
    }

    /// The listener whose family fits an address.
    pub(crate) fn listener_for(&self, remote: SocketAddr) -> Option<ListenerId> {
        let fits = |addr: &SocketAddr| addr.is_ipv4() == remote.is_ipv4();
        self.listeners
            .iter()
            .find(|(_, addr)| fits(addr))
            .map(|(id, _)| *id)
    }
}

/// One moment: what may be touched while something happens to one torrent.
pub(crate) struct Cx<'a> {
    pub(crate) now: Time,
    pub(crate) conns: &'a mut Conns,
    pub(crate) shared: &'a mut Shared,
    pub(crate) out: &'a mut Outbox,
}

impl Cx<'_> {
    pub(crate) fn event(&mut self, torrent: TorrentKey, kind: EventKind) {
        self.out.push(Action::Event(Event { torrent, kind }));
    }

    pub(crate) fn disk(&mut self, torrent: TorrentKey, job: Job, op: DiskOp) {
        let since = self.now;
        let job = self.shared.jobs.insert(Outstanding { job, since });
        self.out.push(Action::Disk(DiskJob { job, torrent, op }));
    }

    /// Asks the host to come for the bytes of a connection, once.
    pub(crate) fn want_write(&mut self, conn: ConnKey) {
        let Some(state) = self.conns.get_mut(conn) else {
            return;
        };
        if !state.write_announced && !state.waits_for_upload && !state.outgoing.is_empty() {
            state.write_announced = true;
            state.last_taken = self.now;
            self.out.push(Action::WantWrite { conn });
        }
    }

    /// Whether the remote of a connection is blocked.
    pub(crate) fn is_blocked(&self, conn: ConnKey) -> bool {
        let remote = self.conns.get(conn).map(|conn| conn.remote.ip());
        remote.is_some_and(|ip| self.shared.filter.blocks(ip))
    }

    pub(crate) fn timer(&mut self, timer: Timer, at: Time) {
        self.shared.timers.set(timer, at);
    }
}
