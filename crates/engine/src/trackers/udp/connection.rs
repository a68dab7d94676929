//! The connection ids of UDP trackers (BEP 15): one per socket and tracker,
//! shared by all torrents.

use superseed_proto::tracker::udp::{CONNECTION_ID_LIFETIME, Request, retransmit_after};

use crate::ids::AnnounceKey;
use crate::time::Time;

/// A connection that is being asked for, or can be used.
#[derive(Debug)]
pub(super) enum Connection {
    /// The request is out.
    Connecting {
        transaction_id: u32,
        /// How often it was sent.
        sent: u32,
        /// The announces that wait for it; never empty.
        waiting: Vec<AnnounceKey>,
    },
    /// The tracker gave an id.
    Open { id: u64, expires: Time },
}

impl Connection {
    /// A connection for `announce`; nothing is sent yet.
    pub(super) fn new(transaction_id: u32, announce: AnnounceKey) -> Self {
        Self::Connecting {
            transaction_id,
            sent: 0,
            waiting: vec![announce],
        }
    }

    /// The id, if it may still be used.
    pub(super) fn id(&self, now: Time) -> Option<u64> {
        match self {
            Self::Open { id, expires } if now < *expires => Some(*id),
            _ => None,
        }
    }

    /// Whether a response with this transaction id is to our question.
    pub(super) fn asked_with(&self, transaction: u32) -> bool {
        matches!(self, Self::Connecting { transaction_id, .. } if *transaction_id == transaction)
    }

    /// The next datagram and when to send it again; `None` once open.
    pub(super) fn send(&mut self, now: Time) -> Option<(Vec<u8>, Time)> {
        let Self::Connecting {
            transaction_id,
            sent,
            ..
        } = self
        else {
            return None;
        };
        let again = now + retransmit_after(*sent);
        *sent += 1;
        Some((
            Request::Connect {
                transaction_id: *transaction_id,
            }
            .encode(),
            again,
        ))
    }

    /// The tracker gave an id: returns those who waited.
    pub(super) fn open(&mut self, id: u64, now: Time) -> Vec<AnnounceKey> {
        let opened = Self::Open {
            id,
            expires: now + CONNECTION_ID_LIFETIME,
        };
        match std::mem::replace(self, opened) {
            Self::Connecting { waiting, .. } => waiting,
            Self::Open { .. } => Vec::new(),
        }
    }

    /// `announce` waits for it too.
    pub(super) fn join(&mut self, announce: AnnounceKey) {
        if let Self::Connecting { waiting, .. } = self {
            waiting.push(announce);
        }
    }

    /// `announce` waits no longer; true if nobody does.
    pub(super) fn leave(&mut self, announce: AnnounceKey) -> bool {
        match self {
            Self::Connecting { waiting, .. } => {
                waiting.retain(|other| *other != announce);
                waiting.is_empty()
            }
            Self::Open { .. } => false,
        }
    }

    /// Those who wait.
    pub(super) fn waiting(&self) -> &[AnnounceKey] {
        match self {
            Self::Connecting { waiting, .. } => waiting,
            Self::Open { .. } => &[],
        }
    }
}
