//! Private torrents (BEP 27): every byte that is said in a world where all else
//! is told to everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::config::DhtSettings;
use superseed_engine::{EventKind, Settings, Time, TorrentOptions};

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::tracker::TrackerSpec;
use crate::wire::Frame;
use crate::world::{HostId, HostSpec, TrackerId, Way, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "private-magnet",
    about: "links that turn out to be private, where neighbours, the DHT and peers are told of all else",
    run: magnet,
}];

/// The network that all are neighbours in.
const HERE: u32 = 1;
/// Those who have the link, with the tracker in it or not.
const WITH_TRACKER: usize = 4;
const WITHOUT: usize = 3;
/// Whoever else is in the DHT, its routers first.
const OTHERS: usize = 8;
/// The id at which an engine takes peer exchange.
const PEX: u8 = 2;

fn spec(world: &mut World, routers: &[SocketAddr], lsd: bool) -> HostSpec {
    let routers: Vec<_> = routers
        .iter()
        .map(|addr| (addr.ip().to_string(), addr.port()))
        .collect();
    HostSpec {
        settings: Settings {
            lsd,
            pex: true,
            dht: DhtSettings {
                enabled: true,
                routers: Some(routers.into()),
                ..DhtSettings::default()
            },
            ..Settings::default()
        },
        link: LinkSpec {
            up_bytes_per_s: Some(256 << 10),
            latency: Duration::from_millis(world.rng().between(5, 60)),
            ..LinkSpec::default()
        },
        site: Some(HERE),
        ..HostSpec::default()
    }
}

fn magnet(run: &Run) -> Outcome {
    let mut world = run.world();
    world.use_public_ips();
    world.listen_in();
    let (tracker, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(4 << 20, 64 << 10)
        .tracker(url.clone())
        .private()
        .make(run.seed);
    let public = ContentSpec::new(1 << 20, 64 << 10).make(run.seed ^ 1);
    let mut hosts = Vec::new();
    let mut routers = Vec::new();
    for number in 0..OTHERS + WITH_TRACKER + WITHOUT {
        // Without neighbours, strangers are those whom the DHT knows.
        let spec = spec(&mut world, &routers, run.seed.is_multiple_of(2));
        hosts.push(world.add_host(spec));
        if number < 3 {
            routers.push(world.addr(hosts[number]));
        }
        world.run_for(Duration::from_secs(2));
    }
    // Everybody shares something that everybody may hear of.
    for (number, &host) in hosts.iter().enumerate() {
        match number {
            0 => world.add_seed(host, &public, TorrentOptions::default()),
            _ => world.add_torrent(host, &public, TorrentOptions::default()),
        }
    }
    let (others, linked) = hosts.split_at(OTHERS);
    let seed = others[OTHERS - 1];
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(60));
    for (number, &host) in linked.iter().enumerate() {
        let options = TorrentOptions {
            trackers: match number {
                0..WITH_TRACKER => vec![url.clone()],
                _ => Vec::new(),
            },
            ..TorrentOptions::default()
        };
        // Those without a tracker come first, and look around.
        let after = match number {
            0..WITH_TRACKER => Duration::from_secs(60) + world.rng().up_to(Duration::from_secs(60)),
            _ => world.rng().up_to(Duration::from_secs(60)),
        };
        let content = Arc::clone(&content);
        world.plan(after, move |world| world.add_link(host, &content, options));
    }
    world.run_for(Duration::from_secs(3_000));
    for &host in &linked[..WITH_TRACKER] {
        if !world.finished(host, &content) {
            world.fail(&format!("{host:?} did not get what its tracker knows"));
        }
    }
    let mut named_before = 0;
    let mut knew = 0;
    for &host in linked {
        let known = known_at(&world, host, &content);
        knew += usize::from(known.is_some());
        named_before += named_until(&world, &content, host, known.unwrap_or(Time::NEVER));
    }
    if named_before == 0 {
        world.fail("nobody looked around before it knew");
    }
    for &host in others {
        named_until(&world, &content, host, Time::START);
    }
    let known = |host| match linked.contains(&host) {
        true => known_at(&world, host, &content).unwrap_or(Time::NEVER),
        false => Time::START,
    };
    let strangers = strangers_until(&world, tracker, &content, known);
    if strangers == 0 {
        world.fail("nobody met strangers before it knew");
    }
    check_exchange(&world, &content);
    Outcome::of(
        &world,
        vec![
            ("named_before", named_before as f64),
            ("strangers_before", strangers as f64),
            ("knew", knew as f64),
        ],
    )
}

/// When a host knew that the torrent of its link is private.
fn known_at(world: &World, host: HostId, content: &Arc<Content>) -> Option<Time> {
    let key = world.torrent_key(host, content);
    let mut events = world.events(host).iter();
    let right =
        events.find(|(_, event)| event.torrent == key && matches!(event.kind, EventKind::Metadata));
    right.map(|(at, _)| *at)
}

/// How many datagrams of a host have the hash in any spelling. From the moment on
/// at which it knows, none may.
fn named_until(world: &World, content: &Content, host: HostId, known: Time) -> usize {
    let spellings = spellings(&content.swarm().0);
    let mut before = 0;
    for said in world.said().iter().filter(|said| said.host == host) {
        let is_datagram = matches!(said.way, Way::Datagram(_) | Way::Multicast);
        if is_datagram && has_any(&said.bytes, &spellings) {
            if said.at >= known {
                world.fail(&format!(
                    "{host:?} named it at {:?}: {:?}",
                    said.at, said.way
                ));
            }
            before += 1;
        }
    }
    before
}

/// Whoever knows calls those alone whom the tracker knows, and has let go of
/// everybody else. Tells how often somebody spoke with others before.
fn strangers_until(
    world: &World,
    tracker: TrackerId,
    content: &Content,
    known: impl Fn(HostId) -> Time,
) -> usize {
    let swarm = content.swarm().0;
    let seen = world.announces(tracker).iter();
    let members: BTreeSet<IpAddr> = seen
        .filter(|seen| seen.swarm == swarm)
        .map(|seen| seen.from.ip())
        .collect();
    let mut before = 0;
    // Who calls speaks first.
    let mut callers: BTreeMap<u64, Option<(HostId, Time)>> = BTreeMap::new();
    for said in world.said() {
        let Way::Stream(number, to) = said.way else {
            continue;
        };
        let caller = callers.entry(number).or_insert_with(|| {
            let names = has(&said.bytes, &swarm);
            names.then_some((said.host, said.at))
        });
        let Some((caller, began)) = *caller else {
            continue;
        };
        let (host, known) = (said.host, known(said.host));
        let called = caller == host;
        let stranger = !members.contains(&to);
        if said.at <= known {
            // Of those who never know nothing is to be learnt.
            before += usize::from(stranger && known < Time::NEVER);
            continue;
        }
        if called && stranger {
            world.fail(&format!("{host:?} speaks with {to}, whom no tracker named"));
        }
        if !called && began < known {
            world.fail(&format!("{host:?} kept {to}, who had called it before"));
        }
    }
    before
}

/// No peer of the private torrent is told of others.
fn check_exchange(world: &World, content: &Content) {
    let mut private = BTreeSet::new();
    for message in world.messages() {
        match message.frame {
            Frame::Handshake(_, swarm, _) if swarm == content.swarm().0 => {
                private.insert((message.host, message.stream));
            }
            Frame::Extended(PEX, _) if private.contains(&(message.host, message.stream)) => {
                world.fail(&format!("{:?} exchanged peers of it", message.host));
            }
            _ => {}
        }
    }
}

/// A hash as packets and links spell it.
fn spellings(hash: &[u8; 20]) -> [Vec<u8>; 5] {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let digit = |index: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(index)];
    let base32: Vec<u8> = hash
        .chunks(5)
        .flat_map(|five| {
            let bits = five
                .iter()
                .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8)
                .rev()
                .map(move |at| digit((bits >> (5 * at) & 31) as u8))
        })
        .collect();
    [
        hash.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        base32.to_ascii_lowercase(),
        base32,
    ]
}

fn has_any(bytes: &[u8], spellings: &[Vec<u8>]) -> bool {
    spellings.iter().any(|spelling| has(bytes, spelling))
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_the_spellings_of_links() {
        let spellings = spellings(b"aaaaabbbbbcccccddddd");
        let text = |at: usize| String::from_utf8_lossy(&spellings[at]).into_owned();
        assert_eq!(text(2), "6161616161626262626263636363636464646464");
        // RFC 4648, section 6.
        assert_eq!(text(4), "MFQWCYLBMJRGEYTCMNRWGY3DMRSGIZDE");
        assert!(has_any(b"..mfqwcylbmjrgeytcmnrwgy3dmrsgizde..", &spellings));
        assert!(!has_any(b"..mfqwcylbmjrgeytcmnrwgy3dmrsgizd..", &spellings));
    }
}
