//! Tables and properties of bencode.
