//! Fetching from web seeds (BEP 19): what `webseed` decides is done here.
//!
//! A connection to a web seed stands beside the torrent's peers, not among them:
//! nothing is told to it, it takes no place of theirs, and it is there only
//! while something is downloaded. What it brings goes the way of a peer's blocks.

use superseed_proto::layout::{BLOCK_LEN, Block};

use super::Torrent;
use crate::action::{Action, Fetch};
use crate::engine::shared::{Conns, Cx};
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::explain::Cause;
use crate::ids::{ConnKey, FetchKey};
use crate::input::{FetchEnd, FetchPart};
use crate::limits::{WEB_SEED_REST, WEB_SEED_SILENCE};
use crate::peer::{Conn, Peer, Phase};
use crate::picker::PickPeer;
use crate::stats::{WebSeedStats, WebSeedStatus};
use crate::time::Time;
use crate::webseed::plan::{Lane, block_of, offset_of, run_len};
use crate::webseed::{Breaks, SourceIndex, rest_of_busy, spans};

/// How soon a connection looks for work again that had nothing but padding.
const PADDING_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);
/// What padding files are made of (BEP 47), a block at a time.
static ZEROS: [u8; BLOCK_LEN as usize] = [0; BLOCK_LEN as usize];

impl Torrent {
    /// All who bring blocks: peers and web seeds.
    pub(crate) fn suppliers(&self) -> impl Iterator<Item = ConnKey> + '_ {
        let lanes = self.web_seeds.iter().flat_map(|seeds| seeds.conns());
        self.peers.iter().copied().chain(lanes)
    }

    /// The connections to web seeds.
    pub(super) fn lanes(&self) -> smallvec::SmallVec<[ConnKey; 3]> {
        self.web_seeds
            .iter()
            .flat_map(|seeds| seeds.conns())
            .collect()
    }

    /// Makes or ends connections to web seeds; called at the end of each input.
    pub(crate) fn drive_web_seeds(&mut self, cx: &mut Cx<'_>) {
        if !cx.shared.settings.web_seeds || !self.may_download() {
            return self.close_lanes(cx);
        }
        while let Some(seeds) = &self.web_seeds
            && let Some(key) = seeds.of_no_use(self.picker.wanted_missing())
        {
            self.close_lane(cx, key);
        }
        while cx.conns.len() < cx.shared.settings.connections_max
            && !cx.shared.listeners.is_empty()
            && let Some(seeds) = &self.web_seeds
            && let Some(source) = seeds.next_source(self.picker.wanted_missing(), cx.now)
        {
            self.open_lane(cx, source);
        }
        let next = self
            .web_seeds
            .as_ref()
            .map(|seeds| seeds.next_deadline(cx.now));
        cx.timer(Timer::WebSeeds(self.key), next.unwrap_or(Time::NEVER));
    }

    fn open_lane(&mut self, cx: &mut Cx<'_>, source: SourceIndex) {
        let Some(seeds) = &mut self.web_seeds else {
            return;
        };
        let have = seeds.source(source).have(self.layout.piece_count());
        let peer = Peer::of_web_seed(Lane::new(source), have, &self.layout, cx.now);
        let nowhere = core::net::SocketAddr::from(([0; 4], 0));
        let mut conn = Conn::new(nowhere, Phase::Traffic(Box::new(peer)), cx.now);
        conn.torrent = Some(self.key);
        let on_parole = self.suspects.names(conn.sender());
        if let Some(peer) = conn.peer_mut() {
            peer.on_parole = on_parole;
        }
        let key = cx.conns.insert(conn);
        seeds.opened(key, source);
        self.fill(cx, key);
    }

    pub(super) fn close_lanes(&mut self, cx: &mut Cx<'_>) {
        for key in self.lanes() {
            self.close_lane(cx, key);
        }
    }

    fn close_lanes_to(&mut self, cx: &mut Cx<'_>, source: SourceIndex) {
        let seeds = self.web_seeds.as_ref();
        let to: Vec<_> = seeds.map_or_else(Vec::new, |seeds| seeds.conns_to(source).collect());
        for key in to {
            self.close_lane(cx, key);
        }
    }

    fn close_lane(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.drop_run(cx, key);
        let Some(conn) = cx.conns.remove(key) else {
            return;
        };
        cx.shared.timers.clear(Timer::Conn(key));
        self.owing.remove(key);
        let brought = conn.peer().map_or(0, |peer| peer.downloaded);
        if let Some(seeds) = &mut self.web_seeds {
            seeds.closed(key, brought);
        }
    }

    /// Gives up what is left of a run: its blocks are anybody's again.
    fn drop_run(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.drop_receiving(cx, key);
        self.take_back_all(cx, key);
        let lane = cx.conns.get_mut(key).and_then(|conn| conn.lane_mut());
        if let Some(fetch) = lane.and_then(Lane::drop_run) {
            stop(cx, fetch);
        }
    }

    /// Nobody wants a block of a web seed any more. It comes all the same, unless
    /// nothing that is wanted comes after it.
    pub(super) fn lane_cancelled(&mut self, cx: &mut Cx<'_>, key: ConnKey, block: Block) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        let Some(lane) = &mut peer.lane else { return };
        let at = offset_of(&self.layout, block);
        if lane.cut_last(at, self.layout.block_len(block).into()) {
            peer.requests.take(block);
            self.go_on(cx, key);
        }
        self.refill_peers.push(key);
    }

    /// Asks a web seed for up to so many blocks: the next of its run, or the
    /// first of another one.
    pub(super) fn fill_lane(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        free: usize,
        may_start: bool,
    ) {
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        let Some(mut lane) = peer.lane.clone() else {
            return;
        };
        let mut blocks = std::mem::take(&mut self.picked);
        blocks.clear();
        let rate = peer.down.rate(cx.now);
        // Put back below: the peer is looked at meanwhile.
        let mut rng = cx.shared.rng.clone();
        let pick_peer = self.pick_peer(cx, key, peer, &peer.have);
        while blocks.len() < free {
            if let Some(next) = lane.next() {
                let block = block_of(&self.layout, next);
                // Whoever works on the rest of its piece is this one.
                let same_piece = block.index > 0;
                if self
                    .picker
                    .ask_for(&pick_peer, block, same_piece, may_start)
                {
                    lane.asked(self.layout.block_len(block).into());
                    blocks.push(block);
                } else {
                    lane.cut();
                }
            } else if lane.is_over() && lane.fetch().is_none() {
                let Some((first, more)) = self.next_run(cx, &mut rng, &pick_peer, rate, may_start)
                else {
                    break;
                };
                let len = self.layout.block_len(first).into();
                lane.begin(offset_of(&self.layout, first), len, more);
                blocks.push(first);
            } else {
                break;
            }
        }
        cx.shared.rng = rng;
        if let Some(conn) = cx.conns.get_mut(key)
            && let Some(known) = conn.lane_mut()
        {
            *known = *lane;
        }
        self.ask(cx, key, &blocks);
        let starves = !may_start
            && blocks.is_empty()
            && cx
                .conns
                .get(key)
                .and_then(|conn| conn.peer())
                .is_some_and(|peer| peer.requests.is_empty());
        self.picked = blocks;
        if starves {
            self.starve(cx, key);
        }
        self.go_on(cx, key);
        cx.shared.lend_due.push(key);
    }

    /// The first block of a new run, which is asked for, and how many bytes may
    /// follow it.
    fn next_run(
        &mut self,
        cx: &Cx<'_>,
        rng: &mut impl rand_core::Rng,
        to: &PickPeer<'_>,
        rate_bytes_per_s: u64,
        may_start: bool,
    ) -> Option<(Block, u64)> {
        if self.picker.has_deadlines() {
            let mut urgent = Vec::new();
            self.pick_urgent(cx, to, 1, may_start, &mut urgent);
            if let Some(block) = urgent.pop() {
                return Some((block, self.free_after(to, block, rate_bytes_per_s)));
            }
        }
        if let Some(block) = self.picker.pick_one(to, may_start, rng) {
            return Some((block, self.free_after(to, block, rate_bytes_per_s)));
        }
        // What another will bring last is a run of one block.
        let block = self.help_at_the_end(cx, to.conn)?;
        Some((block, 0))
    }

    /// Bytes after a block that go into the same run.
    fn free_after(&self, to: &PickPeer<'_>, first: Block, rate_bytes_per_s: u64) -> u64 {
        let first_len = u64::from(self.layout.block_len(first));
        let next = block_of(&self.layout, offset_of(&self.layout, first) + first_len);
        let most = run_len(rate_bytes_per_s).saturating_sub(first_len);
        self.picker.free_run(to, next, most)
    }

    /// Sends the request that is due on a connection, after the end of the one
    /// before it.
    fn go_on(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let mut padded = false;
        loop {
            let Some(conn) = cx.conns.get_mut(key) else {
                return;
            };
            let Some(lane) = conn.lane_mut() else { return };
            let source = lane.source;
            if let Some((fetch, whole)) = lane.take_ended() {
                match whole {
                    true => drop(cx.shared.fetches.remove(fetch)),
                    false => stop(cx, fetch),
                }
                if let Some(seeds) = &mut self.web_seeds {
                    seeds.source_mut(source).answered();
                }
                continue;
            }
            if !lane.wants_fetch() {
                break;
            }
            let Some(span) = spans::first(&self.metainfo.info.files, lane.left()) else {
                return self.drop_run(cx, key);
            };
            if span.padding {
                let len = span.len().min(lane.owed()).min(ZEROS.len() as u64);
                self.take_bytes(cx, key, &ZEROS[..len as usize]);
                padded = true;
                continue;
            }
            return self.send_fetch(cx, key, source, &span);
        }
        if padded {
            // Not at once: all that is left may be padding.
            cx.timer(Timer::Conn(key), cx.now + PADDING_PAUSE);
        }
    }

    fn send_fetch(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        source: SourceIndex,
        span: &spans::Span,
    ) {
        let listeners = &cx.shared.listeners;
        let (Some(seeds), false) = (&self.web_seeds, listeners.is_empty()) else {
            return self.drop_run(cx, key);
        };
        let seed = seeds.source(source);
        let via = seed.via(listeners.len());
        let (from, _) = listeners[via];
        let url = self.metainfo.info.web_seed_url(seed.url(), span.file);
        let fetch = cx.shared.fetches.insert((self.key, key));
        if let Some(conn) = cx.conns.get_mut(key)
            && let Some(lane) = conn.lane_mut()
        {
            lane.fetches(fetch, span.len(), via);
            conn.last_received = cx.now;
        }
        cx.out.push(Action::Fetch(Box::new(Fetch {
            fetch,
            url,
            bytes: span.bytes.clone(),
            file_len: self.metainfo.info.file(span.file).len,
            from,
        })));
    }

    /// What came of a request.
    pub(crate) fn fetched(&mut self, cx: &mut Cx<'_>, key: ConnKey, part: FetchPart<'_>) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        conn.last_received = cx.now;
        match part {
            FetchPart::Bytes(bytes) => {
                let lent = conn.lane().map_or(0, Lane::lent);
                let len = lent.min(bytes.len() as u64) as usize;
                self.take_bytes(cx, key, &bytes[..len]);
                // The next file may be due though there is no room for more.
                self.go_on(cx, key);
                self.fill(cx, key);
                cx.shared.lend_due.push(key);
            }
            FetchPart::Ended(end) => self.fetch_ended(cx, key, end),
        }
    }

    /// Takes the next bytes of a run, as messages of a peer would bring them.
    fn take_bytes(&mut self, cx: &mut Cx<'_>, key: ConnKey, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(at) = cx.conns.get(key).and_then(|conn| conn.lane()).map(Lane::at) else {
                return;
            };
            let block = block_of(&self.layout, at);
            let had = (at - offset_of(&self.layout, block)) as usize;
            let len = self.layout.block_len(block);
            let (now, later) = bytes.split_at(bytes.len().min(len as usize - had));
            if had == 0
                && self
                    .block_start(cx, key, block.piece.0, block.begin(), len)
                    .is_err()
            {
                return self.drop_run(cx, key);
            }
            self.block_data(cx, key, now, None);
            if let Some(lane) = cx.conns.get_mut(key).and_then(|conn| conn.lane_mut()) {
                lane.take(now.len() as u64);
            }
            if had + now.len() == len as usize {
                self.block_end(cx, key);
            }
            bytes = later;
        }
    }

    fn fetch_ended(&mut self, cx: &mut Cx<'_>, key: ConnKey, end: FetchEnd) {
        let Some(lane) = cx.conns.get_mut(key).and_then(|conn| conn.lane_mut()) else {
            return;
        };
        let (source, came, via) = (lane.source, lane.came(), lane.via());
        let left = lane.left();
        if let Some(fetch) = lane.fetch() {
            cx.shared.fetches.remove(fetch);
        }
        lane.broke();
        let listeners = cx.shared.listeners.len();
        let Some(seeds) = &mut self.web_seeds else {
            return;
        };
        match end {
            FetchEnd::Broke(why) => match seeds.source_mut(source).broke(came, via, listeners) {
                Breaks::GoOn => {
                    self.go_on(cx, key);
                    cx.shared.lend_due.push(key);
                }
                Breaks::Rest(time) => self.lane_failed(cx, key, source, time, why),
            },
            FetchEnd::Busy(after) => {
                let why = "the server has too much to do".to_owned();
                self.lane_failed(cx, key, source, rest_of_busy(after), why);
            }
            FetchEnd::Absent(why) => {
                if let Some(span) = spans::first(&self.metainfo.info.files, left) {
                    self.web_seed_lacks(cx, source, &span, why);
                }
                self.drop_run(cx, key);
                self.fill(cx, key);
            }
        }
    }

    /// A source does not have a file.
    fn web_seed_lacks(
        &mut self,
        cx: &mut Cx<'_>,
        source: SourceIndex,
        span: &spans::Span,
        why: String,
    ) {
        let Some(seeds) = &mut self.web_seeds else {
            return;
        };
        let count = self.layout.piece_count();
        let pieces = self.metainfo.info.file_pieces(span.file);
        let lacking = seeds.source_mut(source);
        let had = lacking.have(count).count();
        lacking.lacks(pieces, count, why.clone());
        let (url, have) = (lacking.url().to_owned(), lacking.have(count));
        if have.count() == had {
            // Another connection was told before.
            return;
        }
        let useless = !lacking.is_usable();
        let to: Vec<_> = seeds.conns_to(source).collect();
        for key in to {
            let peer = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut());
            if let Some(peer) = peer {
                peer.have = have.clone();
            }
        }
        cx.event(self.key, EventKind::WebSeedFailed { url, error: why });
        if useless {
            self.close_lanes_to(cx, source);
        }
    }

    /// A connection to a source failed. The others stand for themselves, since
    /// many servers take few connections of one client; with the last of them the
    /// source rests.
    fn lane_failed(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        source: SourceIndex,
        time: std::time::Duration,
        why: String,
    ) {
        self.close_lane(cx, key);
        let Some(seeds) = &mut self.web_seeds else {
            return;
        };
        let others = seeds.conns_to(source).count();
        let failing = seeds.source_mut(source);
        if others > 0 {
            return failing.spare(others, cx.now + time);
        }
        failing.rest(cx.now + time, why.clone());
        let url = failing.url().to_owned();
        cx.event(self.key, EventKind::WebSeedFailed { url, error: why });
    }

    /// A source sent wrong bytes: never again.
    pub(super) fn ban_web_seed(&mut self, cx: &mut Cx<'_>, source: SourceIndex) {
        let Some(seeds) = &mut self.web_seeds else {
            return;
        };
        let culprit = seeds.source_mut(source);
        culprit.ban();
        let url = culprit.url().to_owned();
        self.close_lanes_to(cx, source);
        cx.event(self.key, EventKind::WebSeedBanned { url });
        self.drop_distrusted(cx);
    }

    /// The time of a connection is over, or it is to look for work.
    pub(super) fn look_at_lane(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        if conn.waits_for_download {
            conn.held_until = cx.now;
        }
        if cx.now >= super::time_outs::next(conn)
            && let Some(source) = conn.lane().map(|lane| lane.source)
        {
            let why = format!("nothing came for {} s", WEB_SEED_SILENCE.as_secs());
            return self.lane_failed(cx, key, source, WEB_SEED_REST, why);
        }
        self.fill(cx, key);
        self.rearm(cx, key);
    }

    /// The web seed that will be asked again the soonest, if none is asked now.
    pub(super) fn resting_web_seed(&self, now: Time) -> Option<Cause> {
        let seeds = self.web_seeds.as_ref()?;
        if seeds.conns().next().is_some() {
            return None;
        }
        let failed = seeds.sources().filter_map(|(_, source)| {
            let error = source.error()?.to_owned();
            Some((source.is_usable(), source.ready_at(), source.url(), error))
        });
        let (usable, at, url, error) = failed.min_by_key(|(usable, at, ..)| (!usable, *at))?;
        Some(Cause::WebSeed {
            url: url.to_owned(),
            error,
            retry_in: usable.then(|| at.since(now)),
        })
    }

    pub(crate) fn web_seed_stats(&self, conns: &Conns, now: Time) -> Vec<WebSeedStats> {
        let Some(seeds) = &self.web_seeds else {
            return Vec::new();
        };
        let stats = seeds.sources().map(|(index, source)| {
            let of = seeds
                .conns_to(index)
                .filter_map(|key| conns.get(key)?.peer());
            let counted = of.fold((0, 0, 0), |(count, rate, bytes), peer| {
                (
                    count + 1,
                    rate + peer.down.rate(now),
                    bytes + peer.downloaded,
                )
            });
            let (connections, download_bytes_per_s, downloaded) = counted;
            let error = || source.error().unwrap_or_default().to_owned();
            let status = if source.is_banned() {
                WebSeedStatus::Banned
            } else if !source.is_usable() {
                WebSeedStatus::Useless(error())
            } else if source.ready_at() > now {
                WebSeedStatus::Resting(error(), source.ready_at().since(now))
            } else {
                WebSeedStatus::Ready
            };
            WebSeedStats {
                url: source.url().to_owned(),
                status,
                connections,
                download_bytes_per_s,
                downloaded_bytes: source.downloaded() + downloaded,
            }
        });
        stats.collect()
    }
}

/// Gives a request up.
fn stop(cx: &mut Cx<'_>, fetch: FetchKey) {
    cx.shared.fetches.remove(fetch);
    cx.out.push(Action::FetchStop { fetch });
}
