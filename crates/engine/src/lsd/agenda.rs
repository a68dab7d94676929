//! Whose turn it is to be announced.
//!
//! BEP 14 wants a torrent announced every five minutes, and no more than one
//! announce a minute. Minutes in which nothing was said are saved up, five at
//! most: as long as more than one is left a torrent has an announce for itself;
//! the last one names as many as it holds. libtorrent 2.1 reads all of them,
//! aria2 1.36 and Transmission 3.00 the first alone, so that torrents that are
//! named together take turns at being the first.

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
    place: Place,
}

/// Where a torrent waits.
#[derive(Clone, Copy, Debug)]
struct Place {
    queue: usize,
    due: Time,
    /// Order among those that are due at the same time.
    number: u64,
}

/// A torrent that was heard of goes before all others.
const HEARD: usize = 0;
/// Queues: of those that were heard of, and of each [`Turn`].
const QUEUES: usize = 3;

fn queue_of(turn: Turn) -> usize {
    match turn {
        Turn::Awake => 1,
        Turn::Dormant => 2,
    }
}

/// The torrents that are announced.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    torrents: SecondaryMap<TorrentKey, Entry>,
    queues: [BTreeSet<(Time, u64, TorrentKey)>; QUEUES],
    numbers: u64,
    /// When all announces that may be saved up will be.
    saved_at: Time,
    /// No announce before this.
    gap_until: Time,
}

impl Agenda {
    /// Puts a torrent on the agenda, due at once, or gives it another turn.
    pub(super) fn set(&mut self, torrent: TorrentKey, swarm: SwarmKey, turn: Turn, now: Time) {
        let known = self.take_out(torrent);
        let (said, due) = known.map_or((None, now), |entry| (entry.said, entry.place.due));
        self.put(torrent, swarm, turn, said, (queue_of(turn), due));
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
        let Some(entry) = self.take_out(torrent) else {
            return;
        };
        let Entry {
            swarm, turn, said, ..
        } = entry;
        let earliest = said.map_or(Time::START, |said| said + MINUTE);
        let due = entry.place.due.min((now + delay).max(earliest));
        self.put(torrent, swarm, turn, said, (HEARD, due));
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
        let due = self.queues.iter().flatten();
        let due = due.filter(|(due, ..)| *due <= now).take(most);
        let torrents: Vec<_> = due.map(|(.., torrent)| *torrent).collect();
        let entries = torrents.iter().map(|torrent| self.take_out(*torrent));
        let entries: Vec<_> = entries.flatten().collect();
        let swarms = entries.iter().map(|entry| entry.swarm).collect();
        let mut again: Vec<_> = torrents.into_iter().zip(entries).collect();
        // Who was the first now is the last when they are named together again.
        again.rotate_left(1);
        for (torrent, Entry { swarm, turn, .. }) in again {
            let place = (queue_of(turn), now + EVERY);
            self.put(torrent, swarm, turn, Some(now), place);
        }
        Some(swarms)
    }

    /// When the next announce is to be made.
    pub(super) fn next(&self) -> Time {
        let first = self.queues.iter().filter_map(BTreeSet::first);
        let Some(due) = first.map(|(due, ..)| *due).min() else {
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

    fn put(
        &mut self,
        torrent: TorrentKey,
        swarm: SwarmKey,
        turn: Turn,
        said: Option<Time>,
        (queue, due): (usize, Time),
    ) {
        self.numbers += 1;
        let number = self.numbers;
        self.queues[queue].insert((due, number, torrent));
        let entry = Entry {
            swarm,
            turn,
            said,
            place: Place { queue, due, number },
        };
        self.torrents.insert(torrent, entry);
    }

    fn take_out(&mut self, torrent: TorrentKey) -> Option<Entry> {
        let entry = self.torrents.remove(torrent)?;
        let Place { queue, due, number } = entry.place;
        self.queues[queue].remove(&(due, number, torrent));
        Some(entry)
    }
}
