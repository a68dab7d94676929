//! What a peer asked of us.

use std::collections::VecDeque;

/// A REQUEST of a peer that was found to be in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerRequest {
    pub(crate) piece: u32,
    pub(crate) begin: u32,
    pub(crate) len: u32,
}

/// The requests that wait for their turn, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct RequestsIn {
    waiting: VecDeque<PeerRequest>,
}

impl RequestsIn {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, request: PeerRequest) {
        self.waiting.push_back(request);
    }

    pub(crate) fn front(&self) -> Option<PeerRequest> {
        self.waiting.front().copied()
    }

    pub(crate) fn pop(&mut self) -> Option<PeerRequest> {
        self.waiting.pop_front()
    }

    /// The next requests, for reading ahead.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = PeerRequest> + '_ {
        self.waiting.iter().copied()
    }

    /// Removes one request; tells whether it was there (CANCEL).
    pub(crate) fn cancel(&mut self, request: PeerRequest) -> bool {
        let place = self.waiting.iter().position(|waiting| *waiting == request);
        place.is_some_and(|at| self.waiting.remove(at).is_some())
    }

    /// Takes the requests that `gone` picks out, keeping the order of the others.
    pub(crate) fn take(&mut self, mut gone: impl FnMut(&PeerRequest) -> bool) -> Vec<PeerRequest> {
        let (taken, kept) = self.waiting.drain(..).partition(|request| gone(request));
        self.waiting = kept;
        Vec::from(taken as VecDeque<PeerRequest>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_removes_one_of_two_equal_requests() {
        let request = PeerRequest {
            piece: 1,
            begin: 0,
            len: 16_384,
        };
        let mut queue = RequestsIn::default();
        queue.push(request);
        queue.push(request);
        assert!(queue.cancel(request));
        assert_eq!(queue.len(), 1);
        assert!(!queue.cancel(PeerRequest {
            piece: 2,
            ..request
        }));
    }
}
