//! Rate limits: what streams may carry now, and who waits.
//!
//! A stream that may not send or read is put in a queue and told again when
//! there is quota, one after the other, so that all get their share.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Engine;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::ids::{ConnKey, TorrentKey};
use crate::rate::TokenBucket;
use crate::time::Time;

/// What one stream may send or read at a time under a limit: a share small
/// enough that others get theirs, large enough to be worth a call.
const QUANTUM: u64 = 16 * 1024;
/// The most slices offered at a time; more than a system takes in one call is waste.
const SLICES_MAX: usize = 64;
/// The most bytes offered at a time without a limit.
const OFFER_MAX: usize = 1 << 20;
/// What is worth waiting for under a limit: what it lets pass in this part of a
/// second, within bounds. Less would wake everyone for a few bytes.
const GRAIN_PARTS: u64 = 50;
/// The least that is worth waiting for under a limit.
const GRAIN_MIN: u64 = 512;

/// How many bytes those who wait under a limit wait for.
fn grain(bucket: &TokenBucket) -> u64 {
    let rate = bucket.rate().unwrap_or(0);
    (rate / GRAIN_PARTS).clamp(GRAIN_MIN, QUANTUM)
}

/// When a limit lets those who wait go on.
fn ready_at(bucket: &TokenBucket, now: Time) -> Time {
    bucket.ready_at(grain(bucket), now)
}

impl Engine {
    /// Offers the bytes that the stream should take next, front first, at most
    /// what the rate limits allow now. Empty when there is nothing to send, or
    /// nothing may be sent: `WantWrite` comes again.
    ///
    /// The host writes them with one gathering call and reports how many were
    /// taken with [`crate::Input::Sent`].
    pub fn outgoing<'a>(&'a mut self, key: ConnKey, now: Time, slices: &mut Vec<&'a [u8]>) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.outgoing.is_empty() {
            conn.write_announced = false;
            return;
        }
        let torrent = conn
            .torrent
            .and_then(|torrent| self.torrents.get_mut(torrent));
        let of_torrent = torrent.map_or(u64::MAX, |torrent| torrent.upload.available(now));
        let available = of_torrent.min(self.shared.upload.available(now));
        let limit = if available == u64::MAX {
            OFFER_MAX as u64
        } else {
            available.min(QUANTUM)
        };
        if limit == 0 {
            conn.write_announced = false;
            if !conn.waits_for_upload {
                conn.waits_for_upload = true;
                self.shared.upload_waiters.push_back(key);
            }
            self.plan_upload(key, now);
            return;
        }
        let conn = &self.conns[key];
        conn.outgoing.offer(limit as usize, SLICES_MAX, slices);
    }

    fn plan_upload(&mut self, key: ConnKey, now: Time) {
        let torrent = self.conns.get(key).and_then(|conn| conn.torrent);
        let torrent = torrent.and_then(|torrent| self.torrents.get(torrent));
        let of_torrent = torrent.map_or(now, |torrent| ready_at(&torrent.upload, now));
        let at = of_torrent.max(ready_at(&self.shared.upload, now));
        self.shared
            .timers
            .set_no_later(Timer::UploadQuota, at.max(now + Duration::from_millis(1)));
    }

    pub(super) fn sent(&mut self, key: ConnKey, len: usize, now: Time, out: &mut Outbox) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let sent = conn.outgoing.sent(len);
        conn.last_sent = now;
        if let Some(peer) = conn.peer_mut() {
            peer.up.add(sent.payload as u64, now);
            peer.uploaded += sent.payload as u64;
            peer.uploaded_since_unchoke += sent.payload as u64;
        }
        self.shared.upload.spend(len as u64, now);
        let Some(torrent) = conn.torrent else { return };
        self.with_torrent(torrent, now, out, |torrent, cx| {
            torrent.upload.spend(len as u64, now);
            torrent.count_upload(cx, key, sent.payload as u64);
        });
    }

    /// How many bytes the host may read from the stream now. Zero means: do
    /// not read until `Action::WantRead`.
    pub fn read_allowance(&mut self, key: ConnKey, now: Time) -> usize {
        let Some(conn) = self.conns.get_mut(key) else {
            return 0;
        };
        let torrent = conn
            .torrent
            .and_then(|torrent| self.torrents.get_mut(torrent));
        let of_torrent = torrent.map_or(u64::MAX, |torrent| torrent.download.available(now));
        let available = of_torrent.min(self.shared.download.available(now));
        if available == u64::MAX {
            return usize::MAX;
        }
        if available == 0 {
            if !conn.waits_for_download {
                conn.waits_for_download = true;
                self.shared.download_waiters.push_back(key);
            }
            self.plan_download(key, now);
        }
        available.min(QUANTUM) as usize
    }

    fn plan_download(&mut self, key: ConnKey, now: Time) {
        let torrent = self.conns.get(key).and_then(|conn| conn.torrent);
        let torrent = torrent.and_then(|torrent| self.torrents.get(torrent));
        let of_torrent = torrent.map_or(now, |torrent| ready_at(&torrent.download, now));
        let at = of_torrent.max(ready_at(&self.shared.download, now));
        self.shared
            .timers
            .set_no_later(Timer::DownloadQuota, at.max(now + Duration::from_millis(1)));
    }

    pub(super) fn spend_download(&mut self, key: ConnKey, len: usize, now: Time) {
        self.shared.download.spend(len as u64, now);
        let Some(conn) = self.conns.get(key) else {
            return;
        };
        if let Some(torrent) = conn
            .torrent
            .and_then(|torrent| self.torrents.get_mut(torrent))
        {
            torrent.download.spend(len as u64, now);
        }
    }

    /// Lets as many of those who wait for upload quota try again as there is
    /// quota for, in their order. The others keep their places: were they told
    /// too, the first would take all each time.
    pub(super) fn wake_uploads(&mut self, now: Time, out: &mut Outbox) {
        let mut shares = Shares::new(&self.shared.upload, now);
        for conn in std::mem::take(&mut self.shared.upload_waiters) {
            let Some(state) = self.conns.get_mut(conn) else {
                continue;
            };
            let of = state.torrent.and_then(|key| self.torrents.get(key));
            let bucket = of.map(|torrent| (torrent.key, &torrent.upload));
            if !shares.grant(bucket, state.outgoing.len() as u64) {
                self.shared.upload_waiters.push_back(conn);
                continue;
            }
            state.waits_for_upload = false;
            if !state.outgoing.is_empty() && !state.write_announced {
                state.write_announced = true;
                out.push(Action::WantWrite { conn });
            }
        }
        let timers = &mut self.shared.timers;
        timers.set_no_later(Timer::UploadQuota, shares.next);
    }

    /// The same for those who wait for download quota.
    pub(super) fn wake_downloads(&mut self, now: Time, out: &mut Outbox) {
        let mut shares = Shares::new(&self.shared.download, now);
        for conn in std::mem::take(&mut self.shared.download_waiters) {
            let Some(state) = self.conns.get_mut(conn) else {
                continue;
            };
            let of = state.torrent.and_then(|key| self.torrents.get(key));
            let bucket = of.map(|torrent| (torrent.key, &torrent.download));
            if !shares.grant(bucket, QUANTUM) {
                self.shared.download_waiters.push_back(conn);
                continue;
            }
            state.waits_for_download = false;
            out.push(Action::WantRead { conn });
        }
        let timers = &mut self.shared.timers;
        timers.set_no_later(Timer::DownloadQuota, shares.next);
    }
}

/// Quota as it is handed out to those who wait, before any of it is spent.
struct Shares<'a> {
    now: Time,
    session: &'a TokenBucket,
    left: u64,
    of_torrents: BTreeMap<TorrentKey, u64>,
    /// When there is quota for the first of those who got none.
    next: Time,
}

impl<'a> Shares<'a> {
    fn new(session: &'a TokenBucket, now: Time) -> Self {
        Self {
            now,
            session,
            left: session.available(now),
            of_torrents: BTreeMap::new(),
            next: Time::NEVER,
        }
    }

    /// Whether there is quota left for a stream that wants so many bytes.
    fn grant(&mut self, torrent: Option<(TorrentKey, &TokenBucket)>, want: u64) -> bool {
        let (now, mut unlimited) = (self.now, u64::MAX);
        let of_torrent = torrent.map_or(&mut unlimited, |(key, bucket)| {
            let left = self.of_torrents.entry(key);
            left.or_insert_with(|| bucket.available(now))
        });
        if self.left > 0 && *of_torrent > 0 {
            let share = want.min(QUANTUM);
            for left in [&mut self.left, of_torrent] {
                if *left != u64::MAX {
                    *left = left.saturating_sub(share);
                }
            }
            return true;
        }
        let ready = torrent.map_or(now, |(_, bucket)| ready_at(bucket, now));
        let ready = ready.max(ready_at(self.session, now));
        self.next = self.next.min(ready.max(now + Duration::from_millis(1)));
        false
    }
}
