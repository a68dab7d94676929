//! Names for things: generational keys, so that a late answer about something
//! that is gone can never be taken for its successor.

slotmap::new_key_type! {
    /// A torrent of the engine.
    pub struct TorrentKey;
    /// A connection to a peer, from the decision to connect until it is closed.
    pub struct ConnKey;
    /// A disk job on its way.
    pub struct JobKey;
    /// A tracker request on its way.
    pub struct AnnounceKey;
    /// A request to a web seed on its way.
    pub struct FetchKey;
    /// A name look-up on its way.
    pub struct ResolveKey;
    /// A computation on its way.
    pub struct WorkKey;
}

/// A listening address, numbered by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// A number that the host chose to match an answer to its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);
