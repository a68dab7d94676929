//! Exchange of metadata (BEP 9): what a peer may fetch of ours.

mod serve;

pub(crate) use serve::{Served, block_count};
