//! os tests
