//! Where options get their values: command line, environment, files, defaults.
//!
//! Owns the order of the layers and the names of options in each. It must
//! never know what an option does.

pub(crate) mod command;
pub(crate) mod file;
pub(crate) mod layers;
pub(crate) mod scope;
