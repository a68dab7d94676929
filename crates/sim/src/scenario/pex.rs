//! Peers that are known by peer exchange alone (BEP 11), lies among what is
//! told, and what is told to whom.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_engine::{Command, Priority, Settings, TorrentOptions};
use superseed_proto::layout::FileIndex;
use superseed_proto::wire::Pex;

use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::net::LinkSpec;
use crate::tracker::TrackerSpec;
use crate::wire::{Frame, Gossip, Mask};
use crate::world::{HostId, HostSpec, ScriptId, Way, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pex-only",
        about: "a leecher that knows one peer without data, to which alone the seed is known",
        run: only,
    },
    Scenario {
        name: "pex-flood",
        about: "four that tell everyone of hundreds who are not there, and of a victim, in a chain of ten",
        run: flood,
    },
    Scenario {
        name: "pex-leak",
        about: "a swarm of private and public addresses, of which the public hear of none that is private",
        run: leak,
    },
];

/// The id at which an engine takes peer exchange.
const ENGINE_ID: u8 = 2;

fn machine(world: &mut World, up_bytes_per_s: u64) -> HostId {
    let latency = Duration::from_millis(world.rng().between(5, 60));
    world.add_host(HostSpec {
        settings: Settings {
            pex: true,
            ..Settings::default()
        },
        link: LinkSpec {
            up_bytes_per_s: Some(up_bytes_per_s),
            latency,
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    })
}

fn only(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(4 << 20, 64 << 10).make(run.seed);
    let seed = machine(&mut world, 1 << 20);
    let between = machine(&mut world, 1 << 20);
    let leecher = machine(&mut world, 1 << 20);
    world.add_seed(seed, &content, TorrentOptions::default());
    let addr = world.addr(seed);
    world.add_leech(between, &content, vec![addr]);
    // It gets nothing, because it wants nothing, so that the seed gives it up,
    // or because it has no line.
    if world.rng().chance(0.5) {
        let key = world.torrent_key(between, &content);
        let files = vec![(FileIndex(0), Priority::Skip)];
        world.command(between, Command::SetPriorities(key, files));
    } else {
        world.configure(between, |settings| {
            settings.limits.download_bytes_per_s = Some(100);
        });
    }
    let before = world.rng().up_to(Duration::from_secs(120));
    world.run_for(before);
    let addr = world.addr(between);
    world.add_leech(leecher, &content, vec![addr]);
    let begun = world.now();
    world.complete(leecher, &content, Duration::from_secs(90));
    let time_s = world.now().since(begun).as_secs_f64();
    Outcome::of(&world, vec![("time_s", time_s)])
}

/// Leechers in the chain.
const CHAIN: usize = 10;
/// What the content of the chain has, in bytes.
const CHAIN_LEN: usize = 64 << 20;

/// Lets a chain in which everyone knows the one before it fetch from the seed
/// that is its first; tells how long the last one took.
fn chain(world: &mut World, run: &Run, gossips: usize) -> (Duration, Option<ScriptId>) {
    let content = ContentSpec::new(CHAIN_LEN, 256 << 10).make(run.seed);
    let seed = machine(world, 2 << 20);
    world.add_seed(seed, &content, TorrentOptions::default());
    let leechers: Vec<_> = (0..CHAIN).map(|_| machine(world, 1 << 20)).collect();
    let mut known = world.addr(seed);
    let victim = (gossips > 0).then(|| world.add_script(LinkSpec::default()));
    for number in 0..gossips {
        let mask = Mask::new(&content, number as u8, true);
        let victim = victim.map_or(known, |victim| world.script_addr(victim));
        // Every second one keeps to what is no flood yet.
        let every = Duration::from_secs(if number % 2 == 0 { 12 } else { 1 });
        let gossip = world.add_actor(LinkSpec::default(), move || {
            Box::new(Gossip::new(mask.clone(), every, victim))
        });
        for &host in &leechers {
            let when = world.rng().up_to(Duration::from_secs(3));
            world.plan(when, move |world| {
                super::hostile::pester(world, gossip, host);
            });
        }
    }
    for &leecher in &leechers {
        world.add_leech(leecher, &content, vec![known]);
        known = world.addr(leecher);
    }
    let begun = world.now();
    for &leecher in &leechers {
        world.complete(leecher, &content, Duration::from_secs(900));
    }
    (world.now().since(begun), victim)
}

fn flood(run: &Run) -> Outcome {
    let (calm, _) = chain(&mut run.world(), run, 0);
    let mut world = run.world();
    world.listen_in();
    let (time, victim) = chain(&mut world, run, 4);
    let victim = victim.map(|victim| world.script_addr(victim).ip());
    let calls = world.said().iter().filter(|said| match said.way {
        Way::Call(to) => Some(to.ip()) == victim,
        _ => false,
    });
    let calls = calls.count();
    let slower = time.as_secs_f64() / calm.as_secs_f64();
    let time_s = time.as_secs_f64();
    let calls_a_minute = calls as f64 / (time_s / 60.0);
    Outcome::of(
        &world,
        vec![
            ("slower", slower),
            ("calm_s", calm.as_secs_f64()),
            ("victim_calls_a_minute", calls_a_minute),
        ],
    )
}

fn is_private(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10)
}

/// Who was told of whom: the messages of peer exchange among all frames.
fn told(world: &World) -> Vec<(IpAddr, SocketAddr)> {
    let mut told = Vec::new();
    for message in world.messages() {
        let Frame::Extended(ENGINE_ID, payload) = message.frame else {
            continue;
        };
        let Ok(pex) = Pex::decode(&payload) else {
            world.fail("an engine sent what is no message of peer exchange");
        };
        let added = pex.added.iter().map(|(addr, _)| *addr);
        let named = added.chain(pex.dropped);
        told.extend(named.map(|addr| (message.to, addr)));
    }
    told
}

fn leak(run: &Run) -> Outcome {
    let mut world = run.world();
    world.listen_in();
    let (_, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(4 << 20, 64 << 10)
        .tracker(url)
        .make(run.seed);
    let mut hosts: Vec<_> = (0..6).map(|_| machine(&mut world, 64 << 10)).collect();
    world.use_public_ips();
    hosts.extend((0..6).map(|_| machine(&mut world, 64 << 10)));
    for (number, &host) in hosts.iter().enumerate() {
        let after = world.rng().up_to(Duration::from_secs(180));
        let content = std::sync::Arc::clone(&content);
        world.plan(after, move |world| match number {
            0 | 6 => world.add_seed(host, &content, TorrentOptions::default()),
            _ => world.add_torrent(host, &content, TorrentOptions::default()),
        });
    }
    world.run_for(Duration::from_secs(600));
    let told = told(&world);
    if let Some((to, addr)) = told
        .iter()
        .find(|(to, addr)| !is_private(*to) && is_private(addr.ip()))
    {
        world.fail(&format!("{to} was told of {addr}"));
    }
    let kinds: BTreeSet<_> = told
        .iter()
        .map(|(to, addr)| (is_private(*to), is_private(addr.ip())))
        .collect();
    if kinds.len() != 3 {
        world.fail("not everybody was told of whom it can call");
    }
    Outcome::of(&world, vec![("told", told.len() as f64)])
}
