//! Timers that are due.

use smallvec::SmallVec;

use super::Engine;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::candidates::CloseKind;
use crate::fault::PeerFault;
use crate::ids::{ConnKey, TorrentKey};
use crate::input::ConnectError;
use crate::peer::Phase;
use crate::time::Time;
use crate::torrent::Torrent;
use crate::torrent::awaiting::Awaiting;

impl Engine {
    /// Fires everything that is due.
    pub(super) fn tick(&mut self, now: Time, out: &mut Outbox) {
        let mut unfinished: SmallVec<[TorrentKey; 2]> = SmallVec::new();
        while let Some(timer) = self.shared.timers.pop_due(now) {
            match timer {
                Timer::Conn(conn) => {
                    let torrent = self.conn_due(conn, now, out);
                    unfinished.extend(torrent.filter(|key| !unfinished.contains(key)));
                }
                Timer::Choke(key) => self.with_torrent(key, now, out, |torrent, cx| {
                    torrent.choke_round(cx);
                }),
                Timer::Trackers(key) => {
                    self.with_any(key, now, out, |form, cx| form.announce(cx));
                }
                Timer::Connect(key) => {
                    self.with_any(key, now, out, |form, cx| form.connect_due(cx));
                }
                Timer::Sync(key) => self.with_torrent(key, now, out, Torrent::sync_now),
                Timer::DiskRetry(key) => self.with_torrent(key, now, out, Torrent::disk_retry),
                Timer::Inquiry(key) => self.with_torrent(key, now, out, Torrent::inquiry_due),
                Timer::Haves(key) => self.with_torrent(key, now, out, Torrent::send_haves),
                Timer::Pex(key) => self.with_torrent(key, now, out, Torrent::send_exchange),
                Timer::Metadata(key) => {
                    self.with_awaiting(key, now, out, Awaiting::metadata_due);
                }
                Timer::Goal(key) => {
                    self.with_any(key, now, out, |form, cx| form.goal_check(cx));
                }
                // Who is asked now is seen at the end of each input.
                Timer::WebSeeds(key) => self.with_torrent(key, now, out, |_, _| ()),
                Timer::Idle(key) => self.with_torrent(key, now, out, Torrent::idle_due),
                Timer::Farewell(key) => {
                    self.with_any(key, now, out, |form, _| form.farewell_over());
                }
                // Whose turn it is now is seen at the end of each input.
                Timer::Waking => {}
                Timer::Lsd => self.drive_lsd(now, out),
                Timer::Dht => self.drive_dht(now, out),
                Timer::UdpTrackers => self.drive_udp(now, out),
                Timer::UploadQuota => self.wake_uploads(now, out),
                Timer::DownloadQuota => self.wake_downloads(now, out),
                Timer::Shutdown => out.push(Action::ShutdownDone),
            }
        }
        // A thousand peers that are late at once free their blocks for others
        // once, not a thousand times.
        for key in unfinished {
            self.with_torrent(key, now, out, |_, _| ());
        }
    }

    /// What follows from it is left to do, for the torrent that is given.
    fn conn_due(&mut self, key: ConnKey, now: Time, out: &mut Outbox) -> Option<TorrentKey> {
        let conn = self.conns.get(key)?;
        let (connecting, traffic) = (conn.is_half_open(), matches!(conn.phase, Phase::Traffic(_)));
        let Some(torrent_key) = conn.torrent else {
            self.refuse_stranger(key, out);
            return None;
        };
        if self.is_dormant(torrent_key) {
            self.with_dormant(torrent_key, now, out, |dormant, cx| dormant.close(cx, key));
            return None;
        }
        if self.torrents.is_awaiting(torrent_key) {
            self.with_awaiting(torrent_key, now, out, |one, cx| one.conn_due(cx, key));
            return None;
        }
        let (remote, meets) = (conn.remote, conn.meeting().is_some());
        let (torrent, mut cx) = self.torrent_cx(torrent_key, now, out)?;
        if traffic {
            torrent.look_at(&mut cx, key);
        } else if meets {
            if !cx.keep_alive(key) {
                torrent.disconnect_for(&mut cx, key, PeerFault::Idle);
            }
        } else if connecting {
            torrent
                .lasting
                .candidates
                .failed(remote, now, ConnectError::TimedOut);
            torrent.disconnect(&mut cx, key, CloseKind::Lost, None);
        } else {
            torrent.disconnect_for(&mut cx, key, PeerFault::HandshakeTimeout);
        }
        Some(torrent_key)
    }
}
