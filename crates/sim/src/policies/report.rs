//! The document and its plots, from what was measured and nothing else.

use std::fmt::Write as _;

use super::figures::Estimate;
use super::grid::{Arm, CHOKERS, NAIVE, PARTS, Plan, R4, R4_AGAIN, SCORES, Subject, Swarm, Who};
use super::results::Results;
use super::{plot, swarm, tables, verdict};

/// The files of the results by name: the document first, then its plots.
pub fn document(plan: &Plan, results: &Results) -> Vec<(String, String)> {
    let mut text = String::from("# What the chokers do\n\n");
    text += &verdict::paragraph(plan, results);
    text += &verdict::summary(plan, results);
    text += "\n![Upload saved against time lost](policies-saving.svg)\n";
    text += "\n![Share of the upload that free riders get](policies-riders.svg)\n\n";
    text += &method(plan, results);
    text += &control(plan, results);
    text += &verdict::passing(plan, results);
    text += &tables::all(plan, results);
    let plots = [
        ("policies-saving.svg", plot::saving(plan, results)),
        ("policies-riders.svg", plot::riders(plan, results)),
    ];
    let document = ("policies.md".to_owned(), text);
    let plots = plots.map(|(name, text)| (name.to_owned(), text));
    std::iter::once(document).chain(plots).collect()
}

fn method(plan: &Plan, results: &Results) -> String {
    let mut text = String::from("## How it was measured\n\n");
    let kb = |bytes: u64| format!("{} kB/s", bytes / 1_000);
    let pair = |(up, down): (u64, u64)| format!("{} up, {} down", kb(up), kb(down));
    let torrents: Vec<_> = plan.torrents().iter().map(|torrent| torrent.name).collect();
    let _ = write!(
        text,
        "`{}` makes this document and its plots again, byte for byte: {} runs in the simulator, \
         seeds 0 to {} of each swarm and arm.\n\n\
         - A swarm is one seed ({} up), the tested client ({} down) and L leechers, who all come \
         within two seconds. Round trips are 20 to 80 ms. Torrents: {}.\n\
         - Leechers are fast ({}), slow ({}) or free riders ({} down, nothing is ever given). Of \
         those who give, half are fast (the odd one too); their rates up are higher or lower by up \
         to a fifth, as the seed says.\n\
         - The tested client's uplink is bound ({}) or not bound at all.\n\
         - Runs of one seed differ in the arm alone: machines, delays, rates, dice and arrivals are \
         the same.\n\
         - Bytes are counted from the frames on the tested client's connections, from its start to \
         its last piece. A run ends when all who give have everything; what free riders still miss \
         then is not waited for.\n\
         - Figures are medians over the seeds, with the 95 % interval of a percentile bootstrap \
         (2,000 draws, seeded); ratios and savings are taken seed by seed before that.\n\n",
        plan.command,
        results.runs(),
        plan.seeds - 1,
        kb(swarm::SEED_UP_BYTES_PER_S),
        kb(swarm::CLIENT_DOWN_BYTES_PER_S),
        torrents.join("; "),
        pair(swarm::FAST_BYTES_PER_S),
        pair(swarm::SLOW_BYTES_PER_S),
        kb(swarm::RIDER_BYTES_PER_S.1),
        kb(super::grid::BOUND_BYTES_PER_S),
    );
    if plan.seeds < Plan::SEEDS {
        let _ = write!(
            text,
            "**The protocol asks for {} seeds at least; {} were run here**, so intervals \
             are wider than they could be.\n\n",
            Plan::SEEDS,
            plan.seeds
        );
    }
    text += "What is trimmed, so that the grid takes minutes: the torrents are 16 MiB where 256 MiB \
             were meant, with one of 64 MiB to see whether it matters; pieces of 1 MiB, many files \
             and other remotes in the middle sizes only; all remotes run this engine. Bytes to and \
             from trackers are not counted: every machine announces once or twice.\n\nThe arms:\n\n";
    let others = PARTS[1..].iter().chain(&NAIVE[1..]).chain(&SCORES[1..]);
    for arm in CHOKERS.iter().chain(others) {
        let _ = writeln!(text, "- **{}**: {}.", arm.name, arm.about);
    }
    text.push('\n');
    text
}

fn control(plan: &Plan, results: &Results) -> String {
    let apart = |ours: &Arm, theirs: &Arm| {
        let cells = plan.swarms.iter().filter(with_chokers);
        let pairs = cells.flat_map(|(subject, swarm)| {
            let theirs = results.of(*subject, swarm, theirs);
            results.of(*subject, swarm, ours).into_iter().zip(theirs)
        });
        let pairs: Vec<_> = pairs.collect();
        (pairs.iter().filter(|(a, b)| a != b).count(), pairs.len())
    };
    let (control, pairs) = apart(&R4, &R4_AGAIN);
    format!(
        "## The control\n\nThe default ran twice in every swarm with every seed. Of {pairs} pairs \
         {control} differ in any figure or in the digest of all actions of all engines.\n\n",
    )
}

pub(super) fn with_chokers((subject, _): &&(Subject, Swarm)) -> bool {
    matches!(subject, Subject::Choker | Subject::ChokerOfAll)
}

/// A number without a sign before zero.
pub(super) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|digit| matches!(digit, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

/// A median with its interval.
pub(super) fn with_interval(found: &Estimate, digits: usize) -> String {
    let [median, low, high] = [found.median, found.low, found.high].map(|v| number(v, digits));
    format!("{median} [{low}, {high}]")
}

/// What of the baseline's upload a ratio leaves unsent, in percent.
pub(super) fn saved_percent(ratio: &Estimate) -> Estimate {
    let saved = |ratio: f64| (1.0 - ratio) * 100.0;
    Estimate {
        median: saved(ratio.median),
        low: saved(ratio.high),
        high: saved(ratio.low),
        bound: saved(ratio.low),
    }
}

/// A swarm in a few words, without what heads its table.
pub(super) fn regime(swarm: &Swarm) -> &'static str {
    match swarm.uplink_bytes_per_s {
        Some(_) => "bound",
        None => "not bound",
    }
}

/// What those run that are not under test.
pub(super) fn remotes(swarm: &Swarm) -> &'static str {
    match swarm.who {
        Who::Client(kind) => {
            let known = CHOKERS.iter().find(|arm| arm.policy.choker == kind);
            known.map_or("another choker", |arm| arm.name)
        }
        Who::Everyone => "the arm",
    }
}
