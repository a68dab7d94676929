//! The glue between the UDP tracker client and the rest.

use core::net::SocketAddr;

use super::Engine;
use super::lookups::Lookup;
use super::shared::{Cx, Shared};
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::ids::{AnnounceKey, ListenerId};
use crate::time::Time;
use crate::torrent::announce::Answered;
use crate::trackers::udp::{UdpAction, UdpAnswer, UdpFailure};

/// An answer that belongs to some torrent.
type Done = (AnnounceKey, Result<UdpAnswer, UdpFailure>);

/// Performs what the client wants and returns the announces that ended.
fn poll(shared: &mut Shared, now: Time, out: &mut Outbox) -> Vec<Done> {
    let (mut actions, mut done) = (Vec::new(), Vec::new());
    shared.udp.poll(now, &mut shared.secret, &mut actions);
    for action in actions {
        match action {
            UdpAction::Resolve { host } => {
                shared.look_up(host.clone(), Lookup::Tracker(host), out);
            }
            UdpAction::Send {
                listener,
                to,
                bytes,
            } => {
                out.push(Action::SendDatagram {
                    listener,
                    to,
                    bytes,
                });
            }
            UdpAction::Done { announce, result } => done.push((announce, result)),
        }
    }
    shared
        .timers
        .set(Timer::UdpTrackers, shared.udp.next_deadline());
    done
}

/// Lets the client begin what a torrent just ordered; answers come later.
pub(crate) fn begin(cx: &mut Cx<'_>) {
    cx.shared.timers.set(Timer::UdpTrackers, cx.now);
}

impl Engine {
    /// Lets the client work and hands its answers to the torrents.
    pub(super) fn drive_udp(&mut self, now: Time, out: &mut Outbox) {
        for (announce, result) in poll(&mut self.shared, now, out) {
            let Some(of) = self.shared.announces.remove(announce) else {
                continue;
            };
            match result {
                Ok(answer) => {
                    let answered = Answered {
                        answer: answer.answer,
                        peers: answer.peers,
                        ours: None,
                    };
                    self.answered(of, answered, now, out);
                }
                Err(failure) => {
                    self.announce_failed(of, failure.kind, failure.message, now, out);
                }
            }
        }
    }

    /// A UDP tracker answered, or somebody who would be taken for one.
    pub(super) fn udp_answer(
        &mut self,
        listener: ListenerId,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
        out: &mut Outbox,
    ) {
        if self.shared.udp.on_datagram(listener, from, bytes, now) {
            self.drive_udp(now, out);
        }
    }
}
