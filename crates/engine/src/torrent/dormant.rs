//! A torrent that is dormant: complete, without a peer, and with neither
//! hashes nor names nor pieces in memory. It announces, counts its time and
//! answers handshakes; for anything else it is woken.
//!
//! ```text
//!           a peer, a candidate, a wish      its turn           storage
//!   Asleep ───────────────────────────▶ Due ─────────▶ Waking ────┬───▶ awake
//!     ▲                                                           │
//!     └── resumed by the user ── Failed ◀─────────────────────────┘ error
//! ```
//!
//! It never holds more than what lasts: connections that wait for it and what
//! the user asked meanwhile.

use core::net::SocketAddr;

use superseed_proto::layout::Layout;
use superseed_proto::wire::Handshake;

use super::announce::Answered;
use super::lasting::Lasting;
use super::{Leaving, dial, life};
use crate::action::Action;
use crate::candidates::CloseKind;
use crate::disk::{Amendment, DiskError, DiskOp};
use crate::engine::jobs::{Job, JobKind};
use crate::engine::memory::DeviceIndex;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::{EventKind, TorrentState};
use crate::explain::{Cause, Explanation};
use crate::holdings::TorrentHoldings;
use crate::ids::ConnKey;
use crate::input::Command;
use crate::limits::CANDIDATES_PER_DORMANT_MAX;
use crate::lsd::Turn;
use crate::peer::{Early, Phase};
use crate::stats::{PeerSource, TorrentStats};
use crate::time::Time;
use crate::trackers::{AnnounceContext, FailureKind, SlotId};

/// What a dormant torrent has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Had {
    pub(crate) layout: Layout,
    pub(crate) wanted_bytes: u64,
    pub(crate) have_bytes: u64,
    pub(crate) pieces_have: u32,
}

/// How deep the sleep is.
#[derive(Debug)]
enum Sleep {
    Asleep,
    /// It is to be woken when it is its turn.
    Due,
    /// Storage reads what was kept.
    Waking,
    /// It could not be woken.
    Failed(DiskError),
    /// It says farewell.
    Leaving(Leaving),
}

/// A dormant torrent.
pub(crate) struct Dormant {
    pub(crate) lasting: Lasting,
    had: Had,
    sleep: Sleep,
    /// It became due in this input.
    wake_due: bool,
    /// Connections that name it.
    peers: Vec<ConnKey>,
    /// What the user wants of it when it is awake.
    wishes: Vec<Command>,
}

impl Dormant {
    /// A torrent that just fell asleep, or that was kept in an earlier run.
    pub(crate) fn new(lasting: Lasting, had: Had) -> Self {
        Self {
            lasting,
            had,
            sleep: Sleep::Asleep,
            wake_due: false,
            peers: Vec::new(),
            wishes: Vec::new(),
        }
    }

    /// A torrent that was kept in an earlier run begins, unless it is paused.
    pub(crate) fn begin(&mut self, cx: &mut Cx<'_>) {
        self.lasting.set_listeners(cx);
        self.say_state(cx);
        if !self.lasting.options.paused {
            self.start(cx);
        }
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.lasting.complete_since.get_or_insert(cx.now);
        self.lasting.trackers.start(cx.now);
        self.say_state(cx);
        self.watch_goal(cx);
        if self.runs() {
            self.lasting.candidates.wake(cx.now);
            self.announce(cx);
            self.plan_connect(cx);
        }
    }

    /// Whether it would serve a peer.
    pub(crate) fn runs(&self) -> bool {
        let rests = matches!(self.sleep, Sleep::Asleep | Sleep::Due | Sleep::Waking);
        rests && !self.lasting.options.paused
    }

    fn state(&self) -> TorrentState {
        match self.sleep {
            Sleep::Failed(_) => TorrentState::Failed,
            Sleep::Leaving(_) => TorrentState::Paused,
            _ if self.lasting.options.paused => TorrentState::Paused,
            _ => TorrentState::Seeding,
        }
    }

    fn say_state(&mut self, cx: &mut Cx<'_>) {
        let state = self.state();
        self.lasting.say_state(cx, state);
    }

    /// Wakes it when there is room.
    pub(crate) fn wake(&mut self) {
        if matches!(self.sleep, Sleep::Asleep) {
            self.sleep = Sleep::Due;
            self.wake_due = true;
        }
    }

    /// Whether it became due since this was last asked.
    pub(crate) fn take_wake_due(&mut self) -> bool {
        std::mem::take(&mut self.wake_due)
    }

    /// Its turn has come. False if it need not be woken any more.
    pub(crate) fn begin_waking(&mut self, cx: &mut Cx<'_>) -> bool {
        if !matches!(self.sleep, Sleep::Due) {
            return false;
        }
        if self.peers.is_empty() && self.wishes.is_empty() && !self.may_connect(cx) {
            // Who wanted something of it is gone.
            self.sleep = Sleep::Asleep;
            self.plan_connect(cx);
            return false;
        }
        self.sleep = Sleep::Waking;
        let wanted = self.lasting.options.wanted();
        self.disk(cx, JobKind::Wake, DiskOp::Wake { wanted });
        true
    }

    pub(crate) fn disk(&self, cx: &mut Cx<'_>, kind: JobKind, op: DiskOp) {
        let torrent = self.lasting.key;
        let device = DeviceIndex::default();
        let job = Job {
            torrent,
            device,
            kind,
        };
        cx.disk(torrent, job, op);
    }

    /// How it is cut into pieces.
    pub(crate) fn layout(&self) -> &Layout {
        &self.had.layout
    }

    /// Whether storage is at waking it.
    pub(crate) fn is_waking(&self) -> bool {
        matches!(self.sleep, Sleep::Waking)
    }

    /// What an awake torrent goes on with: what lasts, who waits for it, and
    /// what the user wants of it.
    pub(crate) fn into_parts(self) -> (Lasting, Vec<ConnKey>, Vec<Command>) {
        (self.lasting, self.peers, self.wishes)
    }

    /// What was kept of it is not there any more, or damaged.
    pub(crate) fn wake_failed(&mut self, cx: &mut Cx<'_>, error: DiskError) {
        let runs = self.runs();
        self.lasting.count_seeding_time(cx.now);
        self.sleep = Sleep::Failed(error.clone());
        self.wishes.clear();
        self.close_all(cx);
        cx.timer(Timer::Connect(self.lasting.key), Time::NEVER);
        cx.timer(Timer::Goal(self.lasting.key), Time::NEVER);
        if runs {
            self.lasting.trackers.stop(cx.now);
            self.announce(cx);
        }
        cx.event(self.lasting.key, EventKind::Failed(error));
        self.say_state(cx);
    }

    // Users.

    /// Does what the user wants, or wakes to do it.
    pub(crate) fn command(&mut self, cx: &mut Cx<'_>, command: Command) {
        match command {
            Command::Pause(_) => self.pause(cx),
            Command::Resume(_) => self.resume(cx),
            Command::Remove(_) => self.leave(cx),
            Command::Reannounce(_) => {
                self.lasting.trackers.reannounce(cx.now);
                self.announce(cx);
            }
            Command::AddPeer(_, addr) => {
                self.lasting.learn(addr, PeerSource::User, cx.now);
                self.plan_connect(cx);
            }
            Command::AddTracker(_, url) => {
                self.lasting.add_tracker(cx, &url);
                self.lasting.kept = false;
                self.announce(cx);
            }
            Command::SetLimits(_, limits) => {
                self.lasting.options.limits = limits;
                self.lasting.kept = false;
            }
            Command::SetSequential(_, sequential) => {
                self.lasting.options.sequential = sequential;
                self.lasting.kept = false;
            }
            Command::SetSuperSeed(_, super_seed) => {
                self.lasting.options.super_seed = super_seed;
                self.lasting.kept = false;
            }
            // Nothing is waited for where everything is known and there.
            Command::SetDeadline(..) | Command::ProvideMetadata(..) | Command::Begin(..) => {}
            wish => {
                if !matches!(self.sleep, Sleep::Failed(_) | Sleep::Leaving(_)) {
                    self.wishes.push(wish);
                    self.wake();
                }
            }
        }
    }

    fn pause(&mut self, cx: &mut Cx<'_>) {
        let runs = self.runs();
        self.lasting.options.paused = true;
        self.lasting.kept = false;
        if !runs {
            return;
        }
        self.lasting.count_seeding_time(cx.now);
        self.close_all(cx);
        self.lasting.trackers.stop(cx.now);
        self.announce(cx);
        cx.timer(Timer::Connect(self.lasting.key), Time::NEVER);
        cx.timer(Timer::Goal(self.lasting.key), Time::NEVER);
        self.say_state(cx);
    }

    fn resume(&mut self, cx: &mut Cx<'_>) {
        let was_paused = std::mem::take(&mut self.lasting.options.paused);
        self.lasting.kept &= !was_paused;
        match self.sleep {
            Sleep::Failed(_) => {
                self.sleep = Sleep::Asleep;
                self.start(cx);
                // Whether it can be woken again is seen at once.
                self.wishes.push(Command::Wake(self.lasting.key));
                self.wake();
            }
            Sleep::Leaving(_) => {}
            Sleep::Asleep | Sleep::Due | Sleep::Waking if was_paused => self.start(cx),
            Sleep::Asleep | Sleep::Due | Sleep::Waking => {}
        }
    }

    fn watch_goal(&mut self, cx: &mut Cx<'_>) {
        self.lasting.plan_goal(cx);
        self.goal_check(cx);
    }

    /// Pauses when the seeding goal is reached.
    pub(crate) fn goal_check(&mut self, cx: &mut Cx<'_>) {
        if self.runs() && self.lasting.is_goal_reached(&self.had.layout, cx.now) {
            cx.event(self.lasting.key, EventKind::GoalReached);
            self.pause(cx);
        }
    }

    // Trackers and candidates.

    /// Sends the announces that are due and sets the timer for the next.
    pub(crate) fn announce(&mut self, cx: &mut Cx<'_>) {
        let context = AnnounceContext {
            connected: 0,
            incoming_seen: self.lasting.incoming_seen,
            complete: true,
            wants_peers: self.runs() && cx.conns.len() < cx.shared.settings.connections_max,
        };
        self.lasting.announce(cx, &context, 0);
    }

    pub(crate) fn answered(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered) {
        let Some(accepted) = self.lasting.accept(cx, slot, &answered.answer) else {
            return;
        };
        if accepted.drop_peers {
            self.lasting.candidates.drop_source(PeerSource::Tracker);
        }
        self.lasting.learn_answer(cx, slot, answered);
        self.lasting.candidates.shrink(CANDIDATES_PER_DORMANT_MAX);
        self.announced_farewell();
        self.plan_connect(cx);
        self.announce(cx);
    }

    pub(crate) fn announce_failed(
        &mut self,
        cx: &mut Cx<'_>,
        slot: SlotId,
        kind: FailureKind,
        message: String,
    ) {
        self.lasting.note_failure(cx, slot, kind, message);
        self.announced_farewell();
        self.announce(cx);
    }

    pub(crate) fn listeners_changed(&mut self, cx: &mut Cx<'_>) {
        self.lasting.set_listeners(cx);
        if self.runs() {
            self.announce(cx);
        }
    }

    /// Lets neighbours hear of it, as long as it would serve them.
    pub(crate) fn tell_neighbours(&mut self, cx: &mut Cx<'_>) {
        let turn = self.runs().then_some(Turn::Dormant);
        self.lasting.tell_neighbours(cx, turn);
        self.lasting.join_dht(cx, turn);
    }

    /// Somebody named peers of its swarm.
    pub(crate) fn peers_named(
        &mut self,
        cx: &mut Cx<'_>,
        peers: &[SocketAddr],
        source: PeerSource,
    ) {
        if self.lasting.learn_all(cx, peers, source) {
            self.lasting.candidates.shrink(CANDIDATES_PER_DORMANT_MAX);
            self.plan_connect(cx);
        }
    }

    /// A neighbour is in its swarm. One that is new is to hear of us soon.
    pub(crate) fn meet(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        if self.lasting.learn(addr, PeerSource::Lsd, cx.now) {
            cx.shared.lsd.answer(self.lasting.key, cx.now);
            self.lasting.candidates.shrink(CANDIDATES_PER_DORMANT_MAX);
            self.plan_connect(cx);
        }
    }

    /// Whether there is an address to connect to, and room for it.
    fn may_connect(&self, cx: &Cx<'_>) -> bool {
        self.runs()
            && self.lasting.candidates.next_deadline(cx.now) <= cx.now
            && cx.conns.len() < cx.shared.settings.connections_max
            && cx.shared.connect.allow(cx.now)
    }

    /// Wakes for a candidate that may be tried, or when it may be.
    pub(crate) fn plan_connect(&mut self, cx: &mut Cx<'_>) {
        if self.may_connect(cx) {
            return self.wake();
        }
        let at = match self.lasting.candidates.next_deadline(cx.now) {
            _ if !self.runs() => Time::NEVER,
            // There is no room. Thousands of others may wait for the same.
            at if at <= cx.now => cx.now + dial::PLACE_RETRY,
            at => at,
        };
        cx.timer(Timer::Connect(self.lasting.key), at);
    }

    // Peers.

    /// Takes a connection whose handshake names this torrent, if it may.
    pub(crate) fn welcome(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> bool {
        self.runs() && self.lasting.admit(cx, key, &mut self.peers)
    }

    /// The handshake of a connection is whole: it waits until the torrent is
    /// awake.
    pub(crate) fn handshaken(&mut self, cx: &mut Cx<'_>, key: ConnKey, handshake: &Handshake) {
        let ours = handshake.peer_id == cx.shared.peer_id;
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        if ours || conn.swarm != Some(handshake.swarm) {
            if ours {
                self.lasting.candidates.mark_self(conn.remote);
            }
            return self.close(cx, key);
        }
        conn.phase = Phase::Waiting(Box::new(Early {
            handshake: *handshake,
            bytes: Vec::new(),
        }));
        self.wake();
    }

    /// A connection goes on behind its handshake.
    pub(crate) fn hear(&mut self, cx: &mut Cx<'_>, key: ConnKey, bytes: &[u8]) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        match &mut conn.phase {
            Phase::Waiting(early) if bytes.len() <= early.room() => {
                early.bytes.extend_from_slice(bytes);
            }
            // A host that reads more than it may has broken the stream.
            _ => self.close(cx, key),
        }
    }

    /// Ends a connection that names this torrent.
    pub(crate) fn close(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        if cx.conns.contains_key(key) {
            cx.out.push(Action::Close { conn: key });
        }
        self.forget(cx, key);
    }

    /// A connection that named this torrent is no more.
    pub(crate) fn forget(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.peers.retain(|other| *other != key);
        if let Some(conn) = cx.conns.remove(key)
            && matches!(conn.phase, Phase::Waiting(_))
        {
            let candidates = &mut self.lasting.candidates;
            candidates.closed(conn.remote, cx.now, CloseKind::Lost);
        }
        cx.shared.timers.clear(Timer::Conn(key));
    }

    fn close_all(&mut self, cx: &mut Cx<'_>) {
        for key in std::mem::take(&mut self.peers) {
            self.close(cx, key);
        }
    }

    /// Ends the connections of those who are blocked.
    pub(crate) fn close_blocked(&mut self, cx: &mut Cx<'_>) {
        for key in self.peers.clone() {
            if cx.is_blocked(key) {
                self.close(cx, key);
            }
        }
    }

    // The end.

    /// Begins the end: trackers hear `stopped`, the record learns of the time
    /// spent complete. It is never woken for that.
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.sleep, Sleep::Leaving(_)) {
            return;
        }
        let announces = self.runs();
        let key = self.lasting.key;
        self.lasting.count_seeding_time(cx.now);
        let failed = matches!(self.sleep, Sleep::Failed(_));
        self.close_all(cx);
        self.wishes.clear();
        cx.shared.timers.clear_torrent(key);
        self.sleep = Sleep::Leaving(Leaving::default());
        if announces {
            self.lasting.trackers.stop(cx.now);
            self.announce(cx);
        }
        cx.timer(Timer::Farewell(key), cx.now + life::FAREWELL);
        if failed {
            self.close_storage(cx);
        } else {
            let amendment = Amendment {
                totals: self.lasting.record_totals(cx.now),
                terms: self.lasting.terms(),
            };
            let op = DiskOp::Amend(Box::new(amendment));
            self.disk(cx, JobKind::Amend, op);
        }
        self.announced_farewell();
    }

    /// The record is amended, as far as that was possible: what it lacks is the
    /// time since, and no piece depends on it.
    pub(crate) fn amended(&mut self, cx: &mut Cx<'_>) {
        self.close_storage(cx);
    }

    fn close_storage(&mut self, cx: &mut Cx<'_>) {
        if let Sleep::Leaving(leaving) = &mut self.sleep
            && !leaving.close_asked
        {
            leaving.close_asked = true;
            self.disk(cx, JobKind::Close, DiskOp::Close);
        }
    }

    pub(crate) fn closed(&mut self) {
        if let Sleep::Leaving(leaving) = &mut self.sleep {
            leaving.storage_closed = true;
        }
    }

    fn announced_farewell(&mut self) {
        let all_stopped = self.lasting.trackers.all_stopped();
        if let Sleep::Leaving(leaving) = &mut self.sleep {
            leaving.announces_done |= all_stopped;
        }
    }

    pub(crate) fn farewell_over(&mut self) {
        if let Sleep::Leaving(leaving) = &mut self.sleep {
            leaving.announces_done = true;
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(&self.sleep, Sleep::Leaving(leaving) if leaving.is_over())
    }

    // Questions.

    pub(crate) fn torrent_stats(&self, now: Time) -> TorrentStats {
        TorrentStats {
            wanted_bytes: self.had.wanted_bytes,
            have_bytes: self.had.have_bytes,
            pieces_have: self.had.pieces_have,
            error: match &self.sleep {
                Sleep::Failed(error) => Some(error.message.clone()),
                _ => None,
            },
            ..self.lasting.stats(&self.had.layout, self.state(), now)
        }
    }

    pub(crate) fn explain(&self) -> Explanation {
        Explanation::of(match &self.sleep {
            Sleep::Failed(error) => Cause::Failed {
                error: error.clone(),
            },
            _ if !self.runs() => Cause::Paused,
            _ => Cause::Complete {
                interested: 0,
                unchoked: 0,
            },
        })
    }

    pub(crate) fn holdings(&self) -> TorrentHoldings {
        TorrentHoldings {
            peers: self.peers.len(),
            ..self.lasting.holdings()
        }
    }

    /// Whether every piece that a run of the torrent's bytes touches is there,
    /// as far as can be told without them.
    pub(crate) fn has_all(&self) -> bool {
        self.had.pieces_have == self.had.layout.piece_count()
    }
}
