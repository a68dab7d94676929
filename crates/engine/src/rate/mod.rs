//! How fast bytes flow, and how fast they may.
//!
//! Pure arithmetic on counts and times that the caller passes in. Nothing here
//! decides who gets the bytes.

mod ask;
mod bucket;
mod ewma;

pub use ask::request_room;
pub use bucket::TokenBucket;
pub use ewma::Ewma;
