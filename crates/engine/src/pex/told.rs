//! A torrent's connected peers as others are told of them, and the difference
//! to what one of them was told.
//!
//! Everyone is told of nearly everyone, so that only a bit is kept of who was
//! told of whom: a thousand peers would else keep a million addresses.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};

use superseed_proto::wire::{Pex, PexFlag, PexFlags};

use super::{PEX_FIRST_TOLD_MAX, PEX_TOLD_MAX};
use crate::candidates::{Reach, canonical, is_reserved};
use crate::limits::{PEX_RECENT_MAX, PEX_ROSTER_MAX};
use crate::time::Time;

/// Fewer connected peers than this of a family, and also those are told that
/// left a short while ago (BEP 11, "Filling underpopulated lists").
const FEW: usize = 25;

/// A place in the roster.
type PlaceIndex = u16;

/// The connected peers whose listening addresses are known, and those that left
/// and are not forgotten yet.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    places: Vec<Place>,
    free: Vec<PlaceIndex>,
    by_addr: BTreeMap<SocketAddr, PlaceIndex>,
    /// Who left and is worth knowing, by family, the latest last.
    recent: [VecDeque<PlaceIndex>; 2],
    /// How many connected peers there are of each family.
    connected: [usize; 2],
    departures: u64,
}

/// An address and who was told of it.
#[derive(Debug)]
struct Place {
    addr: SocketAddr,
    flags: PexFlags,
    /// Connections with the peer at this address.
    connections: u32,
    /// How many peers were told of it and not yet that it is gone.
    told: u32,
    /// Which departure its last one was, while it is a recent one.
    departure: Option<u64>,
}

impl Place {
    fn is_connected(&self) -> bool {
        self.connections > 0
    }

    /// Whether a peer may be told of it.
    fn is_for(&self, to: &Receiver) -> bool {
        Reach::of(self.addr.ip()) >= Reach::of(to.ip)
            // A link-local address means nothing without its link.
            && !matches!(self.addr, SocketAddr::V6(addr) if addr.ip().is_unicast_link_local())
            && !(to.is_seed && self.flags.has(PexFlag::UploadOnly))
    }
}

/// What one peer was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Its own place in the roster.
    own: Option<PlaceIndex>,
    /// The places that it was told of, a bit each.
    places: Vec<u64>,
    /// The departures up to this one are no news to it.
    departures: u64,
    /// It had a message.
    any: bool,
    /// Not before this moment may it have the next; `None` if it never said that
    /// it takes any.
    pub(crate) due: Option<Time>,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver {
    /// Its address.
    pub(crate) ip: IpAddr,
    /// It wants nothing, so that others who want nothing are of no use to it.
    pub(crate) is_seed: bool,
}

impl Roster {
    /// A connected peer listens at `addr`. False if it is known already, or
    /// there are too many, or the address says nothing to others.
    pub(crate) fn join(&mut self, peer: &mut Told, addr: SocketAddr) -> bool {
        let addr = canonical(addr);
        if peer.own.is_some() || addr.port() == 0 || is_reserved(addr.ip()) {
            return false;
        }
        let at = match self.by_addr.get(&addr) {
            Some(at) => *at,
            None if self.by_addr.len() >= PEX_ROSTER_MAX => return false,
            None => self.place(addr),
        };
        let place = &mut self.places[usize::from(at)];
        place.connections += 1;
        if place.connections == 1 {
            place.departure = None;
            self.connected[family(addr)] += 1;
            self.recent[family(addr)].retain(|recent| *recent != at);
        }
        peer.own = Some(at);
        true
    }

    /// What is known of a connected peer.
    pub(crate) fn set_flags(&mut self, peer: &Told, flags: PexFlags) {
        if let Some(at) = peer.own {
            self.places[usize::from(at)].flags = flags;
        }
    }

    /// A peer is connected no longer. Others are `worth` knowing it if they may
    /// want what we did not (BEP 11).
    pub(crate) fn leave(&mut self, peer: &Told, worth: bool) {
        for at in bits(&peer.places) {
            self.places[usize::from(at)].told -= 1;
            self.free_if_idle(at);
        }
        let Some(at) = peer.own else { return };
        let place = &mut self.places[usize::from(at)];
        place.connections -= 1;
        if place.is_connected() {
            return;
        }
        let family = family(place.addr);
        self.connected[family] -= 1;
        if worth {
            self.departures += 1;
            self.places[usize::from(at)].departure = Some(self.departures);
            self.recent[family].push_back(at);
            if self.recent[family].len() > PEX_RECENT_MAX
                && let Some(oldest) = self.recent[family].pop_front()
            {
                self.places[usize::from(oldest)].departure = None;
                self.free_if_idle(oldest);
            }
        }
        self.free_if_idle(at);
    }

    /// Whether there is anything to tell a peer.
    pub(crate) fn has_news(&self, told: &Told, to: &Receiver) -> bool {
        self.gone(told).next().is_some()
            || self.untold(told, to).next().is_some()
            || self.departed(told, to).next().is_some()
    }

    /// What a peer is to be told now, if it is anything; from now on it is.
    pub(crate) fn tell(&mut self, told: &mut Told, to: &Receiver) -> Option<Pex> {
        let max = if told.any {
            PEX_TOLD_MAX
        } else {
            PEX_FIRST_TOLD_MAX
        };
        let dropped: Vec<_> = self.gone(told).take(PEX_TOLD_MAX).collect();
        let mut added: Vec<_> = self.untold(told, to).take(max).collect();
        let departed = self.departed(told, to);
        let departed: Vec<_> = departed.take(max - added.len()).collect();
        added.extend_from_slice(&departed);
        told.departures = match departed.last() {
            Some(last) if added.len() == max => {
                let departure = self.places[usize::from(*last)].departure;
                departure.unwrap_or(told.departures)
            }
            _ if added.len() == max => told.departures,
            _ => self.departures,
        };
        if added.is_empty() && dropped.is_empty() {
            return None;
        }
        told.any = true;
        let addr = |at: &PlaceIndex| self.places[usize::from(*at)].addr;
        let flags = |at: &PlaceIndex| self.places[usize::from(*at)].flags;
        let pex = Pex {
            added: added.iter().map(|at| (addr(at), flags(at))).collect(),
            dropped: dropped.iter().map(addr).collect(),
        };
        for at in added {
            set(&mut told.places, at);
            self.places[usize::from(at)].told += 1;
        }
        for at in dropped {
            clear(&mut told.places, at);
            self.places[usize::from(at)].told -= 1;
            self.free_if_idle(at);
        }
        Some(pex)
    }

    /// How many addresses are kept.
    pub(crate) fn len(&self) -> usize {
        self.by_addr.len()
    }

    /// Who is connected no longer, and was told of.
    fn gone(&self, told: &Told) -> impl Iterator<Item = PlaceIndex> {
        bits(&told.places).filter(|at| !self.places[usize::from(*at)].is_connected())
    }

    /// Who is connected, and was not told of. Each peer hears first of another
    /// one, so that not everybody turns to the same few.
    fn untold(&self, told: &Told, to: &Receiver) -> impl Iterator<Item = PlaceIndex> {
        let count = self.places.len();
        let first = usize::from(told.own.unwrap_or_default());
        let order = (first..count).chain(0..first.min(count));
        order.map(|at| at as PlaceIndex).filter(move |at| {
            let place = &self.places[usize::from(*at)];
            place.is_connected()
                && !is_set(&told.places, *at)
                && told.own != Some(*at)
                && place.is_for(to)
        })
    }

    /// Who left a short while ago, where few are connected; the first to leave
    /// come first.
    fn departed(&self, told: &Told, to: &Receiver) -> impl Iterator<Item = PlaceIndex> {
        let families = self.recent.iter().zip(&self.connected);
        let few = families.filter(|(_, connected)| **connected < FEW);
        let mut departed: Vec<(u64, PlaceIndex)> = few
            .flat_map(|(recent, _)| recent.iter().copied())
            .filter_map(|at| {
                let place = &self.places[usize::from(at)];
                let departure = place.departure.filter(|at| *at > told.departures)?;
                let is_new = !is_set(&told.places, at) && place.is_for(to);
                is_new.then_some((departure, at))
            })
            .collect();
        departed.sort_unstable();
        departed.into_iter().map(|(_, at)| at)
    }

    /// A place for a new address.
    fn place(&mut self, addr: SocketAddr) -> PlaceIndex {
        let place = Place {
            addr,
            flags: PexFlags::default(),
            connections: 0,
            told: 0,
            departure: None,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[usize::from(at)] = place;
                at
            }
            None => {
                self.places.push(place);
                (self.places.len() - 1) as PlaceIndex
            }
        };
        self.by_addr.insert(addr, at);
        at
    }

    /// Frees the place of who is neither connected nor recent nor to be dropped.
    fn free_if_idle(&mut self, at: PlaceIndex) {
        let place = &self.places[usize::from(at)];
        let needed = place.is_connected() || place.told > 0 || place.departure.is_some();
        if !needed && self.by_addr.remove(&place.addr).is_some() {
            self.free.push(at);
        }
    }
}

fn family(addr: SocketAddr) -> usize {
    usize::from(addr.is_ipv6())
}

fn split(at: PlaceIndex) -> (usize, u64) {
    (usize::from(at) / 64, 1 << (at % 64))
}

fn is_set(words: &[u64], at: PlaceIndex) -> bool {
    let (word, bit) = split(at);
    words.get(word).is_some_and(|word| word & bit != 0)
}

fn set(words: &mut Vec<u64>, at: PlaceIndex) {
    let (word, bit) = split(at);
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    words[word] |= bit;
}

fn clear(words: &mut [u64], at: PlaceIndex) {
    let (word, bit) = split(at);
    if let Some(word) = words.get_mut(word) {
        *word &= !bit;
    }
}

/// The places whose bits are set.
fn bits(words: &[u64]) -> impl Iterator<Item = PlaceIndex> {
    words.iter().enumerate().flat_map(|(index, word)| {
        let of_word = (0..64).filter(move |bit| word & (1 << bit) != 0);
        of_word.map(move |bit| (index * 64 + bit) as PlaceIndex)
    })
}
