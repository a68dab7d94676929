//! disk tests
