//! Timers that are due.

use super::Engine;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::candidates::CloseKind;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::input::ConnectError;
use crate::peer::Phase;
use crate::time::Time;
use crate::torrent::Torrent;

impl Engine {
    /// Fires everything that is due.
    pub(super) fn tick(&mut self, now: Time, out: &mut Outbox) {
        while let Some(timer) = self.shared.timers.pop_due(now) {
            match timer {
                Timer::Conn(conn) => self.conn_due(conn, now, out),
                Timer::Choke(key) => self.with_torrent(key, now, out, |torrent, cx| {
                    torrent.choke_round(cx);
                }),
                Timer::Trackers(key) => self.with_torrent(key, now, out, Torrent::announce),
                Timer::Connect(key) => self.with_torrent(key, now, out, Torrent::connect_more),
                Timer::Sync(key) => self.with_torrent(key, now, out, Torrent::sync_now),
                Timer::DiskRetry(key) => self.with_torrent(key, now, out, Torrent::disk_retry),
                Timer::Inquiry(key) => self.with_torrent(key, now, out, Torrent::inquiry_due),
                Timer::Haves(key) => self.with_torrent(key, now, out, Torrent::send_haves),
                Timer::Goal(key) => self.with_torrent(key, now, out, Torrent::goal_check),
                Timer::Farewell(key) => {
                    self.with_torrent(key, now, out, |torrent, _| torrent.farewell_over());
                }
                Timer::UdpTrackers => self.drive_udp(now, out),
                Timer::UploadQuota => self.wake_uploads(now, out),
                Timer::DownloadQuota => self.wake_downloads(now, out),
                Timer::Shutdown => out.push(Action::ShutdownDone),
            }
        }
    }

    fn conn_due(&mut self, key: ConnKey, now: Time, out: &mut Outbox) {
        let Some(conn) = self.conns.get(key) else {
            return;
        };
        let (connecting, traffic) = (conn.is_half_open(), matches!(conn.phase, Phase::Traffic(_)));
        let Some(torrent) = conn.torrent else {
            return self.refuse_stranger(key, out);
        };
        let remote = conn.remote;
        self.with_torrent(torrent, now, out, |torrent, cx| {
            if traffic {
                torrent.look_at(cx, key);
            } else if connecting {
                torrent
                    .candidates
                    .failed(remote, now, ConnectError::TimedOut);
                torrent.disconnect(cx, key, CloseKind::Lost, None);
            } else {
                torrent.disconnect_for(cx, key, PeerFault::HandshakeTimeout);
            }
        });
    }
}
