//! The torrent's trackers: orders out, answers in.

use core::net::SocketAddr;
use std::time::Duration;

use superseed_proto::tracker::{AnnounceRequest, Event, TrackerError, http};

use super::Torrent;
use crate::action::{Action, HttpAnnounce};
use crate::candidates::CloseKind;
use crate::candidates::Voter;
use crate::engine::shared::{AnnounceOf, Cx};
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::input::TransferError;
use crate::limits::PEERS_PER_ANSWER_MAX;
use crate::stats::PeerSource;
use crate::trackers::udp::UdpAnnounce;
use crate::trackers::{
    AnnounceAnswer, AnnounceContext, AnnounceEvent, AnnounceOrder, FailureKind, SlotId, Transport,
};

impl Torrent {
    /// Sends the announces that are due and sets the timer for the next.
    pub(crate) fn announce(&mut self, cx: &mut Cx<'_>) {
        let context = AnnounceContext {
            connected: self
                .peers
                .iter()
                .filter(|key| {
                    cx.conns
                        .get(**key)
                        .is_some_and(|conn| conn.peer().is_some())
                })
                .count(),
            incoming_seen: self.incoming_seen,
            complete: self.is_complete(),
            wants_peers: self.wants_connections(cx),
        };
        let mut orders = Vec::new();
        let pace = &mut cx.shared.pace;
        self.trackers.poll(cx.now, &context, pace, &mut orders);
        for order in orders {
            self.send_announce(cx, order);
        }
        for url in self.trackers.take_unsupported() {
            let error = "the scheme of this tracker is not supported".to_owned();
            cx.event(self.key, EventKind::TrackerFailed { url, error });
        }
        cx.timer(Timer::Trackers(self.key), self.trackers.next_deadline());
    }

    fn send_announce(&mut self, cx: &mut Cx<'_>, order: AnnounceOrder) {
        let shared = &mut *cx.shared;
        let announce = shared.announces.insert(AnnounceOf {
            torrent: self.key,
            slot: order.slot,
        });
        let listener = shared
            .listeners
            .iter()
            .find(|(id, _)| *id == order.listener);
        let local = listener.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |(_, addr)| *addr);
        if order.transport == Transport::Udp {
            let request = UdpAnnounce {
                url: order.url,
                listener: order.listener,
                local,
                swarm: self.metainfo.info_hashes.primary_swarm_key(),
                peer_id: shared.peer_id,
                downloaded: self.totals.downloaded,
                uploaded: self.totals.uploaded,
                left: self.picker.left_bytes(),
                event: order.event,
                ip: shared.settings.announce_ip,
                key: order.key,
                numwant: order.numwant,
                timeout: order.timeout,
            };
            shared.udp.start(announce, request, cx.now);
            return crate::engine::udp::begin(cx);
        }
        let request = AnnounceRequest {
            swarm: self.metainfo.info_hashes.primary_swarm_key(),
            peer_id: shared.peer_id,
            port: local.port(),
            uploaded: self.totals.uploaded,
            downloaded: self.totals.downloaded,
            left: self.picker.left_bytes(),
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

    /// The body of an HTTP answer, or why there is none.
    pub(crate) fn http_answered(
        &mut self,
        cx: &mut Cx<'_>,
        slot: SlotId,
        result: Result<&[u8], TransferError>,
    ) {
        match result {
            Ok(body) => match http::parse_announce(body) {
                Ok(response) => {
                    if let Some(ours) = response.external_ip {
                        cx.shared.external_vote(Voter::Trackers(self.key), ours);
                    }
                    let seconds = |s: Option<u32>| s.map(|s| Duration::from_secs(s.into()));
                    let peers: Vec<_> = response.peers.iter().map(|peer| peer.addr).collect();
                    let answer = AnnounceAnswer {
                        interval: seconds(response.interval_s),
                        min_interval: seconds(response.min_interval_s),
                        tracker_id: response.tracker_id,
                        warning: response.warning,
                        seeders: response.complete.map(u64::from),
                        leechers: response.incomplete.map(u64::from),
                        downloads: response.downloaded.map(u64::from),
                        peers: peers.len(),
                    };
                    self.answered(cx, slot, answer, &peers);
                }
                Err(error) => {
                    let kind = match error {
                        TrackerError::Failure { retry_in, .. } => FailureKind::Refused { retry_in },
                        _ => FailureKind::Unanswered,
                    };
                    self.announce_failed(cx, slot, kind, error.to_string());
                }
            },
            Err(TransferError::NoAddress) => {
                self.announce_failed(
                    cx,
                    slot,
                    FailureKind::NoAddress,
                    TransferError::NoAddress.to_string(),
                );
            }
            Err(error) => {
                self.announce_failed(cx, slot, FailureKind::Unanswered, error.to_string());
            }
        }
    }

    /// A tracker answered.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        slot: SlotId,
        answer: AnnounceAnswer,
        peers: &[SocketAddr],
    ) {
        let url = self.tracker_url(slot);
        let warning = answer.warning.clone();
        let Some(accepted) = self.trackers.on_success(slot, cx.now, answer) else {
            return;
        };
        if accepted.drop_peers {
            self.drop_tracker_peers(cx);
        }
        if self.candidates.is_empty() {
            cx.shared.connect.boost();
        }
        let mut helped = false;
        for addr in peers.iter().take(PEERS_PER_ANSWER_MAX) {
            helped |= self.learn(cx, *addr, PeerSource::Tracker);
        }
        if helped {
            self.trackers.helped(slot);
        }
        cx.event(
            self.key,
            EventKind::TrackerOk {
                url,
                peers: peers.len(),
                warning,
            },
        );
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
        let url = self.tracker_url(slot);
        if self
            .trackers
            .on_failure(slot, cx.now, kind, message.clone())
        {
            cx.event(
                self.key,
                EventKind::TrackerFailed {
                    url,
                    error: message,
                },
            );
        }
        self.announced_farewell();
        self.announce(cx);
    }

    /// A private torrent changed its tracker: peers of the old one are none of
    /// the new one's business (BEP 27).
    fn drop_tracker_peers(&mut self, cx: &mut Cx<'_>) {
        self.candidates.drop_source(PeerSource::Tracker);
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

    fn tracker_url(&self, slot: SlotId) -> String {
        self.trackers.url(slot).unwrap_or_default().to_owned()
    }

    /// The listeners changed: announces go out for new ones.
    pub(crate) fn listeners_changed(&mut self, cx: &mut Cx<'_>) {
        self.trackers.set_listeners(&cx.shared.listeners);
        let own: Vec<SocketAddr> = cx.shared.listeners.iter().map(|(_, addr)| *addr).collect();
        self.candidates.set_self(&own);
        if self.is_running() {
            self.announce(cx);
        }
    }
}
