//! One direction of a stream behind the handshake: as it is, or encrypted.

use super::rc4::Rc4;

/// What lies between the messages of one direction and the bytes of the stream.
///
/// Bytes go through it once, in order: what is offered to a transport again
/// must have been kept.
#[derive(Clone, Debug)]
pub enum Layer {
    /// The bytes are the messages.
    Plain,
    /// All bytes are encrypted.
    Rc4(Box<Rc4>),
    /// The next `left` bytes are encrypted, those behind them are not: the
    /// initial payload before a stream whose method is plain.
    Rc4Until {
        /// How many encrypted bytes are still to come.
        left: u16,
        /// Their keystream.
        cipher: Box<Rc4>,
    },
}

impl Layer {
    /// The layer that decrypts `left` bytes with `cipher` and no more.
    pub(super) fn rc4_until(left: u16, cipher: Rc4) -> Self {
        match left {
            0 => Self::Plain,
            _ => Self::Rc4Until {
                left,
                cipher: Box::new(cipher),
            },
        }
    }

    /// Seals or opens `bytes` where they lie.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        match self {
            Self::Plain => {}
            Self::Rc4(cipher) => cipher.apply(bytes),
            Self::Rc4Until { left, cipher } => {
                let len = bytes.len().min(usize::from(*left));
                cipher.apply(&mut bytes[..len]);
                *left -= len as u16;
                if *left == 0 {
                    *self = Self::Plain;
                }
            }
        }
    }

    /// Seals or opens `from` behind what `to` holds.
    pub fn append(&mut self, from: &[u8], to: &mut Vec<u8>) {
        let begin = to.len();
        to.extend_from_slice(from);
        self.apply(&mut to[begin..]);
    }

    /// Whether bytes pass as they are from here on.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }
}
