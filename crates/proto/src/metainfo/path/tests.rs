//! Tables of path elements.
