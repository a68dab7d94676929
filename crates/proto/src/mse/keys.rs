//! What is derived from the shared secret and the swarm key, all by SHA-1.

use sha1::{Digest, Sha1};

use super::dh::SharedSecret;
use super::rc4::Rc4;
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
