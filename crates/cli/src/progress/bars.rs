//! Lines that are redrawn in place: one per torrent, at most ten, and a total.

use std::collections::HashMap;
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Terminal;
use super::{Ending, Progress, View, line, peers};
use crate::env::Stream;
use crate::exit::{Exit, Failure};

/// Torrents that have a line of their own.
const LINES_MAX: usize = 10;
/// Columns of a name.
const NAME_WIDTH: usize = 30;
/// How often lines are redrawn at most, per second.
pub(super) const REDRAWS_PER_S: u8 = 5;

/// Redrawn lines.
pub(super) struct Bars {
    stderr: Stream,
    all: MultiProgress,
    torrents: HashMap<String, ProgressBar>,
    total: ProgressBar,
    table: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(stderr: Stream, peers_table: bool) -> Self {
        let terminal = Box::new(Terminal(stderr.clone()));
        let target = ProgressDrawTarget::term_like_with_hz(terminal, REDRAWS_PER_S);
        let all = MultiProgress::with_draw_target(target);
        let text = || ProgressBar::new(1).with_style(style("{msg}"));
        let total = all.add(text());
        let table = peers_table.then(|| all.add(text()));
        Self {
            stderr,
            all,
            torrents: HashMap::new(),
            total,
            table,
        }
    }

    fn show(&mut self, view: &View) {
        if !self.torrents.contains_key(&view.hash) {
            if self.torrents.len() == LINES_MAX {
                return;
            }
            let bar = ProgressBar::new(1000)
                .with_style(style("{prefix} [{bar:20}] {wide_msg}").progress_chars("##."));
            let bar = self.all.insert_before(&self.total, bar);
            self.torrents.insert(view.hash.clone(), bar);
        }
        let bar = &self.torrents[&view.hash];
        bar.set_prefix(line::head(view, NAME_WIDTH));
        bar.set_message(line::tail(view));
        bar.set_position((line::percent(&view.stats) * 10.0) as u64);
    }
}

/// The templates are ours and correct; the default shows too little and never fails.
pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Bars {
    fn added(&mut self, view: &View) {
        self.show(view);
    }

    fn found(&mut self, view: &View, _: usize) {
        self.show(view);
    }

    fn state(&mut self, view: &View) {
        self.show(view);
    }

    fn stalled(&mut self, view: &View) {
        self.show(view);
    }

    fn update(&mut self, views: &[View], running: usize) {
        for view in views {
            self.show(view);
        }
        if running > 1 {
            self.total.set_message(line::total(views, running));
        }
        if let Some(table) = &self.table {
            // A line that wraps is a line too many to go up when redrawing.
            let width = usize::from(self.stderr.width());
            let fitting = |line: String| line.chars().take(width).collect();
            let lines = views.iter().flat_map(peers::table).map(fitting);
            let lines: Vec<String> = lines.collect();
            table.set_message(lines.join("\n"));
        }
    }

    fn complete(&mut self, view: &View, _: &Path) {
        self.show(view);
    }

    fn error(&mut self, _: &str, hash: &str, failure: &Failure) {
        if let Some(bar) = self.torrents.remove(hash) {
            bar.finish_and_clear();
        }
        self.note(&format!("superseed: {failure}"));
    }

    fn note(&mut self, text: &str) {
        // A draw target that is gone has nobody to tell.
        let _ = self.all.println(text);
    }

    fn summary(&mut self, _: &[Ending], _: Exit) {
        self.total.finish_and_clear();
        if let Some(table) = &self.table {
            table.finish_and_clear();
        }
        for bar in self.torrents.values() {
            bar.abandon();
        }
    }
}
