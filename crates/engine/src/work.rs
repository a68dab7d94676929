//! Work that is too long for the thread that everybody waits for.
//!
//! Owns the vocabulary, and how each kind is done: by a call on plain data,
//! which the host makes on a thread of its own. How much is out at a time is
//! the engine's to bound, not the queue's.

use std::sync::Arc;

use bytes::Bytes;
use superseed_proto::hash::{InfoHashV1, InfoHashV2, InfoHashes};
use superseed_proto::metainfo::{Metainfo, MetainfoLimits};
use superseed_proto::mse::{DegenerateKey, PublicKey, Secret, SharedSecret};

use crate::ids::WorkKey;

/// Something to compute.
#[derive(Debug)]
pub struct WorkJob {
    /// Names the answer.
    pub work: WorkKey,
    /// What.
    pub job: Work,
}

/// What is computed.
#[derive(Debug)]
pub enum Work {
    /// The keys of one side of an encrypted handshake (MSE): an exponentiation
    /// for each of those that are asked for.
    Keys {
        /// The exponent.
        secret: Secret,
        /// Whether the public key is wanted.
        public: bool,
        /// The other side's public key, if the shared secret is wanted.
        remote: Option<Box<PublicKey>>,
    },
    /// Whether metadata that peers sent is a torrent's (BEP 9), and what it says.
    Metadata {
        /// Its blocks, in their order.
        blocks: Vec<Bytes>,
        /// What it must hash to.
        wanted: InfoHashes,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum WorkResult {
    /// Of [`Work::Keys`].
    Keys(Box<Keys>),
    /// Of [`Work::Metadata`].
    Metadata(Result<Arc<Metainfo>, MetadataFault>),
}

/// Why metadata is not a torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// It does not hash to what was asked for: somebody sent wrong bytes.
    Wrong,
    /// It does, and what it says is no torrent: why, in one sentence.
    NoTorrent(String),
}

/// Keys of an encrypted handshake, as far as they were asked for.
#[derive(Debug)]
pub struct Keys {
    /// Ours, which the other side is told.
    pub public: Option<PublicKey>,
    /// What both sides then know, unless the other's key is degenerate.
    pub shared: Option<Result<SharedSecret, DegenerateKey>>,
}

impl Work {
    /// Does it: keys take some hundred microseconds, metadata of 30 MB some
    /// hundred milliseconds.
    pub fn perform(self) -> WorkResult {
        match self {
            Self::Keys {
                secret,
                public,
                remote,
            } => WorkResult::Keys(Box::new(Keys {
                public: public.then(|| secret.public()),
                shared: remote.map(|remote| secret.shared(&remote)),
            })),
            Self::Metadata { blocks, wanted } => WorkResult::Metadata(read(&blocks, wanted)),
        }
    }
}

fn read(blocks: &[Bytes], wanted: InfoHashes) -> Result<Arc<Metainfo>, MetadataFault> {
    let raw = Bytes::from(blocks.concat());
    let fits_v1 = |hash| InfoHashV1::of_info(&raw) == hash;
    let fits_v2 = |hash| InfoHashV2::of_info(&raw) == hash;
    if !wanted.v1().is_none_or(fits_v1) || !wanted.v2().is_none_or(fits_v2) {
        return Err(MetadataFault::Wrong);
    }
    let metainfo = Metainfo::from_raw_info(raw, &MetainfoLimits::default());
    let metainfo = metainfo.map_err(|error| MetadataFault::NoTorrent(error.to_string()))?;
    Ok(Arc::new(metainfo))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8, public: bool, remote: Option<PublicKey>) -> Keys {
        let work = Work::Keys {
            secret: Secret([secret; 20]),
            public,
            remote: remote.map(Box::new),
        };
        let WorkResult::Keys(keys) = work.perform() else {
            panic!("keys were asked for");
        };
        *keys
    }

    #[test]
    fn what_was_asked_for_is_computed_and_nothing_else() {
        let first = keys(3, true, None);
        assert_eq!(first.shared, None);
        let second = keys(5, true, first.public);
        let third = keys(3, false, second.public);
        assert!(third.public.is_none());
        assert!(matches!(third.shared, Some(Ok(_))));
        assert_eq!(third.shared, second.shared);
    }

    #[test]
    fn a_degenerate_key_is_an_answer() {
        let keys = keys(3, true, Some(PublicKey([0; 96])));
        assert_eq!(keys.shared, Some(Err(DegenerateKey)));
    }
}
