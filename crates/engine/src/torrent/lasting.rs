//! What is known of a torrent even while it is dormant: its names, its
//! trackers, its totals and what the user chose. Nothing here grows with its
//! pieces or files.

use std::time::Duration;

use rand_core::Rng;
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::Layout;
use superseed_proto::metainfo::Metainfo;

use crate::candidates::Candidates;
use crate::config::TorrentOptions;
use crate::disk::{RecordTotals, Summary, Terms};
use crate::engine::shared::{Cx, Shared};
use crate::engine::timers::Timer;
use crate::event::{EventKind, TorrentState};
use crate::holdings::TorrentHoldings;
use crate::ids::{ConnKey, TorrentKey};
use crate::limits::{INCOMING_SLACK, PEERS_PER_ANSWER_MAX};
use crate::lsd::Turn;
use crate::stats::{PeerSource, TorrentStats};
use crate::time::Time;
use crate::torrent::Totals;
use crate::trackers::TrackerSet;

/// The part of a torrent that is there awake and dormant.
pub(crate) struct Lasting {
    pub(crate) key: TorrentKey,
    pub(crate) info_hashes: InfoHashes,
    pub(crate) private: bool,
    pub(crate) options: TorrentOptions,
    /// The state last told to the user.
    pub(crate) told: Option<TorrentState>,
    pub(crate) candidates: Candidates,
    pub(crate) trackers: TrackerSet,
    pub(crate) totals: Totals,
    pub(crate) earlier: RecordTotals,
    /// `earlier` was taken from the record.
    pub(crate) opened_before: bool,
    pub(crate) incoming_seen: bool,
    /// When it became complete in this run.
    pub(crate) complete_since: Option<Time>,
    /// Trackers heard of the completion, or never need to.
    pub(crate) complete_told: bool,
    /// What is kept of it on the disk is what it is.
    pub(crate) kept: bool,
    /// Its turn among what neighbours are told, if they are.
    near: Option<Turn>,
    /// The same among what is announced to the DHT.
    in_dht: Option<Turn>,
}

impl Lasting {
    pub(crate) fn new(
        key: TorrentKey,
        metainfo: &Metainfo,
        options: TorrentOptions,
        shared: &mut Shared,
    ) -> Self {
        let tiers = metainfo.trackers.iter().cloned();
        let tiers: Vec<_> = tiers
            .chain(options.trackers.iter().map(|url| vec![url.clone()]))
            .collect();
        Self::of_parts(
            key,
            (metainfo.info_hashes, metainfo.info.private),
            &tiers,
            options,
            shared,
        )
    }

    /// A torrent of which only the names are known.
    pub(crate) fn of_names(
        key: TorrentKey,
        info_hashes: InfoHashes,
        options: TorrentOptions,
        shared: &mut Shared,
    ) -> Self {
        let tiers: Vec<_> = options
            .trackers
            .iter()
            .map(|url| vec![url.clone()])
            .collect();
        Self::of_parts(key, (info_hashes, false), &tiers, options, shared)
    }

    /// It turns out to be private: what others than its trackers named is
    /// forgotten (BEP 27).
    pub(crate) fn turn_private(&mut self) {
        self.private = true;
        self.trackers.set_private();
        for source in PeerSource::ALL {
            if source != PeerSource::Tracker {
                self.candidates.drop_source(source);
            }
        }
    }

    /// A torrent that was kept, as its record tells of it.
    pub(crate) fn of_summary(key: TorrentKey, summary: Summary, shared: &mut Shared) -> Self {
        let Summary {
            info_hashes,
            private,
            totals,
            terms,
            ..
        } = summary;
        let named = (info_hashes, private);
        let mut lasting = Self::of_parts(key, named, &terms.trackers, terms.options, shared);
        lasting.earlier = totals;
        lasting.opened_before = true;
        lasting.kept = true;
        // A download that ended in an earlier run: `completed` was said then.
        lasting.complete_told = true;
        lasting
    }

    fn of_parts(
        key: TorrentKey,
        (info_hashes, private): (InfoHashes, bool),
        tiers: &[Vec<String>],
        options: TorrentOptions,
        shared: &mut Shared,
    ) -> Self {
        let mut trackers = TrackerSet::new(tiers, private, shared.announce_key, &mut shared.rng);
        trackers.share_urls(&mut shared.urls);
        let mut candidates = Candidates::new(shared.rng.next_u64());
        candidates.set_filter(&shared.filter);
        Self {
            key,
            info_hashes,
            private,
            options,
            told: None,
            candidates,
            trackers,
            totals: Totals::default(),
            earlier: RecordTotals::default(),
            opened_before: false,
            incoming_seen: false,
            complete_since: None,
            complete_told: false,
            kept: false,
            near: None,
            in_dht: None,
        }
    }

    /// Whether it may be named to anybody but its trackers and its peers
    /// (BEP 27).
    pub(crate) fn may_share(&self) -> bool {
        !self.private
    }

    /// Lets neighbours hear of it, or without a turn no more (BEP 14).
    pub(crate) fn tell_neighbours(&mut self, cx: &mut Cx<'_>, turn: Option<Turn>) {
        let turn = turn.filter(|_| self.may_share() && cx.shared.settings.lsd);
        if self.near != turn {
            self.near = turn;
            let swarm = self.info_hashes.primary_swarm_key();
            cx.shared.lsd.set(self.key, swarm, turn, cx.now);
            crate::engine::lsd::plan(cx);
        }
    }

    /// Lets the DHT name it and look for its peers, or without a turn no more
    /// (BEP 5). Says whether that begins.
    pub(crate) fn join_dht(&mut self, cx: &mut Cx<'_>, turn: Option<Turn>) -> bool {
        let turn = turn.filter(|_| self.may_share() && cx.shared.dht.is_on());
        let before = std::mem::replace(&mut self.in_dht, turn);
        if before == turn {
            return false;
        }
        let dht = &mut cx.shared.dht;
        match (before, turn) {
            (_, None) => dht.remove_torrent(self.key),
            (None, Some(turn)) => dht.add_torrent(self.key, turn == Turn::Dormant, cx.now),
            (Some(_), Some(turn)) => dht.change_torrent(self.key, turn == Turn::Dormant),
        }
        crate::engine::dht::plan(cx);
        before.is_none()
    }

    /// Listeners changed, and with them our nodes: it joins them anew.
    pub(crate) fn leave_dht(&mut self, cx: &mut Cx<'_>) {
        self.join_dht(cx, None);
    }

    /// Notes addresses that somebody named. Says whether any is new.
    pub(crate) fn learn_all(
        &mut self,
        cx: &mut Cx<'_>,
        peers: &[core::net::SocketAddr],
        source: PeerSource,
    ) -> bool {
        if self.candidates.is_empty() {
            cx.shared.connect.boost();
        }
        let learn = |new, addr: &_| self.learn(*addr, source, cx.now) || new;
        peers.iter().take(PEERS_PER_ANSWER_MAX).fold(false, learn)
    }

    /// What the user chose and may have changed since, for the record.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            trackers: self.trackers.tiers(),
            options: TorrentOptions {
                // Of one start only, or among the trackers above.
                peers: Vec::new(),
                trackers: Vec::new(),
                web_seeds: Vec::new(),
                allow_overwrite: false,
                recheck: false,
                ..self.options.clone()
            },
        }
    }

    /// Notes an address. Peers of a private torrent come from its tracker, or
    /// on their own, and from nowhere else (BEP 27). Says whether it is new.
    pub(crate) fn learn(
        &mut self,
        addr: core::net::SocketAddr,
        source: PeerSource,
        now: Time,
    ) -> bool {
        (self.may_share() || source == PeerSource::Tracker)
            && self.candidates.add(addr, source, now)
    }

    /// Notes an address that a peer told. Says whether it is new.
    pub(crate) fn learn_told(
        &mut self,
        addr: core::net::SocketAddr,
        teller: core::net::IpAddr,
        now: Time,
    ) -> bool {
        self.may_share() && self.candidates.add_told(addr, teller, now)
    }

    /// A tracker that the user adds.
    pub(crate) fn add_tracker(&mut self, cx: &mut Cx<'_>, url: &str) {
        self.trackers.add_tracker(url);
        self.trackers.share_urls(&mut cx.shared.urls);
    }

    /// Makes an incoming connection one of the torrent's, beside its `peers`,
    /// unless its host is banned or there are too many.
    pub(crate) fn admit(&self, cx: &mut Cx<'_>, key: ConnKey, peers: &mut Vec<ConnKey>) -> bool {
        let max = cx.shared.settings.connections_per_torrent_max + INCOMING_SLACK;
        let Some(conn) = cx.conns.get_mut(key) else {
            return false;
        };
        let takes = !self.candidates.is_banned(conn.remote.ip()) && peers.len() < max;
        if takes {
            conn.torrent = Some(self.key);
            peers.push(key);
        }
        takes
    }

    /// Tells the user when the state is another one than last told.
    pub(crate) fn say_state(&mut self, cx: &mut Cx<'_>, state: TorrentState) {
        if self.told != Some(state) {
            self.told = Some(state);
            cx.event(self.key, EventKind::State(state));
        }
    }

    /// Totals of this and all earlier runs.
    pub(crate) fn record_totals(&self, now: Time) -> RecordTotals {
        RecordTotals {
            downloaded_bytes: self.earlier.downloaded_bytes + self.totals.downloaded,
            uploaded_bytes: self.earlier.uploaded_bytes + self.totals.uploaded,
            seeding_s: self.seeding_time(now).as_secs(),
            completed_told: self.earlier.completed_told || self.complete_told,
        }
    }

    /// Adds the time spent complete to the totals, at the end of a stretch of it.
    pub(crate) fn count_seeding_time(&mut self, now: Time) {
        if let Some(since) = self.complete_since.take() {
            self.earlier.seeding_s += now.since(since).as_secs();
        }
    }

    /// Time spent complete in all runs.
    pub(crate) fn seeding_time(&self, now: Time) -> Duration {
        let this = self
            .complete_since
            .map_or(Duration::ZERO, |since| now.since(since));
        Duration::from_secs(self.earlier.seeding_s) + this
    }

    /// Sets the timer for a seeding time, if there is one to reach.
    pub(crate) fn plan_goal(&self, cx: &mut Cx<'_>) {
        if let (Some(since), Some(time)) = (self.complete_since, self.options.goal.time) {
            let done = Duration::from_secs(self.earlier.seeding_s);
            cx.timer(Timer::Goal(self.key), since + time.saturating_sub(done));
        }
    }

    /// Whether a seeding goal is reached.
    pub(crate) fn is_goal_reached(&self, layout: &Layout, now: Time) -> bool {
        let totals = self.record_totals(now);
        let goal = self.options.goal;
        let ratio = totals.uploaded_bytes as f64 / layout.total_len() as f64;
        goal.ratio.is_some_and(|goal| ratio >= goal)
            || goal.time.is_some_and(|goal| self.seeding_time(now) >= goal)
    }

    /// What users see of it without its pieces.
    pub(crate) fn stats(&self, layout: &Layout, state: TorrentState, now: Time) -> TorrentStats {
        let totals = self.record_totals(now);
        TorrentStats {
            total_bytes: layout.total_len(),
            pieces: layout.piece_count(),
            downloaded_bytes: totals.downloaded_bytes,
            uploaded_bytes: totals.uploaded_bytes,
            session_downloaded_bytes: self.totals.downloaded,
            session_uploaded_bytes: self.totals.uploaded,
            wasted_bytes: self.totals.wasted,
            candidates: self.candidates.connectable(),
            incoming_seen: self.incoming_seen,
            seeding: self.seeding_time(now),
            ..TorrentStats::of_names(self.key, self.info_hashes, state)
        }
    }

    pub(crate) fn holdings(&self) -> TorrentHoldings {
        TorrentHoldings {
            candidates: self.candidates.len(),
            banned: self.candidates.banned(),
            tellers: self.candidates.tellers(),
            self_addrs: self.candidates.ourselves(),
            trackers: self.trackers.count(),
            ..TorrentHoldings::default()
        }
    }
}
