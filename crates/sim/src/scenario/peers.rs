//! One engine among peers that stumble or lie.

use std::time::Duration;

use superseed_engine::Settings;

use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::net::LinkSpec;
use crate::wire::FakeSeed;
use crate::world::{HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "choke-in-mid-piece",
        about: "the only seed chokes in mid-piece and drops what was asked",
        run: |run| stumble(run, &[|seed| seed.chokes_after = Some(6)]),
    },
    Scenario {
        name: "close-in-mid-block",
        about: "one of two seeds closes in the middle of a block",
        run: |run| stumble(run, &[|seed| seed.closes_in_block = Some(5), |_| {}]),
    },
    Scenario {
        name: "silence",
        about: "one of two seeds stops answering in mid-piece",
        run: |run| stumble(run, &[|seed| seed.silent_after = Some(5), |_| {}]),
    },
    Scenario {
        name: "liar",
        about: "one of ten seeds spoils a block now and then",
        run: liar,
    },
];

const PIECE_LEN: u32 = 128 << 10;
const LEN: usize = 4 << 20;

fn line() -> LinkSpec {
    LinkSpec {
        up_bytes_per_s: Some(1 << 20),
        ..LinkSpec::default()
    }
}

/// A leecher among fake seeds, one for each entry of `faults`.
fn stumble(run: &Run, faults: &[fn(&mut FakeSeed)]) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let scripts = faults.iter().zip(0..).map(|(fault, number)| {
        let mut seed = FakeSeed::new(&content, number);
        fault(&mut seed);
        world.add_fake_seed(line(), seed)
    });
    let scripts: Vec<_> = scripts.collect();
    let peers = scripts.iter().map(|script| world.script_addr(*script));
    let peers = peers.collect();
    // The end of a download asks twice on purpose; here that would hide a fault.
    let settings = Settings {
        endgame: false,
        ..Settings::default()
    };
    let host = world.add_host(HostSpec {
        settings,
        ..HostSpec::default()
    });
    world.add_leech(host, &content, peers);
    world.complete(host, &content, Duration::from_secs(300));
    let stats = world.stats(host, &content);
    let extra = stats.session_downloaded_bytes - LEN as u64;
    // Each time that a connection broke off, a block that was on its way may be
    // lost; the last one need not be made again.
    let conns: usize = scripts
        .iter()
        .map(|script| world.script_conns(*script))
        .sum();
    let broken_off = (conns - scripts.len() + 1) as u64;
    if extra > broken_off * (16 << 10) {
        world.fail(&format!(
            "{extra} bytes were fetched again, though none was missing"
        ));
    }
    let time = world.elapsed().as_secs_f64();
    Outcome::of(
        &world,
        vec![("extra_bytes", extra as f64), ("time_s", time)],
    )
}

fn liar(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let liar = world.rng().below(10) as u8;
    let mut peers = Vec::new();
    let mut liar_addr = None;
    for number in 0..10 {
        let mut seed = FakeSeed::new(&content, number);
        seed.spoils_every = (number == liar).then_some(4);
        let script = world.add_fake_seed(line(), seed);
        peers.push(world.script_addr(script));
        if number == liar {
            liar_addr = Some(world.script_addr(script));
        }
    }
    let host = world.add_host(HostSpec::default());
    world.add_leech(host, &content, peers);
    world.complete(host, &content, Duration::from_secs(300));
    check_liar(&world, host, &content, liar_addr)
}

fn check_liar(
    world: &World,
    host: crate::world::HostId,
    content: &std::sync::Arc<crate::content::Content>,
    liar: Option<std::net::SocketAddr>,
) -> Outcome {
    let progress = world.progress(host, content);
    let failed = progress.failed_pieces.len();
    if progress
        .banned
        .iter()
        .any(|banned| Some(banned.ip()) != liar.map(|liar| liar.ip()))
    {
        world.fail(&format!(
            "banned {:?}, but only {liar:?} lies",
            progress.banned
        ));
    }
    if failed > 0 && progress.banned.is_empty() {
        world.fail(&format!("{failed} pieces failed and nobody was banned"));
    }
    let stats = world.stats(host, content);
    let extra = stats.session_downloaded_bytes - content.layout().total_len();
    // A spoilt piece is fetched again; the end of a download asks a little twice.
    let allowed = failed as u64 * u64::from(PIECE_LEN) + (512 << 10);
    if extra > allowed {
        world.fail(&format!(
            "{failed} pieces failed, but {extra} bytes were fetched again"
        ));
    }
    let figures = vec![
        ("failed_pieces", failed as f64),
        ("banned", progress.banned.len() as f64),
        ("extra_bytes", extra as f64),
    ];
    Outcome::of(world, figures)
}
