//! Whether choking saves upload at the same speed, and where.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::figures::{Estimate, median};
use super::grid::{Arm, CHOKERS, N0, Plan, R4, R4_AGAIN, Subject, Swarm};
use super::report::{number, regime, remotes, saved_percent, with_interval};
use super::results::Results;
use super::swarm::Measured;

/// A download that takes longer than this times the baseline's is slower.
const TIME_RATIO_MAX: f64 = 1.02;
/// A line that carries this part of what it can is full: the rest is start,
/// end and headers.
const FULL: f64 = 0.85;
/// What the earlier client claimed to save, in percent.
const CLAIM_PERCENT: f64 = 40.0;

/// What an arm did to one swarm, against unchoke-all.
pub(super) struct Effect {
    pub(super) swarm: Swarm,
    pub(super) arm: Arm,
    /// Upload payload not sent, in percent.
    pub(super) saved: Estimate,
    /// Completion time to the baseline's.
    pub(super) time: Estimate,
    /// Mean time of all who give to the baseline's.
    pub(super) swarm_time: Estimate,
    /// Share of the upload that free riders got, with the arm and without.
    pub(super) riders: (f64, f64),
    /// Part of a bound line that was used, with the arm and without.
    line_used: Option<(f64, f64)>,
    /// How much less was sent per second, in percent.
    rate_saved: f64,
}

impl Effect {
    /// Neither the client nor the swarm is slower, and the saving is no chance.
    fn saves(&self) -> bool {
        self.time.bound <= TIME_RATIO_MAX
            && self.swarm_time.median <= TIME_RATIO_MAX
            && self.saved.low > 0.0
    }

    fn is_bound(&self) -> bool {
        self.swarm.uplink_bytes_per_s.is_some()
    }
}

/// All effects of chokers on the tested client.
pub(super) fn effects(plan: &Plan, results: &Results) -> Vec<Effect> {
    let own = plan.swarms.iter();
    let own = own.filter(|(subject, _)| *subject == Subject::Choker);
    let arms = || {
        CHOKERS
            .into_iter()
            .filter(|arm| ![N0, R4_AGAIN].contains(arm))
    };
    own.flat_map(|cell| arms().map(move |arm| effect(results, cell, arm)))
        .collect()
}

fn effect(results: &Results, cell: &(Subject, Swarm), arm: Arm) -> Effect {
    let riders = |arm: &Arm| results.figure(cell, arm, Measured::riders_share).median;
    let rate = |run: &Measured| run.up_bytes() / run.all_s;
    let used = |arm: &Arm, line: u64| results.figure(cell, arm, rate).median / line as f64;
    let line = cell.1.uplink_bytes_per_s;
    Effect {
        line_used: line.map(|line| (used(&arm, line), used(&N0, line))),
        rate_saved: saved_percent(&results.ratio(cell, &arm, rate)).median,
        swarm: cell.1,
        arm,
        saved: saved_percent(&results.ratio(cell, &arm, Measured::up_bytes)),
        time: results.ratio(cell, &arm, |run| run.all_s),
        swarm_time: results.ratio(cell, &arm, |run| run.swarm_mean_s),
        riders: (riders(&arm), riders(&N0)),
    }
}

/// The least and the greatest of the medians.
fn range(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let values: Vec<f64> = values.collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return "none".to_owned();
    }
    let (low, high) = (number(low, digits), number(high, digits));
    if low == high {
        return low;
    }
    format!("{low} to {high}")
}

/// The median of medians.
fn middle(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    match values.as_slice() {
        [] => "none".to_owned(),
        some => number(median(some), 1),
    }
}

/// The sizes of the swarms of some effects, each once.
fn sizes(effects: &[&Effect]) -> String {
    let sizes: BTreeSet<usize> = effects.iter().map(|effect| effect.swarm.leechers).collect();
    let words: Vec<String> = sizes.iter().map(usize::to_string).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => "no".to_owned(),
    }
}

/// In how many of some effects upload is saved at the same speed, where, and
/// how much.
fn where_it_saves(effects: &[&Effect]) -> String {
    let saving = effects.iter().copied().filter(|effect| effect.saves());
    let saving: Vec<&Effect> = saving.collect();
    if saving.is_empty() {
        return format!("in none of {} combinations", effects.len());
    }
    let much = saving.iter();
    let much = much.filter(|effect| effect.saved.median >= CLAIM_PERCENT);
    format!(
        "in {} of {} combinations of a swarm and a choker, with {} leechers: {} % of the payload, \
         and {CLAIM_PERCENT:.0} % or more in {} of them",
        saving.len(),
        effects.len(),
        sizes(&saving),
        range(saving.iter().map(|effect| effect.saved.median), 0),
        much.count(),
    )
}

/// The first paragraph: the claim, settled.
pub(super) fn paragraph(plan: &Plan, results: &Results) -> String {
    let effects = effects(plan, results);
    let (bound, free): (Vec<_>, Vec<_>) = effects.iter().partition(|effect| effect.is_bound());
    let much = free.iter();
    let much = much.filter(|effect| effect.saved.median >= CLAIM_PERCENT);
    let much: Vec<f64> = much.map(|effect| effect.time.median).collect();
    let full = bound.iter().filter_map(|effect| {
        let (arm, base) = effect.line_used?;
        (arm.min(base) >= FULL).then_some(effect.rate_saved)
    });
    let full: Vec<f64> = full.collect();
    let mut text = String::from(
        "An earlier client promised \"about 40 % less bandwidth at the same download speed\". ",
    );
    let _ = write!(
        text,
        "Against a client that serves everyone, choking saves upload at the same speed where the \
         uplink is **not bound** {}",
        where_it_saves(&free),
    );
    if !much.is_empty() {
        let _ = write!(
            text,
            "; the {} that saved so much at any speed took {} times as long",
            much.len(),
            range(much.iter().copied(), 2),
        );
    }
    let _ = write!(
        text,
        ". Where the uplink is **bound**, it saves {}. ",
        where_it_saves(&bound),
    );
    if !full.is_empty() {
        let _ = write!(
            text,
            "It cannot save where the line stays full: it then decides who gets the upload and not \
             how much is sent ({} % less per second, the median of {} such combinations), and less \
             is sent only because the download is over sooner. ",
            middle(full.iter().copied()),
            full.len(),
        );
    }
    let own = effects.iter();
    let own = own.filter(|effect| effect.arm == R4 && effect.swarm.riders() > 0);
    let (ours, base): (Vec<f64>, Vec<f64>) = own.map(|effect| effect.riders).unzip();
    let percent = |shares: Vec<f64>| middle(shares.into_iter().map(|share| share * 100.0));
    let _ = write!(
        text,
        "What choking always changes is who gets it: of the default's upload free riders got {} %, \
         of that of a client that serves everyone {} %. ",
        percent(ours),
        percent(base),
    );
    text += "\"The same speed\" is a completion time of at most 1.02 times that of serving \
             everyone, by the one-sided 95 % bound for the client and by the median for the \
             swarm's mean; the whole interval of the saving must be above zero.\n\n";
    text
}

/// A line for each choker and regime.
pub(super) fn summary(plan: &Plan, results: &Results) -> String {
    let effects = effects(plan, results);
    let mut text = String::from(
        "Medians in the swarms of each regime, least to greatest; the last two columns are medians \
         over the swarms with free riders.\n\n\
         | uplink | choker | saves at the same speed in | upload saved, % | completion-time ratio \
         | swarm mean ratio | to free riders, % | with N0, % |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for bound in [false, true] {
        for arm in CHOKERS.iter().filter(|arm| ![N0, R4_AGAIN].contains(arm)) {
            let own = effects.iter();
            let own = own.filter(|effect| effect.arm == *arm && effect.is_bound() == bound);
            let own: Vec<&Effect> = own.collect();
            let Some(first) = own.first() else { continue };
            let with_riders = own.iter().filter(|effect| effect.swarm.riders() > 0);
            let (ours, base): (Vec<f64>, Vec<f64>) =
                with_riders.map(|effect| effect.riders).unzip();
            let share = |of: Vec<f64>| middle(of.into_iter().map(|share| share * 100.0));
            let _ = writeln!(
                text,
                "| {} | {} | {} of {} | {} | {} | {} | {} | {} |",
                regime(&first.swarm),
                arm.name,
                own.iter().filter(|effect| effect.saves()).count(),
                own.len(),
                range(own.iter().map(|effect| effect.saved.median), 1),
                range(own.iter().map(|effect| effect.time.median), 3),
                range(own.iter().map(|effect| effect.swarm_time.median), 3),
                share(ours),
                share(base),
            );
        }
    }
    text
}

/// The swarms in which a choker saves at the same speed.
pub(super) fn passing(plan: &Plan, results: &Results) -> String {
    let effects = effects(plan, results);
    let mut text = String::from(
        "## Where choking saves upload at the same speed\n\n\
         Every combination that passes; all others are in the tables below.\n\n\
         | torrent | uplink | remotes | free riders, % | L | choker | upload saved, % \
         | completion-time ratio | swarm mean ratio |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for effect in effects.iter().filter(|effect| effect.saves()) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            effect.swarm.torrent.name,
            regime(&effect.swarm),
            remotes(&effect.swarm),
            effect.swarm.riders_percent,
            effect.swarm.leechers,
            effect.arm.name,
            with_interval(&effect.saved, 1),
            with_interval(&effect.time, 3),
            with_interval(&effect.swarm_time, 3),
        );
    }
    text.push('\n');
    text
}
