//! Web seeds (BEP 19): alone, beside peers, and what goes wrong with them.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Settings, TorrentOptions};
use superseed_proto::layout::BLOCK_LEN;

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::web::{WebSeedMood, WebSeedSpec};
use crate::world::{HostId, HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "web-seed",
        about: "a web seed alone brings a torrent of several files as fast as its line",
        run: alone,
    },
    Scenario {
        name: "web-seed-beside",
        about: "a web seed and a peer of the same rate each bring a good part",
        run: beside,
    },
    Scenario {
        name: "web-seed-limited",
        about: "a download limit holds for a web seed, and it takes its turn beside a peer",
        run: limited,
    },
    Scenario {
        name: "web-seed-lies",
        about: "a web seed that spoils some blocks, beside peers and an honest one",
        run: lies,
    },
    Scenario {
        name: "web-seed-truncates",
        about: "a web seed that ends each answer after 300 KB",
        run: truncates,
    },
    Scenario {
        name: "web-seed-fails",
        about: "web seeds that are silent, busy, nowhere or lack a file, beside one that works",
        run: fails,
    },
];

const LEN: usize = 32 << 20;
const PIECE_LEN: u32 = 256 << 10;
const RATE_BYTES_PER_S: u64 = 2 << 20;

/// Files that begin and end in the middle of blocks, one of them empty.
fn files() -> Vec<u64> {
    let lens = [5_000_001, 3, 0, 16_384, 12_345_678];
    let rest = LEN as u64 - lens.iter().sum::<u64>();
    lens.into_iter().chain([rest]).collect()
}

fn torrent(seed: u64) -> Arc<Content> {
    let spec = ContentSpec {
        files: files(),
        ..ContentSpec::new(LEN, PIECE_LEN)
    };
    spec.make(seed)
}

fn leecher(world: &mut World) -> HostId {
    let settings = Settings {
        web_seeds: true,
        ..Settings::default()
    };
    world.add_host(HostSpec {
        settings,
        ..HostSpec::default()
    })
}

fn seed(world: &mut World, content: &Arc<Content>, up_bytes_per_s: u64) -> HostId {
    let link = LinkSpec {
        up_bytes_per_s: Some(up_bytes_per_s),
        ..LinkSpec::default()
    };
    let host = world.add_host(HostSpec {
        link,
        ..HostSpec::default()
    });
    world.add_seed(host, content, TorrentOptions::default());
    host
}

fn works(bytes_per_s: u64) -> WebSeedSpec {
    WebSeedSpec {
        bytes_per_s,
        ..WebSeedSpec::default()
    }
}

fn with_mood(mood: WebSeedMood) -> WebSeedSpec {
    WebSeedSpec {
        mood,
        ..works(RATE_BYTES_PER_S)
    }
}

fn download(
    world: &mut World,
    content: &Arc<Content>,
    peers: &[HostId],
    urls: Vec<String>,
) -> HostId {
    let host = leecher(world);
    let options = TorrentOptions {
        peers: peers.iter().map(|peer| world.addr(*peer)).collect(),
        web_seeds: urls,
        ..TorrentOptions::default()
    };
    world.add_torrent(host, content, options);
    host
}

/// Downloaded bytes beyond the torrent's own, in blocks.
fn extra_blocks(world: &World, host: HostId, content: &Arc<Content>) -> f64 {
    let stats = world.stats(host, content);
    let extra = stats.session_downloaded_bytes - content.layout().total_len();
    extra as f64 / f64::from(BLOCK_LEN)
}

fn alone(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = torrent(run.seed);
    let (web, url) = world.add_web_seed(works(RATE_BYTES_PER_S), &content);
    let host = download(&mut world, &content, &[], vec![url]);
    world.complete(host, &content, Duration::from_secs(120));
    let ideal_s = LEN as f64 / RATE_BYTES_PER_S as f64;
    let figures = vec![
        ("limits", world.elapsed().as_secs_f64() / ideal_s),
        ("requests", world.web_seed_requests(web) as f64),
        ("extra_blocks", extra_blocks(&world, host, &content)),
    ];
    Outcome::of(&world, figures)
}

fn beside(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = torrent(run.seed);
    let (web, url) = world.add_web_seed(works(RATE_BYTES_PER_S), &content);
    let peer = seed(&mut world, &content, RATE_BYTES_PER_S);
    let host = download(&mut world, &content, &[peer], vec![url]);
    world.complete(host, &content, Duration::from_secs(120));
    let ideal_s = LEN as f64 / (2 * RATE_BYTES_PER_S) as f64;
    let of_peer = world.stats(peer, &content).session_uploaded_bytes;
    let figures = vec![
        ("limits", world.elapsed().as_secs_f64() / ideal_s),
        ("web_part", world.web_seed_brought(web) as f64 / LEN as f64),
        ("peer_part", of_peer as f64 / LEN as f64),
        ("requests", world.web_seed_requests(web) as f64),
        ("extra_blocks", extra_blocks(&world, host, &content)),
    ];
    Outcome::of(&world, figures)
}

fn limited(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = torrent(run.seed);
    let (web, url) = world.add_web_seed(works(RATE_BYTES_PER_S), &content);
    let peer = seed(&mut world, &content, RATE_BYTES_PER_S);
    let host = download(&mut world, &content, &[peer], vec![url]);
    let limit = RATE_BYTES_PER_S / 2;
    world.configure(host, |settings| {
        settings.limits.download_bytes_per_s = Some(limit);
    });
    world.run_for(Duration::from_secs(20));
    let brought = world.stats(host, &content).session_downloaded_bytes;
    let figures = vec![
        ("of_limit", brought as f64 / (20 * limit) as f64),
        (
            "web_part",
            world.web_seed_brought(web) as f64 / brought as f64,
        ),
    ];
    world.complete(host, &content, Duration::from_secs(120));
    Outcome::of(&world, figures)
}

fn lies(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = torrent(run.seed);
    let (_, liar) = world.add_web_seed(with_mood(WebSeedMood::Lies(0.05)), &content);
    let (_, honest) = world.add_web_seed(works(RATE_BYTES_PER_S), &content);
    let peers = [
        seed(&mut world, &content, RATE_BYTES_PER_S / 2),
        seed(&mut world, &content, RATE_BYTES_PER_S / 4),
    ];
    let host = download(&mut world, &content, &peers, vec![liar.clone(), honest]);
    world.complete(host, &content, Duration::from_secs(240));
    // The verdict on the last pieces may still be on its way.
    world.run_for(Duration::from_secs(1));
    let progress = world.progress(host, &content);
    if !progress.banned.is_empty() {
        world.fail(&format!("{:?} were banned for a web seed", progress.banned));
    }
    if progress.banned_web_seeds.iter().any(|url| *url != liar) {
        world.fail(&format!("banned were {:?}", progress.banned_web_seeds));
    }
    let figures = vec![
        ("wrong_pieces", progress.failed_pieces.len() as f64),
        ("banned", progress.banned_web_seeds.len() as f64),
    ];
    Outcome::of(&world, figures)
}

fn truncates(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = torrent(run.seed);
    let short = with_mood(WebSeedMood::Truncates(300_000));
    let (web, url) = world.add_web_seed(short, &content);
    let host = download(&mut world, &content, &[], vec![url]);
    // Four answers, then half a minute of rest.
    world.run_for(Duration::from_secs(65));
    let answers = world.web_seed_requests(web);
    world.set_web_seed_mood(web, WebSeedMood::Works);
    world.complete(host, &content, Duration::from_secs(120));
    let figures = vec![
        ("answers", answers as f64),
        ("extra_blocks", extra_blocks(&world, host, &content)),
    ];
    Outcome::of(&world, figures)
}

fn fails(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = torrent(run.seed);
    let moods = [
        WebSeedMood::Silent,
        WebSeedMood::RedirectsToNowhere,
        WebSeedMood::Lacks(4),
        WebSeedMood::Busy(Duration::from_secs(90)),
        WebSeedMood::Works,
    ];
    let mut seeds = Vec::new();
    let mut urls = Vec::new();
    for mood in moods {
        let (seed, url) = world.add_web_seed(with_mood(mood), &content);
        seeds.push(seed);
        urls.push(url);
    }
    let host = download(&mut world, &content, &[], urls);
    world.complete(host, &content, Duration::from_secs(120));
    let lacking = world.web_seed_brought(seeds[2]);
    let working = world.web_seed_brought(seeds[4]);
    if lacking == 0 || working == 0 {
        world.fail("a web seed that has something was not used");
    }
    let figures = vec![
        ("time_s", world.elapsed().as_secs_f64()),
        ("silent_asked", world.web_seed_requests(seeds[0]) as f64),
        ("busy_asked", world.web_seed_requests(seeds[3]) as f64),
        ("extra_blocks", extra_blocks(&world, host, &content)),
    ];
    Outcome::of(&world, figures)
}
