//! fs tests
