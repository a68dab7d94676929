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

/// What one stream may send or read at a time under a limit where others want
/// to: a share small enough that they get theirs, large enough to be worth a call.
const QUANTUM: u64 = 16 * 1024;
/// The most slices offered at a time; more than a system takes in one call is waste.
const SLICES_MAX: usize = 64;
/// The most bytes offered at a time without a limit.
const OFFER_MAX: usize = 1 << 20;
/// What is worth waiting for alone under a limit: what it lets pass in this part
/// of a second. A host that is woken for every [`QUANTUM`] instead took 2.8 % of
/// a core to send 4 MiB/s, and takes 1.0 %.
const GRAIN_PARTS: u64 = 50;
/// The least that is worth waiting for under a limit: a segment. Less would be
/// sent in packets of which a tenth is headers, and wake everyone as often.
const GRAIN_MIN: u64 = 1_448;

/// How many bytes those who wait under a limit wait for: never more than the
/// bucket can hold. Where there are several it is a quantum at most: handed out
/// by the dozen, quanta went to some peers five times where others had four,
/// round after round.
fn grain(bucket: &TokenBucket, waiters: usize) -> u64 {
    bucket.rate().map_or(0, |rate| {
        let most = if waiters > 1 { QUANTUM } else { u64::MAX };
        let grain = (rate / GRAIN_PARTS).min(most).max(GRAIN_MIN);
        grain.min(bucket.capacity())
    })
}

/// Whether a limit lets somebody go on now. Less than a grain is not handed
/// out: who came a moment after another would get its crumbs, turn after turn.
fn lets_pass(bucket: &TokenBucket, waiters: usize, now: Time) -> bool {
    bucket.available(now) >= grain(bucket, waiters)
}

/// When a limit lets those who wait go on.
fn ready_at(bucket: &TokenBucket, waiters: usize, now: Time) -> Time {
    bucket.ready_at(grain(bucket, waiters), now)
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
        let passes = lets_pass(&self.shared.upload, 1, now)
            && torrent.is_none_or(|bucket| lets_pass(bucket, 1, now));
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
        let limit = max.min(limit as usize);
        let conn = self.conns.get_mut(key).expect("it was there a line ago");
        match conn.secure.as_mut().and_then(|secure| secure.seal.as_mut()) {
            None => conn.outgoing.offer(limit, SLICES_MAX, slices),
            Some(seal) => {
                let buffers = &mut self.shared.seal_buffers;
                seal.offer(&conn.outgoing, buffers, limit, SLICES_MAX, slices);
            }
        }
    }

    fn plan_upload(&mut self, key: ConnKey, now: Time) {
        let torrent = self.conns.get(key).and_then(|conn| conn.torrent);
        let torrent = torrent.and_then(|torrent| self.torrents.get(torrent));
        let waiters = self.shared.upload_waiters.len();
        let of_torrent = torrent.map_or(now, |torrent| ready_at(&torrent.upload, waiters, now));
        let at = of_torrent.max(ready_at(&self.shared.upload, waiters, now));
        self.shared
            .timers
            .set_no_later(Timer::UploadQuota, at.max(now + Duration::from_millis(1)));
    }

    pub(super) fn sent(&mut self, key: ConnKey, len: usize, now: Time, out: &mut Outbox) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let sent = conn.outgoing.sent(len);
        if let Some(seal) = conn.secure.as_mut().and_then(|secure| secure.seal.as_mut()) {
            seal.sent(len, &mut self.shared.seal_buffers);
        }
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
            Phase::Securing(securing) => securing.wanted(),
            Phase::Handshaking(reader) if may_wait => HANDSHAKE_LEN - reader.received().len(),
            _ => usize::MAX,
        };
        let torrent = conn
            .torrent
            .and_then(|torrent| self.torrents.get_mut(torrent));
        let torrent = torrent.map(|torrent| &torrent.download);
        let passes = lets_pass(&self.shared.download, 1, now)
            && torrent.is_none_or(|bucket| lets_pass(bucket, 1, now));
        let of_torrent = torrent.map_or(u64::MAX, |bucket| bucket.available(now));
        let available = of_torrent.min(self.shared.download.available(now));
        let secures = matches!(conn.phase, Phase::Securing(_));
        if available == u64::MAX || secures {
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
        let waiters = self.shared.download_waiters.len();
        let of_torrent = torrent.map_or(now, |torrent| ready_at(&torrent.download, waiters, now));
        let at = of_torrent.max(ready_at(&self.shared.download, waiters, now));
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
        let waiters = std::mem::take(&mut self.shared.upload_waiters);
        let mut shares = Shares::new(&self.shared.upload, waiters.len(), now);
        for conn in waiters.iter().filter_map(|conn| self.conns.get(*conn)) {
            let of = conn.torrent.and_then(|key| self.torrents.get(key));
            shares.count(of.map(|torrent| (torrent.key, &torrent.upload)));
        }
        for conn in waiters {
            let Some(state) = self.conns.get_mut(conn) else {
                continue;
            };
            let share = shares.grant(state.torrent, state.outgoing.len() as u64);
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
        let waiters = std::mem::take(&mut self.shared.download_waiters);
        let mut shares = Shares::new(&self.shared.download, waiters.len(), now);
        for conn in waiters.iter().filter_map(|conn| self.conns.get(*conn)) {
            let of = conn.torrent.and_then(|key| self.torrents.get(key));
            shares.count(of.map(|torrent| (torrent.key, &torrent.download)));
        }
        for conn in waiters {
            let Some(state) = self.conns.get_mut(conn) else {
                continue;
            };
            // What has come is not known: as much as there is for one.
            let share = shares.grant(state.torrent, u64::MAX);
            if share == 0 {
                self.shared.download_waiters.push_back(conn);
                continue;
            }
            state.waits_for_download = false;
            state.download_grant = share;
            state.held_until = now;
            match state.lane() {
                Some(_) => self.shared.lend_due.push(conn),
                None => out.push(Action::WantRead { conn }),
            }
        }
        let timers = &mut self.shared.timers;
        timers.set_no_later(Timer::DownloadQuota, shares.next);
    }
}

/// Quota as it is handed out to those who wait, before any of it is spent.
struct Shares<'a> {
    now: Time,
    waiters: usize,
    session: Pool<'a>,
    of_torrents: BTreeMap<TorrentKey, Pool<'a>>,
    /// When there is quota for the first of those who got none.
    next: Time,
}

impl<'a> Shares<'a> {
    fn new(session: &'a TokenBucket, waiters: usize, now: Time) -> Self {
        Self {
            now,
            waiters,
            session: Pool::new(session, waiters, now),
            of_torrents: BTreeMap::new(),
            next: Time::NEVER,
        }
    }

    /// Says that somebody waits; all do before the first gets something.
    fn count(&mut self, torrent: Option<(TorrentKey, &'a TokenBucket)>) {
        if let Some((key, bucket)) = torrent {
            let pool = self.of_torrents.entry(key);
            let pool = pool.or_insert_with(|| Pool::new(bucket, self.waiters, self.now));
            pool.waiting += 1;
            // Whose torrent has nothing takes nothing of the session's.
            if pool.open == 0 {
                return;
            }
        }
        self.session.waiting += 1;
    }

    /// The share of a stream that has so many bytes to send or to read. Who
    /// waits alone gets all that there is, as more may come in the meantime; of
    /// many, nobody keeps what others would use.
    fn grant(&mut self, torrent: Option<TorrentKey>, want: u64) -> u64 {
        let pool = torrent.and_then(|key| self.of_torrents.get_mut(&key));
        let mut pools: [Option<&mut Pool<'a>>; 2] = [Some(&mut self.session), pool];
        let shares = pools.iter().flatten().map(|pool| pool.share());
        let share = shares.min().unwrap_or_default();
        if share == 0 {
            let ready = pools.iter().flatten().map(|pool| pool.ready_at(self.now));
            let ready = ready.max().unwrap_or(self.now);
            self.next = self
                .next
                .min(ready.max(self.now + Duration::from_millis(1)));
            return 0;
        }
        let share = if self.waiters == 1 {
            share
        } else {
            share.min(want)
        };
        for pool in pools.iter_mut().flatten() {
            pool.handed_out = pool.handed_out.saturating_add(share);
        }
        share
    }
}

/// What is handed out of one bucket.
struct Pool<'a> {
    bucket: &'a TokenBucket,
    grain: u64,
    /// What there was to hand out: nothing if it was less than a grain.
    open: u64,
    handed_out: u64,
    /// How many wait for it.
    waiting: u64,
}

impl<'a> Pool<'a> {
    fn new(bucket: &'a TokenBucket, waiters: usize, now: Time) -> Self {
        let open = match lets_pass(bucket, waiters, now) {
            true => bucket.available(now),
            false => 0,
        };
        Self {
            bucket,
            grain: grain(bucket, waiters),
            open,
            handed_out: 0,
            waiting: 0,
        }
    }

    /// An equal share of what comes in while one waits alone, or a quantum where
    /// that is more; nothing where only crumbs are left. Not of all that was
    /// saved up: who was here first would hold it against all who come later.
    fn share(&self) -> u64 {
        let left = self.open.saturating_sub(self.handed_out);
        if left < QUANTUM.min(self.grain) {
            return 0;
        }
        let all = self.open.min(grain(self.bucket, 1).max(QUANTUM));
        match self.bucket.rate() {
            Some(_) => (all / self.waiting.max(1)).max(QUANTUM).min(left),
            None => left,
        }
    }

    /// When there is something again: what was handed out is not spent yet.
    fn ready_at(&self, now: Time) -> Time {
        let wanted = self.handed_out.saturating_add(self.grain);
        self.bucket.ready_at(wanted, now)
    }
}
