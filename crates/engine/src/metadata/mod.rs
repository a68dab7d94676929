//! Exchange of metadata (BEP 9): what is fetched of others, who lied, and what
//! a peer may fetch of ours. Pure: time and bytes come in as arguments.

mod assembly;
mod blame;
mod fetch;
mod serve;

pub(crate) use fetch::{Ask, Fetch, Taken, WholeId};
pub(crate) use serve::{Served, block_count};

#[cfg(test)]
mod tests;
