//! The event stream: bounded, and honest about what a slow reader lost.

use superseed_engine::Event;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many events wait for a slow reader before the oldest are dropped.
pub const EVENTS_MAX: usize = 4_096;

/// What an event stream yields.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something happened.
    Event(Event),
    /// The reader was too slow and lost this many events; ask for the state anew.
    Lagged(u64),
}

/// The events of a session from the moment of [`crate::Session::subscribe`] on.
#[derive(Debug)]
pub struct Events(pub(crate) broadcast::Receiver<Event>);

impl Events {
    /// The next event; `None` when the session has stopped.
    ///
    /// Needs no particular runtime, and nothing is lost when the future is
    /// dropped before it is ready.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(event) => Some(Notice::Event(event)),
            Err(RecvError::Lagged(lost)) => Some(Notice::Lagged(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}
