//! Values as the user writes and reads them: sizes, rates, ranges, addresses.
//!
//! Pure functions between text and values; what they are for is not known here.

pub(crate) mod address;
pub(crate) mod date;
pub(crate) mod figures;
pub(crate) mod json;
pub(crate) mod paint;
pub(crate) mod ranges;
pub(crate) mod size;
