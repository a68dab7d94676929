//! Peers that are found without a tracker.

mod dht;
mod items;
mod links;
mod lsd;
mod pex;
mod private;

use anyhow::Result;

use super::case::Case;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = links::cases();
    cases.extend(lsd::cases());
    cases.extend(pex::cases());
    cases.extend(dht::cases());
    cases.extend(items::cases());
    cases.extend(private::cases());
    cases
}

/// Builds what some of these cases need.
pub(super) fn build(cases: &[Case]) -> Result<()> {
    items::build(cases)
}
