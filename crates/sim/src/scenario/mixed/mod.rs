//! Everything at once, drawn from the seed: a swarm of any shape, hostile and
//! broken peers in it, machines that come, go and crash; then a calm in which
//! every honest leecher that is still there must finish.
//!
//! `draw` throws the dice for what there is, `storm` for what happens. The
//! checks of the world run beside all of it; in the calm the hostile go on.

mod draw;
mod storm;

use std::time::Duration;

use superseed_engine::TorrentOptions;
use superseed_engine::event::TorrentState;

use self::storm::Storm;
use super::{Outcome, Run, Scenario};
use crate::net::Inbound;
use crate::world::{HostId, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "mixed",
    about: "any swarm, hostile peers, bad trackers, crashes and churn, then calm",
    run: mixed,
}];

/// How long the calm may take.
const CALM: Duration = Duration::from_secs(7_200);

/// An honest machine that wants the torrent.
pub(crate) struct Leecher {
    host: HostId,
    /// It is not reached from outside.
    behind_nat: bool,
    options: TorrentOptions,
    there: Presence,
}

/// Whether a machine takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// It comes later.
    Awaited,
    Here,
    /// It left for good.
    Gone,
}

fn mixed(run: &Run) -> Outcome {
    let mut world = run.world();
    let ipv6 = world.rng().chance(0.2);
    if ipv6 {
        world.use_ipv6();
    }
    let mut storm = draw::storm(&mut world, run.seed, ipv6);
    storm.rage(&mut world);
    let begun = world.elapsed();
    storm.calm(&mut world);
    let finished = storm.finish(&mut world, CALM);
    let figures = vec![
        ("time_s", world.elapsed().as_secs_f64()),
        ("calm_s", (world.elapsed() - begun).as_secs_f64()),
        ("finished", f64::from(finished)),
        ("hostile", storm.hostile.len() as f64),
        ("events", world.action_count() as f64),
    ];
    storm.stop(&mut world);
    Outcome::of(&world, figures)
}

impl Leecher {
    /// The machine begins, or begins again.
    fn begin(&mut self, storm: &Storm, world: &mut World) {
        self.there = Presence::Here;
        if self.behind_nat {
            world.set_inbound(self.host, Inbound::Silent);
        }
        world.add_torrent(self.host, &storm.content, self.options.clone());
    }

    fn is_here(&self) -> bool {
        self.there == Presence::Here
    }

    fn is_done(&self, storm: &Storm, world: &World) -> bool {
        let stats = world.stats(self.host, &storm.content);
        stats.state == TorrentState::Seeding && stats.pieces_have == stats.pieces
    }
}
