//! What one connection to a web seed fetches, byte by byte.
//!
//! ```text
//!        at          lent to      asked to                    end
//!  ──────┼──────────────┼────────────┼─────────────────────────┼──── torrent
//!   here │  may come    │ the blocks │ of nobody, and perhaps  │
//!        │              │ are ours   │ of others before us     │
//! ```
//!
//! The server is asked for everything up to the end, or to the end of a file
//! before it; a run that turns out shorter is broken off.

use superseed_proto::layout::{BLOCK_LEN, Block, Layout, PieceIndex};

use super::SourceIndex;
use crate::ids::FetchKey;
use crate::limits::WEB_SEED_RUN_MAX;

/// A run is what the source brings in this time: what another peer begins in
/// its middle breaks it off, and so does the end of the torrent's patience with
/// a slow source.
const RUN_S: u64 = 10;
/// The shortest run: what a source of which nothing is known is asked for.
const RUN_MIN: u64 = 1 << 20;

/// How many bytes the next run of a source should have.
pub(crate) fn run_len(rate_bytes_per_s: u64) -> u64 {
    rate_bytes_per_s
        .saturating_mul(RUN_S)
        .clamp(RUN_MIN, WEB_SEED_RUN_MAX)
}

/// The block that begins at, or holds, this byte of the torrent.
pub(crate) fn block_of(layout: &Layout, byte: u64) -> Block {
    let piece_len = u64::from(layout.piece_len_nominal());
    Block {
        piece: PieceIndex((byte / piece_len) as u32),
        index: (byte % piece_len) as u32 / BLOCK_LEN,
    }
}

/// Where a block begins in the torrent.
pub(crate) fn offset_of(layout: &Layout, block: Block) -> u64 {
    layout.piece_offset(block.piece) + u64::from(block.begin())
}

/// A request that is out.
#[derive(Clone, Copy, Debug)]
struct Fetching {
    key: FetchKey,
    end: u64,
    lent_to: u64,
    /// The listener that it goes by.
    via: usize,
    came: bool,
}

/// One connection's run and its request. See the module.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) source: SourceIndex,
    at: u64,
    asked_to: u64,
    end: u64,
    fetch: Option<Fetching>,
}

impl Lane {
    pub(crate) fn new(source: SourceIndex) -> Self {
        Self {
            source,
            at: 0,
            asked_to: 0,
            end: 0,
            fetch: None,
        }
    }

    /// Nothing of its run is to come.
    pub(crate) fn is_over(&self) -> bool {
        self.at == self.end
    }

    /// The next byte that comes.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// What is left of the run.
    pub(crate) fn left(&self) -> std::ops::Range<u64> {
        self.at..self.end
    }

    /// A run begins, whose first block was asked for.
    pub(crate) fn begin(&mut self, at: u64, first_len: u64, more: u64) {
        debug_assert!(self.is_over() && self.fetch.is_none());
        self.at = at;
        self.asked_to = at + first_len;
        self.end = self.asked_to + more;
    }

    /// The next block's first byte, if the run goes on that far.
    pub(crate) fn next(&self) -> Option<u64> {
        (self.asked_to < self.end).then_some(self.asked_to)
    }

    /// The next block was asked for.
    pub(crate) fn asked(&mut self, len: u64) {
        self.asked_to += len;
    }

    /// The next block is somebody else's: the run ends before it.
    pub(crate) fn cut(&mut self) {
        self.end = self.asked_to;
    }

    /// The last block that was asked for is not wanted any more: the run ends
    /// before it. Says whether it was the last.
    pub(crate) fn cut_last(&mut self, at: u64, len: u64) -> bool {
        let is_last = at + len == self.asked_to && at >= self.at;
        if is_last {
            (self.asked_to, self.end) = (at, at);
        }
        is_last
    }

    /// Forgets what is left of the run, and gives the request that was out.
    pub(crate) fn drop_run(&mut self) -> Option<FetchKey> {
        (self.asked_to, self.end) = (self.at, self.at);
        self.fetch.take().map(|fetch| fetch.key)
    }

    /// Whether a request has to go out.
    pub(crate) fn wants_fetch(&self) -> bool {
        self.fetch.is_none() && self.at < self.asked_to
    }

    /// A request of so many bytes is out, by this listener.
    pub(crate) fn fetches(&mut self, key: FetchKey, len: u64, via: usize) {
        self.fetch = Some(Fetching {
            key,
            end: self.at + len,
            lent_to: self.at,
            via,
            came: false,
        });
    }

    pub(crate) fn fetch(&self) -> Option<FetchKey> {
        self.fetch.map(|fetch| fetch.key)
    }

    /// The listener that the request that is out goes by.
    pub(crate) fn via(&self) -> usize {
        self.fetch.map_or(0, |fetch| fetch.via)
    }

    /// Whether anything came of the request that is out.
    pub(crate) fn came(&self) -> bool {
        self.fetch.is_some_and(|fetch| fetch.came)
    }

    /// Bytes that may come beside those that were let through.
    pub(crate) fn lendable(&self) -> u64 {
        self.fetch.map_or(0, |fetch| {
            fetch.end.min(self.asked_to).saturating_sub(fetch.lent_to)
        })
    }

    /// So many more may come.
    pub(crate) fn lend(&mut self, bytes: u64) {
        if let Some(fetch) = &mut self.fetch {
            fetch.lent_to += bytes;
        }
    }

    /// Bytes that may come now, and are wanted.
    pub(crate) fn lent(&self) -> u64 {
        self.fetch.map_or(0, |fetch| {
            fetch.lent_to.min(self.end).saturating_sub(self.at)
        })
    }

    /// Bytes that were asked for and did not come, wherever they come from.
    pub(crate) fn owed(&self) -> u64 {
        self.asked_to - self.at
    }

    /// So many came.
    pub(crate) fn take(&mut self, len: u64) {
        self.at += len;
        if let Some(fetch) = &mut self.fetch {
            fetch.came = true;
        }
    }

    /// Takes the request if nothing of it is to come any more, and says whether
    /// all of it came.
    pub(crate) fn take_ended(&mut self) -> Option<(FetchKey, bool)> {
        let ended = |fetch: &Fetching| self.at >= fetch.end || self.at >= self.end;
        let fetch = self.fetch.filter(ended)?;
        self.fetch = None;
        Some((fetch.key, self.at >= fetch.end))
    }

    /// The request that is out brings no more.
    pub(crate) fn broke(&mut self) {
        self.fetch = None;
    }
}

#[cfg(test)]
mod tests {
    use slotmap::KeyData;

    use super::*;

    fn fetch(number: u64) -> FetchKey {
        FetchKey::from(KeyData::from_ffi(1 << 32 | number))
    }

    #[test]
    fn a_run_is_as_long_as_the_source_is_fast() {
        assert_eq!(run_len(0), RUN_MIN);
        assert_eq!(run_len(300_000), 3_000_000);
        assert_eq!(run_len(u64::MAX), WEB_SEED_RUN_MAX);
    }

    #[test]
    fn blocks_are_found_in_pieces_of_any_length() {
        let layout = Layout::new(50_000, 20_000).expect("a layout");
        for piece in layout.pieces() {
            for index in 0..layout.block_count(piece) {
                let block = Block { piece, index };
                assert_eq!(block_of(&layout, offset_of(&layout, block)), block);
            }
        }
    }

    #[test]
    fn no_more_may_come_than_was_asked_for_and_the_request_covers() {
        let mut lane = Lane::new(SourceIndex(0));
        lane.begin(100, 10, 40);
        assert!(lane.wants_fetch());
        lane.fetches(fetch(1), 15, 0);
        assert_eq!((lane.lendable(), lane.lent()), (10, 0));
        lane.lend(10);
        lane.asked(10);
        assert_eq!((lane.lendable(), lane.lent()), (5, 10));
        lane.lend(5);
        lane.take(15);
        assert_eq!(lane.take_ended(), Some((fetch(1), true)));
        assert!(lane.wants_fetch(), "five bytes of the next file");
        assert_eq!((lane.lendable(), lane.owed()), (0, 5));
    }

    #[test]
    fn a_run_that_is_cut_is_broken_off_where_it_ends() {
        let mut lane = Lane::new(SourceIndex(0));
        lane.begin(0, 10, 90);
        lane.fetches(fetch(1), 100, 0);
        lane.lend(10);
        assert_eq!(lane.next(), Some(10));
        lane.cut();
        assert_eq!((lane.next(), lane.take_ended()), (None, None));
        lane.take(10);
        assert_eq!(lane.take_ended(), Some((fetch(1), false)));
        assert!(lane.is_over() && !lane.wants_fetch());
    }

    #[test]
    fn a_last_block_that_is_taken_back_may_not_come_even_if_it_was_lent() {
        let mut lane = Lane::new(SourceIndex(0));
        lane.begin(0, 10, 20);
        lane.asked(20);
        lane.fetches(fetch(1), 30, 0);
        lane.lend(30);
        lane.take(12);
        assert!(!lane.cut_last(10, 10), "another was asked for after it");
        assert!(lane.cut_last(20, 10));
        assert!(!lane.cut_last(10, 10), "it is coming");
        assert_eq!(lane.lent(), 8);
        lane.take(8);
        assert_eq!(lane.take_ended(), Some((fetch(1), false)));
    }
}
