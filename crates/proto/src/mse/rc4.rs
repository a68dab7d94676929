//! RC4, as streams are obfuscated with it: no protection of anything else.
//!
//! Owns the state of one direction. Ours because it is thirty lines and faster
//! than others' (docs/decisions/051).

use std::fmt;

/// How far a keystream has come: one key, one direction.
#[derive(Clone)]
pub struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// The keystream of `key` from its first byte, which is to be of 1 to 256
    /// bytes; an empty key is the key of one zero.
    pub fn new(key: &[u8]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut state = [0; 256];
        for (at, value) in (0..=u8::MAX).zip(&mut state) {
            *value = at;
        }
        let mut j = 0_u8;
        for (at, key) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[at]).wrapping_add(*key);
            state.swap(at, usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    /// Passes over `count` bytes of the keystream.
    pub fn skip(&mut self, count: usize) {
        let (mut i, mut j) = (self.i, self.j);
        for _ in 0..count {
            self.advance(&mut i, &mut j);
        }
        (self.i, self.j) = (i, j);
    }

    /// Encrypts or decrypts `bytes` where they lie: both are the same.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        for byte in bytes {
            *byte ^= self.advance(&mut i, &mut j);
        }
        (self.i, self.j) = (i, j);
    }

    /// The next byte of the keystream. `i` and `j` are the caller's for as long
    /// as it loops: registers, and not a part of the state that is written.
    #[inline(always)]
    fn advance(&mut self, i: &mut u8, j: &mut u8) -> u8 {
        *i = i.wrapping_add(1);
        let x = self.state[usize::from(*i)];
        *j = j.wrapping_add(x);
        let y = self.state[usize::from(*j)];
        self.state[usize::from(*i)] = y;
        self.state[usize::from(*j)] = x;
        self.state[usize::from(x.wrapping_add(y))]
    }
}

impl fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rc4")
    }
}
