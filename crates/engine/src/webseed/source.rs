//! One web seed: what it lacks, how it fared, when it may be asked again.

use std::time::Duration;

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::PieceIndex;

use crate::limits::{WEB_SEED_BREAKS_MAX, WEB_SEED_REST, WEB_SEED_REST_MAX};
use crate::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It may be asked from this moment on.
    From(Time),
    /// It sent wrong bytes.
    Banned,
}

/// What to do about an answer that broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breaks {
    /// Ask for the rest at once.
    GoOn,
    /// Leave it alone for so long.
    Rest(Duration),
}

/// A web seed. See the module.
#[derive(Debug)]
pub(crate) struct Source {
    url: String,
    state: State,
    /// The pieces that it has, if it lacks a file.
    have: Option<Bitfield>,
    /// Answers that broke since one was whole.
    breaks: u32,
    /// Listeners that it was asked from in vain since it last sent a byte.
    vain: usize,
    /// The listener that it is asked from: what worked last.
    via: usize,
    /// It takes no more connections than these until then.
    most: Option<(usize, Time)>,
    downloaded: u64,
    /// What went wrong last.
    error: Option<String>,
}

impl Source {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            state: State::From(Time::START),
            have: None,
            breaks: 0,
            vain: 0,
            via: 0,
            most: None,
            downloaded: 0,
            error: None,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(crate) fn downloaded(&self) -> u64 {
        self.downloaded
    }

    pub(super) fn brought(&mut self, bytes: u64) {
        self.downloaded += bytes;
    }

    pub(crate) fn is_banned(&self) -> bool {
        self.state == State::Banned
    }

    /// Whether it will ever be asked again.
    pub(crate) fn is_usable(&self) -> bool {
        let has_some = self.have.as_ref().is_none_or(|have| have.count() > 0);
        !self.is_banned() && has_some
    }

    /// From when on it may be asked.
    pub(crate) fn ready_at(&self) -> Time {
        match self.state {
            State::From(at) => at,
            State::Banned => Time::NEVER,
        }
    }

    pub(super) fn has_some_of(&self, wanted: &Bitfield) -> bool {
        let have = self.have.as_ref();
        have.is_none_or(|have| have.intersects(wanted))
    }

    /// The pieces that it has, of so many.
    pub(crate) fn have(&self, piece_count: u32) -> Bitfield {
        let full = || Bitfield::full(piece_count);
        self.have.clone().unwrap_or_else(full)
    }

    /// It lacks the file that these pieces hold bytes of.
    pub(crate) fn lacks(&mut self, pieces: std::ops::Range<u32>, piece_count: u32, why: String) {
        let have = self.have.get_or_insert_with(|| Bitfield::full(piece_count));
        for piece in pieces {
            have.remove(PieceIndex(piece));
        }
        self.error = Some(why);
    }

    pub(crate) fn ban(&mut self) {
        self.state = State::Banned;
        self.error = Some("sent wrong data".to_owned());
    }

    /// It is left alone until then.
    pub(crate) fn rest(&mut self, until: Time, why: String) {
        if !self.is_banned() {
            self.state = State::From(until);
        }
        (self.breaks, self.vain) = (0, 0);
        self.most = None;
        self.error = Some(why);
    }

    /// It refused a connection while it had so many others.
    pub(crate) fn spare(&mut self, others: usize, until: Time) {
        self.most = Some((others, until));
    }

    /// How many connections it takes, as far as is known.
    pub(super) fn most(&self, now: Time) -> usize {
        let most = self.most.filter(|(_, until)| now < *until);
        most.map_or(usize::MAX, |(most, _)| most)
    }

    /// When it is spared no longer.
    pub(super) fn spared_until(&self) -> Option<Time> {
        self.most.map(|(_, until)| until)
    }

    /// All that it was asked for came.
    pub(crate) fn answered(&mut self) {
        (self.breaks, self.vain) = (0, 0);
        self.error = None;
    }

    /// Which of so many listeners it is asked from.
    pub(crate) fn via(&self, listeners: usize) -> usize {
        self.via % listeners.max(1)
    }

    /// An answer ended before its end; `came` says whether anything of it did,
    /// `via` which listener was used.
    ///
    /// Where nothing came the address may be of another family than that of the
    /// listener it was asked from. Another connection may have found that out.
    pub(crate) fn broke(&mut self, came: bool, via: usize, listeners: usize) -> Breaks {
        if came {
            self.breaks += 1;
        } else if via == self.via(listeners) {
            self.vain += 1;
            self.via = (via + 1) % listeners.max(1);
        }
        let goes_on = if came {
            self.breaks <= WEB_SEED_BREAKS_MAX
        } else {
            self.vain < listeners
        };
        if goes_on {
            Breaks::GoOn
        } else {
            Breaks::Rest(WEB_SEED_REST)
        }
    }
}

/// How long a server that has too much to do is left alone; it may say how long
/// it wants to be.
pub(crate) fn rest_of_busy(retry_after: Option<Duration>) -> Duration {
    let wanted = retry_after.unwrap_or(WEB_SEED_REST);
    wanted.clamp(WEB_SEED_REST, WEB_SEED_REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_is_gone_on_with_three_times() {
        let mut source = Source::new("http://a/".to_owned());
        for _ in 0..3 {
            assert_eq!(source.broke(true, 0, 1), Breaks::GoOn);
        }
        assert_eq!(source.broke(true, 0, 1), Breaks::Rest(WEB_SEED_REST));
        source.rest(Time::START + WEB_SEED_REST, "broke".to_owned());
        assert_eq!(source.broke(true, 0, 1), Breaks::GoOn);
        source.answered();
        assert_eq!((source.breaks, source.error()), (0, None));
    }

    #[test]
    fn a_silent_one_is_asked_from_each_listener_once() {
        let mut source = Source::new("http://a/".to_owned());
        assert_eq!(source.broke(false, 0, 1), Breaks::Rest(WEB_SEED_REST));
        source.rest(Time::START, String::new());
        assert_eq!(source.broke(false, 0, 2), Breaks::GoOn);
        assert_eq!(source.via(2), 1);
        assert_eq!(source.broke(false, 1, 2), Breaks::Rest(WEB_SEED_REST));
    }

    #[test]
    fn connections_by_a_listener_that_is_known_to_be_wrong_try_the_next_one() {
        let mut source = Source::new("http://a/".to_owned());
        for _ in 0..3 {
            assert_eq!(source.broke(false, 0, 2), Breaks::GoOn);
        }
        source.answered();
        assert_eq!(source.via(2), 1);
    }

    #[test]
    fn one_without_any_file_is_of_no_use() {
        let mut source = Source::new("http://a/".to_owned());
        let wanted = Bitfield::full(4);
        source.lacks(0..2, 4, "404".to_owned());
        assert!(source.is_usable() && source.has_some_of(&wanted));
        assert_eq!(source.have(4).count(), 2);
        source.lacks(1..4, 4, "404".to_owned());
        assert!(!source.is_usable() && !source.has_some_of(&wanted));
    }

    #[test]
    fn a_busy_server_is_left_alone_for_as_long_as_it_says_within_reason() {
        assert_eq!(rest_of_busy(None), WEB_SEED_REST);
        assert_eq!(rest_of_busy(Some(Duration::from_secs(1))), WEB_SEED_REST);
        let minute = Duration::from_secs(60);
        assert_eq!(rest_of_busy(Some(minute)), minute);
        assert_eq!(rest_of_busy(Some(Duration::MAX)), WEB_SEED_REST_MAX);
    }
}
