//! Rate limits: what streams may carry now, and who waits.
//!
//! A stream that may not send or read is put in a queue and told again when
//! there is quota, one after the other, so that all get their share: equal
//! turns among those that have something to send or to read, and nobody goes
//! before those who wait. Who is served at all is the choker's to say.

use std::collections::BTreeMap;
use std::time::Duration;

use superseed_proto::wire::HANDSHAKE_LEN;

use super::Engine;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::ids::{ConnKey, TorrentKey};
use crate::peer::Phase;
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

/// How many bytes those who wait under a limit wait for: never more than the
/// bucket can hold.
fn grain(bucket: &TokenBucket) -> u64 {
    bucket.rate().map_or(0, |rate| {
        let grain = (rate / GRAIN_PARTS).clamp(GRAIN_MIN, QUANTUM);
        grain.min(bucket.capacity())
    })
}

/// Whether a limit lets somebody go on now. Less than a grain is not handed
/// out: who came a moment after another would get its crumbs, turn after turn.
fn lets_pass(bucket: &TokenBucket, now: Time) -> bool {
    bucket.available(now) >= grain(bucket)
}

/// When a limit lets those who wait go on.
fn ready_at(bucket: &TokenBucket, now: Time) -> Time {
    bucket.ready_at(grain(bucket), now)
}

impl Engine {
    /// Offers the bytes that the stream should take next, front first, at most
    /// `max` (not 0) and what the rate limits allow now. Empty when there is
    /// nothing to send, or nothing may be sent: `WantWrite` comes again.
    ///
    /// The host writes them with one gathering call and reports how many were
    /// taken with [`crate::Input::Sent`].
    pub fn outgoing<'a>(
        &'a mut self,
        key: ConnKey,
        max: usize,
        now: Time,
        slices: &mut Vec<&'a [u8]>,
    ) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.outgoing.is_empty() {
            conn.write_announced = false;
            return;
        }
        let torrent = conn.torrent.and_then(|torrent| self.torrents.get(torrent));
        if let Some(torrent) = torrent {
            torrent.add_haves(key, conn);
        }
        let torrent = torrent.map(|torrent| &torrent.upload);
        let passes = lets_pass(&self.shared.upload, now)
            && torrent.is_none_or(|bucket| lets_pass(bucket, now));
        let of_torrent = torrent.map_or(u64::MAX, |bucket| bucket.available(now));
        let available = of_torrent.min(self.shared.upload.available(now));
        let limit = if available == u64::MAX {
            OFFER_MAX as u64
        } else if conn.handshake_left > 0 {
            // Who waits for a handshake does not wait for long, and it is a few
            // bytes: they are paid back by what comes after them.
            conn.handshake_left as u64
        } else if conn.upload_grant > 0 {
            available.min(conn.upload_grant)
        } else if self.shared.upload_waiters.is_empty() && passes {
            available.min(QUANTUM)
        } else {
            0
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
        let limit = max.min(limit as usize);
        conn.outgoing.offer(limit, SLICES_MAX, slices);
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
        conn.handshake_left = conn.handshake_left.saturating_sub(len);
        conn.upload_grant = conn.upload_grant.saturating_sub(len as u64);
        conn.last_sent = now;
        conn.last_taken = now;
        if let Some(peer) = conn.peer_mut() {
            if sent.payload > 0 {
                peer.last_block = Some(now);
            }
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
        let may_wait = self.shared.settings.dormant_after.is_some() && conn.incoming;
        let most = match &conn.phase {
            // Nobody to read it is awake; with them comes `WantRead`.
            Phase::Waiting(early) => return early.room(),
            // What follows may have to wait, and waits in the socket.
            Phase::Handshaking(reader) if may_wait => HANDSHAKE_LEN - reader.received().len(),
            _ => usize::MAX,
        };
        let torrent = conn
            .torrent
            .and_then(|torrent| self.torrents.get_mut(torrent));
        let torrent = torrent.map(|torrent| &torrent.download);
        let passes = lets_pass(&self.shared.download, now)
            && torrent.is_none_or(|bucket| lets_pass(bucket, now));
        let of_torrent = torrent.map_or(u64::MAX, |bucket| bucket.available(now));
        let available = of_torrent.min(self.shared.download.available(now));
        if available == u64::MAX {
            return most;
        }
        let allowed = if matches!(conn.phase, Phase::Handshaking(_)) {
            HANDSHAKE_LEN as u64
        } else if conn.download_grant > 0 {
            available.min(conn.download_grant)
        } else if self.shared.download_waiters.is_empty() && passes {
            available.min(QUANTUM)
        } else {
            0
        };
        if allowed == 0 {
            if !conn.waits_for_download {
                conn.waits_for_download = true;
                self.shared.download_waiters.push_back(key);
            }
            self.plan_download(key, now);
        }
        most.min(allowed as usize)
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
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.download_grant = conn.download_grant.saturating_sub(len as u64);
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
            let share = shares.grant(bucket, state.outgoing.len() as u64);
            if share == 0 {
                self.shared.upload_waiters.push_back(conn);
                continue;
            }
            state.waits_for_upload = false;
            state.upload_grant = share;
            if !state.outgoing.is_empty() && !state.write_announced {
                state.write_announced = true;
                state.last_taken = now;
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
            let share = shares.grant(bucket, QUANTUM);
            if share == 0 {
                self.shared.download_waiters.push_back(conn);
                continue;
            }
            state.waits_for_download = false;
            state.download_grant = share;
            state.held_until = now;
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

    /// The share of a stream that wants so many bytes: nothing while there is
    /// less than a grain left.
    fn grant(&mut self, torrent: Option<(TorrentKey, &TokenBucket)>, want: u64) -> u64 {
        let (now, mut unlimited) = (self.now, u64::MAX);
        let of_torrent = torrent.map_or(&mut unlimited, |(key, bucket)| {
            let left = self.of_torrents.entry(key);
            left.or_insert_with(|| bucket.available(now))
        });
        let least = torrent.map_or(0, |(_, bucket)| grain(bucket));
        if self.left >= grain(self.session) && *of_torrent >= least {
            let share = want.min(QUANTUM).min(self.left).min(*of_torrent);
            for left in [&mut self.left, of_torrent] {
                if *left != u64::MAX {
                    *left -= share;
                }
            }
            return share;
        }
        // What was handed out just now is not spent yet.
        let after = |bucket: &TokenBucket, left: u64| {
            let spent = bucket.available(now).saturating_sub(left);
            bucket.ready_at(spent + grain(bucket), now)
        };
        let ready = torrent.map_or(now, |(_, bucket)| after(bucket, *of_torrent));
        let ready = ready.max(after(self.session, self.left));
        self.next = self.next.min(ready.max(now + Duration::from_millis(1)));
        0
    }
}
