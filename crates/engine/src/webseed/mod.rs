//! Web seeds (BEP 19): servers that have a torrent's files and speak HTTP.
//!
//! Owns, for one torrent, which sources there are, what became of them and who
//! of them is fetched from next. A source is to the picker, the memory budget
//! and the blame of wrong pieces what a peer is that has everything and never
//! chokes: each of its connections is a connection of the engine, with a window
//! of its own. What it is asked for is a *run* of consecutive bytes ([`plan`]),
//! cut where files end ([`spans`]). A run is asked for as a whole, but its
//! blocks are the source's only as far as its window reaches: the host lets no
//! more through, and where another peer was faster the run ends.
//!
//! Plain data; what follows from it is done in `torrent::web_seeds`.

pub(crate) mod plan;
mod source;
pub(crate) mod spans;

use superseed_proto::bitfield::Bitfield;

pub(crate) use source::{Breaks, Source, rest_of_busy};

use crate::ids::ConnKey;
use crate::limits::{WEB_SEED_CONNECTIONS_MAX, WEB_SEEDS_PER_TORRENT_MAX};
use crate::time::Time;

/// A web seed of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceIndex(u16);

/// All web seeds of a torrent, and the connections to them.
#[derive(Debug)]
pub(crate) struct WebSeeds {
    sources: Vec<Source>,
    conns: Vec<(ConnKey, SourceIndex)>,
}

impl WebSeeds {
    /// The sources at these URLs, each once; none if there are none.
    pub(crate) fn new<'a>(urls: impl Iterator<Item = &'a String>) -> Option<Box<Self>> {
        let mut sources: Vec<Source> = Vec::new();
        for url in urls {
            let known = sources.iter().any(|source| source.url() == url);
            if !known && sources.len() < WEB_SEEDS_PER_TORRENT_MAX {
                sources.push(Source::new(url.clone()));
            }
        }
        let conns = Vec::new();
        (!sources.is_empty()).then(|| Box::new(Self { sources, conns }))
    }

    pub(crate) fn source(&self, index: SourceIndex) -> &Source {
        &self.sources[usize::from(index.0)]
    }

    pub(crate) fn source_mut(&mut self, index: SourceIndex) -> &mut Source {
        &mut self.sources[usize::from(index.0)]
    }

    /// All of them, in the order in which they were named.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (SourceIndex, &Source)> {
        (0..).map(SourceIndex).zip(&self.sources)
    }

    /// Connections to them.
    pub(crate) fn conns(&self) -> impl Iterator<Item = ConnKey> + '_ {
        self.conns.iter().map(|(conn, _)| *conn)
    }

    /// Connections to one of them.
    pub(crate) fn conns_to(&self, source: SourceIndex) -> impl Iterator<Item = ConnKey> + '_ {
        let to = self.conns.iter().filter(move |(_, of)| *of == source);
        to.map(|(conn, _)| *conn)
    }

    /// The source that another connection should be made to, if one should: of
    /// those that have something wanted, one with the fewest. Sources share the
    /// connections, so that one that comes back finds a place.
    pub(crate) fn next_source(&self, wanted: &Bitfield, now: Time) -> Option<SourceIndex> {
        if self.conns.len() >= WEB_SEED_CONNECTIONS_MAX || wanted.count() == 0 {
            return None;
        }
        let usable = |source: &&Source| source.is_usable();
        let sharing = self.sources.iter().filter(usable).count();
        let share = WEB_SEED_CONNECTIONS_MAX.div_ceil(sharing.max(1));
        let ready = self.sources().filter(|(_, source)| {
            source.is_usable() && source.ready_at() <= now && source.has_some_of(wanted)
        });
        let counted = ready.filter_map(|(index, source)| {
            let count = self.conns_to(index).count();
            (count < share.min(source.most(now))).then_some((count, index))
        });
        counted.min().map(|(_, index)| index)
    }

    /// A connection to a source that lacks a file and has nothing wanted any more:
    /// another can use its place.
    pub(crate) fn of_no_use(&self, wanted: &Bitfield) -> Option<ConnKey> {
        let idles =
            |(_, source): &&(ConnKey, SourceIndex)| !self.source(*source).has_some_of(wanted);
        self.conns.iter().find(idles).map(|(conn, _)| *conn)
    }

    /// When the next source has rested enough.
    pub(crate) fn next_deadline(&self, now: Time) -> Time {
        let usable = self.sources.iter().filter(|source| source.is_usable());
        let again = usable.flat_map(|source| {
            let spared = source.spared_until();
            spared.into_iter().chain([source.ready_at()])
        });
        let again = again.filter(|at| *at > now);
        again.min().unwrap_or(Time::NEVER)
    }

    /// A connection is there.
    pub(crate) fn opened(&mut self, conn: ConnKey, source: SourceIndex) {
        self.conns.push((conn, source));
    }

    /// A connection is gone, which brought so much.
    pub(crate) fn closed(&mut self, conn: ConnKey, downloaded: u64) {
        if let Some(at) = self.conns.iter().position(|(known, _)| *known == conn) {
            let (_, source) = self.conns.remove(at);
            self.source_mut(source).brought(downloaded);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use slotmap::KeyData;

    use super::*;

    fn conn(number: u64) -> ConnKey {
        ConnKey::from(KeyData::from_ffi(1 << 32 | number))
    }

    fn seeds(count: usize) -> WebSeeds {
        let urls: Vec<_> = (0..count).map(|at| format!("http://{at}/")).collect();
        *WebSeeds::new(urls.iter()).expect("there are some")
    }

    #[test]
    fn sources_share_three_connections() {
        let wanted = Bitfield::full(4);
        let mut seeds = seeds(2);
        let mut order = Vec::new();
        for number in 1..9 {
            let Some(source) = seeds.next_source(&wanted, Time::START) else {
                break;
            };
            seeds.opened(conn(number), source);
            order.push(source.0);
        }
        assert_eq!(order, [0, 1, 0]);
        seeds.closed(conn(2), 7);
        assert_eq!(
            seeds.next_source(&wanted, Time::START),
            Some(SourceIndex(1))
        );
        assert_eq!(seeds.source(SourceIndex(1)).downloaded(), 7);
    }

    #[test]
    fn one_that_rests_has_its_place_when_it_comes_back() {
        let wanted = Bitfield::full(4);
        let mut seeds = seeds(3);
        let later = Time::START + Duration::from_secs(30);
        seeds.source_mut(SourceIndex(0)).rest(later, "busy".into());
        let first = seeds.next_source(&wanted, Time::START);
        assert_eq!(first, Some(SourceIndex(1)));
        seeds.opened(conn(1), SourceIndex(1));
        seeds.opened(conn(2), SourceIndex(2));
        assert_eq!(seeds.next_source(&wanted, Time::START), None);
        assert_eq!(seeds.next_deadline(Time::START), later);
        assert_eq!(seeds.next_source(&wanted, later), Some(SourceIndex(0)));
        seeds.source_mut(SourceIndex(0)).ban();
        assert_eq!(seeds.next_source(&wanted, later), Some(SourceIndex(1)));
        assert_eq!(seeds.next_deadline(Time::START), Time::NEVER);
    }

    #[test]
    fn a_server_that_takes_one_connection_has_one_for_a_while() {
        let wanted = Bitfield::full(4);
        let mut seeds = seeds(1);
        let only = SourceIndex(0);
        seeds.opened(conn(1), only);
        let later = Time::START + Duration::from_secs(30);
        seeds.source_mut(only).spare(1, later);
        assert_eq!(seeds.next_source(&wanted, Time::START), None);
        assert_eq!(seeds.next_deadline(Time::START), later);
        assert_eq!(seeds.next_source(&wanted, later), Some(only));
    }

    #[test]
    fn whoever_has_nothing_wanted_gives_its_place_up() {
        let mut wanted = Bitfield::full(4);
        let mut seeds = seeds(2);
        seeds.opened(conn(1), SourceIndex(0));
        seeds.opened(conn(2), SourceIndex(1));
        let lacking = seeds.source_mut(SourceIndex(0));
        lacking.lacks(2..4, 4, "404".to_owned());
        assert_eq!(seeds.of_no_use(&wanted), None);
        for piece in 0..2 {
            wanted.remove(superseed_proto::PieceIndex(piece));
        }
        assert_eq!(seeds.of_no_use(&wanted), Some(conn(1)));
        seeds.closed(conn(1), 0);
        assert_eq!(seeds.of_no_use(&wanted), None);
    }

    #[test]
    fn each_url_is_one_source_and_there_are_so_many_at_most() {
        let twice = ["http://a/".to_owned(), "http://a/".to_owned()];
        assert_eq!(
            WebSeeds::new(twice.iter()).map(|all| all.sources.len()),
            Some(1)
        );
        let many: Vec<_> = (0..1_000).map(|at| format!("http://{at}/")).collect();
        let all = WebSeeds::new(many.iter()).map(|all| all.sources.len());
        assert_eq!(all, Some(WEB_SEEDS_PER_TORRENT_MAX));
        assert!(WebSeeds::new([].iter()).is_none());
    }
}
