//! The two benches behind one face: names, data, bars.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::contender::Contender;
use super::{crowd, line};
use crate::interop::fixture::Set;
use crate::interop::namespace;
use crate::interop::stage::Stage;
use crate::summary::Summary;

/// The number of leechers for which there is a bar.
pub(super) const LEECHERS: u8 = 10;
/// The bar of the crowd: the most that the last may take, in fluid limits.
const OVER_FLUID_MAX: f64 = 1.15;
/// The bar of the line: the least share of it.
const LINE_SHARE_MIN: f64 = 0.92;
/// How long a run may take beside the transfer: making machines, comparing data.
const AROUND: Duration = Duration::from_secs(60);

/// What is measured. Displays as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bench {
    /// Leechers with slow uplinks.
    Crowd { leechers: u8 },
    /// One long line.
    Line,
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crowd { leechers } => write!(f, "crowd-{leechers}"),
            Self::Line => f.write_str("line"),
        }
    }
}

impl Bench {
    /// The bench of this name.
    pub(super) fn named(name: &str) -> Result<Self> {
        if name == "line" {
            return Ok(Self::Line);
        }
        let leechers = name.strip_prefix("crowd-").context("no such bench")?;
        Ok(Self::Crowd {
            leechers: leechers.parse()?,
        })
    }

    /// The data that it moves.
    pub(super) fn set(self) -> Set {
        match self {
            Self::Crowd { .. } => Set::Swarm,
            Self::Line => Set::Line,
        }
    }

    /// What its figures are.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Crowd { .. } => "x the fluid limit",
            Self::Line => "of the line",
        }
    }

    fn limit(self) -> Duration {
        match self {
            Self::Crowd { .. } => crowd::LIMIT,
            Self::Line => line::LIMIT,
        }
    }

    fn stage_name(self, contender: Contender) -> String {
        format!("swarm-{self}-{}", contender.name())
    }

    /// One run, in namespaces of its own. Gives its figure and more words.
    pub(super) fn measure(self, contender: Contender) -> Result<(f64, String)> {
        let args = ["swarm", "--inside", &self.to_string(), contender.name()];
        let stage = self.stage_name(contender);
        let output = namespace::run(&stage, &args, self.limit() + AROUND)?;
        let (figure, words) = output.split_once(' ').context("the run gave no figure")?;
        let figure = figure
            .parse()
            .with_context(|| format!("no figure: {output}"))?;
        Ok((figure, words.to_owned()))
    }

    /// The inside of a run.
    pub(super) fn inside(self, contender: Contender) -> Result<String> {
        namespace::set_up()?;
        let stage = Stage::new(&self.stage_name(contender))?;
        let (figure, words) = match self {
            Self::Crowd { leechers } => crowd::run(&stage, contender, leechers)?,
            Self::Line => line::run(&stage, contender)?,
        };
        stage.clear()?;
        Ok(format!("{figure:.4} {words}"))
    }

    /// Fails if superseed missed its bar.
    pub(super) fn judge(self, summaries: &[Summary]) -> Result<()> {
        let ours = summaries
            .iter()
            .find(|summary| summary.name == Contender::Superseed.name());
        let Some(ours) = ours.map(Summary::median) else {
            return Ok(());
        };
        match self {
            Self::Crowd { leechers: LEECHERS } => ensure!(
                ours <= OVER_FLUID_MAX,
                "superseed's bar is {OVER_FLUID_MAX} x the fluid limit"
            ),
            // What others may take is another question.
            Self::Crowd { .. } => {}
            Self::Line => ensure!(
                ours >= LINE_SHARE_MIN,
                "superseed's bar is {LINE_SHARE_MIN} of the line"
            ),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_found_by_the_name_it_shows() -> Result<()> {
        for bench in [Bench::Line, Bench::Crowd { leechers: 7 }] {
            assert_eq!(Bench::named(&bench.to_string())?, bench);
        }
        assert!(Bench::named("crowd").is_err());
        Ok(())
    }

    #[test]
    fn superseed_is_judged_by_its_median_and_others_are_not() {
        let summary = |name, figure| Summary {
            name,
            figures: vec![figure],
        };
        let crowd = Bench::Crowd { leechers: LEECHERS };
        assert!(crowd.judge(&[summary("superseed", 1.1)]).is_ok());
        assert!(crowd.judge(&[summary("superseed", 1.2)]).is_err());
        assert!(crowd.judge(&[summary("superseed", f64::NAN)]).is_err());
        assert!(crowd.judge(&[summary("rqbit", 3.6)]).is_ok());
        assert!(Bench::Line.judge(&[summary("superseed", 0.95)]).is_ok());
        assert!(Bench::Line.judge(&[summary("superseed", 0.9)]).is_err());
    }
}
