//! Peers that are found without a tracker.

mod dht;
mod items;
mod links;
mod lsd;
mod pex;
mod private;

use std::path::Path;

use anyhow::Result;

use super::case::Case;
use super::clients::Client;
use super::compare::same_tree;
use super::fixture::Fixture;

/// What a download came to: everything, so many seconds after its beginning.
fn arrived(fixture: &Fixture, dir: &Path, client: Client, seconds: f64) -> Result<String> {
    let files = same_tree(&fixture.content, dir, client.strictness())?;
    let mib = fixture.total_len >> 20;
    Ok(format!(
        "{files} files, {mib} MiB identical, {seconds:.1} s"
    ))
}

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
