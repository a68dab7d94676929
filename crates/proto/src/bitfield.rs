//! A set of pieces, stored as words, sent as BEP 3 bitfields.

use crate::layout::PieceIndex;

/// A set of pieces of a torrent with `len` pieces and a running count.
///
/// On the wire, piece 0 is the high bit of the first byte (BEP 3).
#[derive(Clone, PartialEq, Eq)]
pub struct Bitfield {
    words: Vec<u64>,
    len: u32,
    ones: u32,
}

impl Bitfield {
    /// An empty set over `len` pieces.
    pub fn new(len: u32) -> Self {
        Self {
            words: vec![0; len.div_ceil(64) as usize],
            len,
            ones: 0,
        }
    }

    /// The set of all `len` pieces.
    pub fn full(len: u32) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64) as usize];
        let spare = len % 64;
        if spare != 0
            && let Some(last) = words.last_mut()
        {
            *last = u64::MAX << (64 - spare);
        }
        Self {
            words,
            len,
            ones: len,
        }
    }

    /// Reads a BITFIELD payload. `None` if its length is not exactly
    /// `len.div_ceil(8)` or a spare bit is set.
    pub fn from_wire(bytes: &[u8], len: u32) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) as usize {
            return None;
        }
        let mut words = vec![0u64; len.div_ceil(64) as usize];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut buf = [0; 8];
            buf[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_be_bytes(buf);
        }
        let spare = len % 64;
        if spare != 0
            && words
                .last()
                .is_some_and(|last| last & (u64::MAX >> spare) != 0)
        {
            return None;
        }
        let ones = words.iter().map(|word| word.count_ones()).sum();
        Some(Self { words, len, ones })
    }

    /// Appends the BITFIELD payload to `out`.
    pub fn write_wire(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len.div_ceil(8) as usize;
        for word in &self.words {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.truncate(end);
    }

    /// How many pieces the set is over.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether the set is over no pieces at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many pieces are in the set.
    pub fn count(&self) -> u32 {
        self.ones
    }

    /// Whether every piece is in the set.
    pub fn is_full(&self) -> bool {
        self.ones == self.len
    }

    fn place(piece: PieceIndex) -> (usize, u64) {
        ((piece.0 / 64) as usize, 1 << (63 - piece.0 % 64))
    }

    /// Whether the piece is in the set; a piece beyond `len` is not.
    pub fn has(&self, piece: PieceIndex) -> bool {
        let (word, bit) = Self::place(piece);
        self.words.get(word).is_some_and(|w| w & bit != 0)
    }

    /// Adds a piece; tells whether it was new. A piece beyond `len` is ignored.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.len {
            return false;
        }
        let (word, bit) = Self::place(piece);
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.ones += u32::from(new);
        new
    }

    /// Removes a piece; tells whether it was there.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.len {
            return false;
        }
        let (word, bit) = Self::place(piece);
        let old = self.words[word] & bit != 0;
        self.words[word] &= !bit;
        self.ones -= u32::from(old);
        old
    }

    /// The pieces of the set in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        ones(self.words.iter().copied())
    }

    /// The pieces that are in `self` and not in `other`, ascending.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        ones(self.words.iter().zip(&other.words).map(|(a, b)| a & !b))
    }

    /// The pieces that are in both sets: from the word of `start` to the end,
    /// then from the beginning.
    pub fn intersection_from<'a>(
        &'a self,
        other: &'a Self,
        start: PieceIndex,
    ) -> impl Iterator<Item = PieceIndex> + 'a {
        let len = self.words.len().min(other.words.len());
        let first = ((start.0 / 64) as usize).min(len);
        (first..len).chain(0..first).flat_map(|at| {
            ones_of(self.words[at] & other.words[at])
                .map(move |bit| PieceIndex(at as u32 * 64 + bit))
        })
    }

    /// Whether some piece is in both sets.
    pub fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// The pieces that are in both sets, ascending.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        ones(self.words.iter().zip(&other.words).map(|(a, b)| a & b))
    }

    /// Whether some piece of `self` is not in `other`.
    pub fn has_more_than(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .any(|(a, b)| a & !b != 0)
    }
}

fn ones(words: impl Iterator<Item = u64>) -> impl Iterator<Item = PieceIndex> {
    words
        .enumerate()
        .flat_map(|(at, word)| ones_of(word).map(move |bit| PieceIndex(at as u32 * 64 + bit)))
}

/// The places of the ones of a word, from the high bit on.
fn ones_of(word: u64) -> impl Iterator<Item = u32> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let lead = rest.leading_zeros();
        if lead == 64 {
            return None;
        }
        rest &= !(1 << (63 - lead));
        Some(lead)
    })
}

impl std::fmt::Debug for Bitfield {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bitfield({}/{})", self.ones, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bit_zero_is_the_high_bit_of_byte_zero() {
        let mut set = Bitfield::new(10);
        set.insert(PieceIndex(0));
        set.insert(PieceIndex(9));
        let mut out = Vec::new();
        set.write_wire(&mut out);
        assert_eq!(out, [0x80, 0x40]);
    }

    #[test]
    fn spare_bits_and_wrong_lengths_are_refused() {
        assert!(Bitfield::from_wire(&[0x80, 0x40], 10).is_some());
        assert!(Bitfield::from_wire(&[0x80, 0x20], 10).is_none());
        assert!(Bitfield::from_wire(&[0x80], 10).is_none());
        assert!(Bitfield::from_wire(&[0x80, 0, 0], 10).is_none());
    }

    #[test]
    fn full_has_no_spare_bits() {
        for len in [1, 7, 8, 63, 64, 65, 1000] {
            let mut out = Vec::new();
            Bitfield::full(len).write_wire(&mut out);
            let back = Bitfield::from_wire(&out, len).unwrap();
            assert!(back.is_full());
            assert_eq!(back, Bitfield::full(len));
        }
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(len in 1u32..300, ops in prop::collection::vec((any::<bool>(), 0u32..300), 0..200)) {
            let mut set = Bitfield::new(len);
            let mut model = std::collections::BTreeSet::new();
            for (add, piece) in ops {
                let valid = piece < len;
                if add {
                    prop_assert_eq!(set.insert(PieceIndex(piece)), valid && model.insert(piece));
                } else {
                    prop_assert_eq!(set.remove(PieceIndex(piece)), valid && model.remove(&piece));
                }
            }
            prop_assert_eq!(set.count() as usize, model.len());
            prop_assert!(set.iter().map(|p| p.0).eq(model.iter().copied()));
            let mut out = Vec::new();
            set.write_wire(&mut out);
            prop_assert_eq!(Bitfield::from_wire(&out, len), Some(set.clone()));
            prop_assert!(Bitfield::full(len).difference(&set).all(|p| !model.contains(&p.0)));
            let full = Bitfield::full(len);
            prop_assert_eq!(full.intersects(&set), !model.is_empty());
            let start = len / 2;
            let (mut before, mut after): (Vec<_>, Vec<_>) = model.iter().partition(|&&p| p < start / 64 * 64);
            after.append(&mut before);
            prop_assert!(full.intersection_from(&set, PieceIndex(start)).map(|p| p.0).eq(after));
        }
    }
}
