//! A torrent of which only the names are known (BEP 9): it announces itself,
//! meets peers, and fetches its metadata from several of them at once.
//!
//! ```text
//!   Fetching ──whole, right──▶ Known ──the user says begin──▶ a torrent
//!      │                         │
//!      └── right, but no torrent ┴──▶ Refused
//! ```
//!
//! When the metadata is known nothing more is fetched; the peers stay, and are
//! those that the torrent begins with.

mod adopt;
mod life;
mod meet;

use std::sync::Arc;

use superseed_proto::metainfo::Metainfo;
use superseed_proto::wire::client_name;

use super::Torrent;
use super::dial::Dial;
use super::lasting::Lasting;
use crate::action::Action;
use crate::candidates::CloseKind;
use crate::candidates::connect::SlowStart;
use crate::config::TorrentOptions;
use crate::engine::shared::{Conns, Cx, Shared, WorkOf};
use crate::engine::timers::Timer;
use crate::event::{EventKind, TorrentState};
use crate::explain::{Cause, Explanation};
use crate::fault::PeerFault;
use crate::holdings::TorrentHoldings;
use crate::ids::ConnKey;
use crate::limits::{AWAITING_PEERS_MAX, METADATA_BYTES_MAX};
use crate::lsd::Turn;
use crate::metadata::{Ask, Fetch, Taken, WholeId};
use crate::peer::Conn;
use crate::stats::{PeerSource, PeerStats, TorrentStats};
use crate::time::Time;
use crate::trackers::AnnounceContext;
use crate::work::{Work, WorkJob};

/// Bytes that trackers are told to be left: unknown, but not nothing, which is
/// what a seed says.
const LEFT_UNKNOWN: u64 = 16 * 1024;

/// How far it is.
#[derive(Debug)]
enum Stage {
    Fetching,
    /// It is right, and somebody is to say how the torrent begins.
    Known(Arc<Metainfo>),
    /// It is what the names say, and no torrent that can be downloaded.
    Refused(String),
}

/// A torrent that awaits its metadata.
pub(crate) struct Awaiting {
    pub(crate) lasting: Lasting,
    peers: Vec<ConnKey>,
    slow_start: SlowStart,
    fetch: Fetch,
    /// Bytes of the fetch that the engine's budget counts.
    counted: u64,
    stage: Stage,
    /// It says farewell to its trackers.
    leaving: Option<bool>,
}

impl Awaiting {
    pub(crate) fn new(lasting: Lasting) -> Self {
        Self {
            lasting,
            peers: Vec::new(),
            slow_start: SlowStart::default(),
            fetch: Fetch::default(),
            counted: 0,
            stage: Stage::Fetching,
            leaving: None,
        }
    }

    /// The first thing in its life.
    pub(crate) fn begin(&mut self, cx: &mut Cx<'_>) {
        for addr in std::mem::take(&mut self.lasting.options.peers) {
            self.lasting.learn(addr, PeerSource::User, cx.now);
        }
        self.say_state(cx);
        if !self.lasting.options.paused {
            self.start(cx);
        }
    }

    /// Whether it looks for its metadata, or waits for its beginning.
    pub(crate) fn runs(&self) -> bool {
        !self.lasting.options.paused
            && self.leaving.is_none()
            && !matches!(self.stage, Stage::Refused(_))
    }

    /// Whether it has met nobody who could have its metadata.
    pub(crate) fn is_lonely(&self, conns: &Conns) -> bool {
        let is_met = |key| conns.get(key).is_some_and(|conn| conn.meeting().is_some());
        self.is_fetching() && !self.peers.iter().any(|key| is_met(*key))
    }

    /// Whether it is being removed.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    fn is_fetching(&self) -> bool {
        self.runs() && matches!(self.stage, Stage::Fetching)
    }

    /// Whether its metadata is not there, and may come from anywhere.
    pub(crate) fn wants_metadata(&self) -> bool {
        matches!(self.stage, Stage::Fetching) && self.leaving.is_none()
    }

    fn state(&self) -> TorrentState {
        match self.stage {
            Stage::Refused(_) => TorrentState::Failed,
            _ if self.lasting.options.paused => TorrentState::Paused,
            _ => TorrentState::AwaitingMetadata,
        }
    }

    fn say_state(&mut self, cx: &mut Cx<'_>) {
        let state = self.state();
        self.lasting.say_state(cx, state);
    }

    /// Sends the announces that are due and sets the timer for the next.
    fn announce(&mut self, cx: &mut Cx<'_>) {
        let context = AnnounceContext {
            connected: super::dial::peers_up(cx, &self.peers),
            incoming_seen: self.lasting.incoming_seen,
            complete: false,
            wants_peers: self.is_fetching() && self.peers.len() < AWAITING_PEERS_MAX,
        };
        self.lasting.announce(cx, &context, LEFT_UNKNOWN);
    }

    /// Neighbours hear of it as long as it looks for its metadata.
    pub(crate) fn tell_neighbours(&mut self, cx: &mut Cx<'_>) {
        let turn = self.runs().then_some(Turn::Awake);
        self.lasting.tell_neighbours(cx, turn);
        self.lasting.join_dht(cx, turn);
    }

    fn dial(&mut self, cx: &Cx<'_>) -> Dial<'_> {
        let places = cx.shared.settings.connections_per_torrent_max;
        Dial {
            lasting: &mut self.lasting,
            peers: &mut self.peers,
            slow_start: &mut self.slow_start,
            places: places.min(AWAITING_PEERS_MAX),
        }
    }

    /// Tries candidates. Who cannot help makes room for who may.
    fn connect_more(&mut self, cx: &mut Cx<'_>) {
        let at = if self.is_fetching() {
            self.lasting.candidates.set_ours(&cx.shared.ours);
            let full = self.give_up_useless(cx);
            let mut dial = self.dial(cx);
            dial.more(cx);
            dial.next(cx).min(full)
        } else {
            Time::NEVER
        };
        cx.timer(Timer::Connect(self.lasting.key), at);
    }

    /// Asks peers for what is missing.
    fn ask(&mut self, cx: &mut Cx<'_>) {
        if !self.is_fetching() {
            return cx.timer(Timer::Metadata(self.lasting.key), Time::NEVER);
        }
        let mut asks = Vec::new();
        self.fetch.ask(cx.now, &mut asks);
        self.count_bytes(cx);
        for Ask { peer, block } in asks {
            self.send_request(cx, peer, block);
        }
        let at = self.fetch.next_deadline(cx.now);
        cx.timer(Timer::Metadata(self.lasting.key), at);
    }

    /// A block came.
    fn block(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        named: (u32, Option<u32>),
        bytes: &[u8],
    ) -> Result<(), PeerFault> {
        if !matches!(self.stage, Stage::Fetching) {
            return Ok(());
        }
        let room = METADATA_BYTES_MAX.saturating_sub(cx.shared.metadata_bytes);
        let taken = self.fetch.data(key, named, bytes, room, cx.now)?;
        self.count_bytes(cx);
        if let Taken::Whole(whole, blocks) = taken {
            let torrent = self.lasting.key;
            let work = cx.shared.work.insert(WorkOf::Metadata(torrent, whole));
            let wanted = self.lasting.info_hashes;
            let job = Work::Metadata { blocks, wanted };
            cx.out.push(Action::Work(Box::new(WorkJob { work, job })));
        }
        self.ask(cx);
        Ok(())
    }

    /// A whole hashed wrong.
    pub(crate) fn wrong(&mut self, cx: &mut Cx<'_>, whole: WholeId) {
        let liars = self.fetch.wrong(whole);
        self.ban(cx, liars);
        self.count_bytes(cx);
        self.ask(cx);
        self.connect_more(cx);
    }

    /// The metadata is there and right.
    pub(crate) fn right(&mut self, cx: &mut Cx<'_>, metainfo: Arc<Metainfo>) {
        if !self.wants_metadata() {
            return;
        }
        let liars = self.fetch.right(&metainfo.raw_info);
        self.ban(cx, liars);
        self.count_bytes(cx);
        self.lasting.info_hashes = metainfo.info_hashes;
        if metainfo.info.private {
            self.turn_private(cx);
        }
        self.stage = Stage::Known(Arc::clone(&metainfo));
        self.ask(cx);
        self.connect_more(cx);
        let torrent = self.lasting.key;
        cx.event(torrent, EventKind::Metadata);
        cx.out.push(Action::Metadata { torrent, metainfo });
    }

    /// What its names stand for is no torrent, or none that can be begun.
    pub(crate) fn refuse(&mut self, cx: &mut Cx<'_>, why: String) {
        self.stop(cx);
        self.let_go(cx);
        self.stage = Stage::Refused(why.clone());
        self.ask(cx);
        cx.event(self.lasting.key, EventKind::MetadataRefused(why));
        self.say_state(cx);
    }

    /// Peers of a private torrent come from its tracker and from nowhere else
    /// (BEP 27), which nobody could know before.
    fn turn_private(&mut self, cx: &mut Cx<'_>) {
        self.lasting.turn_private();
        for key in self.peers.clone() {
            let source = cx.conns.get(key).map(|conn| conn.source);
            if source.is_some_and(|source| source != PeerSource::Tracker) {
                self.disconnect(cx, key, CloseKind::Ours, None);
            }
        }
    }

    fn ban(&mut self, cx: &mut Cx<'_>, liars: Vec<core::net::IpAddr>) {
        for liar in liars {
            self.lasting.candidates.ban(liar);
        }
        for key in self.peers.clone() {
            let Some(addr) = cx.conns.get(key).map(|conn| conn.remote) else {
                continue;
            };
            if self.lasting.candidates.is_banned(addr.ip()) {
                let fault = PeerFault::WrongMetadata;
                self.disconnect(cx, key, CloseKind::Fault, Some(fault));
                cx.event(self.lasting.key, EventKind::PeerBanned { addr });
            }
        }
    }

    /// Lets go of what came of the metadata.
    fn let_go(&mut self, cx: &mut Cx<'_>) {
        self.fetch.let_go();
        self.count_bytes(cx);
    }

    /// The budget counts what the fetch keeps.
    fn count_bytes(&mut self, cx: &mut Cx<'_>) {
        let bytes = self.fetch.bytes();
        cx.shared.metadata_bytes += bytes;
        cx.shared.metadata_bytes -= std::mem::replace(&mut self.counted, bytes);
    }

    /// The torrent begins, with the peers that were met.
    pub(crate) fn into_torrent(
        mut self,
        metainfo: Arc<Metainfo>,
        mut options: TorrentOptions,
        shared: &mut Shared,
        now: Time,
    ) -> Torrent {
        shared.metadata_bytes -= self.counted;
        let lasting = &mut self.lasting;
        lasting.info_hashes = metainfo.info_hashes;
        if metainfo.info.private && !lasting.private {
            lasting.turn_private();
        }
        let named = metainfo.trackers.iter().flatten();
        for url in named.chain(&std::mem::take(&mut options.trackers)) {
            lasting.trackers.add_tracker(url);
        }
        lasting.trackers.share_urls(&mut shared.urls);
        lasting.options = options;
        let mut torrent = Torrent::awake(self.lasting, metainfo, shared, now);
        torrent.peers = self.peers;
        torrent
    }

    /// What is known by now.
    pub(crate) fn metainfo(&self) -> Option<&Arc<Metainfo>> {
        match &self.stage {
            Stage::Known(metainfo) => Some(metainfo),
            Stage::Fetching | Stage::Refused(_) => None,
        }
    }

    // Questions.

    pub(crate) fn stats(&self, conns: &Conns) -> TorrentStats {
        TorrentStats {
            peers: self.met(conns).count(),
            candidates: self.lasting.candidates.connectable(),
            incoming_seen: self.lasting.incoming_seen,
            error: match &self.stage {
                Stage::Refused(why) => Some(why.clone()),
                Stage::Fetching | Stage::Known(_) => None,
            },
            ..TorrentStats::of_names(self.lasting.key, self.lasting.info_hashes, self.state())
        }
    }

    /// Peers whose hands are shaken.
    fn met<'a>(&'a self, conns: &'a Conns) -> impl Iterator<Item = &'a Conn> {
        let conns = self.peers.iter().filter_map(|key| conns.get(*key));
        conns.filter(|conn| conn.meeting().is_some())
    }

    pub(crate) fn explain(&self, conns: &Conns) -> Explanation {
        let (blocks_have, blocks) = self.fetch.progress();
        Explanation::of(if self.lasting.options.paused {
            Cause::Paused
        } else {
            Cause::AwaitingMetadata {
                peers: self.met(conns).count(),
                blocks_have,
                blocks,
            }
        })
    }

    pub(crate) fn peer_stats(&self, conns: &Conns) -> Vec<PeerStats> {
        let stats = self.met(conns).filter_map(|conn| {
            let about = &conn.meeting()?.about;
            let client = about.client.clone();
            let client = client.or_else(|| client_name(&conn.peer_id()?));
            Some(PeerStats {
                client: client.unwrap_or_else(|| "unknown".to_owned()),
                ..PeerStats::of_conn(conn)
            })
        });
        stats.collect()
    }

    pub(crate) fn holdings(&self) -> TorrentHoldings {
        TorrentHoldings {
            peers: self.peers.len(),
            metadata_digests: self.fetch.digests(),
            ..self.lasting.holdings()
        }
    }
}
