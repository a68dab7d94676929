//! One liar among ten contributors: it is found out soon, stays out, and
//! nobody else suffers for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_proto::layout::BLOCK_LEN;

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::wire::FakeSeed;
use crate::world::{HostId, HostSpec, ScriptId, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "liar-among-ten",
        about: "ten contributors, one of which spoils 5 % of its blocks; pieces of 256 KiB",
        run: |run| liar_among_ten(run, 256 << 10, false),
    },
    Scenario {
        name: "liar-among-ten-large",
        about: "the same with pieces of 4 MiB",
        run: |run| liar_among_ten(run, 4 << 20, false),
    },
    Scenario {
        name: "liar-among-ten-ipv6",
        about: "the same with pieces of 256 KiB, over IPv6",
        run: |run| liar_among_ten(run, 256 << 10, true),
    },
    Scenario {
        name: "liar-among-ten-large-ipv6",
        about: "the same with pieces of 4 MiB, over IPv6",
        run: |run| liar_among_ten(run, 4 << 20, true),
    },
];

/// The share of the liar's blocks that are wrong.
const SPOILT: f64 = 0.05;
/// Wrong pieces after which the liar must be known.
const WRONG_PIECES_MAX: usize = 3;
/// How long the whole may take: the slowest line brings 64 KiB/s.
const PATIENCE: Duration = Duration::from_secs(3_600);

struct Cast {
    content: Arc<Content>,
    host: HostId,
    liar: ScriptId,
}

fn liar_among_ten(run: &Run, piece_len: u32, ipv6: bool) -> Outcome {
    let mut world = run.world();
    if ipv6 {
        world.use_ipv6();
    }
    let len = (piece_len as usize * 16).max(32 << 20);
    let content = ContentSpec::new(len, piece_len).make(run.seed);
    let (peers, liar) = contributors(&mut world, &content);
    let host = world.add_host(HostSpec::default());
    world.add_leech(host, &content, peers);
    let cast = Cast {
        content,
        host,
        liar,
    };
    cast.play(&mut world)
}

/// Ten seeds on lines of 64 KiB/s to 4 MiB/s; one of them lies.
fn contributors(world: &mut World, content: &Arc<Content>) -> (Vec<SocketAddr>, ScriptId) {
    let number_of_liar = world.rng().below(10);
    let mut liar = None;
    let mut peers = Vec::new();
    for number in 0..10 {
        let line = LinkSpec {
            up_bytes_per_s: Some(64 << 10 << world.rng().below(7)),
            latency: Duration::from_millis(world.rng().between(5, 20)),
            ..LinkSpec::default()
        };
        let mut seed = FakeSeed::new(content, number as u8);
        if number == number_of_liar {
            seed.spoils = Some((SPOILT, world.rng().fork()));
        }
        let script = world.add_fake_seed(line, seed);
        peers.push(world.script_addr(script));
        if number == number_of_liar {
            liar = Some(script);
        }
    }
    (peers, liar.expect("one of the ten lies"))
}

impl Cast {
    fn play(&self, world: &mut World) -> Outcome {
        let known = |world: &World| !world.progress(self.host, &self.content).banned.is_empty();
        let over = |world: &World| world.finished(self.host, &self.content);
        world.run_until(PATIENCE, |world| known(world) || over(world));
        let banned_at = world.elapsed();
        if !known(world) {
            // The verdict on the last pieces may still be on its way.
            world.run_for(Duration::from_secs(1));
        }
        let wrong = &world.progress(self.host, &self.content).failed_pieces;
        if known(world) || !wrong.is_empty() {
            self.come_back(world);
        }
        world.complete(self.host, &self.content, PATIENCE);
        self.judge(world, banned_at)
    }

    /// The liar connects again, and is dialled again, from the address that is
    /// banned; with IPv6 also from another of its network.
    fn come_back(&self, world: &mut World) {
        let addr = world.script_addr(self.liar);
        let conns = world.script_conns(self.liar);
        world.introduce(self.host, &self.content, addr);
        world.run_for(Duration::from_millis(200));
        if world.script_conns(self.liar) != conns {
            world.fail("the engine called the banned liar");
        }
        let mut places = vec![self.liar];
        if addr.is_ipv6() {
            places.push(world.add_script_beside(self.liar, LinkSpec::default()));
        }
        for place in places {
            let conn = world.script_connect(place, self.host);
            world.run_for(Duration::from_millis(100));
            let swarm = self.content.swarm().0;
            let hello = crate::wire::Frame::Handshake([0; 8], swarm, *b"-FK0001-back00000000");
            if world.wire(place, conn).is_up() {
                world.wire(place, conn).send(hello);
            }
            world.run_for(Duration::from_millis(200));
            if world.wire(place, conn).is_up() {
                world.fail("the banned liar was let in again");
            }
        }
    }

    fn judge(&self, world: &World, banned_at: Duration) -> Outcome {
        let progress = world.progress(self.host, &self.content);
        let wrong = progress.failed_pieces.len();
        let liar = world.script_addr(self.liar).ip();
        if let Some(other) = progress.banned.iter().find(|addr| addr.ip() != liar) {
            world.fail(&format!("banned {other}, but only {liar} lies"));
        }
        if wrong > WRONG_PIECES_MAX {
            world.fail(&format!("the liar spoilt {wrong} pieces"));
        }
        let stats = world.stats(self.host, &self.content);
        let extra = stats.session_downloaded_bytes - self.content.layout().total_len();
        let figures = vec![
            ("wrong_pieces", wrong as f64),
            ("banned", progress.banned.len() as f64),
            ("banned_s", banned_at.as_secs_f64()),
            ("extra_blocks", extra as f64 / f64::from(BLOCK_LEN)),
            ("time_s", world.elapsed().as_secs_f64()),
        ];
        Outcome::of(world, figures)
    }
}
