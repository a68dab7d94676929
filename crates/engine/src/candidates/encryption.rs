//! Which way an address is tried: plain or encrypted (MSE).
//!
//! Nobody can tell in advance what a peer takes. Where the policy leaves both
//! open and one fails before the peer's handshake is whole, the other is tried
//! at once, and once: then the address waits as after any failure. What worked
//! is where the next attempt begins.

use superseed_proto::mse::{CryptoMethod, Methods};

use crate::config::{Encryption, EncryptionPolicy};

/// How a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With the handshake of BEP 3.
    Plain,
    /// With that of MSE.
    Encrypted,
}

impl Way {
    fn other(self) -> Self {
        match self {
            Self::Plain => Self::Encrypted,
            Self::Encrypted => Self::Plain,
        }
    }
}

impl EncryptionPolicy {
    /// Whether a stream may begin so.
    pub(crate) fn allows(self, way: Way) -> bool {
        match way {
            Way::Plain => self != Self::Require,
            Way::Encrypted => self != Self::Off,
        }
    }

    /// How a stream begins to an address of which nothing is known.
    fn first(self) -> Way {
        match self {
            Self::Off | Self::Allow => Way::Plain,
            Self::Prefer | Self::Require => Way::Encrypted,
        }
    }

    /// What may follow an encrypted handshake.
    pub(crate) fn methods(self) -> Methods {
        match self {
            Self::Off | Self::Allow | Self::Prefer => Methods::BOTH,
            Self::Require => Methods::RC4,
        }
    }

    /// Which of the methods is chosen where both sides take either.
    pub(crate) fn preferred(self) -> CryptoMethod {
        match self {
            Self::Off | Self::Allow => CryptoMethod::Plain,
            Self::Prefer | Self::Require => CryptoMethod::Rc4,
        }
    }
}

impl Encryption {
    /// Whether we would rather have encrypted streams.
    pub(crate) fn is_preferred(self) -> bool {
        let policies = [self.incoming, self.outgoing];
        policies
            .map(EncryptionPolicy::preferred)
            .contains(&CryptoMethod::Rc4)
    }
}

/// What is known of the ways to one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    worked: Option<Way>,
    /// Failed in the attempt before this one, and the other was not tried yet.
    failed: Option<Way>,
}

impl Ways {
    /// How the next attempt begins.
    pub(super) fn next(self, policy: EncryptionPolicy) -> Way {
        let wanted = self.failed.map(Way::other).or(self.worked);
        wanted
            .filter(|way| policy.allows(*way))
            .unwrap_or_else(|| policy.first())
    }

    /// The peer's handshake came.
    pub(super) fn worked(&mut self, way: Way) {
        self.worked = Some(way);
        self.failed = None;
    }

    /// It did not come. Whether the other way is tried at once.
    pub(super) fn failed(&mut self, way: Way, policy: EncryptionPolicy) -> bool {
        self.worked = self.worked.filter(|worked| *worked != way);
        let first = self.failed.is_none();
        self.failed = (first && policy.allows(way.other())).then_some(way);
        self.failed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EncryptionPolicy::{Allow, Off, Prefer, Require};

    /// The ways of attempts that all fail, until the address has to wait.
    fn attempts(mut ways: Ways, policy: EncryptionPolicy) -> Vec<Way> {
        let mut tried = Vec::new();
        loop {
            let way = ways.next(policy);
            tried.push(way);
            if !ways.failed(way, policy) {
                assert_eq!(ways.next(policy), policy.first(), "it begins anew");
                return tried;
            }
        }
    }

    #[test]
    fn the_other_way_is_tried_once_where_the_policy_leaves_it_open() {
        let fresh = Ways::default();
        assert_eq!(attempts(fresh, Off), [Way::Plain]);
        assert_eq!(attempts(fresh, Allow), [Way::Plain, Way::Encrypted]);
        assert_eq!(attempts(fresh, Prefer), [Way::Encrypted, Way::Plain]);
        assert_eq!(attempts(fresh, Require), [Way::Encrypted]);
    }

    #[test]
    fn what_worked_is_where_the_next_attempt_begins() {
        let mut ways = Ways::default();
        assert!(ways.failed(Way::Plain, Allow));
        ways.worked(Way::Encrypted);
        assert_eq!(ways.next(Allow), Way::Encrypted);
        assert_eq!(attempts(ways, Allow), [Way::Encrypted, Way::Plain]);
    }

    #[test]
    fn what_worked_under_another_policy_does_not_break_this_one() {
        let mut ways = Ways::default();
        ways.worked(Way::Plain);
        assert_eq!(attempts(ways, Require), [Way::Encrypted]);
        ways.worked(Way::Encrypted);
        assert_eq!(attempts(ways, Off), [Way::Plain]);
    }
}
