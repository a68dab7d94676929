//! The peers of a torrent that awaits its metadata.

use core::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use superseed_proto::wire::extended::HANDSHAKE_ID;
use superseed_proto::wire::{Capability, ExtendedHandshake, Handshake, Message, MetadataMessage};

use super::Awaiting;
use crate::action::Action;
use crate::candidates::{CloseKind, Voter};
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::input::ConnectError;
use crate::limits::OUTGOING_BUFFER_MAX;
use crate::peer::{Heard, Meeting, Phase};
use crate::stats::PeerSource;
use crate::time::Time;
use crate::torrent::announce::Answered;
use crate::torrent::extended::ours;
use crate::torrent::form::Form;
use crate::torrent::lasting::Lasting;
use crate::torrent::twins::{self, Twin};
use crate::torrent::{greet, time_outs};
use crate::trackers::{FailureKind, SlotId};

/// Who was met this long ago and has no metadata makes room for others.
const USELESS_AFTER: Duration = Duration::from_secs(10);

impl Form for Awaiting {
    fn announce(&mut self, cx: &mut Cx<'_>) {
        Self::announce(self, cx);
    }

    fn answered(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered) {
        if self.lasting.accept(cx, slot, &answered.answer).is_some() {
            self.lasting.learn_answer(cx, slot, answered);
            self.tracker_answered(cx);
        }
    }

    fn announce_failed(&mut self, cx: &mut Cx<'_>, slot: SlotId, kind: FailureKind, why: String) {
        self.lasting.note_failure(cx, slot, kind, why);
        self.tracker_answered(cx);
    }

    fn listeners_changed(&mut self, cx: &mut Cx<'_>) {
        self.lasting.set_listeners(cx);
        if self.runs() {
            Self::announce(self, cx);
        }
    }

    fn filter_changed(&mut self, cx: &mut Cx<'_>) {
        self.lasting.candidates.set_filter(&cx.shared.filter);
        for key in self.peers.clone() {
            if cx.is_blocked(key) {
                self.disconnect(cx, key, CloseKind::Ours, None);
            }
        }
        self.ask(cx);
    }

    fn connect_due(&mut self, cx: &mut Cx<'_>) {
        self.connect_more(cx);
    }

    /// It has nothing to seed.
    fn goal_check(&mut self, _: &mut Cx<'_>) {}

    fn peers_named(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr], source: PeerSource) {
        if self.lasting.learn_all(cx, peers, source) {
            self.connect_more(cx);
        }
    }

    fn meet(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        if self.lasting.learn(addr, PeerSource::Lsd, cx.now) {
            cx.shared.lsd.answer(self.lasting.key, cx.now);
            self.connect_more(cx);
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_>) {
        self.end(cx);
    }

    fn farewell_over(&mut self) {
        self.farewell_ends();
    }

    /// It has no storage.
    fn storage_closed(&mut self) {}

    fn connected(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        cx.begin_handshake(key, &self.lasting);
    }

    fn connect_failed(&mut self, cx: &mut Cx<'_>, key: ConnKey, error: ConnectError) {
        if let Some(conn) = cx.conns.get(key) {
            self.lasting.candidates.failed(conn.remote, cx.now, error);
        }
        self.forget(cx, key, CloseKind::Lost);
        self.connect_more(cx);
    }

    fn welcome(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> bool {
        if !self.is_fetching() {
            return false;
        }
        self.make_place(cx);
        self.has_place(cx) && self.lasting.admit(cx, key, &mut self.peers)
    }

    fn handshaken(&mut self, cx: &mut Cx<'_>, key: ConnKey, handshake: &Handshake) -> bool {
        if let Some(conn) = cx.conns.get_mut(key) {
            self.lasting.way_worked(conn);
        }
        let twin = twins::find(cx, &mut self.lasting, &self.peers, key, handshake);
        let fault = match twin {
            Ok(Twin::None) => None,
            Ok(Twin::Goes(twin)) => {
                self.disconnect(cx, twin, CloseKind::Duplicate, None);
                None
            }
            Ok(Twin::Stays(_)) => Some(PeerFault::Duplicate),
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            self.disconnect_for(cx, key, fault);
            return false;
        }
        cx.greet_early(key, handshake, &mut self.lasting);
        Self::announce(self, cx);
        true
    }

    fn read(&mut self, cx: &mut Cx<'_>, key: ConnKey, input: &[u8], _: Option<&Bytes>) {
        let result = cx.hear(key, input, |cx, heard| self.heard(cx, key, heard));
        if let Err(fault) = result {
            self.disconnect_for(cx, key, fault);
        }
    }

    fn lost(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.forget(cx, key, CloseKind::Lost);
        self.connect_more(cx);
        self.ask(cx);
    }

    fn disconnect_for(&mut self, cx: &mut Cx<'_>, key: ConnKey, fault: PeerFault) {
        self.disconnect(cx, key, fault.close_kind(), Some(fault));
        self.connect_more(cx);
        self.ask(cx);
    }
}

impl Awaiting {
    fn heard(&mut self, cx: &mut Cx<'_>, key: ConnKey, heard: Heard<'_>) -> Result<(), PeerFault> {
        match heard {
            Heard::Nothing | Heard::Refused { .. } => Ok(()),
            Heard::About(handshake) => self.told_about(cx, key, &handshake),
            Heard::Node(port) => {
                cx.hear_of_node(key, port);
                Ok(())
            }
            Heard::Extension {
                id: ours::UT_METADATA,
                payload,
            } => {
                let message = MetadataMessage::decode(payload);
                match message.map_err(|_| PeerFault::BadExtension)? {
                    MetadataMessage::Data {
                        piece,
                        total_len,
                        block,
                    } => self.block(cx, key, (piece, total_len), block),
                    MetadataMessage::Reject { piece } => {
                        // What nobody asked for costs nothing more.
                        if self.fetch.rejected(key, piece, cx.now) {
                            self.ask(cx);
                        }
                        Ok(())
                    }
                    MetadataMessage::Request { piece } => {
                        cx.refuse_metadata(key, piece);
                        Ok(())
                    }
                    MetadataMessage::Unknown(_) => Ok(()),
                }
            }
            Heard::Extension {
                id: ours::UT_PEX,
                payload,
            } if self.lasting.exchanges(cx.shared) => {
                if cx.hear_exchange(key, payload, &mut self.lasting)? {
                    self.connect_more(cx);
                }
                Ok(())
            }
            Heard::Extension { .. } => Ok(()),
        }
    }

    /// An extension handshake came: perhaps the peer has what we lack.
    fn told_about(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        handshake: &ExtendedHandshake,
    ) -> Result<(), PeerFault> {
        let Some(conn) = cx.conns.get(key) else {
            return Ok(());
        };
        let Some(meeting) = conn.meeting() else {
            return Ok(());
        };
        let host = conn.remote.ip();
        let takes_part = meeting.about.extensions.ut_metadata.is_some();
        if let Some(ours) = handshake.yourip {
            cx.shared.external_vote(Voter::Peer(host), ours, cx.now);
        }
        if !self.is_fetching() {
            return Ok(());
        }
        if takes_part {
            let len = handshake.metadata_size;
            self.fetch.joined(key, host, len, cx.now)?;
        } else {
            self.fetch.left(key);
        }
        self.ask(cx);
        Ok(())
    }

    pub(super) fn send_request(&self, cx: &mut Cx<'_>, key: ConnKey, piece: u32) {
        cx.send_metadata_message(key, &MetadataMessage::Request { piece });
    }

    /// When all places are taken, those who were met and have nothing make room
    /// for those who were not tried. Says when to look again.
    pub(super) fn give_up_useless(&mut self, cx: &mut Cx<'_>) -> Time {
        if !self.lasting.candidates.has_untried() {
            return Time::NEVER;
        }
        self.make_place(cx);
        if self.has_place(cx) {
            return Time::NEVER;
        }
        // Who is young now is old then, and who is of use may have rested.
        cx.now + USELESS_AFTER
    }

    fn has_place(&mut self, cx: &Cx<'_>) -> bool {
        self.peers.len() < self.dial(cx).places
    }

    /// Makes room for one more, if somebody is there in vain.
    fn make_place(&mut self, cx: &mut Cx<'_>) {
        while !self.has_place(cx) {
            let useless = |key: &ConnKey| {
                let conn = cx.conns.get(*key)?;
                conn.meeting()?;
                let old = cx.now.since(conn.since) >= USELESS_AFTER;
                (old && !self.fetch.is_of_use(*key, cx.now)).then_some((conn.since, *key))
            };
            let oldest = self.peers.iter().filter_map(useless).min();
            let Some((_, key)) = oldest else {
                return;
            };
            self.disconnect(cx, key, CloseKind::Useless, None);
        }
    }

    /// Forgets a connection that the host has closed, or was told to close.
    fn forget(&mut self, cx: &mut Cx<'_>, key: ConnKey, why: CloseKind) {
        self.peers.retain(|other| *other != key);
        self.fetch.left(key);
        self.count_bytes(cx);
        let Some(conn) = cx.conns.remove(key) else {
            return;
        };
        cx.shared.timers.clear(Timer::Conn(key));
        if conn.is_half_open() {
            cx.shared.connect.ended();
            self.lasting.candidates.abandoned(conn.remote, cx.now);
        } else if self.lasting.tries_other_way(cx, &conn, why) {
            // It may be tried at once.
        } else if !conn.incoming || conn.meeting().is_some() {
            self.lasting.candidates.closed(conn.remote, cx.now, why);
        }
    }

    /// Ends a connection on our side.
    pub(super) fn disconnect(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        why: CloseKind,
        fault: Option<PeerFault>,
    ) {
        let Some(addr) = cx.conns.get(key).map(|conn| conn.remote) else {
            return;
        };
        cx.out.push(Action::Close { conn: key });
        self.forget(cx, key, why);
        if let Some(fault) = fault {
            let kind = EventKind::PeerFault { addr, fault };
            cx.event(self.lasting.key, kind);
        }
    }

    /// A connection's time-out is due.
    pub(crate) fn conn_due(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get(key) else {
            return;
        };
        if conn.meeting().is_some() {
            if !cx.keep_alive(key) {
                self.disconnect_for(cx, key, PeerFault::Idle);
            }
        } else if conn.is_half_open() {
            let remote = conn.remote;
            let late = ConnectError::TimedOut;
            self.lasting.candidates.failed(remote, cx.now, late);
            self.disconnect(cx, key, CloseKind::Lost, None);
            self.connect_more(cx);
        } else {
            self.disconnect_for(cx, key, PeerFault::HandshakeTimeout);
        }
    }
}

impl Cx<'_> {
    /// A peer's handshake is whole and the pieces are not known: it is greeted
    /// as by somebody who has nothing.
    pub(crate) fn greet_early(
        &mut self,
        key: ConnKey,
        handshake: &Handshake,
        lasting: &mut Lasting,
    ) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let fast = handshake.reserved.has(Capability::Fast);
        let extended = handshake.reserved.has(Capability::ExtensionProtocol);
        conn.phase = Phase::Meeting(Box::new(Meeting::new(*handshake, fast)));
        conn.since = now;
        lasting.incoming_seen |= conn.incoming;
        lasting.candidates.connected(conn.remote, now);
        if fast {
            conn.send(&Message::HaveNone);
        }
        if extended {
            let about = greet::about_us(self.shared, &self.conns[key], lasting);
            let payload = about.encode();
            if let Some(conn) = self.conns.get_mut(key) {
                conn.send(&Message::Extended {
                    id: HANDSHAKE_ID,
                    payload: &payload,
                });
            }
        }
        self.want_write(key);
        if handshake.reserved.has(Capability::Dht) {
            self.tell_node(key);
        }
        let at = time_outs::next(&self.conns[key]);
        self.timer(Timer::Conn(key), at);
    }

    /// Reads messages of a peer while nobody knows the pieces.
    pub(crate) fn hear(
        &mut self,
        key: ConnKey,
        mut input: &[u8],
        mut act: impl FnMut(&mut Cx<'_>, Heard<'_>) -> Result<(), PeerFault>,
    ) -> Result<(), PeerFault> {
        let meeting = |cx: &mut Self| cx.conns.get_mut(key)?.meeting_mut()?.decoder.take();
        let Some(mut decoder) = meeting(self) else {
            return Ok(());
        };
        while let Some(event) = decoder.next(&mut input).map_err(PeerFault::Wire)? {
            let Some(conn) = self.conns.get_mut(key) else {
                return Ok(());
            };
            if conn.outgoing.message_bytes() > OUTGOING_BUFFER_MAX {
                return Err(PeerFault::RequestFlood);
            }
            let Some(meeting) = conn.meeting_mut() else {
                return Ok(());
            };
            let heard = meeting.take(event)?;
            if let Heard::Refused { piece, begin, len } = heard {
                self.refuse_block(key, piece, begin, len);
            } else {
                act(self, heard)?;
            }
        }
        if let Some(meeting) = self.conns.get_mut(key).and_then(|conn| conn.meeting_mut()) {
            meeting.decoder = Some(decoder);
        }
        Ok(())
    }

    /// A peer tells of others. Says whether somebody is new.
    fn hear_exchange(
        &mut self,
        key: ConnKey,
        payload: &[u8],
        lasting: &mut Lasting,
    ) -> Result<bool, PeerFault> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(false);
        };
        let from = conn.remote;
        let Some(meeting) = conn.meeting_mut() else {
            return Ok(false);
        };
        let heard = &mut meeting.exchange.get_or_insert_default().heard;
        lasting.hear(heard, from, payload, false, self.now)
    }

    fn refuse_block(&mut self, key: ConnKey, piece: u32, begin: u32, len: u32) {
        if let Some(conn) = self.conns.get_mut(key) {
            conn.send(&Message::Reject { piece, begin, len });
            self.want_write(key);
        }
    }

    /// Metadata that is not there is asked for.
    pub(crate) fn refuse_metadata(&mut self, key: ConnKey, piece: u32) {
        self.send_metadata_message(key, &MetadataMessage::Reject { piece });
    }

    fn send_metadata_message(&mut self, key: ConnKey, message: &MetadataMessage<'_>) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let about = conn.meeting().map(|meeting| &meeting.about);
        if let Some(id) = about.and_then(|about| about.extensions.ut_metadata) {
            conn.send(&Message::Extended {
                id,
                payload: &message.encode(),
            });
            self.want_write(key);
        }
    }
}
