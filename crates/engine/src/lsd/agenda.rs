//! Whose turn it is to be announced.
//!
//! BEP 14 wants a torrent announced every five minutes, and no more than one
//! announce a minute. Minutes in which nothing was said are saved up, five at
//! most: as long as more than one is left a torrent has an announce for itself,
//! which every client understands; the last one names as many as it holds.

use std::collections::BTreeSet;
use std::time::Duration;

use slotmap::SecondaryMap;
use superseed_proto::SwarmKey;
use superseed_proto::lsd::SWARMS_SENT_MAX;

use crate::ids::TorrentKey;
use crate::time::Time;

/// How often a torrent is announced (BEP 14).
const EVERY: Duration = Duration::from_secs(300);
/// One announce in so long, in the mean (BEP 14), and one of a torrent.
const MINUTE: Duration = Duration::from_secs(60);
/// Announces that may be saved up. With five, so many torrents always have one
/// for themselves, and of a session that begins with them the last is heard of
/// after four seconds.
const SAVED_MAX: u32 = 5;
/// Between two announces, saved ones too: who reads many swarms of many
/// neighbours reads no faster.
const GAP: Duration = Duration::from_secs(1);
/// Who is heard hears of us within so long.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Who goes first among those that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A torrent that is awake, or awaits its metadata.
    Awake,
    /// A dormant one: of those there may be ten thousand, which take hours.
    Dormant,
}

#[derive(Debug)]
struct Entry {
    swarm: SwarmKey,
    turn: Turn,
    /// When it was announced last.
    said: Option<Time>,
    /// Its place: the time when it is due, in the queue of those ahead or not.
    due: Time,
    is_ahead: bool,
}

/// The torrents that are announced.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    torrents: SecondaryMap<TorrentKey, Entry>,
    /// Those that are awake or were heard of.
    ahead: BTreeSet<(Time, TorrentKey)>,
    behind: BTreeSet<(Time, TorrentKey)>,
    /// When all announces that may be saved up will be.
    saved_at: Time,
    /// No announce before this.
    gap_until: Time,
}

impl Agenda {
    /// Puts a torrent on the agenda, due at once, or gives it another turn.
    pub(super) fn set(&mut self, torrent: TorrentKey, swarm: SwarmKey, turn: Turn, now: Time) {
        let (said, due) = match self.take_out(torrent) {
            Some(entry) => (entry.said, entry.due),
            None => (None, now),
        };
        let entry = Entry {
            swarm,
            turn,
            said,
            due,
            is_ahead: turn == Turn::Awake,
        };
        self.put(torrent, entry);
    }

    /// Takes a torrent off the agenda.
    pub(super) fn remove(&mut self, torrent: TorrentKey) {
        self.take_out(torrent);
    }

    /// Whether a torrent is on the agenda.
    pub(super) fn has(&self, torrent: TorrentKey) -> bool {
        self.torrents.contains_key(torrent)
    }

    /// A torrent is to be announced after `delay`, or sooner if it was to be
    /// anyway, but not twice in a minute.
    pub(super) fn bring_forward(&mut self, torrent: TorrentKey, delay: Duration, now: Time) {
        let Some(mut entry) = self.take_out(torrent) else {
            return;
        };
        let earliest = entry.said.map_or(Time::START, |said| said + MINUTE);
        entry.due = entry.due.min((now + delay).max(earliest));
        entry.is_ahead = true;
        self.put(torrent, entry);
    }

    /// The swarms of the announce that is to be made now, if one is.
    pub(super) fn take(&mut self, now: Time) -> Option<Vec<SwarmKey>> {
        if self.next() > now {
            return None;
        }
        let most = if self.saved(now) > 1 {
            1
        } else {
            SWARMS_SENT_MAX
        };
        self.saved_at = self.saved_at.max(now) + MINUTE;
        self.gap_until = now + GAP;
        let due = [&self.ahead, &self.behind].into_iter().flatten();
        let due = due.filter(|(due, _)| *due <= now).take(most);
        let torrents: Vec<_> = due.map(|(_, torrent)| *torrent).collect();
        let swarms = torrents.into_iter().filter_map(|torrent| {
            let mut entry = self.take_out(torrent)?;
            let swarm = entry.swarm;
            (entry.said, entry.due) = (Some(now), now + EVERY);
            entry.is_ahead = entry.turn == Turn::Awake;
            self.put(torrent, entry);
            Some(swarm)
        });
        Some(swarms.collect())
    }

    /// When the next announce is to be made.
    pub(super) fn next(&self) -> Time {
        let first = |queue: &BTreeSet<(Time, TorrentKey)>| queue.first().map(|(due, _)| *due);
        let due = [first(&self.ahead), first(&self.behind)];
        let Some(due) = due.into_iter().flatten().min() else {
            return Time::NEVER;
        };
        due.max(self.gap_until)
            .max(self.saved_at - MINUTE * (SAVED_MAX - 1))
    }

    /// How many announces may be made now, one after the other.
    fn saved(&self, now: Time) -> u32 {
        let owed = self.saved_at.since(now).as_micros();
        SAVED_MAX.saturating_sub(owed.div_ceil(MINUTE.as_micros()) as u32)
    }

    fn put(&mut self, torrent: TorrentKey, entry: Entry) {
        self.queue(&entry).insert((entry.due, torrent));
        self.torrents.insert(torrent, entry);
    }

    fn take_out(&mut self, torrent: TorrentKey) -> Option<Entry> {
        let entry = self.torrents.remove(torrent)?;
        self.queue(&entry).remove(&(entry.due, torrent));
        Some(entry)
    }

    /// The queue that a torrent waits in.
    fn queue(&mut self, entry: &Entry) -> &mut BTreeSet<(Time, TorrentKey)> {
        if entry.is_ahead {
            &mut self.ahead
        } else {
            &mut self.behind
        }
    }
}
