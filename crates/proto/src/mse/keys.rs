//! What is derived from the shared secret and the swarm key, all by SHA-1.

use sha1::{Digest, Sha1};

use super::dh::SharedSecret;
use super::parts::take;
use super::rc4::Rc4;
use super::{CryptoMethod, Established, Layer};
use crate::SwarmKey;

/// How much of each keystream is thrown away, in bytes: its beginning tells
/// most about the key.
const DISCARDED: usize = 1024;

/// SHA-1("req2" ‖ swarm key): how a connection names its torrent to whoever
/// knows the torrent. To be kept for each torrent, so that one look finds it.
pub fn obfuscated(skey: SwarmKey) -> [u8; 20] {
    hash(b"req2", &skey.0, &[])
}

/// SHA-1("req1" ‖ S): where the initiator's padding ends.
pub(super) fn sync_mark(s: &SharedSecret) -> [u8; 20] {
    hash(b"req1", &s.0, &[])
}

/// `name` with SHA-1("req3" ‖ S) laid over it, or taken off again.
pub(super) fn masked(s: &SharedSecret, mut name: [u8; 20]) -> [u8; 20] {
    let mask = hash(b"req3", &s.0, &[]);
    name.iter_mut()
        .zip(mask)
        .for_each(|(name, mask)| *name ^= mask);
    name
}

/// Who sends what a keystream is for.
#[derive(Clone, Copy)]
pub(super) enum Sender {
    Initiator,
    Acceptor,
}

/// The keystreams of both directions.
#[derive(Clone, Debug)]
pub(super) struct Ciphers {
    pub(super) read: Rc4,
    pub(super) write: Rc4,
}

impl Ciphers {
    /// Those of the side that is `us`.
    pub(super) fn of(us: Sender, s: &SharedSecret, skey: SwarmKey) -> Self {
        let remote = match us {
            Sender::Initiator => Sender::Acceptor,
            Sender::Acceptor => Sender::Initiator,
        };
        Self {
            read: cipher(remote, s, skey),
            write: cipher(us, s, skey),
        }
    }

    /// Passes over what has come of a padding of which `left` bytes are missing.
    pub(super) fn skip_padding(&mut self, left: &mut usize, input: &mut &[u8]) {
        let taken = take(input, *left).len();
        self.read.skip(taken);
        *left -= taken;
    }

    /// What a finished handshake leaves; `initial_len` bytes are still to be read
    /// that are encrypted whatever the method.
    pub(super) fn established(self, method: CryptoMethod, initial_len: u16) -> Box<Established> {
        let Self { read, write } = self;
        let (read, write) = match method {
            CryptoMethod::Plain => (Layer::rc4_until(initial_len, read), Layer::Plain),
            CryptoMethod::Rc4 => (Layer::Rc4(Box::new(read)), Layer::Rc4(Box::new(write))),
        };
        Box::new(Established {
            read,
            write,
            method,
        })
    }
}

/// The keystream of what `sender` sends, where its use begins.
pub(super) fn cipher(sender: Sender, s: &SharedSecret, skey: SwarmKey) -> Rc4 {
    let label = match sender {
        Sender::Initiator => b"keyA",
        Sender::Acceptor => b"keyB",
    };
    let mut cipher = Rc4::new(&hash(label, &s.0, &skey.0));
    cipher.skip(DISCARDED);
    cipher
}

fn hash(label: &[u8; 4], first: &[u8], second: &[u8]) -> [u8; 20] {
    Sha1::new()
        .chain_update(label)
        .chain_update(first)
        .chain_update(second)
        .finalize()
        .into()
}
