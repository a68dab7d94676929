//! Torrent files: made, shown, checked and changed beside other programs.
//!
//! `cargo xtask interop files-` runs all of these cases.

mod bad_input;
mod created;
mod damage;
mod run;
mod scale;
mod shapes;
mod swarm;

use std::time::Duration;

use super::case::{Case, Group, Run};
use super::install::Tool;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, group, needs: &[Tool], limit_s, run: Run| Case {
        name: format!("files-{name}"),
        group,
        shares: group == Group::Default,
        needs: [&[Tool::Iproute, Tool::Libtorrent], needs].concat(),
        sets: vec![],
        limit: Duration::from_secs(limit_s),
        run,
    };
    use Group::Default;
    vec![
        case(
            "libtorrent",
            Default,
            &[],
            120,
            Box::new(created::libtorrent),
        ),
        case(
            "v1-programs",
            Default,
            &[Tool::Transmission, Tool::Aria2, Tool::Mktorrent],
            120,
            Box::new(created::v1_programs),
        ),
        case(
            "round-trip",
            Default,
            &[],
            20,
            Box::new(created::round_trip),
        ),
        case("hybrid-swarm", Default, &[], 180, Box::new(swarm::hybrid)),
        case("damage", Default, &[], 60, Box::new(damage::ranges)),
        case("edit", Default, &[], 60, Box::new(damage::edit)),
        case("tebibyte", Default, &[], 30, Box::new(scale::tebibyte)),
        case("bad-input", Default, &[], 120, Box::new(bad_input::table)),
        case("100000", Default, &[], 300, Box::new(scale::many)),
    ]
}
