//! Peers that are found without a tracker.

mod lsd;

use super::case::Case;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    lsd::cases()
}
