//! Peer ids (BEP 20).

use std::fmt;

/// Twenty bytes by which a client names one run of itself (BEP 3, BEP 20).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId(pub [u8; 20]);

impl PeerId {
    /// A peer id in Azureus style: `prefix` (such as `-SS0100-`), then `random`.
    ///
    /// A prefix longer than twenty bytes is cut.
    pub fn with_prefix(prefix: &[u8], random: [u8; 20]) -> Self {
        let mut id = random;
        let len = prefix.len().min(id.len());
        id[..len].copy_from_slice(&prefix[..len]);
        Self(id)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.0.escape_ascii())
    }
}
