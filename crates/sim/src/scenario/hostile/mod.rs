//! Honest swarms among hostile peers: everyone finishes, not much later than
//! without them, liars are banned and nobody else, and memory stays within its
//! limits.
//!
//! Each scenario runs its swarm twice: in peace, then with four peers of one
//! kind, or one of each, that are announced by the tracker and call everyone.
//! `slower` is the time of the last leecher against that in peace.
//!
//! The bounds stand a little above the worst of sixteen seeds. Who asks without
//! end, or gives nothing, gets as much as everyone: the uplinks feed more slots
//! than there are peers, so that no choker has to choose. With four such peers
//! eight share what four had, and twice the time is the fluid limit. (Who asks
//! and cancels costs 1.96, a free rider 1.96, one of every kind 1.97, and who
//! asks without end, with a full queue at all times, 2.45.)

mod kinds;
mod poison;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::TorrentOptions;

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::tracker::TrackerSpec;
use crate::wire::{Claim, Flood};
use crate::world::{HostId, HostSpec, ScriptId, TrackerId, World};
pub use kinds::{Kind, pester};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "hostile-liars",
        about: "four liars, each of which spoils 5 % of its blocks",
        run: |run| besieged(run, &[Kind::Liar; 4], 1.3),
    },
    Scenario {
        name: "hostile-request-flood",
        about: "four that ask without end, choked or not",
        run: |run| besieged(run, &[Kind::Flooder(Flood::Requests); 4], 2.5),
    },
    Scenario {
        name: "hostile-allowed-fast-flood",
        about: "four that ask for their allowed-fast pieces again and again",
        run: |run| besieged(run, &[Kind::Flooder(Flood::AllowedFast); 4], 1.5),
    },
    Scenario {
        name: "hostile-cancel-flood",
        about: "four that ask and cancel, so that the disk reads for nothing",
        run: |run| besieged(run, &[Kind::Flooder(Flood::Cancels); 4], 2.5),
    },
    Scenario {
        name: "hostile-crumbs",
        about: "four that ask for single bytes all over the torrent and read nothing",
        run: |run| besieged(run, &[Kind::Flooder(Flood::Crumbs); 4], 1.5),
    },
    Scenario {
        name: "hostile-slow-handshake",
        about: "four that send their handshake byte by byte",
        run: |run| besieged(run, &[Kind::SlowHandshake; 4], 1.2),
    },
    Scenario {
        name: "hostile-endless-message",
        about: "four that send a message that never ends",
        run: |run| besieged(run, &[Kind::EndlessMessage; 4], 1.2),
    },
    Scenario {
        name: "hostile-dribbled-piece",
        about: "four whose blocks come a byte a second",
        run: |run| besieged(run, &[Kind::DribbledPiece; 4], 1.5),
    },
    Scenario {
        name: "hostile-choke-flapping",
        about: "four that choke and unchoke ten times a second",
        run: |run| besieged(run, &[Kind::Flapper; 4], 1.3),
    },
    Scenario {
        name: "hostile-serves-nothing",
        about: "four that say they have everything and answer nothing",
        run: |run| besieged(run, &[Kind::Claimant(Claim::ServesNothing); 4], 1.2),
    },
    Scenario {
        name: "hostile-rejects-all",
        about: "four that say they have everything and reject every request",
        run: |run| besieged(run, &[Kind::Claimant(Claim::RejectsAll); 4], 1.2),
    },
    Scenario {
        name: "hostile-wrong-bitfields",
        about: "bitfields too long, too short or with spare bits, and a HAVE beyond the end",
        run: |run| {
            let claims = [Claim::TooLong, Claim::SpareBits, Claim::HaveBeyond];
            besieged(run, &claims.map(Kind::Claimant), 1.2)
        },
    },
    Scenario {
        name: "hostile-have-storm",
        about: "HAVEs and bitfields without end",
        run: |run| {
            let claims = [Claim::HaveStorm, Claim::BitfieldStorm];
            besieged(
                run,
                &claims
                    .repeat(2)
                    .iter()
                    .map(|claim| Kind::Claimant(*claim))
                    .collect::<Vec<_>>(),
                1.2,
            )
        },
    },
    Scenario {
        name: "hostile-have-then-reject",
        about: "four that have one piece after the other and reject every request",
        run: |run| besieged(run, &[Kind::Claimant(Claim::HaveThenReject); 4], 1.2),
    },
    Scenario {
        name: "hostile-mutes",
        about: "peers that are announced and never send, or shake hands and no more",
        run: |run| {
            let kinds = [Kind::Mute, Kind::MuteAfterHandshake];
            besieged(run, &kinds.repeat(2), 1.2)
        },
    },
    Scenario {
        name: "hostile-leavers",
        about: "four that close before UNCHOKE and come again",
        run: |run| besieged(run, &[Kind::Leaver; 4], 1.2),
    },
    Scenario {
        name: "hostile-byte-by-byte",
        about: "four that serve well, each message one byte at a time",
        run: |run| besieged(run, &[Kind::OneByteAtATime; 4], 1.3),
    },
    Scenario {
        name: "hostile-free-riders",
        about: "four that take and give nothing",
        run: |run| besieged(run, &[Kind::FreeRider; 4], 2.5),
    },
    Scenario {
        name: "hostile-all",
        about: "one of every kind at once",
        run: |run| besieged(run, &Kind::ALL, 2.5),
    },
    Scenario {
        name: "hostile-tracker",
        about: "a second tracker names thousands of dead, own, reserved and double addresses",
        run: poison::poisoned,
    },
];

const LEN: usize = 32 << 20;
const PIECE_LEN: u32 = 128 << 10;
const LEECHERS: usize = 4;
const SEED_UP: u64 = 1 << 20;
const LEECHER_UP: u64 = 512 << 10;
const DOWN: u64 = 8 << 20;
/// How long a swarm may take: fifteen times the fluid limit.
const PATIENCE: Duration = Duration::from_secs(900);

/// An honest swarm.
struct Swarm {
    content: Arc<Content>,
    tracker: TrackerId,
    seed: HostId,
    leechers: Vec<HostId>,
}

impl Swarm {
    /// A seed that has announced itself, and machines that do not fetch yet.
    fn gather(world: &mut World, seed_of_content: u64) -> Self {
        let (tracker, url) = world.add_tracker(TrackerSpec::default());
        let spec = ContentSpec::new(LEN, PIECE_LEN).tracker(url);
        Self::gather_at(world, tracker, spec.make(seed_of_content))
    }

    fn gather_at(world: &mut World, tracker: TrackerId, content: Arc<Content>) -> Self {
        let seed = machine(world, SEED_UP);
        world.add_seed(seed, &content, TorrentOptions::default());
        let leechers = (0..LEECHERS).map(|_| machine(world, LEECHER_UP)).collect();
        // The tracker knows the seed before anyone asks for it.
        world.run_for(Duration::from_secs(1));
        Self {
            content,
            tracker,
            seed,
            leechers,
        }
    }

    /// Fetches; returns when the last had everything.
    fn play(&self, world: &mut World) -> Duration {
        for host in &self.leechers {
            world.add_torrent(*host, &self.content, TorrentOptions::default());
        }
        let begun = world.now();
        for host in &self.leechers {
            world.complete(*host, &self.content, PATIENCE);
        }
        let ends = self.leechers.iter().map(|host| {
            let finished = world.progress(*host, &self.content).finished;
            finished.map_or(PATIENCE, |at| at.since(begun))
        });
        ends.max().unwrap_or_default()
    }

    fn hosts(&self) -> impl Iterator<Item = HostId> + '_ {
        self.leechers.iter().copied().chain([self.seed])
    }

    /// Every leecher has banned everyone who lied about data, and nobody has
    /// banned anyone else.
    fn check_bans(&self, world: &World, liars: &[ScriptId]) {
        let liars = liars.iter().map(|liar| world.script_addr(*liar).ip());
        let liars: BTreeSet<IpAddr> = liars.collect();
        for host in self.hosts() {
            let banned = world.progress(host, &self.content).banned.iter();
            let banned: BTreeSet<IpAddr> = banned.map(SocketAddr::ip).collect();
            if let Some(honest) = banned.difference(&liars).next() {
                world.fail(&format!("{host:?} banned {honest}, who sent no wrong data"));
            }
            if let Some(liar) = liars.difference(&banned).next()
                && host != self.seed
            {
                world.fail(&format!("{host:?} did not ban {liar}, who lied"));
            }
        }
    }
}

fn machine(world: &mut World, up_bytes_per_s: u64) -> HostId {
    let latency = Duration::from_millis(world.rng().between(5, 40));
    world.add_host(HostSpec {
        link: LinkSpec {
            up_bytes_per_s: Some(up_bytes_per_s),
            down_bytes_per_s: Some(DOWN),
            latency,
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    })
}

/// A swarm in peace, and the same with hostile peers of these kinds; it may
/// take `slower_max` times as long.
fn besieged(run: &Run, kinds: &[Kind], slower_max: f64) -> Outcome {
    let mut peace = run.world();
    let calm = Swarm::gather(&mut peace, run.seed).play(&mut peace);
    let mut world = run.world();
    let swarm = Swarm::gather(&mut world, run.seed);
    let mut hostile = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        hostile.push(kind.enter(&mut world, &swarm.content, number as u8));
    }
    let addrs = hostile.iter().map(|script| world.script_addr(*script));
    let addrs = addrs.collect();
    world.set_named_peers(swarm.tracker, addrs);
    for script in &hostile {
        for host in swarm.hosts().collect::<Vec<_>>() {
            let (script, when) = (*script, world.rng().up_to(Duration::from_secs(3)));
            world.plan(when, move |world| pester(world, script, host));
        }
    }
    let time = swarm.play(&mut world);
    let liars = kinds.iter().zip(&hostile);
    let liars: Vec<ScriptId> = liars
        .filter(|(kind, _)| **kind == Kind::Liar)
        .map(|(_, script)| *script)
        .collect();
    swarm.check_bans(&world, &liars);
    verdict(&world, calm, time, slower_max)
}

fn verdict(world: &World, calm: Duration, time: Duration, slower_max: f64) -> Outcome {
    let slower = time.as_secs_f64() / calm.as_secs_f64();
    if slower > slower_max {
        world.fail(&format!(
            "the last had it after {time:?}, {slower:.2} times as late as the {calm:?} in peace"
        ));
    }
    let figures = vec![("slower", slower), ("time_s", time.as_secs_f64())];
    Outcome::of(world, figures)
}
