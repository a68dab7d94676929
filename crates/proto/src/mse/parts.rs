//! Parts of a handshake that come in any pieces: fields, padding and marks.

use super::{KEY_LEN, MseFault, PAD_LEN_MAX, PublicKey, Step};

/// A field of `N` bytes of which some have come.
#[derive(Clone, Debug)]
pub(super) struct Field<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Field<N> {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    /// How many bytes are missing.
    pub(super) fn missing(&self) -> usize {
        N - self.len
    }

    /// Takes what is missing; the field, when it is whole.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let taken = take(input, N - self.len);
        self.bytes[self.len..self.len + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        (self.len == N).then_some(self.bytes)
    }
}

/// The search for `N` bytes that end a padding of unknown length.
#[derive(Clone, Debug)]
pub(super) struct Search<const N: usize> {
    mark: [u8; N],
    /// The last `N` bytes, once `seen` is `N` or more.
    last: [u8; N],
    seen: usize,
    /// How many bytes the longest padding and the mark have here.
    seen_max: usize,
}

impl<const N: usize> Search<N> {
    /// Looks for `mark`, of whose padding `pad_len` bytes were taken already.
    pub(super) fn new(mark: [u8; N], pad_len: usize) -> Self {
        Self {
            mark,
            last: [0; N],
            seen: 0,
            seen_max: PAD_LEN_MAX.saturating_sub(pad_len) + N,
        }
    }

    /// Reads on; whether the mark was found, and is the last that was taken.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<bool, MseFault> {
        while let Some((&byte, rest)) = input.split_first() {
            self.last.copy_within(1.., 0);
            self.last[N - 1] = byte;
            self.seen += 1;
            *input = rest;
            if self.seen >= N && self.last == self.mark {
                return Ok(true);
            }
            if self.seen == self.seen_max {
                return Err(MseFault::NoSync);
            }
        }
        Ok(false)
    }
}

/// The remote's public key, and then what comes while the secret is computed:
/// bytes that were sent before the remote could know our key, and so can only be
/// padding. They are counted, and nothing of them is kept.
#[derive(Clone, Debug)]
pub(super) enum KeyExchange {
    /// The key is coming.
    Coming(Field<KEY_LEN>),
    /// The caller has it; `pad_len` bytes came meanwhile.
    Computing { pad_len: usize },
}

impl KeyExchange {
    pub(super) fn new() -> Self {
        Self::Coming(Field::new())
    }

    /// How many bytes of the key are missing.
    pub(super) fn missing(&self) -> usize {
        match self {
            Self::Coming(key) => key.missing(),
            Self::Computing { .. } => 0,
        }
    }

    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault> {
        match self {
            Self::Coming(key) => {
                let Some(remote) = key.read(input) else {
                    return Ok(Step::NeedInput);
                };
                *self = Self::Computing { pad_len: 0 };
                Ok(Step::NeedKeys(Box::new(PublicKey(remote))))
            }
            Self::Computing { pad_len } => {
                *pad_len += take(input, PAD_LEN_MAX + 1 - *pad_len).len();
                if *pad_len > PAD_LEN_MAX {
                    return Err(MseFault::PadTooLong);
                }
                Ok(Step::NeedInput)
            }
        }
    }
}

/// Takes up to `count` bytes from the front of `input`.
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(input.len().min(count));
    *input = rest;
    taken
}

/// The length of a padding as it was sent.
pub(super) fn pad_len([high, low]: [u8; 2]) -> Result<u16, MseFault> {
    let len = u16::from_be_bytes([high, low]);
    if usize::from(len) > PAD_LEN_MAX {
        return Err(MseFault::PadTooLong);
    }
    Ok(len)
}
