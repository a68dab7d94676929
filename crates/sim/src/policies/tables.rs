//! All figures of all swarms.

use std::fmt::Write as _;

use super::grid::{Arm, Plan, Subject, Swarm};
use super::report::{number, regime, remotes, saved_percent, with_interval};
use super::results::Results;
use super::swarm::Measured;

/// A column: its head, and its cell for an arm in a swarm.
type Column = (
    &'static str,
    fn(&Results, &(Subject, Swarm), &Arm) -> String,
);

/// Against the first arm of the table.
const AGAINST: &[Column] = &[
    ("upload saved, %", |results, cell, arm| {
        let ratio = results.ratio(cell, arm, Measured::up_bytes);
        with_interval(&saved_percent(&ratio), 1)
    }),
    ("all bytes saved, %", |results, cell, arm| {
        let ratio = results.ratio(cell, arm, |run| run.wire_bytes as f64);
        with_interval(&saved_percent(&ratio), 1)
    }),
    ("time ratio", |results, cell, arm| {
        with_interval(&results.ratio(cell, arm, |run| run.all_s), 3)
    }),
    ("swarm mean ratio", |results, cell, arm| {
        with_interval(&results.ratio(cell, arm, |run| run.swarm_mean_s), 3)
    }),
    ("to free riders, %", |results, cell, arm| {
        let share = |run: &Measured| run.riders_share() * 100.0;
        with_interval(&results.figure(cell, arm, share), 1)
    }),
    ("up, kB/s", |results, cell, arm| {
        plain(results, cell, arm, 0, |run| {
            run.up_bytes() / run.all_s / 1e3
        })
    }),
    ("flips", |results, cell, arm| {
        with_interval(&results.figure(cell, arm, |run| run.flips as f64), 0)
    }),
];

/// What was measured, as it is.
const FIGURES: &[Column] = &[
    ("50 %, s", |results, cell, arm| {
        with_interval(&results.figure(cell, arm, |run| run.half_s), 1)
    }),
    ("99 %, s", |results, cell, arm| {
        with_interval(&results.figure(cell, arm, |run| run.most_s), 1)
    }),
    ("100 %, s", |results, cell, arm| {
        with_interval(&results.figure(cell, arm, |run| run.all_s), 1)
    }),
    ("mean / limit", |results, cell, arm| {
        let to_limit = |run: &Measured| run.swarm_mean_s / run.fluid_limit_s;
        with_interval(&results.figure(cell, arm, to_limit), 2)
    }),
    ("last / limit", |results, cell, arm| {
        let to_limit = |run: &Measured| run.swarm_last_s / run.fluid_limit_s;
        with_interval(&results.figure(cell, arm, to_limit), 2)
    }),
    ("Jain", |results, cell, arm| {
        with_interval(&results.figure(cell, arm, |run| run.jain), 2)
    }),
    ("share ratio", |results, cell, arm| {
        let share = |run: &Measured| run.up_bytes() / run.needed_bytes as f64;
        with_interval(&results.figure(cell, arm, share), 2)
    }),
    ("up fast, MB", |results, cell, arm| {
        plain(results, cell, arm, 1, |run| run.up_fast_bytes as f64 / 1e6)
    }),
    ("up slow, MB", |results, cell, arm| {
        plain(results, cell, arm, 1, |run| run.up_slow_bytes as f64 / 1e6)
    }),
    ("up riders, MB", |results, cell, arm| {
        plain(results, cell, arm, 1, |run| {
            run.up_riders_bytes as f64 / 1e6
        })
    }),
    ("twice, %", |results, cell, arm| {
        waste(results, cell, arm, |run| run.duplicate_bytes)
    }),
    ("late, %", |results, cell, arm| {
        waste(results, cell, arm, |run| run.late_bytes)
    }),
    ("bad, %", |results, cell, arm| {
        waste(results, cell, arm, |run| run.bad_bytes)
    }),
    (
        "HAVE / REQUEST / PIECE / other, ‰",
        |results, cell, arm| {
            let of_wire: [fn(&Measured) -> u64; 4] = [
                |run| run.protocol.have_bytes,
                |run| run.protocol.request_bytes,
                |run| run.protocol.piece_bytes,
                |run| run.protocol.other_bytes,
            ];
            let share = |bytes: fn(&Measured) -> u64| {
                let share = |run: &Measured| bytes(run) as f64 / run.wire_bytes as f64 * 1e3;
                number(results.figure(cell, arm, share).median, 1)
            };
            of_wire.map(share).join(" / ")
        },
    ),
];

fn plain(
    results: &Results,
    cell: &(Subject, Swarm),
    arm: &Arm,
    digits: usize,
    figure: fn(&Measured) -> f64,
) -> String {
    number(results.figure(cell, arm, figure).median, digits)
}

fn waste(
    results: &Results,
    cell: &(Subject, Swarm),
    arm: &Arm,
    bytes: fn(&Measured) -> u64,
) -> String {
    let share = |run: &Measured| bytes(run) as f64 / run.down_bytes as f64 * 100.0;
    with_interval(&results.figure(cell, arm, share), 2)
}

/// All tables.
pub(super) fn all(plan: &Plan, results: &Results) -> String {
    let mut text = String::new();
    for (subject, title, about) in [
        (
            Subject::Choker,
            "The tested client's choker",
            "The seed and the other leechers run the choker that heads the table; bytes and flips \
             are the tested client's.",
        ),
        (
            Subject::ChokerOfAll,
            "Everyone's choker",
            "The seed and all who give run the arm; bytes, waste and flips are sums over those \
             leechers, the seed left out.",
        ),
        (
            Subject::Few,
            "A slot for everyone: the second control",
            "Four leechers, all of whom give: nobody is left to choke, and what is saved must be \
             nothing but chance.",
        ),
        (
            Subject::Scores,
            "Scores whose trust fades",
            "Ratios and savings are against trust that grows for ever. It takes a hundred rounds \
             to be full; a short torrent ends before.",
        ),
        (
            Subject::Parts,
            "The default without its parts, the tested client alone",
            "Ratios and savings are against the whole choker.",
        ),
        (
            Subject::PartsOfAll,
            "The default without its parts, everyone",
            "Ratios and savings are against the whole choker.",
        ),
        (
            Subject::Naive,
            "Naive clients",
            "The tested client serves everyone, and asks as the arm says.",
        ),
        (
            Subject::PickerOfAll,
            "Everyone's picker",
            "The default choker, no free riders; ratios and savings are against pieces in order.",
        ),
    ] {
        let own = plan.swarms.iter();
        let cells: Vec<_> = own.filter(|(other, _)| *other == subject).collect();
        if cells.is_empty() {
            continue;
        }
        let _ = write!(text, "## {title}\n\n{about}\n\n");
        for group in cells.chunk_by(|a, b| heading(&a.1) == heading(&b.1)) {
            let _ = write!(text, "### {}\n\n", heading(&group[0].1));
            text += &table(results, group, AGAINST);
            text += "The same runs in full:\n\n";
            text += &table(results, group, FIGURES);
        }
    }
    text += "*limit*: the least time in which all who give could have had everything, free riders \
             taking nothing; a limit of the last, so that a mean may be below it. *Jain*: Jain's index of the share ratios (payload sent to payload \
             needed) of all who give, each at its own completion. *twice*, *late* (after its \
             CANCEL) and *bad* (in pieces that hashed wrong; nobody lies in these swarms): parts \
             of the payload received. \
             *HAVE / REQUEST / PIECE / other*: what messages are of all bytes on connections, \
             without the payload of PIECE; CANCEL counts as REQUEST.\n";
    text
}

fn heading(swarm: &Swarm) -> String {
    let (uplink, remotes) = (regime(swarm), remotes(swarm));
    format!(
        "{}, uplink {uplink}, remotes run {remotes}",
        swarm.torrent.name
    )
}

fn table(results: &Results, cells: &[&(Subject, Swarm)], columns: &[Column]) -> String {
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let mut text = format!("| free riders, % | L | arm | {} |\n", heads.join(" | "));
    text += &"|---".repeat(columns.len() + 3);
    text += "|\n";
    for cell in cells {
        let swarm = &cell.1;
        for arm in cell.0.arms() {
            let figures = columns
                .iter()
                .map(|(_, cell_of)| cell_of(results, cell, arm));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                swarm.riders_percent,
                swarm.leechers,
                arm.name,
                figures.collect::<Vec<_>>().join(" | ")
            );
        }
    }
    text.push('\n');
    text
}
