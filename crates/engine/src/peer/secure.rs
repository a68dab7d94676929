//! The encryption of one stream (MSE): its handshake, and what is sealed and
//! opened behind it.
//!
//! What was encrypted once is what the stream carries: the host may be offered
//! the same bytes again, and a cipher must not run over them twice. The queue of
//! a connection only ever grows at its end, so what is sealed is always a prefix
//! of what waits.

use superseed_proto::SwarmKey;
use superseed_proto::mse::{
    Acceptor, CryptoMethod, Established, Initiator, Layer, MseFault, PublicKey, Secret, Step,
};

use super::Outgoing;
use crate::limits::{SEAL_BUFFERS_KEPT, SEAL_BYTES_MAX};
use crate::time::Time;
use crate::work::{Keys, Work};

/// An encrypted handshake that is not over.
pub(crate) struct Securing {
    side: Side,
    secret: Secret,
    /// Keys are being computed; until they are there nothing is read.
    pub(crate) waits: bool,
    /// When we sent all that the remote needs to answer with its own handshake.
    asked_at: Time,
}

/// Which half of it is ours.
pub(crate) enum Side {
    Initiator(Initiator),
    Acceptor(Acceptor),
}

/// The most that is read at a time of what an acceptor sends.
const ANSWER_READ_MAX: usize = 1_024;

impl Securing {
    pub(crate) fn new(side: Side, secret: Secret, now: Time) -> Self {
        Self {
            side,
            secret,
            waits: false,
            asked_at: now,
        }
    }

    /// How many bytes may be read of the stream now: of a stranger's no more
    /// than the handshake takes at least, since what lies behind it may have to
    /// wait for a torrent to be awake, and waits in the socket.
    pub(crate) fn wanted(&self) -> usize {
        match &self.side {
            _ if self.waits => 0,
            Side::Initiator(_) => ANSWER_READ_MAX,
            Side::Acceptor(half) => half.wanted(),
        }
    }

    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault> {
        match &mut self.side {
            Side::Initiator(half) => half.read(input),
            Side::Acceptor(half) => half.read(input),
        }
    }

    /// The keys to compute: our own to begin with, then those that the remote's
    /// makes possible.
    pub(crate) fn keys_for(&self, remote: Option<Box<PublicKey>>) -> Work {
        let opens = matches!(self.side, Side::Initiator(_));
        Work::Keys {
            secret: self.secret.clone(),
            public: !opens || remote.is_none(),
            remote,
        }
    }

    /// The keys are there. Gives the bytes to send.
    pub(crate) fn keys(&mut self, keys: Keys, now: Time) -> Result<Vec<u8>, MseFault> {
        self.waits = false;
        self.asked_at = now;
        let shared = keys.shared.transpose()?;
        Ok(match (&mut self.side, keys.public, shared) {
            (Side::Initiator(half), Some(ours), None) => half.public(&ours),
            (Side::Initiator(half), None, Some(shared)) => half.shared(shared),
            (Side::Acceptor(half), Some(ours), Some(shared)) => half.keys(&ours, shared),
            _ => unreachable!("the host computes what it was asked for"),
        })
    }

    /// The torrent that the remote named, if we have it.
    pub(crate) fn torrent(&mut self, swarm: Option<SwarmKey>) -> Result<(), MseFault> {
        match &mut self.side {
            Side::Acceptor(half) => half.torrent(swarm),
            Side::Initiator(_) => unreachable!("only an acceptor asks for it"),
        }
    }

    /// What the finished handshake leaves, with `raw` bytes of it still to be sent.
    pub(crate) fn over(&self, established: Established, raw: usize) -> Secure {
        let Established {
            read,
            write,
            method,
        } = established;
        Secure {
            method,
            open: read,
            seal: (!write.is_plain()).then(|| Seal::new(write, raw)),
            asked_at: self.asked_at,
        }
    }
}

/// A stream whose encrypted handshake is over.
pub(crate) struct Secure {
    /// What was agreed upon.
    pub(crate) method: CryptoMethod,
    /// What comes is opened with it.
    pub(crate) open: Layer,
    /// What goes is sealed with it, unless it goes as it is.
    pub(crate) seal: Option<Seal>,
    /// When we sent all that the remote needs to answer with its own handshake.
    pub(crate) asked_at: Time,
}

/// What of a connection's queue is encrypted and not sent.
pub(crate) struct Seal {
    layer: Layer,
    /// Bytes at the front of the queue that go as they are: the end of our half
    /// of the encrypted handshake.
    raw: usize,
    sealed: Vec<u8>,
    /// Bytes of `sealed` that were sent.
    sent: usize,
}

impl Seal {
    fn new(layer: Layer, raw: usize) -> Self {
        Self {
            layer,
            raw,
            sealed: Vec::new(),
            sent: 0,
        }
    }

    /// Offers the front of the queue: at most `limit` bytes. They are the same
    /// until they are said to be sent, whatever is queued behind them.
    pub(crate) fn offer<'a>(
        &'a mut self,
        plain: &'a Outgoing,
        buffers: &mut SealBuffers,
        limit: usize,
        slices_max: usize,
        slices: &mut Vec<&'a [u8]>,
    ) {
        if self.raw > 0 {
            return plain.offer(limit.min(self.raw), slices_max, slices);
        }
        if self.sent == self.sealed.len() {
            if self.sealed.capacity() == 0 {
                self.sealed = buffers.take();
            }
            self.sealed.clear();
            self.sent = 0;
            plain.copy_front(SEAL_BYTES_MAX, &mut self.sealed);
            self.layer.apply(&mut self.sealed);
        }
        let waits = &self.sealed[self.sent..];
        slices.push(&waits[..waits.len().min(limit)]);
    }

    /// The stream took so many bytes.
    pub(crate) fn sent(&mut self, len: usize, buffers: &mut SealBuffers) {
        let raw = len.min(self.raw);
        self.raw -= raw;
        self.sent += len - raw;
        debug_assert!(self.sent <= self.sealed.len(), "more than was offered");
        if self.sent == self.sealed.len() && self.sent > 0 {
            buffers.give(std::mem::take(&mut self.sealed));
            self.sent = 0;
        }
    }

    /// Bytes that are held for it.
    pub(crate) fn held(&self) -> usize {
        self.sealed.len()
    }
}

/// Memory for what is sealed: a connection has some only while it has something
/// to send, and nothing is allocated for each block.
#[derive(Default)]
pub(crate) struct SealBuffers(Vec<Vec<u8>>);

impl SealBuffers {
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    fn give(&mut self, buffer: Vec<u8>) {
        if self.0.len() < SEAL_BUFFERS_KEPT {
            self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use superseed_proto::layout::PieceIndex;
    use superseed_proto::mse::rc4::Rc4;

    use super::*;
    use crate::engine::read_cache::RunKey;
    use crate::ids::TorrentKey;

    fn cipher() -> Layer {
        Layer::Rc4(Box::new(Rc4::new(b"a key")))
    }

    fn push(outgoing: &mut Outgoing, block: bool, bytes: &[u8]) {
        if block {
            let run = RunKey::of(TorrentKey::default(), PieceIndex(0), 0);
            outgoing.push_block(Bytes::copy_from_slice(bytes), run);
        } else {
            outgoing.push_message(|out| out.extend_from_slice(bytes));
        }
    }

    proptest! {
        /// Whatever is queued between two offers, and however little is taken.
        #[test]
        fn ciphertext_is_the_same_when_offered_again(
            raw in prop::collection::vec(any::<u8>(), 0..40),
            parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..300)), 1..20),
            takes in prop::collection::vec((0usize..200, 1usize..400), 1..200),
        ) {
            let mut outgoing = Outgoing::default();
            if !raw.is_empty() {
                push(&mut outgoing, false, &raw);
            }
            let mut seal = Seal::new(cipher(), raw.len());
            let mut buffers = SealBuffers::default();
            let (mut carried, mut plain) = (Vec::new(), Vec::new());
            let mut parts = parts.iter();
            let mut again: Vec<u8> = Vec::new();
            for (taken, limit) in takes.into_iter().chain(std::iter::repeat((usize::MAX, 700))) {
                // HAVEs come at the last moment, and behind what was offered.
                if let Some((block, bytes)) = parts.next() {
                    push(&mut outgoing, *block, bytes);
                    plain.extend_from_slice(bytes);
                } else if outgoing.is_empty() {
                    break;
                }
                if outgoing.is_empty() {
                    continue;
                }
                let mut slices = Vec::new();
                seal.offer(&outgoing, &mut buffers, limit, 64, &mut slices);
                let offered = slices.concat();
                prop_assert!(!offered.is_empty() && offered.len() <= limit);
                let same = again.len().min(offered.len());
                prop_assert_eq!(&offered[..same], &again[..same]);
                let taken = taken.min(offered.len());
                carried.extend_from_slice(&offered[..taken]);
                again = offered[taken..].to_vec();
                outgoing.sent(taken);
                seal.sent(taken, &mut buffers);
            }
            prop_assert_eq!(&carried[..raw.len()], raw.as_slice());
            let mut opened = carried[raw.len()..].to_vec();
            cipher().apply(&mut opened);
            prop_assert_eq!(opened, plain);
            prop_assert_eq!(seal.held(), 0);
        }
    }

    #[test]
    fn no_more_is_sealed_at_a_time_than_the_limit() {
        let mut outgoing = Outgoing::default();
        push(&mut outgoing, true, &vec![7; 3 * SEAL_BYTES_MAX]);
        let mut seal = Seal::new(cipher(), 0);
        let mut buffers = SealBuffers::default();
        let mut slices = Vec::new();
        seal.offer(&outgoing, &mut buffers, usize::MAX, 64, &mut slices);
        assert_eq!(slices.concat().len(), SEAL_BYTES_MAX);
        assert_eq!(seal.held(), SEAL_BYTES_MAX);
    }
}
