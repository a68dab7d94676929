//! What there is in a mixed world, by the dice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::config::{ChokerKind, PickerKind};
use superseed_engine::{Priority, Settings, TorrentOptions};

use super::storm::Storm;
use super::{Leecher, Presence};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::scenario::hostile::{Kind, pester};
use crate::scenario::swarms::random_host;
use crate::tracker::{TrackerMood, TrackerSpec};
use crate::wire::FakeSeed;
use crate::world::{HostId, ScriptId, TrackerId, World};

/// How soon hostile peers call everyone.
const FIRST_CALL: Duration = Duration::from_secs(30);

/// Throws the dice for everything there is.
pub(super) fn storm(world: &mut World, seed_of_content: u64, ipv6: bool) -> Storm {
    let mut spec = content(world);
    // The trackers of the world have IPv4 addresses for their datagrams.
    let udp = if ipv6 { 0.0 } else { 0.3 };
    let trackers = trackers(world, &mut spec, udp);
    let content = spec.make(seed_of_content);
    let mut seeds = vec![machine(world)];
    if world.rng().chance(0.2) {
        seeds.push(machine(world));
    }
    for seed in &seeds {
        world.add_seed(*seed, &content, TorrentOptions::default());
    }
    let mut named = stumblers(world, &content);
    let hostile = hostile(world, &content);
    named.extend(hostile.iter().map(|(_, script)| world.script_addr(*script)));
    for tracker in trackers {
        let some = some_of(world, &named);
        world.set_named_peers(tracker, some);
    }
    // A private torrent takes only peers that its tracker names.
    let known = if content.metainfo().info.private {
        Vec::new()
    } else {
        named
    };
    let leechers = leechers(world, &content, known);
    let hosts: Vec<HostId> = (leechers.iter().map(|leecher| leecher.host))
        .chain(seeds.iter().copied())
        .collect();
    for (_, script) in &hostile {
        call_some(world, *script, &hosts);
    }
    let endures = Duration::from_secs(world.rng().between(30, 120));
    Storm {
        content,
        leechers,
        hostile,
        endures,
    }
}

/// Pieces of 16 KiB to 4 MiB, one file or many.
fn content(world: &mut World) -> ContentSpec {
    let rng = world.rng();
    let piece_len = 16_384 << rng.below(9);
    let len = rng.between(1, (4 << 20).max(2 * u64::from(piece_len)));
    let mut spec = ContentSpec::new(len as usize, piece_len);
    spec.private = rng.chance(0.1);
    if rng.chance(0.5) {
        let mut left = len;
        while left > 0 && spec.files.len() < 20 {
            let file = rng.below(left / 2 + 2).min(left);
            spec.files.push(file);
            left -= file;
        }
        spec.files.push(left);
    }
    spec
}

/// One to four trackers, in one tier or several; one of them works.
fn trackers(world: &mut World, spec: &mut ContentSpec, udp: f64) -> Vec<TrackerId> {
    let count = world.rng().between(1, 4);
    let works = world.rng().below(count);
    let mut all = Vec::new();
    for number in 0..count {
        let mood = if number == works {
            TrackerMood::Works
        } else {
            mood(world, spec.private)
        };
        let rng = world.rng();
        let tracker = TrackerSpec {
            mood,
            latency: rng.up_to(Duration::from_millis(500)),
            interval_s: rng.between(30, 120) as u32,
            min_interval_s: rng.chance(0.3).then_some(30),
            ..TrackerSpec::default()
        };
        let over_udp = rng.chance(udp);
        let (id, http) = world.add_tracker(tracker);
        let url = if over_udp { world.udp_url(id) } else { http };
        match spec.tiers.last_mut() {
            Some(tier) if world.rng().chance(0.3) => tier.push(url),
            _ => spec.tiers.push(vec![url]),
        }
        all.push(id);
    }
    all
}

/// A private torrent stays with one tracker: two that work would split its swarm.
fn mood(world: &mut World, private: bool) -> TrackerMood {
    match world.rng().below(5) {
        0 if !private => TrackerMood::Works,
        1 => TrackerMood::Hangs,
        2 => TrackerMood::Dead,
        3 => TrackerMood::Refuses("not registered here".to_owned()),
        _ => TrackerMood::Babbles,
    }
}

fn machine(world: &mut World) -> HostId {
    let mut spec = random_host(world);
    spec.settings = settings(world, spec.settings);
    world.add_host(spec)
}

fn settings(world: &mut World, settings: Settings) -> Settings {
    let rng = world.rng();
    let in_order = rng.chance(0.2);
    Settings {
        piece_budget_bytes: if rng.chance(0.5) {
            128 << 10 << rng.below(4)
        } else {
            32 << 20
        },
        read_cache_bytes: if rng.chance(0.3) { 0 } else { 16 << 20 },
        connections_max: rng.between(8, 50) as usize,
        half_open_max: rng.between(1, 50) as usize,
        choker: match rng.below(8) {
            0 => ChokerKind::Bep3,
            1 => ChokerKind::Mainline,
            2 => ChokerKind::Scored { decay: true },
            3 => ChokerKind::UnchokeAll,
            _ => ChokerKind::Default,
        },
        picker: if in_order {
            PickerKind::InOrder
        } else {
            PickerKind::RarestFirst
        },
        endgame: rng.chance(0.8),
        ..settings
    }
}

/// One to six who want it. All are there at once, or they come one by one.
fn leechers(world: &mut World, content: &Arc<Content>, known: Vec<SocketAddr>) -> Vec<Leecher> {
    let crowd = world.rng().chance(0.4);
    let nat = if world.rng().chance(0.5) { 0.5 } else { 0.0 };
    let count = world.rng().between(1, 6);
    let mut leechers = Vec::new();
    for number in 0..count {
        let host = machine(world);
        let peers = some_of(world, &known);
        let waits = !crowd && number > 0 && world.rng().chance(0.5);
        leechers.push(Leecher {
            host,
            behind_nat: world.rng().chance(nat),
            options: options(world, content, peers),
            there: if waits {
                Presence::Awaited
            } else {
                Presence::Here
            },
        });
    }
    leechers
}

fn options(world: &mut World, content: &Arc<Content>, peers: Vec<SocketAddr>) -> TorrentOptions {
    let files = content.metainfo().info.files.len();
    let choice = [
        Priority::Skip,
        Priority::Low,
        Priority::Normal,
        Priority::High,
    ];
    let chooses = world.rng().chance(0.3);
    let mut priorities = Vec::new();
    for _ in 0..if chooses { files } else { 0 } {
        priorities.push(choice[world.rng().below(4) as usize]);
    }
    TorrentOptions {
        peers,
        priorities,
        sequential: world.rng().chance(0.2),
        ..TorrentOptions::default()
    }
}

/// Seeds that mean well, and break.
fn stumblers(world: &mut World, content: &Arc<Content>) -> Vec<SocketAddr> {
    let count = world.rng().below(4) as u8;
    let fakes = (0..count).map(|number| {
        let rng = world.rng();
        let mut fake = FakeSeed::new(content, number);
        fake.block_every = rng.up_to(Duration::from_millis(300));
        let after = rng.below(20) as u32;
        match rng.below(4) {
            0 => fake.chokes_after = Some(after),
            1 => fake.closes_in_block = Some(after),
            2 => fake.silent_after = Some(after),
            _ => {}
        }
        let script = world.add_fake_seed(LinkSpec::default(), fake);
        world.script_addr(script)
    });
    fakes.collect()
}

/// Up to four hostile machines, each of any kind.
fn hostile(world: &mut World, content: &Arc<Content>) -> Vec<(Kind, ScriptId)> {
    let count = world.rng().below(5) as u8;
    let mut all = Vec::new();
    for number in 0..count {
        let kind = Kind::ALL[world.rng().below(Kind::ALL.len() as u64) as usize];
        all.push((kind, kind.enter(world, content, number)));
    }
    all
}

/// A hostile machine calls some of the others, again and again.
fn call_some(world: &mut World, script: ScriptId, hosts: &[HostId]) {
    for host in hosts {
        if world.rng().chance(0.5) {
            let (host, when) = (*host, world.rng().up_to(FIRST_CALL));
            world.plan(when, move |world| pester(world, script, host));
        }
    }
}

/// Each of them, or not.
fn some_of(world: &mut World, addrs: &[SocketAddr]) -> Vec<SocketAddr> {
    let some = addrs.iter().filter(|_| world.rng().chance(0.7));
    some.copied().collect()
}
