//! The glue between local discovery and the rest.

use core::net::SocketAddr;

use super::Engine;
use super::shared::Cx;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::time::Time;

/// Says what is due when its time has come; nothing is said from inside an event.
pub(crate) fn plan(cx: &mut Cx<'_>) {
    cx.timer(Timer::Lsd, cx.shared.lsd.next_deadline());
}

impl Engine {
    /// The listeners changed.
    pub(super) fn listen_near(&mut self, now: Time, out: &mut Outbox) {
        self.shared.lsd.listening(&self.shared.listeners);
        self.drive_lsd(now, out);
    }

    /// Says what is due.
    pub(super) fn drive_lsd(&mut self, now: Time, out: &mut Outbox) {
        let mut said = Vec::new();
        self.shared.lsd.poll(now, &mut said);
        for (listener, bytes) in said {
            out.push(Action::SendMulticast { listener, bytes });
        }
        let next = self.shared.lsd.next_deadline();
        self.shared.timers.set(Timer::Lsd, next);
    }

    /// Somebody was heard: each torrent that it shares with us meets it.
    pub(super) fn multicast(
        &mut self,
        near: bool,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
        out: &mut Outbox,
    ) {
        if !self.shared.settings.lsd {
            return;
        }
        let Some(neighbour) = self.shared.lsd.heard(from, near, bytes, now) else {
            return;
        };
        for swarm in neighbour.swarms {
            let key = self.swarms.get(&swarm);
            if let Some(key) = key.filter(|key| self.shared.lsd.announces(*key)) {
                self.with_any(key, now, out, |torrent, cx| {
                    torrent.meet(cx, neighbour.addr);
                });
            }
        }
        self.drive_lsd(now, out);
    }
}
