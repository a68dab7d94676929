//! Encrypted streams (MSE): whole swarms behind them, streams cut into single
//! bytes, and every pair of what two sides want.

use std::time::Duration;

use superseed_engine::{Encryption, EncryptionPolicy, Settings};
use superseed_proto::mse::CryptoMethod;

use super::swarms::Swarm;
use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::net::LinkSpec;
use crate::world::{HostSpec, Split, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "encrypted",
        about: "a seed and five leechers, all of whom require encryption",
        run: |run| swarm(run, 8 << 20, Split::UpTo(20_000), Split::Whole),
    },
    Scenario {
        name: "encrypted-split",
        about: "the same, every read and every write of a single byte",
        run: |run| swarm(run, 64 << 10, Split::UpTo(1), Split::UpTo(1)),
    },
    Scenario {
        name: "encrypted-mixed",
        about: "every policy of who connects against every one of who is connected to",
        run: mixed,
    },
];

/// Policies from the least to the most that is wanted.
const POLICIES: [EncryptionPolicy; 4] = [
    EncryptionPolicy::Off,
    EncryptionPolicy::Allow,
    EncryptionPolicy::Prefer,
    EncryptionPolicy::Require,
];

fn settings(incoming: EncryptionPolicy, outgoing: EncryptionPolicy) -> Settings {
    Settings {
        encryption: Encryption { incoming, outgoing },
        ..Settings::default()
    }
}

fn swarm(run: &Run, len: usize, split: Split, writes: Split) -> Outcome {
    let mut world = run.world();
    let require = EncryptionPolicy::Require;
    let mut host = || HostSpec {
        settings: settings(require, require),
        link: LinkSpec {
            up_bytes_per_s: Some(world.rng().between(200_000, 2_000_000)),
            latency: Duration::from_millis(world.rng().between(1, 40)),
            ..LinkSpec::default()
        },
        split,
        writes,
        ..HostSpec::default()
    };
    let seed = host();
    let leechers = (0..5).map(|_| host()).collect();
    let spec = ContentSpec::new(len, 32 << 10);
    let swarm = Swarm::start(&mut world, spec, seed, leechers);
    let mut seen = 0;
    // Who has everything leaves who has, too.
    for _ in 0..40 {
        world.run_for(Duration::from_millis(50));
        for host in swarm.leechers.iter().chain([&swarm.seed]) {
            for peer in world.peers(*host, &swarm.content) {
                seen += 1;
                if peer.encryption != Some(CryptoMethod::Rc4) {
                    world.fail(&format!("{} is not encrypted", peer.addr));
                }
            }
        }
    }
    if seen == 0 {
        world.fail("nobody found anybody");
    }
    let times = swarm.finish(&mut world, Duration::from_secs(300));
    let last = times.iter().max().copied().unwrap_or_default();
    Outcome::of(&world, vec![("last_s", last.as_secs_f64())])
}

/// What two sides end up with, of which one connects; `None` if they do not.
fn expected(
    outgoing: EncryptionPolicy,
    incoming: EncryptionPolicy,
) -> Option<Option<CryptoMethod>> {
    use EncryptionPolicy::{Allow, Off, Prefer, Require};
    match (outgoing, incoming) {
        (Off, Require) | (Require, Off) => None,
        // Who prefers encryption tries it first, and turns to plain where it is
        // not understood; who allows it turns to it where plain is refused.
        (Off | Allow, Off | Allow | Prefer) | (Prefer, Off) => Some(None),
        (Prefer, Allow) => Some(Some(CryptoMethod::Plain)),
        (Allow, Require) | (Prefer, Prefer | Require) | (Require, Allow | Prefer | Require) => {
            Some(Some(CryptoMethod::Rc4))
        }
    }
}

fn mixed(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(4 << 20, 64 << 10).make(run.seed);
    let mut pairs = Vec::new();
    for incoming in POLICIES {
        let seed = add_host(&mut world, settings(incoming, EncryptionPolicy::Off));
        world.add_seed(seed, &content, superseed_engine::TorrentOptions::default());
        world.run_for(Duration::from_millis(100));
        for outgoing in POLICIES {
            let leecher = add_host(&mut world, settings(EncryptionPolicy::Off, outgoing));
            let addr = world.addr(seed);
            world.add_leech(leecher, &content, vec![addr]);
            pairs.push((leecher, outgoing, incoming));
        }
    }
    world.run_for(Duration::from_secs(2));
    for (leecher, outgoing, incoming) in &pairs {
        let peers = world.peers(*leecher, &content);
        let found = peers.first().map(|peer| peer.encryption);
        let wanted = expected(*outgoing, *incoming);
        if found != wanted {
            world.fail(&format!(
                "{outgoing:?} to {incoming:?}: {found:?} and not {wanted:?}"
            ));
        }
    }
    world.run_for(Duration::from_secs(60));
    for (leecher, outgoing, incoming) in &pairs {
        let finished = world.finished(*leecher, &content);
        if finished != expected(*outgoing, *incoming).is_some() {
            world.fail(&format!("{outgoing:?} to {incoming:?}: {finished}"));
        }
    }
    Outcome::of(&world, Vec::new())
}

fn add_host(world: &mut World, settings: Settings) -> crate::world::HostId {
    let link = LinkSpec {
        up_bytes_per_s: Some(2 << 20),
        ..LinkSpec::default()
    };
    world.add_host(HostSpec {
        settings,
        link,
        ..HostSpec::default()
    })
}
