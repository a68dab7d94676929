//! Fetching metadata from several peers at once.
//!
//! Peers that state different lengths make different assemblies. While nobody
//! has lied about a length, its blocks are asked of all who state it. When such
//! a whole hashes wrong, nobody knows who spoilt it: from then on some send one
//! each alone, and whose whole is wrong is known to lie. Once the right one is
//! there, all that was wrong is compared with it.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use super::assembly::{Assembly, Got};
use super::blame::Blame;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::limits::{
    METADATA_ALONE_MAX, METADATA_LEN_MAX, METADATA_LENGTHS_MAX, METADATA_OUTSTANDING_MAX,
    METADATA_OUTSTANDING_PER_PEER,
};
use crate::time::Time;

/// A block that did not come within this is asked of another peer, or of the
/// same again (libtorrent, `ut_metadata`).
const RETRY: Duration = Duration::from_secs(3);
/// Who has not got it, or does not answer, is not asked for this long
/// (libtorrent: 20 to 70 s).
const REST: Duration = Duration::from_secs(60);
/// Blocks in a row that a peer may leave unanswered before it rests.
const SILENT_MAX: u32 = 4;
/// Answers that are waited for after their time: an honest peer that is slow
/// owes no more.
const LATE_MAX: usize = 16;
/// Blocks of metadata to which nothing was added for so long are let go of.
const STALE: Duration = Duration::from_secs(300);
/// Of metadata that is fetched something comes within this, or others of its
/// kind have their turn: who is silent rests then.
const UNUSED: Duration = RETRY.saturating_mul(SILENT_MAX);
/// Wholes longer than this are fetched of one suspect at a time.
const LONG: u32 = 8 << 20;

/// Ask a peer for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) peer: ConnKey,
    pub(crate) block: u32,
}

/// Names a whole whose hash is being computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeId(u64);

/// What became of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is kept, or not needed any more.
    Kept,
    /// With it a whole is there: whether it is right is to be computed.
    Whole(WholeId, Vec<Bytes>),
}

/// A peer that may have the metadata.
#[derive(Clone, Debug)]
struct Source {
    host: IpAddr,
    /// The length that it states.
    len: Option<u32>,
    asked: SmallVec<[(u32, Time); METADATA_OUTSTANDING_PER_PEER]>,
    /// What was asked for too long ago: it may come yet.
    late: VecDeque<u32>,
    /// Blocks that were asked for again since its last answer.
    silent: u32,
    rests_until: Time,
}

impl Source {
    /// Whether it was asked for a block, lately or before.
    fn is_asked(&self, block: u32) -> bool {
        self.asked.iter().any(|(asked, _)| *asked == block) || self.late.contains(&block)
    }

    /// An answer about a block came. False if nobody asked.
    fn take(&mut self, block: u32) -> bool {
        let asked = self.asked.iter().position(|(asked, _)| *asked == block);
        let late = self.late.iter().position(|late| *late == block);
        match (asked, late) {
            (Some(at), _) => {
                self.asked.swap_remove(at);
            }
            (None, Some(at)) => {
                self.late.remove(at);
            }
            (None, None) => return false,
        }
        true
    }
}

/// A fetch of one torrent's metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetch {
    sources: BTreeMap<ConnKey, Source>,
    assemblies: Vec<Assembly>,
    /// Lengths of which a whole was wrong.
    doubted: BTreeSet<u32>,
    blame: Blame,
    wholes: u64,
}

impl Fetch {
    /// A peer takes part in the exchange; `len` is what it states, which may
    /// come later.
    pub(crate) fn joined(
        &mut self,
        peer: ConnKey,
        host: IpAddr,
        len: Option<u32>,
        now: Time,
    ) -> Result<(), PeerFault> {
        if len.is_some_and(|len| len == 0 || len > METADATA_LEN_MAX) {
            return Err(PeerFault::BadMetadataLen);
        }
        let source = self.sources.entry(peer).or_insert_with(|| Source {
            host,
            len: None,
            asked: SmallVec::new(),
            late: VecDeque::new(),
            silent: 0,
            rests_until: now,
        });
        if len.is_some() && source.len != len {
            if source.len.is_some() {
                // What it was asked for is of another length.
                let asked = source.asked.drain(..).map(|(block, _)| block);
                source.late.extend(asked);
            }
            source.len = len;
            source.rests_until = now;
        }
        Ok(())
    }

    /// A peer is gone, or takes part no more.
    pub(crate) fn left(&mut self, peer: ConnKey) {
        if let Some(source) = self.sources.remove(&peer) {
            self.drop_alone_without_source(source.host);
        }
    }

    /// Whether a peer takes part, and does not rest.
    pub(crate) fn is_of_use(&self, peer: ConnKey, now: Time) -> bool {
        let source = self.sources.get(&peer);
        source.is_some_and(|source| source.rests_until <= now)
    }

    /// Orders blocks as far as limits allow.
    pub(crate) fn ask(&mut self, now: Time, asks: &mut Vec<Ask>) {
        self.give_up_late(now);
        self.plan(now);
        let mut outstanding: usize = self.outstanding(now).values().sum();
        let mut peers: Vec<_> = self.sources.keys().copied().collect();
        // Those that answer first.
        peers.sort_by_key(|peer| self.sources[peer].silent);
        // Who has the fewest requests is asked first, so that all take part.
        for depth in 0..METADATA_OUTSTANDING_PER_PEER {
            for &peer in &peers {
                if outstanding >= METADATA_OUTSTANDING_MAX {
                    return;
                }
                let source = &self.sources[&peer];
                if source.asked.len() > depth || source.rests_until > now {
                    continue;
                }
                if let Some(block) = self.next_block(peer, now) {
                    let source = self.sources.get_mut(&peer).expect("listed above");
                    source.asked.push((block, now));
                    asks.push(Ask { peer, block });
                    outstanding += 1;
                }
            }
        }
    }

    /// A block came.
    pub(crate) fn data(
        &mut self,
        peer: ConnKey,
        (block, total_len): (u32, Option<u32>),
        bytes: &[u8],
        room: u64,
        now: Time,
    ) -> Result<Taken, PeerFault> {
        let source = self.sources.get_mut(&peer);
        let source = source.ok_or(PeerFault::UnaskedMetadata)?;
        if !source.take(block) {
            return Err(PeerFault::UnaskedMetadata);
        }
        source.silent = 0;
        let len = source.len.or(total_len).ok_or(PeerFault::BadMetadataLen)?;
        if total_len.is_some_and(|total| total != len) || len == 0 || len > METADATA_LEN_MAX {
            return Err(PeerFault::BadMetadataLen);
        }
        let host = source.host;
        source.len = Some(len);
        if Assembly::block_len(len, block) != Some(bytes.len()) {
            return Err(PeerFault::BadMetadataPiece);
        }
        self.plan(now);
        self.wholes += 1;
        let whole = WholeId(self.wholes);
        let takes =
            |assembly: &&mut Assembly| assembly.takes_of(len, host) && assembly.lacks(block);
        let Some(assembly) = self.assemblies.iter_mut().find(takes) else {
            return Ok(Taken::Kept);
        };
        if bytes.len() as u64 > room {
            // Others hold the memory: later.
            let source = self.sources.get_mut(&peer).expect("it was there above");
            source.rests_until = now + RETRY;
            return Ok(Taken::Kept);
        }
        let bytes = Bytes::copy_from_slice(bytes);
        assembly.keep(block, Got { bytes, from: host }, now);
        if !assembly.is_whole() {
            return Ok(Taken::Kept);
        }
        assembly.hashing = Some(whole);
        let blocks = assembly.got().map(|(_, got)| got.bytes.clone());
        Ok(Taken::Whole(whole, blocks.collect()))
    }

    /// A peer will not send a block. Says whether it was asked for it.
    pub(crate) fn rejected(&mut self, peer: ConnKey, block: u32, now: Time) -> bool {
        let source = self.sources.get_mut(&peer);
        let Some(source) = source.filter(|source| source.is_asked(block)) else {
            return false;
        };
        source.take(block);
        source.rests_until = now + REST;
        let host = source.host;
        self.drop_alone_of(host);
        true
    }

    /// The whole that was handed out hashed wrong. Names the hosts that are
    /// known to have lied.
    pub(crate) fn wrong(&mut self, whole: WholeId) -> Vec<IpAddr> {
        let hashed = |assembly: &Assembly| assembly.hashing == Some(whole);
        let Some(at) = self.assemblies.iter().position(hashed) else {
            return Vec::new();
        };
        let wrong = self.assemblies.remove(at);
        let senders: BTreeSet<_> = wrong.got().map(|(_, got)| got.from).collect();
        if let [liar] = senders.iter().copied().collect::<SmallVec<[_; 2]>>()[..] {
            return vec![liar];
        }
        self.doubted.insert(wrong.len);
        self.blame.note(&wrong);
        Vec::new()
    }

    /// What is right is there. Names all who ever sent something else.
    pub(crate) fn right(&mut self, raw: &[u8]) -> Vec<IpAddr> {
        let mut liars = self.blame.liars(raw);
        for other in &self.assemblies {
            let mut unfinished = Blame::default();
            unfinished.note(other);
            liars.extend(unfinished.liars(raw));
        }
        *self = Self::default();
        liars.into_iter().collect()
    }

    /// When somebody is to be asked again.
    pub(crate) fn next_deadline(&self, now: Time) -> Time {
        let late = self.sources.values().flat_map(|source| &source.asked);
        let late = late.map(|(_, at)| *at + RETRY);
        let rested = self.sources.values().map(|source| source.rests_until);
        let rested = rested.filter(|at| *at > now);
        let stale = self.assemblies.iter().filter(|one| one.hashing.is_none());
        let stale = stale.map(|one| one.since + STALE);
        late.chain(rested).chain(stale).min().unwrap_or(Time::NEVER)
    }

    /// Forgets what came; who was met is kept.
    pub(crate) fn let_go(&mut self) {
        *self = Self {
            sources: std::mem::take(&mut self.sources),
            wholes: self.wholes,
            ..Self::default()
        };
    }

    /// Bytes of blocks that are kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.assemblies.iter().map(Assembly::bytes).sum()
    }

    /// Digests of wrong wholes that are kept.
    pub(crate) fn digests(&self) -> usize {
        self.blame.len()
    }

    /// How many blocks are there, and how many there are, of the length that
    /// is nearest to its end.
    pub(crate) fn progress(&self) -> (u32, u32) {
        let progress = |assembly: &Assembly| {
            let there = assembly.got().count() as u32;
            (there, super::block_count(assembly.len))
        };
        let all = self.assemblies.iter().map(progress);
        all.max_by_key(|(there, of)| (*there, std::cmp::Reverse(*of)))
            .unwrap_or((0, 0))
    }

    /// Makes assemblies for what peers state, as far as there may be some.
    fn plan(&mut self, now: Time) {
        self.assemblies
            .retain(|one| one.hashing.is_some() || now.since(one.since) < STALE);
        let mut stated: BTreeMap<u32, Vec<IpAddr>> = BTreeMap::new();
        for source in self.sources.values() {
            if let Some(len) = source.len.filter(|_| source.rests_until <= now) {
                stated.entry(len).or_default().push(source.host);
            }
        }
        // The length of most peers first.
        let mut stated: Vec<_> = stated.into_iter().collect();
        stated.sort_by_key(|(_, hosts)| std::cmp::Reverse(hosts.len()));
        for (len, hosts) in stated {
            if !self.may_have(len, now) {
                continue;
            }
            if !self.doubted.contains(&len) {
                if !self.assemblies.iter().any(|one| one.len == len) {
                    self.assemblies.push(Assembly::new(len, None, now));
                }
                continue;
            }
            let most = if len > LONG { 1 } else { METADATA_ALONE_MAX };
            for host in hosts {
                let of_len = || self.assemblies.iter().filter(|one| one.len == len);
                let has = of_len().any(|one| one.of == Some(host));
                if !has && of_len().count() < most {
                    self.assemblies.push(Assembly::new(len, Some(host), now));
                }
            }
        }
    }

    /// Whether there may be an assembly of this length. A length makes room that
    /// fewer hosts state; and after its time one that as few state, so that no
    /// liar keeps its place for ever.
    fn may_have(&mut self, len: u32, now: Time) -> bool {
        let lengths: BTreeSet<_> = self.assemblies.iter().map(|one| one.len).collect();
        if lengths.contains(&len) || lengths.len() < METADATA_LENGTHS_MAX {
            return true;
        }
        let stated_by = |len: u32| {
            let of_len = self.sources.values().filter(|one| one.len == Some(len));
            of_len.map(|one| one.host).collect::<BTreeSet<_>>().len()
        };
        let wanted = stated_by(len);
        let gives_way = |other: &u32| {
            let of_len = || self.assemblies.iter().filter(|one| one.len == *other);
            if of_len().any(|one| one.hashing.is_some()) {
                return None;
            }
            let begun = of_len().map(|one| one.begun).min()?;
            let is_unused = of_len().all(|one| one.bytes() == 0);
            let time = if is_unused { UNUSED } else { STALE };
            let hosts = stated_by(*other);
            let goes = hosts < wanted || (hosts == wanted && now.since(begun) >= time);
            goes.then_some((hosts, begun, *other))
        };
        let weakest = lengths.iter().filter_map(gives_way).min();
        if let Some((_, _, weakest)) = weakest {
            self.assemblies.retain(|one| one.len != weakest);
        }
        weakest.is_some()
    }

    /// How many peers were asked lately for each block of a length. On those
    /// that did not answer the last time nobody waits.
    fn outstanding(&self, now: Time) -> BTreeMap<(u32, u32), usize> {
        let mut outstanding = BTreeMap::new();
        for source in self.sources.values().filter(|source| source.silent == 0) {
            for (block, at) in &source.asked {
                if now.since(*at) < RETRY {
                    let len = source.len.unwrap_or_default();
                    *outstanding.entry((len, *block)).or_default() += 1;
                }
            }
        }
        outstanding
    }

    /// The block that a peer is to be asked for next.
    fn next_block(&self, peer: ConnKey, now: Time) -> Option<u32> {
        let source = &self.sources[&peer];
        let Some(len) = source.len else {
            // The answer to the first block tells the length.
            return source.asked.is_empty().then_some(0);
        };
        let is_asked = |block: u32| source.asked.iter().any(|(asked, _)| *asked == block);
        let takes = |one: &&Assembly| one.takes_of(len, source.host);
        let assembly = self.assemblies.iter().find(takes)?;
        let outstanding = self.outstanding(now);
        let alone = assembly.of.is_some();
        let open =
            |block: &u32| !is_asked(*block) && (alone || !outstanding.contains_key(&(len, *block)));
        assembly.missing().find(open)
    }

    /// Requests that are late are taken back; who leaves too many rests.
    fn give_up_late(&mut self, now: Time) {
        let mut silent = Vec::new();
        for source in self.sources.values_mut() {
            let late = &mut source.late;
            let unanswered = &mut source.silent;
            source.asked.retain(|(block, at)| {
                let in_time = now.since(*at) < RETRY;
                if !in_time {
                    late.push_back(*block);
                    *unanswered += 1;
                }
                in_time
            });
            while late.len() > LATE_MAX {
                late.pop_front();
            }
            if source.silent >= SILENT_MAX {
                source.silent = 0;
                source.rests_until = now + REST;
                silent.push(source.host);
            }
        }
        for host in silent {
            self.drop_alone_of(host);
        }
    }

    /// A host is not fetched of alone any more: others may be.
    fn drop_alone_of(&mut self, host: IpAddr) {
        self.assemblies
            .retain(|one| one.of != Some(host) || one.hashing.is_some());
    }

    fn drop_alone_without_source(&mut self, host: IpAddr) {
        if !self.sources.values().any(|source| source.host == host) {
            self.drop_alone_of(host);
        }
    }
}
