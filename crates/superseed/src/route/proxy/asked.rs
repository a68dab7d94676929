//! Whose answer a datagram is that comes by a proxy from an address, where the
//! question went to a name.
//!
//! The proxy says which address answered, and never for which name it was looked
//! up. What tells an answer's question apart is in both: the transaction of a UDP
//! tracker (BEP 15) or of the DHT (BEP 5). That the answer is the right one is
//! judged by whoever asked, and by the same.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use superseed_proto::krpc::{Kind, Message, Transaction};

/// Questions that are remembered; the oldest make room.
const ASKED_MAX: usize = 256;
/// How long an answer may take. Whoever waits longer asks again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a question and its answer have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Tracker([u8; 4]),
    Dht(Transaction),
}

impl Mark {
    fn of_question(bytes: &[u8]) -> Option<Self> {
        match Message::decode(bytes) {
            Ok(message) => Some(Self::Dht(message.transaction)),
            // Behind the connection id and the action.
            Err(_) => Some(Self::Tracker(*bytes.get(12..)?.first_chunk()?)),
        }
    }

    fn of_answer(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? {
            // Behind the action.
            0 => Some(Self::Tracker(*bytes.get(4..)?.first_chunk()?)),
            b'd' => {
                let message = Message::decode(bytes).ok()?;
                let is_question = matches!(message.kind, Kind::Query { .. });
                (!is_question).then_some(Self::Dht(message.transaction))
            }
            _ => None,
        }
    }
}

/// Questions that went to names.
#[derive(Debug, Default)]
pub(crate) struct Asked(VecDeque<(Instant, Mark, SocketAddr)>);

impl Asked {
    /// A question goes to the address that stands for a name.
    pub(crate) fn note(&mut self, question: &[u8], to: SocketAddr, now: Instant) {
        let Some(mark) = Mark::of_question(question) else {
            return;
        };
        if self.0.len() >= ASKED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now + PATIENCE, mark, to));
    }

    /// The address that stands for the name, if this is an answer to a question
    /// that went to one.
    pub(crate) fn whose(&mut self, answer: &[u8], now: Instant) -> Option<SocketAddr> {
        while self.0.front().is_some_and(|(until, ..)| *until <= now) {
            self.0.pop_front();
        }
        if self.0.is_empty() {
            return None;
        }
        let mark = Mark::of_answer(answer)?;
        let mut asked = self.0.iter();
        asked
            .find(|(_, asked, _)| *asked == mark)
            .map(|(.., to)| *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACKER_ASKED: &[u8] = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd";
    const TRACKER_ANSWER: &[u8] = b"\0\0\0\0abcd\0\0\0\0\0\0\0\x07";
    const NODE_ASKED: &[u8] = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    const NODE_ANSWER: &[u8] = b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re";

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn answers_are_of_whom_the_questions_went_to() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        assert_eq!(asked.whose(TRACKER_ANSWER, now), None);
        let (tracker, node) = (addr("240.0.0.1:7"), addr("240.0.0.2:8"));
        asked.note(TRACKER_ASKED, tracker, now);
        asked.note(NODE_ASKED, node, now);
        assert_eq!(asked.whose(TRACKER_ANSWER, now), Some(tracker));
        assert_eq!(asked.whose(NODE_ANSWER, now), Some(node));
        assert_eq!(
            asked.whose(NODE_ANSWER, now),
            Some(node),
            "it may come twice"
        );
        for stranger in [
            NODE_ASKED,
            b"",
            b"\0\0\0\0",
            b"\0\0\0\0abce\0\0\0\0\0\0\0\x07",
            b"d",
            b"\x21abc",
        ] {
            assert_eq!(asked.whose(stranger, now), None, "{stranger:?}");
        }
        assert_eq!(asked.whose(TRACKER_ANSWER, now + PATIENCE), None);
    }

    #[test]
    fn questions_without_end_are_forgotten_from_the_oldest_on() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        asked.note(NODE_ASKED, addr("240.0.0.2:8"), now);
        for _ in 0..ASKED_MAX {
            asked.note(TRACKER_ASKED, addr("240.0.0.1:7"), now);
        }
        assert_eq!(asked.whose(NODE_ANSWER, now), None);
        assert_eq!(asked.0.len(), ASKED_MAX);
        asked.note(b"short", addr("240.0.0.1:7"), now);
        assert_eq!(asked.0.len(), ASKED_MAX);
    }
}
