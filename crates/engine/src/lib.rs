//! What the client decides.
