//! Message Stream Encryption: a handshake that does not look like one.
//!
//! No BEP has it; the text is Vuze's "Message Stream Encryption". It hides what
//! is spoken from devices that slow it down. It is no secrecy: who knows the
//! info-hash can stand in the middle, and RC4 is broken.
//!
//! ```text
//! 1  initiator  Ya, PadA
//! 2  acceptor   Yb, PadB
//! 3  initiator  SHA-1("req1" ‖ S), SHA-1("req2" ‖ SKEY) ⊕ SHA-1("req3" ‖ S),
//!               RC4(VC, crypto_provide, len(PadC), PadC, len(IA)), RC4(IA)
//! 4  acceptor   RC4(VC, crypto_select, len(PadD), PadD), payload
//! 5  initiator  payload
//! ```
//!
//! Y are public keys and S is the shared secret ([`dh`]), SKEY is the swarm
//! key, VC is eight zero bytes, IA the beginning of the initiator's payload and
//! always encrypted. Each direction has a keystream of its own. What follows is
//! encrypted or not as was selected ([`Layer`]).
//!
//! [`Initiator`] and [`Acceptor`] take bytes in any pieces and say what is to
//! be done ([`Step`]). They do no exponentiation: the caller has it done
//! elsewhere and brings the keys, and may go on to read meanwhile. They keep no
//! padding and no initial payload, whatever its length: an [`Acceptor`] takes
//! less than 1 KiB, its two keystreams apart.
//!
//! A padding ends where the mark behind it is found, 512 bytes further on at
//! the latest; how long the remote may take for that is the caller's to say.

mod acceptor;
pub mod dh;
mod fault;
mod initiator;
mod keys;
mod layer;
mod parts;
pub mod rc4;
#[cfg(test)]
mod tests;

pub use acceptor::Acceptor;
pub use dh::{DegenerateKey, PublicKey, Secret, SharedSecret};
pub use fault::MseFault;
pub use initiator::Initiator;
pub use keys::obfuscated;
pub use layer::Layer;

use dh::KEY_LEN;

/// The longest padding in bytes, of each of the four.
pub const PAD_LEN_MAX: usize = 512;

/// The longest initial payload in bytes: its length is sent in sixteen bits.
pub const INITIAL_LEN_MAX: usize = u16::MAX as usize;

/// The verification constant.
const VC: [u8; 8] = [0; 8];

/// How what follows the handshake is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptoMethod {
    /// As it is: only the handshake was hidden.
    Plain = 1,
    /// Encrypted.
    Rc4 = 2,
}

/// A set of [`CryptoMethod`]s, as `crypto_provide` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u32);

impl Methods {
    /// What follows must be plain.
    pub const PLAIN: Self = Self(CryptoMethod::Plain as u32);
    /// What follows must be encrypted.
    pub const RC4: Self = Self(CryptoMethod::Rc4 as u32);
    /// Either will do.
    pub const BOTH: Self = Self(Self::PLAIN.0 | Self::RC4.0);

    /// Whether `method` is one of them.
    pub fn contains(self, method: CryptoMethod) -> bool {
        self.0 & method as u32 != 0
    }

    /// The method that a `crypto_select` names: one of these, and one alone.
    fn selected(self, bits: [u8; 4]) -> Result<CryptoMethod, MseFault> {
        let methods = [CryptoMethod::Plain, CryptoMethod::Rc4];
        let named = |method: &CryptoMethod| u32::from_be_bytes(bits) == *method as u32;
        let method = methods.into_iter().find(named);
        let method = method.filter(|method| self.contains(*method));
        method.ok_or(MseFault::NoMethod)
    }

    /// The method for a `crypto_provide`: `prefer`, or else the other one.
    /// Bits without a meaning are passed over.
    fn choose(self, bits: [u8; 4], prefer: CryptoMethod) -> Result<CryptoMethod, MseFault> {
        let common = Self(self.0 & u32::from_be_bytes(bits));
        let methods = [prefer, CryptoMethod::Plain, CryptoMethod::Rc4];
        let method = methods.into_iter().find(|method| common.contains(*method));
        method.ok_or(MseFault::NoMethod)
    }
}

/// The padding of one side, drawn by the caller; what is longer than
/// [`PAD_LEN_MAX`] is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pads {
    /// Behind the public key (PadA, PadB): random bytes, as many as chance says.
    pub first: Vec<u8>,
    /// How many bytes of padding the encrypted part has (PadC, PadD). They are
    /// zeroes: later versions may put something there.
    pub second_len: usize,
}

impl Pads {
    fn first(&self) -> &[u8] {
        &self.first[..self.first.len().min(PAD_LEN_MAX)]
    }

    /// The second padding behind its length.
    fn push_second(&self, out: &mut Vec<u8>) {
        let len = self.second_len.min(PAD_LEN_MAX);
        out.extend((len as u16).to_be_bytes());
        out.resize(out.len() + len, 0);
    }
}

/// What a handshake wants next.
#[derive(Clone, Debug)]
pub enum Step {
    /// More bytes, or the keys that were asked for: the input is used up.
    NeedInput,
    /// These bytes sent; then read on, with what is left of the input.
    Send(Vec<u8>),
    /// The shared secret with the holder of this key, once it is computed; an
    /// [`Acceptor`] wants the own public key with it.
    NeedKeys(Box<PublicKey>),
    /// The torrent with this [`obfuscated`] swarm key ([`Acceptor::torrent`]).
    WhichTorrent([u8; 20]),
    /// Nothing: what is left of the input and all that follows is payload.
    Established(Box<Established>),
}

/// What a finished handshake leaves.
#[derive(Clone, Debug)]
pub struct Established {
    /// Opens what the remote sends, the rest of the last input first.
    pub read: Layer,
    /// Seals what we send from here on.
    pub write: Layer,
    /// What was agreed upon.
    pub method: CryptoMethod,
}
