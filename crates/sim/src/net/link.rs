//! Links: each machine sends through one queue and receives through another,
//! and the streams that use it take turns, a segment each.

use std::collections::VecDeque;
use std::time::Duration;

use superseed_engine::Time;

use super::stream::{EndId, Segment};
use super::{Net, NetEvent, NodeId, Notice};

/// The longest segment: a block, so that a fast line costs few events.
const SEGMENT_MAX: usize = 16 << 10;
/// The shortest segment: what fits into an Ethernet frame.
const SEGMENT_MIN: usize = 1_460;
/// A segment holds a link for about this long at most.
const TURN: Duration = Duration::from_millis(20);

/// One direction of a machine's link.
pub(super) struct Lane {
    bytes_per_s: Option<u64>,
    busy: bool,
    waiting: VecDeque<EndId>,
}

impl Lane {
    pub(super) fn new(bytes_per_s: Option<u64>) -> Self {
        Self {
            bytes_per_s,
            busy: false,
            waiting: VecDeque::new(),
        }
    }

    fn quantum(&self) -> usize {
        self.bytes_per_s.map_or(SEGMENT_MAX, |rate| {
            let turn = rate as f64 * TURN.as_secs_f64();
            (turn as usize).clamp(SEGMENT_MIN, SEGMENT_MAX)
        })
    }

    fn time_for(&self, len: usize) -> Option<Duration> {
        self.bytes_per_s
            .map(|rate| Duration::from_micros((len as u64 * 1_000_000).div_ceil(rate.max(1))))
    }
}

impl Net {
    /// Queues an end for its uplink if it has something to send.
    pub(super) fn offer_uplink(&mut self, end: EndId, now: Time) {
        let Some(stream) = self.streams.get_mut(end.stream) else {
            return;
        };
        let sender = stream.end_mut(end);
        let node = sender.node;
        let window = self.nodes[node.0 as usize].spec.window_bytes;
        if sender.waits_for_uplink || !sender.can_send(window) {
            return;
        }
        sender.waits_for_uplink = true;
        self.node(node).up.waiting.push_back(end);
        self.serve_uplink(node, now);
    }

    fn serve_uplink(&mut self, node: NodeId, now: Time) {
        loop {
            let place = &mut self.nodes[node.0 as usize];
            if place.up.busy {
                return;
            }
            let Some(end) = place.up.waiting.pop_front() else {
                return;
            };
            let (quantum, window) = (place.up.quantum(), place.spec.window_bytes);
            let Some(stream) = self.streams.get_mut(end.stream) else {
                continue;
            };
            let sender = stream.end_mut(end);
            if !sender.can_send(window) {
                sender.waits_for_uplink = false;
                continue;
            }
            let segment = sender.take_segment(quantum);
            sender.waits_for_uplink = sender.can_send(window);
            if sender.waits_for_uplink {
                place.up.waiting.push_back(end);
            }
            self.on_wire += segment.len() as u64;
            match place.up.time_for(segment.len()) {
                Some(time) => {
                    place.up.busy = true;
                    let done = NetEvent::UplinkDone(node, end, segment);
                    self.due.push((now + time, done));
                }
                None => self.depart(end, segment, now),
            }
        }
    }

    pub(super) fn uplink_done(&mut self, node: NodeId, end: EndId, segment: Segment, now: Time) {
        self.node(node).up.busy = false;
        self.depart(end, segment, now);
        self.serve_uplink(node, now);
    }

    /// A segment has left its machine.
    fn depart(&mut self, end: EndId, segment: Segment, now: Time) {
        let Some(stream) = self.streams.get(end.stream) else {
            self.lose(&segment);
            return;
        };
        let (from, to) = (stream.end(end).node, stream.end(end.other()).node);
        let at = now + self.delay(from, to);
        let low_water = self.node(from).spec.send_buffer_bytes / 2;
        let sender = self.streams[end.stream].end_mut(end);
        let at = at.max(sender.last_arrival);
        sender.last_arrival = at;
        if sender.wants_room && sender.send_len <= low_water {
            sender.wants_room = false;
            if sender.open {
                self.notices.push_back(Notice::Writable(from, end));
            }
        }
        self.due.push((at, NetEvent::Arrive(end.other(), segment)));
    }

    pub(super) fn arrive(&mut self, end: EndId, segment: Segment, now: Time) {
        let Some(stream) = self.streams.get_mut(end.stream) else {
            self.lose(&segment);
            return;
        };
        let receiver = stream.end_mut(end);
        let node = receiver.node;
        if self.nodes[node.0 as usize].down.bytes_per_s.is_none() {
            self.deliver(end, segment, now);
            return;
        }
        self.on_wire -= segment.len() as u64;
        receiver.arrived.push_back(segment);
        if !receiver.waits_for_downlink {
            receiver.waits_for_downlink = true;
            self.node(node).down.waiting.push_back(end);
            self.serve_downlink(node, now);
        }
    }

    fn serve_downlink(&mut self, node: NodeId, now: Time) {
        let place = &mut self.nodes[node.0 as usize];
        while !place.down.busy {
            let Some(end) = place.down.waiting.pop_front() else {
                return;
            };
            let Some(stream) = self.streams.get_mut(end.stream) else {
                continue;
            };
            let receiver = stream.end_mut(end);
            let Some(segment) = receiver.arrived.pop_front() else {
                receiver.waits_for_downlink = false;
                continue;
            };
            receiver.waits_for_downlink = !receiver.arrived.is_empty();
            if receiver.waits_for_downlink {
                place.down.waiting.push_back(end);
            }
            self.on_wire += segment.len() as u64;
            let time = place.down.time_for(segment.len()).unwrap_or_default();
            place.down.busy = true;
            self.due
                .push((now + time, NetEvent::DownlinkDone(node, end, segment)));
        }
    }

    pub(super) fn downlink_done(&mut self, node: NodeId, end: EndId, segment: Segment, now: Time) {
        self.node(node).down.busy = false;
        self.deliver(end, segment, now);
        self.serve_downlink(node, now);
    }

    /// A segment is in its receiver's hands.
    fn deliver(&mut self, end: EndId, segment: Segment, now: Time) {
        let Some(stream) = self.streams.get_mut(end.stream) else {
            self.lose(&segment);
            return;
        };
        let (node, sender_node) = (stream.end(end).node, stream.end(end.other()).node);
        let receiver = stream.end_mut(end);
        self.on_wire -= segment.len() as u64;
        match segment {
            Segment::Data(bytes) if !receiver.open => {
                // Nobody reads here any more: the system answers with a reset.
                self.ledger.dropped += bytes.len() as u64;
                stream.end_mut(end.other()).in_flight -= bytes.len();
                let at = now + self.delay(node, sender_node);
                self.due.push((at, NetEvent::Reset(end.other())));
            }
            Segment::Fin if !receiver.open => {}
            Segment::Data(bytes) => {
                receiver.deliver(bytes);
                self.notices.push_back(Notice::Readable(node, end));
            }
            Segment::Fin => {
                receiver.eof = true;
                self.notices.push_back(Notice::Readable(node, end));
            }
        }
    }

    fn lose(&mut self, segment: &Segment) {
        self.on_wire -= segment.len() as u64;
        self.ledger.dropped += segment.len() as u64;
    }
}
