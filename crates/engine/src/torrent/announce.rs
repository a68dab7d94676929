//! The torrent's trackers: orders out, answers in, awake or dormant.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_proto::tracker::{AnnounceRequest, Event, TrackerError, http};

use super::Torrent;
use super::lasting::Lasting;
use crate::action::{Action, HttpAnnounce};
use crate::candidates::CloseKind;
use crate::engine::shared::{AnnounceOf, Cx};
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::input::TransferError;
use crate::limits::PEERS_PER_ANSWER_MAX;
use crate::stats::PeerSource;
use crate::trackers::udp::UdpAnnounce;
use crate::trackers::{
    Accepted, AnnounceAnswer, AnnounceContext, AnnounceEvent, AnnounceOrder, FailureKind, SlotId,
    Transport,
};

/// A tracker's answer as it matters to a torrent.
pub(crate) struct Answered {
    pub(crate) answer: AnnounceAnswer,
    pub(crate) peers: Vec<SocketAddr>,
    /// Our address as the tracker sees it.
    pub(crate) ours: Option<IpAddr>,
}

/// What the body of an HTTP answer says, or why there is none.
pub(crate) fn read_http(
    result: Result<&[u8], TransferError>,
) -> Result<Answered, (FailureKind, String)> {
    let body = result.map_err(|error| {
        let kind = match error {
            TransferError::NoAddress => FailureKind::NoAddress,
            _ => FailureKind::Unanswered,
        };
        (kind, error.to_string())
    })?;
    let response = http::parse_announce(body).map_err(|error| {
        let kind = match error {
            TrackerError::Failure { retry_in, .. } => FailureKind::Refused { retry_in },
            _ => FailureKind::Unanswered,
        };
        (kind, error.to_string())
    })?;
    let seconds = |s: Option<u32>| s.map(|s| Duration::from_secs(s.into()));
    let peers: Vec<_> = response.peers.iter().map(|peer| peer.addr).collect();
    Ok(Answered {
        answer: AnnounceAnswer {
            interval: seconds(response.interval_s),
            min_interval: seconds(response.min_interval_s),
            tracker_id: response.tracker_id,
            warning: response.warning,
            seeders: response.complete.map(u64::from),
            leechers: response.incomplete.map(u64::from),
            downloads: response.downloaded.map(u64::from),
            peers: peers.len(),
        },
        peers,
        ours: response.external_ip,
    })
}

impl Lasting {
    /// Sends the announces that are due and sets the timer for the next.
    pub(crate) fn announce(&mut self, cx: &mut Cx<'_>, context: &AnnounceContext, left: u64) {
        let mut orders = Vec::new();
        let pace = &mut cx.shared.pace;
        self.trackers.poll(cx.now, context, pace, &mut orders);
        for order in orders {
            self.send_announce(cx, order, left);
        }
        for (url, fault) in self.trackers.take_refused() {
            let error = fault.to_string();
            cx.event(self.key, EventKind::TrackerFailed { url, error });
        }
        cx.timer(Timer::Trackers(self.key), self.trackers.next_deadline());
    }

    fn send_announce(&mut self, cx: &mut Cx<'_>, order: AnnounceOrder, left: u64) {
        let shared = &mut *cx.shared;
        let announce = shared.announces.insert(AnnounceOf {
            torrent: self.key,
            slot: order.slot,
        });
        let listener = shared.announced().find(|(id, _)| *id == order.listener);
        let local = listener.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |(_, addr)| addr);
        if order.transport == Transport::Udp {
            let request = UdpAnnounce {
                url: order.url,
                listener: order.listener,
                local,
                swarm: self.info_hashes.primary_swarm_key(),
                peer_id: shared.peer_id,
                downloaded: self.totals.downloaded,
                uploaded: self.totals.uploaded,
                left,
                event: order.event,
                ip: shared.settings.announce_ip,
                key: order.key,
                numwant: order.numwant,
                timeout: order.timeout,
            };
            match shared.settings.udp_trackers {
                true => shared.udp.start(announce, request, cx.now),
                false => shared.udp.refuse(announce),
            }
            return crate::engine::udp::begin(cx);
        }
        let request = AnnounceRequest {
            swarm: self.info_hashes.primary_swarm_key(),
            peer_id: shared.peer_id,
            port: local.port(),
            uploaded: self.totals.uploaded,
            downloaded: self.totals.downloaded,
            left,
            event: match order.event {
                AnnounceEvent::Regular => None,
                AnnounceEvent::Started => Some(Event::Started),
                AnnounceEvent::Completed => Some(Event::Completed),
                AnnounceEvent::Stopped => Some(Event::Stopped),
            },
            numwant: Some(order.numwant),
            key: order.key,
            tracker_id: order.tracker_id,
            ip: shared.settings.announce_ip,
            ipv4: None,
            ipv6: None,
            no_peer_id: true,
        };
        cx.out.push(Action::HttpAnnounce(Box::new(HttpAnnounce {
            announce,
            url: http::announce_url(&order.url, &request),
            from: order.listener,
            timeout: order.timeout,
        })));
    }

    /// Takes an answer. `None` is one to an attempt that was given up.
    pub(crate) fn accept(
        &mut self,
        cx: &mut Cx<'_>,
        slot: SlotId,
        answer: &AnnounceAnswer,
    ) -> Option<Accepted> {
        self.trackers.on_success(slot, cx.now, answer.clone())
    }

    /// Learns what peers an answer named, and says so.
    pub(crate) fn learn_answer(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered) {
        if self.candidates.is_empty() {
            cx.shared.connect.boost();
        }
        let mut helped = false;
        for addr in answered.peers.iter().take(PEERS_PER_ANSWER_MAX) {
            helped |= self.learn(*addr, PeerSource::Tracker, cx.now);
        }
        if helped {
            self.trackers.helped(slot);
        }
        let kind = EventKind::TrackerOk {
            url: self.tracker_url(slot),
            peers: answered.answer.peers,
            warning: answered.answer.warning,
        };
        cx.event(self.key, kind);
    }

    /// Notes that an announce failed, and says so if it is worth it.
    pub(crate) fn note_failure(
        &mut self,
        cx: &mut Cx<'_>,
        slot: SlotId,
        kind: FailureKind,
        error: String,
    ) {
        let url = self.tracker_url(slot);
        if self.trackers.on_failure(slot, cx.now, kind, error.clone()) {
            cx.event(self.key, EventKind::TrackerFailed { url, error });
        }
    }

    /// The listeners changed.
    pub(crate) fn set_listeners(&mut self, cx: &mut Cx<'_>) {
        self.leave_dht(cx);
        let announced: Vec<_> = cx.shared.announced().collect();
        self.trackers.set_listeners(&announced);
        let own: Vec<SocketAddr> = cx.shared.listeners.iter().map(|(_, addr)| *addr).collect();
        self.candidates.set_self(&own);
    }

    fn tracker_url(&self, slot: SlotId) -> String {
        self.trackers.url(slot).unwrap_or_default().to_owned()
    }
}

impl Torrent {
    /// Sends the announces that are due and sets the timer for the next.
    pub(crate) fn announce(&mut self, cx: &mut Cx<'_>) {
        let is_up = |key: &&crate::ids::ConnKey| {
            let conn = cx.conns.get(**key);
            conn.is_some_and(|conn| conn.peer().is_some())
        };
        let context = AnnounceContext {
            connected: self.peers.iter().filter(is_up).count(),
            incoming_seen: self.lasting.incoming_seen,
            complete: self.is_complete(),
            wants_peers: self.wants_connections(cx),
        };
        let left = self.picker.left_bytes();
        self.lasting.announce(cx, &context, left);
    }

    /// A tracker answered.
    pub(crate) fn answered(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered) {
        let Some(accepted) = self.lasting.accept(cx, slot, &answered.answer) else {
            return;
        };
        if accepted.drop_peers {
            self.drop_tracker_peers(cx);
        }
        self.lasting.learn_answer(cx, slot, answered);
        self.announced_farewell();
        self.connect_more(cx);
        self.announce(cx);
    }

    /// A tracker did not answer, or refused.
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

    /// A private torrent changed its tracker: peers of the old one are none of
    /// the new one's business (BEP 27).
    fn drop_tracker_peers(&mut self, cx: &mut Cx<'_>) {
        self.lasting.candidates.drop_source(PeerSource::Tracker);
        for key in self.peers.clone() {
            if cx
                .conns
                .get(key)
                .is_some_and(|conn| conn.source == PeerSource::Tracker)
            {
                self.disconnect(cx, key, CloseKind::Ours, None);
            }
        }
    }

    /// The listeners changed, or the ports that the world calls them at: announces
    /// go out for new ones.
    pub(crate) fn listeners_changed(&mut self, cx: &mut Cx<'_>) {
        self.lasting.set_listeners(cx);
        if self.is_running() {
            self.announce(cx);
        }
    }
}
