//! Plain lines for a pipe or a log: one at each change of state and one per
//! interval; and next to nothing for `-q`.

use std::path::Path;
use std::time::{Duration, Instant};

use superseed::TorrentState;

use super::{Ending, Progress, View, line, peers, why};
use crate::env::Stream;
use crate::exit::{Exit, Failure};
use crate::text::figures;

/// Plain lines.
pub(super) struct Plain {
    stderr: Stream,
    interval: Duration,
    last: Instant,
}

impl Plain {
    pub(super) fn new(stderr: Stream, interval: Duration) -> Self {
        Self {
            stderr,
            interval,
            last: Instant::now(),
        }
    }

    fn say_name(&self, view: &View, words: &str) {
        let name = figures::printable(&view.name);
        self.stderr.say(format!("{name}: {words}"));
    }
}

impl Progress for Plain {
    fn added(&mut self, view: &View) {
        if view.stats.state == TorrentState::AwaitingMetadata {
            return self.say_name(view, "added, its metadata is looked for");
        }
        let size = figures::size(view.stats.wanted_bytes);
        self.say_name(view, &format!("added, {size}"));
    }

    fn found(&mut self, view: &View, files: usize) {
        let size = figures::size(view.stats.wanted_bytes);
        let files = match files {
            1 => "1 file".to_owned(),
            many => format!("{many} files"),
        };
        self.say_name(view, &format!("metadata has come: {files}, {size}"));
    }

    fn state(&mut self, view: &View) {
        // Completion and failure have lines of their own.
        match view.stats.state {
            TorrentState::AwaitingMetadata | TorrentState::Opening | TorrentState::Failed => (),
            state => self.say_name(view, line::word(state)),
        }
    }

    fn stalled(&mut self, view: &View) {
        if let Some(stalled) = &view.stalled {
            self.say_name(view, &format!("stalled: {}", why::phrase(stalled)));
        }
    }

    fn update(&mut self, views: &[View], running: usize) {
        if self.interval.is_zero() || self.last.elapsed() < self.interval {
            return;
        }
        self.last = Instant::now();
        for view in views {
            self.stderr.say(line::whole(view));
            for line in peers::table(view) {
                self.stderr.say(line);
            }
        }
        // The others sleep; a line says that they are still there.
        if views.len() < running {
            self.stderr.say(line::total(views, running));
        }
    }

    fn complete(&mut self, view: &View, _: &Path) {
        let size = figures::size(view.stats.session_downloaded_bytes);
        self.say_name(view, &format!("complete, {size} downloaded"));
    }

    fn error(&mut self, _: &str, _: &str, failure: &Failure) {
        self.stderr.say(format!("superseed: {failure}"));
    }

    fn note(&mut self, text: &str) {
        self.stderr.say(text);
    }

    fn summary(&mut self, _: &[Ending], _: Exit) {}
}

/// Failures only.
pub(super) struct Quiet {
    stderr: Stream,
}

impl Quiet {
    pub(super) fn new(stderr: Stream) -> Self {
        Self { stderr }
    }
}

impl Progress for Quiet {
    fn added(&mut self, _: &View) {}

    fn found(&mut self, _: &View, _: usize) {}

    fn state(&mut self, _: &View) {}

    fn stalled(&mut self, _: &View) {}

    fn update(&mut self, _: &[View], _: usize) {}

    fn complete(&mut self, _: &View, _: &Path) {}

    fn error(&mut self, _: &str, _: &str, failure: &Failure) {
        self.stderr.say(format!("superseed: {failure}"));
    }

    fn note(&mut self, _: &str) {}

    fn summary(&mut self, _: &[Ending], _: Exit) {}
}
