//! Driving an engine: inputs in, actions out, bytes pulled and pushed.
//!
//! This is the simulator's counterpart of the real host's loop, and stricter:
//! it writes only after `WantWrite`, reads only what `read_allowance` gives,
//! and ticks only when a deadline has come.

use slotmap::Key as _;
use superseed_engine::{
    Action, ConnKey, ConnectError, Engine, EventKind, Input, ListenerId, StreamEnd, Time,
    TorrentKey,
};

use superseed_engine::engine::Reason;
use superseed_proto::BLOCK_LEN;

use super::check::WakeCheck;
use super::host::Conn;
use super::said::{Said, Way};
use super::{Happening, HostId, Split, World};
use crate::net::{ConnectEnd, EndId, Notice};

/// The most that one read gives the engine.
const READ_MAX: usize = 64 << 10;
/// Half of a block, in bytes.
const HALF_BLOCK: usize = BLOCK_LEN as usize / 2;
/// So many slices are mostly enough: a few blocks, and the messages between.
const OFFERED_SLICES: usize = 16;
/// What is looked at beyond the room that a stream has: one block.
const OFFER_BEYOND: usize = BLOCK_LEN as usize;

impl World {
    /// Gives an engine an input and does everything that follows at once.
    pub(super) fn feed(&mut self, id: HostId, input: Input<'_>) {
        self.deliver(id, input);
        self.settle_host(id);
    }

    /// Gives an engine an input and performs its actions.
    fn deliver(&mut self, id: HostId, input: Input<'_>) {
        self.journal.input(self.now, id.0, &input);
        let host = &mut self.hosts[id.0];
        host.inputs += 1;
        let Some(engine) = host.engine.as_mut() else {
            return;
        };
        engine.handle(input, self.now, &mut host.outbox);
        while let Some(action) = self.hosts[id.0].outbox.pop() {
            match action {
                Action::WantWrite { conn } => self.journal.want_write(self.now, id.0, conn),
                Action::SendDatagram { to, ref bytes, .. } if bytes.first() == Some(&b'd') => {
                    self.journal.datagram(self.now, id.0, to, bytes);
                }
                _ => self.journal.action(self.now, id.0, &action),
            }
            self.perform(id, action);
        }
    }

    /// Moves bytes until nothing is ready, then sets the next tick.
    fn settle_host(&mut self, id: HostId) {
        loop {
            let host = &mut self.hosts[id.0];
            if let Some(conn) = host.to_write.pop() {
                self.pump_out(id, conn);
            } else if let Some(conn) = host.to_read.pop() {
                self.pump_in(id, conn);
            } else {
                break;
            }
        }
        self.check_host(id);
        self.check_memory(id);
        self.set_wake(id);
    }

    fn set_wake(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        let deadline = host.engine.as_ref().and_then(Engine::next_deadline);
        let Some((at, _)) = deadline else { return };
        // A tick that comes too early costs less than one that is taken back.
        if at < host.wake_at {
            host.wake_at = at;
            host.wake_number += 1;
            let number = host.wake_number;
            self.queue
                .push(at.max(self.now), Happening::Wake(id, number));
        }
    }

    pub(super) fn wake(&mut self, id: HostId, number: u32) {
        let host = &mut self.hosts[id.0];
        if host.wake_number != number {
            return;
        }
        host.wake_at = Time::NEVER;
        let deadline = host.engine.as_ref().and_then(Engine::next_deadline);
        match deadline {
            Some((at, reason)) if at <= self.now => {
                let tick = WakeCheck {
                    host: id.0,
                    deadline: at,
                    reason,
                };
                if let Err(why) = self.watch.tick(self.now, tick) {
                    self.fail(&why);
                }
                self.feed(id, Input::Tick);
                if reason == Reason::Choke {
                    self.check_peers_of(id);
                }
            }
            _ => self.set_wake(id),
        }
    }

    fn perform(&mut self, id: HostId, action: Action) {
        let now = self.now;
        let host = &mut self.hosts[id.0];
        match action {
            Action::Added { ticket, torrent } => host.added(ticket, torrent),
            Action::AddRefused { reason, .. } => self.fail(&format!("torrent refused: {reason}")),
            Action::Removed { torrent } => {
                host.torrents.retain(|known| known.key != Some(torrent));
            }
            Action::Accept { ticket, conn } => {
                if let Some(end) = host.waiting.remove(&ticket) {
                    self.adopt(id, conn, end, true);
                }
            }
            Action::Refuse { ticket } => {
                if let Some(end) = host.waiting.remove(&ticket) {
                    self.net.close(end, now);
                }
            }
            Action::Connect { conn, remote, from } => {
                assert!(
                    from.is_none_or(|from| from == ListenerId(0)),
                    "there is one listener"
                );
                let end = self.net.connect(host.node, remote, now);
                self.note(id, Way::Call(remote), &[]);
                self.adopt(id, conn, end, false);
            }
            Action::Close { conn } => self.close_conn(id, conn),
            Action::WantWrite { conn } => {
                if let Some(known) = host.conns.get_mut(conn)
                    && known.up
                    && !known.queued_write
                {
                    known.queued_write = true;
                    host.to_write.push(conn);
                }
            }
            Action::WantRead { conn } => {
                if let Some(known) = host.conns.get_mut(conn)
                    && std::mem::take(&mut known.read_waits)
                {
                    host.to_read.push(conn);
                }
            }
            Action::Metadata { torrent, .. } => self.metadata_came(id, torrent),
            Action::Disk(job) => self.begin_disk_job(id, job),
            Action::HttpAnnounce(announce) => self.http_announce(id, &announce),
            Action::Fetch(fetch) => self.fetch(id, fetch),
            Action::FetchMore { fetch, bytes } => self.fetch_more(id, fetch, bytes),
            Action::FetchStop { fetch } => self.fetch_stop(id, fetch),
            Action::Resolve { resolve, host } => self.resolve(id, resolve, &host),
            Action::Work(job) => self.begin_work(id, *job),
            Action::SendDatagram { to, bytes, .. } => {
                self.note(id, Way::Datagram(to.ip()), &bytes);
                self.send_datagram(id, to, bytes);
            }
            Action::SendMulticast { bytes, .. } => {
                self.note(id, Way::Multicast, &bytes);
                self.say_near(id, bytes);
            }
            Action::Event(event) => {
                self.note_event(id, event.torrent, &event.kind);
                self.hosts[id.0].events.push((now, event));
            }
            Action::Found { ticket, found } => host.found.push((ticket, now, *found)),
            Action::ShutdownDone => host.shut_down = true,
        }
    }

    fn adopt(&mut self, id: HostId, conn: ConnKey, end: EndId, up: bool) {
        let host = &mut self.hosts[id.0];
        if let Some(counter) = &mut host.counter
            && let Some(remote) = self.net.remote_ip(end)
        {
            counter.open(end, remote);
        }
        let known = Conn {
            end,
            up,
            read_waits: false,
            queued_write: false,
        };
        host.conns.insert(conn, known);
        self.net.set_owner(end, conn.data().as_ffi());
    }

    /// Forgets a connection that the engine gave up.
    fn close_conn(&mut self, id: HostId, conn: ConnKey) {
        let Some(known) = self.hosts[id.0].conns.remove(conn) else {
            return;
        };
        if known.up {
            // A last attempt to send, without a report.
            let _ = self.pull(id, conn, known.end);
        }
        if let Some(counter) = &mut self.hosts[id.0].counter {
            counter.forget(known.end);
        }
        self.net.close(known.end, self.now);
    }

    /// Moves what the engine offers into the pipe; tells how much that was.
    fn pull(&mut self, id: HostId, conn: ConnKey, end: EndId) -> usize {
        let room = self.net.room(end);
        if room == 0 {
            self.net.want_room(end);
            return 0;
        }
        let host = &mut self.hosts[id.0];
        let engine = host
            .engine
            .as_mut()
            .expect("a machine that is off sends nothing");
        let mut slices = Vec::with_capacity(OFFERED_SLICES);
        engine.outgoing(conn, room + OFFER_BEYOND, self.now, &mut slices);
        let mut len = 0;
        let waits = self.net.has_unsent(end);
        if let Split::UpTo(most) = host.spec.writes {
            let most = room.min(host.rng.between(1, most as u64) as usize);
            slices.truncate(1);
            slices
                .iter_mut()
                .for_each(|slice| *slice = &slice[..slice.len().min(most)]);
        }
        for slice in slices {
            // A block goes whole, as soon as half of it fits: in two parts it
            // would cost twice as much.
            let left = room.saturating_sub(len);
            let taken = &slice[..slice.len().min(left + HALF_BLOCK)];
            if left == 0 || (taken.len() < slice.len() && (waits || len > 0)) {
                self.net.want_room(end);
                break;
            }
            len += taken.len();
            if let Some(said) = &mut self.said
                && let Some(to) = self.net.remote_ip(end)
            {
                said.push(Said::on_stream(self.now, id, end, to, taken));
            }
            if let Some(counter) = &mut host.counter {
                counter.sent(end, taken);
            }
            // Blocks of the source are passed on without a copy.
            let mut torrents = host.torrents.iter();
            match torrents.find_map(|torrent| torrent.content.share(taken)) {
                Some((offset, bytes)) => {
                    self.journal.sent_source(id.0, offset, taken.len());
                    self.net.share(end, bytes);
                }
                None => {
                    self.journal.sent(id.0, taken);
                    self.net.copy(end, taken);
                }
            }
        }
        if len > 0 {
            self.net.push(end, self.now);
        }
        len
    }

    fn pump_out(&mut self, id: HostId, conn: ConnKey) {
        loop {
            let Some(known) = self.hosts[id.0].conns.get_mut(conn) else {
                return;
            };
            known.queued_write = false;
            let end = known.end;
            let len = self.pull(id, conn, end);
            if len == 0 {
                return;
            }
            self.deliver(id, Input::Sent { conn, len });
        }
    }

    fn pump_in(&mut self, id: HostId, conn: ConnKey) {
        loop {
            let Some(known) = self.hosts[id.0].conns.get(conn) else {
                return;
            };
            let end = known.end;
            let readable = self.net.readable(end);
            if readable == 0 {
                if self.net.at_eof(end) {
                    self.forget(id, conn, end);
                    self.net.close(end, self.now);
                    self.deliver(
                        id,
                        Input::Closed {
                            conn,
                            end: StreamEnd::Eof,
                        },
                    );
                }
                return;
            }
            let now = self.now;
            let host = &mut self.hosts[id.0];
            let allowed = host.engine().read_allowance(conn, now);
            if allowed == 0 {
                if let Some(known) = host.conns.get_mut(conn) {
                    known.read_waits = true;
                }
                return;
            }
            let split = match host.spec.split {
                Split::Whole => READ_MAX,
                Split::UpTo(most) => host.rng.between(1, most as u64) as usize,
            };
            let mut scratch = std::mem::take(&mut self.scratch);
            let shared = self.net.read(end, split.min(allowed), &mut scratch, now);
            if let Some(counter) = &mut host.counter {
                counter.received(end, shared.as_deref().unwrap_or(&scratch));
            }
            // Blocks of the source are kept without a copy, as they were sent.
            let input = match shared {
                Some(bytes) => Input::ReceivedShared { conn, bytes },
                None => Input::Received {
                    conn,
                    bytes: &scratch,
                },
            };
            self.deliver(id, input);
            self.scratch = scratch;
        }
    }

    fn forget(&mut self, id: HostId, conn: ConnKey, end: EndId) {
        let host = &mut self.hosts[id.0];
        host.conns.remove(conn);
        if let Some(counter) = &mut host.counter {
            counter.forget(end);
        }
    }

    /// Passes news of the network to an engine.
    pub(super) fn notify_host(&mut self, id: HostId, notice: Notice) {
        if self.hosts[id.0].engine.is_none() {
            return;
        }
        match notice {
            Notice::Incoming { end, remote, .. } => {
                let host = &mut self.hosts[id.0];
                let ticket = host.next_ticket();
                host.waiting.insert(ticket, end);
                let listener = ListenerId(0);
                self.feed(
                    id,
                    Input::Incoming {
                        ticket,
                        remote,
                        listener,
                    },
                );
            }
            Notice::Connected(of) => {
                if let Some((conn, known)) = self.hosts[id.0].owned(of) {
                    known.up = true;
                    self.feed(id, Input::Connected { conn });
                }
            }
            Notice::ConnectFailed(of, why) => {
                if let Some((conn, &mut Conn { end, .. })) = self.hosts[id.0].owned(of) {
                    self.forget(id, conn, end);
                    let error = match why {
                        ConnectEnd::Refused => ConnectError::Refused,
                        ConnectEnd::TimedOut => ConnectError::TimedOut,
                    };
                    self.feed(id, Input::ConnectFailed { conn, error });
                }
            }
            Notice::Readable(of) => {
                if let Some((conn, known)) = self.hosts[id.0].owned(of)
                    && !known.read_waits
                {
                    self.hosts[id.0].to_read.push(conn);
                    self.settle_host(id);
                }
            }
            Notice::Writable(of) => {
                if let Some((conn, _)) = self.hosts[id.0].owned(of) {
                    self.hosts[id.0].to_write.push(conn);
                    self.settle_host(id);
                }
            }
            Notice::Reset(of) => {
                if let Some((conn, &mut Conn { end, .. })) = self.hosts[id.0].owned(of) {
                    self.forget(id, conn, end);
                    self.feed(
                        id,
                        Input::Closed {
                            conn,
                            end: StreamEnd::Reset,
                        },
                    );
                }
            }
        }
    }

    /// Keeps the progress of a torrent and checks what the engine claims.
    fn note_event(&mut self, id: HostId, key: TorrentKey, kind: &EventKind) {
        let now = self.now;
        let host = &mut self.hosts[id.0];
        if let EventKind::Piece(piece) = kind
            && !host.disk.store_of(key).piece_is_right(*piece)
        {
            self.fail(&format!(
                "{id:?} verified {piece:?}, but its disk says otherwise"
            ));
        }
        let Some(torrent) = host.torrent_mut(key) else {
            return;
        };
        let all = torrent.content.layout().piece_count();
        let progress = &mut torrent.progress;
        match kind {
            EventKind::Piece(_) => progress.pieces += 1,
            EventKind::PieceFailed(piece) => progress.failed_pieces.push(*piece),
            EventKind::PeerBanned { addr } => progress.banned.push(*addr),
            EventKind::WebSeedBanned { url } => progress.banned_web_seeds.push(url.clone()),
            EventKind::Complete => progress.completed = Some(now),
            _ => {}
        }
        let engine = host.engine.as_ref();
        let ended = matches!(kind, EventKind::Piece(_) | EventKind::Checked { .. });
        if ended
            && let Some(stats) = engine.and_then(|engine| engine.torrent_stats(key, now))
            && stats.pieces_have == all
        {
            if let Some(torrent) = host.torrent_mut(key) {
                torrent.progress.finished.get_or_insert(now);
            }
            if let Some(counter) = &mut host.counter {
                counter.close();
            }
        }
    }
}
