//! Work that is too long for the thread that everybody waits for.
//!
//! Owns the vocabulary, and how each kind is done: by a call on plain data,
//! which the host makes on a thread of its own. How much is out at a time is
//! the engine's to bound, not the queue's.

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
}

/// What came of it.
#[derive(Debug)]
pub enum WorkResult {
    /// Of [`Work::Keys`].
    Keys(Box<Keys>),
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
    /// Does it: it takes up to some hundred microseconds.
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
        }
    }
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
        let WorkResult::Keys(keys) = work.perform();
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
