//! Answers of web seeds, and how much of them may come (BEP 19).
//!
//! A web seed reads under the same limits as peers, in turns with them. The host
//! does not ask what it may read, as it does for streams: a fetch is on another
//! thread. So bytes are *lent*: those that were asked for, as far as the limits
//! allow, and what is lent is spent.

use super::Engine;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::ids::FetchKey;
use crate::input::FetchPart;
use crate::time::Time;
use crate::torrent::time_outs;

impl Engine {
    /// A web seed answers.
    pub(super) fn fetched(
        &mut self,
        fetch: FetchKey,
        part: FetchPart<'_>,
        now: Time,
        out: &mut Outbox,
    ) {
        let Some(&(torrent, conn)) = self.shared.fetches.get(fetch) else {
            return;
        };
        self.with_torrent(torrent, now, out, |torrent, cx| {
            torrent.fetched(cx, conn, part);
        });
    }

    /// Lends what was asked for, or makes it wait for quota.
    pub(super) fn lend(&mut self, now: Time, out: &mut Outbox) {
        while let Some(key) = self.shared.lend_due.pop() {
            while let Some((fetch, lendable)) = self.lendable(key) {
                let allowed = self.read_allowance(key, now) as u64;
                let bytes = lendable.min(allowed);
                if bytes == 0 {
                    break;
                }
                self.spend_download(key, bytes as usize, now);
                if let Some(conn) = self.conns.get_mut(key) {
                    conn.lend(bytes, now);
                    let at = time_outs::next(conn);
                    self.shared.timers.set_no_later(Timer::Conn(key), at);
                }
                out.push(Action::FetchMore { fetch, bytes });
            }
        }
    }

    /// What may be lent to the request of a connection.
    fn lendable(&self, key: crate::ids::ConnKey) -> Option<(FetchKey, u64)> {
        let lane = self.conns.get(key)?.lane()?;
        let lendable = lane.lendable();
        (lendable > 0).then_some((lane.fetch()?, lendable))
    }
}
