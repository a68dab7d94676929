//! What can be run: one list of all cases.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use super::fixture::Set;
use super::install::Tool;
use super::stage::Stage;
use super::{
    bars, discover, disturbed, encryption, files, gateway, interface, matrix, proxy, resume, share,
    web_seed,
};

/// When a case runs without being named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Always: continuous integration runs these.
    Default,
    /// With `--all`: slow, or a measurement that wants the machine for itself.
    Bars,
    /// With `--all`: real clients among themselves, which proves the harness.
    Baseline,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Bars => "bars",
            Self::Baseline => "baseline",
        })
    }
}

/// What a case does; gives the figures for its line.
pub(super) type Run = Box<dyn Fn(&Stage) -> Result<String> + Send + Sync>;

/// One case.
pub(super) struct Case {
    /// Unique; also the name of its directory.
    pub(super) name: String,
    pub(super) group: Group,
    /// Whether it may run beside others; what measures runs alone.
    pub(super) shares: bool,
    /// What must be installed.
    pub(super) needs: Vec<Tool>,
    /// What must be made first.
    pub(super) sets: Vec<Set>,
    /// When it has failed for being slow.
    pub(super) limit: Duration,
    pub(super) run: Run,
}

/// Every case, in the order in which they run.
pub(super) fn all() -> Vec<Case> {
    let mut cases = matrix::cases();
    cases.extend(resume::cases());
    cases.extend(disturbed::cases());
    cases.extend(bars::cases());
    cases.extend(share::cases());
    cases.extend(files::cases());
    cases.extend(discover::cases());
    cases.extend(web_seed::cases());
    cases.extend(encryption::cases());
    cases.extend(gateway::cases());
    cases.extend(interface::cases());
    cases.extend(proxy::cases());
    cases
}
