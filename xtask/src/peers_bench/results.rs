//! The figures of a bench: medians of what its entries reached, their ratios,
//! and what was promised.

use std::fmt::Write as _;

use super::entry::Entry;
use crate::summary::Summary;

/// One figure of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// With its unit.
    pub(super) heading: &'static str,
    pub(super) digits: usize,
    /// What is better; none is compared with nobody.
    pub(super) better: Option<Better>,
}

impl Column {
    /// A figure that is better when it is lower.
    pub(super) const fn lower(heading: &'static str, digits: usize) -> Self {
        Self::new(heading, digits, Some(Better::Lower))
    }

    /// A figure that is better when it is higher.
    pub(super) const fn higher(heading: &'static str, digits: usize) -> Self {
        Self::new(heading, digits, Some(Better::Higher))
    }

    /// A figure that is compared with nobody's.
    pub(super) const fn plain(heading: &'static str, digits: usize) -> Self {
        Self::new(heading, digits, None)
    }

    const fn new(heading: &'static str, digits: usize, better: Option<Better>) -> Self {
        Self {
            heading,
            digits,
            better,
        }
    }
}

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Lower,
    Higher,
}

/// What the runs of a bench gave.
#[derive(Debug)]
pub(super) struct Results {
    columns: &'static [Column],
    /// With a summary for each column.
    rows: Vec<(Entry, Vec<Summary>)>,
}

/// Something promised, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) what: String,
    pub(super) measured: f64,
    pub(super) wanted: Wanted,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wanted {
    Most(f64),
    Least(f64),
    /// From one to the other.
    Within([f64; 2]),
    /// Or this share of a core used by the other side, which then is the limit.
    LeastUnlessBusy(f64, f64),
}

impl Results {
    pub(super) fn new(columns: &'static [Column], entries: &[Entry]) -> Self {
        let summaries =
            |entry: &Entry| columns.iter().map(|_| Summary::new(entry.name())).collect();
        Self {
            columns,
            rows: entries.iter().map(|one| (*one, summaries(one))).collect(),
        }
    }

    /// Adds a run: a figure for each column.
    pub(super) fn add(&mut self, entry: Entry, figures: &[f64]) {
        if let Some((_, summaries)) = self.rows.iter_mut().find(|(one, _)| *one == entry) {
            for (summary, figure) in summaries.iter_mut().zip(figures) {
                summary.figures.push(*figure);
            }
        }
    }

    /// NaN if it has no runs.
    pub(super) fn median(&self, entry: Entry, column: usize) -> f64 {
        let row = self.rows.iter().find(|(one, _)| *one == entry);
        row.map_or(f64::NAN, |(_, summaries)| summaries[column].median())
    }

    /// The other client with the best median, and that; NaN if there is none.
    pub(super) fn best_other(&self, column: usize) -> (&'static str, f64) {
        let others = self.rows.iter().filter(|(one, _)| one.is_other_client());
        let medians = others.map(|(one, summaries)| (one.name(), summaries[column].median()));
        let known = medians.filter(|(_, median)| !median.is_nan());
        let best = match self.columns[column].better {
            Some(Better::Higher) => known.max_by(|a, b| a.1.total_cmp(&b.1)),
            _ => known.min_by(|a, b| a.1.total_cmp(&b.1)),
        };
        best.unwrap_or(("nobody", f64::NAN))
    }

    /// All medians, each with its range, as a table of Markdown.
    pub(super) fn table(&self) -> String {
        let headings: Vec<&str> = self.columns.iter().map(|column| column.heading).collect();
        let mut table = format!("| | runs | {} |\n", headings.join(" | "));
        let _ = writeln!(table, "|---|---|{}", "---|".repeat(headings.len()));
        for (entry, summaries) in &self.rows {
            let runs = summaries.first().map_or(0, |first| first.figures.len());
            let cells = self.columns.iter().zip(summaries);
            let cells: Vec<String> = cells
                .map(|(column, summary)| cell(*column, summary))
                .collect();
            let _ = writeln!(
                table,
                "| {} | {runs} | {} |",
                entry.name(),
                cells.join(" | ")
            );
        }
        table
    }

    /// What is compared: superseed's as multiples of each other entry's. Nothing
    /// if there is none.
    pub(super) fn ratios(&self) -> String {
        let compared: Vec<usize> = (0..self.columns.len())
            .filter(|at| self.columns[*at].better.is_some())
            .collect();
        let heading = |at: &usize| self.columns[*at].heading;
        let headings: Vec<&str> = compared.iter().map(heading).collect();
        if compared.is_empty() || self.rows.iter().all(|(one, _)| *one == Entry::OURS) {
            return String::new();
        }
        let mut table = format!("| superseed's to | {} |\n", headings.join(" | "));
        let _ = writeln!(table, "|---|{}", "---|".repeat(compared.len()));
        for (entry, _) in self.rows.iter().filter(|(one, _)| *one != Entry::OURS) {
            let ratio = |at: &usize| self.median(Entry::OURS, *at) / self.median(*entry, *at);
            let cells: Vec<String> = compared.iter().map(|at| figure(ratio(at), 2)).collect();
            let _ = writeln!(table, "| {}'s | {} |", entry.name(), cells.join(" | "));
        }
        table
    }
}

fn cell(column: Column, summary: &Summary) -> String {
    let [least, greatest] = summary.range();
    let digits = column.digits;
    match summary.median() {
        median if median.is_nan() => "–".to_owned(),
        median => format!("{median:.digits$} ({least:.digits$} to {greatest:.digits$})"),
    }
}

fn figure(value: f64, digits: usize) -> String {
    match value.is_nan() {
        true => "–".to_owned(),
        false => format!("{value:.digits$}"),
    }
}

impl Bar {
    /// A figure that must be this at most.
    pub(super) fn most(what: impl Into<String>, measured: f64, most: f64) -> Self {
        Self {
            what: what.into(),
            measured,
            wanted: Wanted::Most(most),
        }
    }

    /// A figure that must be this at least.
    pub(super) fn least(what: impl Into<String>, measured: f64, least: f64) -> Self {
        Self {
            what: what.into(),
            measured,
            wanted: Wanted::Least(least),
        }
    }

    /// A figure that must lie between two.
    pub(super) fn within(what: impl Into<String>, measured: f64, within: [f64; 2]) -> Self {
        Self {
            what: what.into(),
            measured,
            wanted: Wanted::Within(within),
        }
    }

    /// Nobody met what was not measured.
    pub(super) fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::Most(most) => self.measured <= most,
            Wanted::Least(least) => self.measured >= least,
            Wanted::Within([least, most]) => (least..=most).contains(&self.measured),
            Wanted::LeastUnlessBusy(least, busy) => {
                self.measured >= least || !self.measured.is_nan() && busy >= BUSY
            }
        }
    }

    /// All bars as a table of Markdown.
    pub(super) fn table(bars: &[Self]) -> String {
        let mut table = "| bar | measured | wanted | |\n|---|---|---|---|\n".to_owned();
        for bar in bars {
            let verdict = match bar.is_met() {
                true => "met",
                false if bar.measured.is_nan() => "not measured",
                false => "missed",
            };
            let wanted = match bar.wanted {
                Wanted::Most(most) => format!("≤ {most:.2}"),
                Wanted::Least(least) => format!("≥ {least:.2}"),
                Wanted::Within([least, most]) => format!("{least:.2} to {most:.2}"),
                Wanted::LeastUnlessBusy(least, busy) => format!(
                    "≥ {least:.2}, or a seeder at its limit (its busiest thread had {busy:.2} of a core)"
                ),
            };
            let digits = match bar.wanted {
                Wanted::Within(_) => 3,
                _ => 2,
            };
            let measured = figure(bar.measured, digits);
            let _ = writeln!(
                table,
                "| {} | {measured} | {wanted} | {verdict} |",
                bar.what
            );
        }
        table
    }
}

/// From this share of a core on a thread is at its limit: ticks are coarse.
const BUSY: f64 = 0.97;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers_bench::contender::Contender;

    const COLUMNS: &[Column] = &[Column::lower("cost", 1), Column::higher("rate", 0)];

    fn results() -> Results {
        let [ours, aria2, rqbit] =
            [Contender::Superseed, Contender::Aria2, Contender::Rqbit].map(Entry::Client);
        let mut results = Results::new(COLUMNS, &[ours, aria2, rqbit, Entry::Floor]);
        for (entry, figures) in [
            (ours, [2.0, 90.0]),
            (ours, [1.0, 100.0]),
            (ours, [3.0, 80.0]),
            (aria2, [4.0, 50.0]),
            (rqbit, [8.0, 60.0]),
        ] {
            results.add(entry, &figures);
        }
        results
    }

    #[test]
    fn the_best_other_is_by_what_is_better_and_neither_superseed_nor_a_floor() {
        let results = results();
        assert_eq!(results.best_other(0), ("aria2", 4.0));
        assert_eq!(results.best_other(1), ("rqbit", 60.0));
    }

    #[test]
    fn tables_show_medians_ranges_and_what_is_missing() {
        let table = results().table();
        assert!(table.contains("| superseed | 3 | 2.0 (1.0 to 3.0) | 90 (80 to 100) |"));
        assert!(table.contains("| floor | 0 | – | – |"));
        let ratios = results().ratios();
        assert!(ratios.contains("| aria2's | 0.50 | 1.80 |"), "{ratios}");
        assert!(ratios.contains("| floor's | – | – |"));
    }

    #[test]
    fn a_bar_that_was_not_measured_is_not_met() {
        let bar = |measured, wanted| Bar {
            what: String::new(),
            measured,
            wanted,
        };
        assert!(bar(1.0, Wanted::Most(1.0)).is_met());
        assert!(!bar(1.1, Wanted::Most(1.0)).is_met());
        assert!(!bar(0.9, Wanted::Least(1.0)).is_met());
        assert!(bar(0.9, Wanted::Within([0.9, 1.1])).is_met());
        assert!(!bar(0.8, Wanted::Within([0.9, 1.1])).is_met());
        assert!(!bar(1.2, Wanted::Within([0.9, 1.1])).is_met());
        assert!(bar(0.9, Wanted::LeastUnlessBusy(1.0, 1.0)).is_met());
        assert!(!bar(0.9, Wanted::LeastUnlessBusy(1.0, 0.8)).is_met());
        for wanted in [
            Wanted::Most(1.0),
            Wanted::Least(1.0),
            Wanted::Within([0.0, 1.0]),
            Wanted::LeastUnlessBusy(1.0, 1.0),
        ] {
            assert!(!bar(f64::NAN, wanted).is_met());
        }
        assert!(Bar::table(&[bar(f64::NAN, Wanted::Most(1.0))]).contains("not measured"));
    }
}
