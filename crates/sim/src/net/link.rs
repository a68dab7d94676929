//! Links: each machine sends through one queue and receives through another,
//! and the streams that use it take turns, a segment each.
//!
//! A link that is free costs no event: what leaves it is known at once. On the
//! way down a segment passes while it still arrives, as its packets do: it is
//! late only where the downlink is slower than the uplink, or taken.

use std::collections::VecDeque;
use std::time::Duration;

use superseed_engine::Time;

use super::stream::{EndId, Segment};
use super::{Net, NetEvent, NodeId, Notice};

/// The longest segment: a block and the messages before it, so that a fast line
/// costs few events.
const SEGMENT_MAX: usize = (16 << 10) + 512;
/// The shortest segment: what fits into an Ethernet frame.
const SEGMENT_MIN: usize = 1_460;
/// A segment holds a link for about this long at most.
const TURN: Duration = Duration::from_millis(20);

/// How long a link can be busy with what was already given to it, as the queue
/// of a network card is: many short segments cost one event.
const AHEAD: Duration = Duration::from_millis(1);

/// One direction of a machine's link.
pub(super) struct Lane {
    bytes_per_s: Option<u64>,
    /// Until then the last segment takes it.
    free_at: Time,
    /// An event comes when it is free.
    event_due: bool,
    waiting: VecDeque<EndId>,
    /// What takes it, where that is delivered at the end.
    passing: Option<(EndId, Segment)>,
}

impl Lane {
    pub(super) fn new(bytes_per_s: Option<u64>) -> Self {
        Self {
            bytes_per_s,
            free_at: Time::START,
            event_due: false,
            waiting: VecDeque::new(),
            passing: None,
        }
    }

    fn quantum(&self) -> usize {
        self.bytes_per_s.map_or(SEGMENT_MAX, |rate| {
            let turn = rate as f64 * TURN.as_secs_f64();
            (turn as usize).clamp(SEGMENT_MIN, SEGMENT_MAX)
        })
    }

    fn time_for(&self, segment: Segment) -> Duration {
        self.bytes_per_s.map_or(Duration::ZERO, |rate| {
            Duration::from_micros((segment.len() as u64 * 1_000_000).div_ceil(rate.max(1)))
        })
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
            let lane = &mut place.up;
            if lane.waiting.is_empty() {
                return;
            }
            if lane.free_at > now + AHEAD {
                if !lane.event_due {
                    lane.event_due = true;
                    self.due.push((lane.free_at, NetEvent::UplinkFree(node)));
                }
                return;
            }
            let Some(end) = lane.waiting.pop_front() else {
                return;
            };
            let (quantum, window) = (lane.quantum(), place.spec.window_bytes);
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
                lane.waiting.push_back(end);
            }
            lane.free_at = lane.free_at.max(now) + lane.time_for(segment);
            let departs = lane.free_at;
            self.depart(end, segment, departs);
        }
    }

    pub(super) fn uplink_free(&mut self, node: NodeId, now: Time) {
        self.node(node).up.event_due = false;
        self.serve_uplink(node, now);
    }

    /// A segment begins to leave its machine; its last byte leaves at `departs`.
    fn depart(&mut self, end: EndId, segment: Segment, departs: Time) {
        let Some(stream) = self.streams.get(end.stream) else {
            return;
        };
        let (from, to) = (stream.end(end).node, stream.end(end.other()).node);
        let at = departs + self.delay(from, to);
        let low_water = self.node(from).spec.send_buffer_bytes / 2;
        let sender = self.streams[end.stream].end_mut(end);
        let at = at.max(sender.last_arrival);
        sender.last_arrival = at;
        if sender.wants_room && sender.unsent <= low_water {
            sender.wants_room = false;
            if sender.open {
                let of = self.streams[end.stream].owned(end);
                self.notices.push_back(Notice::Writable(of));
            }
        }
        self.due.push((at, NetEvent::Arrive(end.other(), segment)));
    }

    /// The last byte of a segment comes to the downlink of its receiver.
    pub(super) fn arrive(&mut self, end: EndId, segment: Segment, now: Time) {
        let Some(stream) = self.streams.get_mut(end.stream) else {
            return;
        };
        let sender = &self.nodes[stream.end(end.other()).node.0 as usize];
        let came_in = sender.up.time_for(segment);
        let receiver = stream.end_mut(end);
        let node = receiver.node;
        let lane = &mut self.nodes[node.0 as usize].down;
        let takes = lane.time_for(segment);
        if lane.passing.is_none() {
            let taken_for = takes.saturating_sub(came_in);
            let done = (lane.free_at + takes).max(now + taken_for);
            if done <= now {
                lane.free_at = now;
                return self.deliver(end, segment, now);
            }
            self.pass(node, end, segment, done);
        } else {
            receiver.arrived.push_back(segment);
            if !receiver.waits_for_downlink {
                receiver.waits_for_downlink = true;
                lane.waiting.push_back(end);
            }
        }
    }

    fn pass(&mut self, node: NodeId, end: EndId, segment: Segment, done: Time) {
        self.node(node).down.passing = Some((end, segment));
        self.due.push((done, NetEvent::DownlinkFree(node)));
    }

    pub(super) fn downlink_free(&mut self, node: NodeId, now: Time) {
        let lane = &mut self.node(node).down;
        lane.free_at = now;
        if let Some((end, segment)) = lane.passing.take() {
            self.deliver(end, segment, now);
        }
        while let Some(end) = self.node(node).down.waiting.pop_front() {
            let Some(stream) = self.streams.get_mut(end.stream) else {
                continue;
            };
            let receiver = stream.end_mut(end);
            let Some(segment) = receiver.arrived.pop_front() else {
                receiver.waits_for_downlink = false;
                continue;
            };
            receiver.waits_for_downlink = !receiver.arrived.is_empty();
            let lane = &mut self.nodes[node.0 as usize].down;
            if receiver.waits_for_downlink {
                lane.waiting.push_back(end);
            }
            let done = now + lane.time_for(segment);
            return self.pass(node, end, segment, done);
        }
    }

    /// A segment is in its receiver's hands.
    fn deliver(&mut self, end: EndId, segment: Segment, now: Time) {
        let Some(stream) = self.streams.get_mut(end.stream) else {
            return;
        };
        let (node, sender_node) = (stream.end(end).node, stream.end(end.other()).node);
        let open = stream.end(end).open;
        match segment {
            Segment::Data(len) if !open => {
                // Nobody reads here any more: the system answers with a reset.
                stream.drop_arriving(end, len as usize);
                self.drop_bytes(len as usize);
                let at = now + self.delay(node, sender_node);
                self.due.push((at, NetEvent::Reset(end.other())));
            }
            Segment::Fin if !open => {}
            Segment::Data(len) => {
                stream.end_mut(end).unread += len as usize;
                self.notices.push_back(Notice::Readable(stream.owned(end)));
            }
            Segment::Fin => {
                stream.end_mut(end).eof = true;
                self.notices.push_back(Notice::Readable(stream.owned(end)));
            }
        }
    }
}
