//! `superseed bench`: the proof that an installation works, with figures.
//!
//! A tracker, a seeder and leechers run as real sessions over loopback sockets
//! in this process, move random data and compare every byte of it. With
//! `--policies` nothing is moved: see [`policies`].

mod data;
mod policies;
mod report;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use superseed::tracker::{Tracker, TrackerConfig};
use superseed::{AddOptions, Config, Session, Torrent};
use tempfile::TempDir;

use crate::args::{BenchArgs, GlobalArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::os;
use crate::runtime::block_on;
use crate::text::figures;
use report::Report;

/// How long nothing may move before the installation counts as broken.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// How often it is looked at whether anything moves.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) fn run(args: &BenchArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    if args.policies {
        return policies::run(args, global, env);
    }
    if args.size == 0 {
        return Err(Failure::usage("--size is 0, and there is nothing to move"));
    }
    let dir = temporary(args)?;
    let report = block_on(async {
        tokio::select! {
            report = measure(args, global, dir.path(), env.stderr.clone()) => report,
            () = env.interrupts.next() => {
                Err(Failure::new(Exit::Interrupted, "the benchmark was interrupted"))
            }
        }
    })?;
    env.stdout.write(if global.json {
        format!("{}\n", report.as_json())
    } else {
        report.page()
    })?;
    Ok(Exit::Success)
}

fn temporary(args: &BenchArgs) -> Result<TempDir, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("superseed-bench-");
    let made = match &args.dir {
        Some(dir) => builder.tempdir_in(dir),
        None => builder.tempdir(),
    };
    made.map_err(|error| {
        let place = args.dir.clone().unwrap_or_else(std::env::temp_dir);
        Failure::file("make a directory in", place.display(), &error)
    })
}

async fn measure(
    args: &BenchArgs,
    global: &GlobalArgs,
    root: &Path,
    stderr: crate::env::Stream,
) -> Result<Report, Failure> {
    let say = |words: String| {
        if !global.quiet {
            stderr.say(words);
        }
    };
    let tracker = Tracker::start(TrackerConfig {
        listen: vec![loopback()],
        ..TrackerConfig::default()
    })?;
    say(format!(
        "making {} of random data",
        figures::size(args.size)
    ));
    let seed_dir = make_dir(root, "seeder")?;
    let torrent = data::make(&seed_dir, args.size, &tracker.announce_urls())?;

    let seeder = start(&seed_dir)?;
    let seed = add(&seeder, &torrent).await?;
    seed.wait_complete().await?;
    until_announced(&tracker).await?;

    let leechers = match args.peers {
        1 => "1 leecher".to_owned(),
        n => format!("{n} leechers"),
    };
    say(format!("moving it to {leechers} over loopback"));
    let cpu_before = os::cpu_time();
    let began = Instant::now();
    let mut running = Vec::new();
    for number in 1..=args.peers {
        let dir = make_dir(root, &format!("leecher-{number}"))?;
        let session = start(&dir)?;
        let torrent = add(&session, &torrent).await?;
        running.push((session, torrent, dir));
    }
    for (_, torrent, _) in &running {
        complete(torrent).await?;
    }
    let elapsed = began.elapsed();
    let cpu = cpu_before.and_then(|before| Some(os::cpu_time()?.saturating_sub(before)));
    let memory_peak_bytes = os::memory_peak_bytes();

    say("comparing every byte".to_owned());
    for (session, _, dir) in &running {
        session.stop().await;
        data::compare(&seed_dir, dir)?;
    }
    seeder.stop().await;
    Ok(Report {
        size_bytes: args.size,
        leechers: args.peers,
        elapsed,
        cpu,
        memory_peak_bytes,
    })
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn start(dir: &Path) -> Result<Session, Failure> {
    Ok(Session::start(Config {
        listen: vec![loopback()],
        dir: dir.to_owned(),
        ..Config::default()
    })?)
}

async fn add(session: &Session, torrent: &[u8]) -> Result<Torrent, Failure> {
    let added = session.add(torrent.to_vec(), AddOptions::default()).await;
    added.map_err(|error| Failure::add("the benchmark's torrent", &error))
}

fn make_dir(root: &Path, name: &str) -> Result<std::path::PathBuf, Failure> {
    let dir = root.join(name);
    std::fs::create_dir(&dir)
        .map_err(|error| Failure::file("make the directory", dir.display(), &error))?;
    Ok(dir)
}

/// Waits until the tracker knows the seeder, so that what is measured is the
/// transfer and not the wait of leechers that asked too early.
async fn until_announced(tracker: &Tracker) -> Result<(), Failure> {
    let began = Instant::now();
    while tracker.stats().peers == 0 {
        if began.elapsed() > STALLED_AFTER {
            return Err(stalled(
                "the seeder could not announce itself to the tracker",
            ));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Waits until a leecher has everything, or nothing moves any more.
async fn complete(torrent: &Torrent) -> Result<(), Failure> {
    let mut seen = 0;
    let mut seen_at = Instant::now();
    loop {
        match tokio::time::timeout(LOOK_INTERVAL, torrent.wait_complete()).await {
            Ok(result) => return Ok(result?),
            Err(_) => {
                let Ok(stats) = torrent.stats().await else {
                    continue;
                };
                if stats.have_bytes != seen {
                    (seen, seen_at) = (stats.have_bytes, Instant::now());
                } else if seen_at.elapsed() > STALLED_AFTER {
                    let done = figures::percent(seen, stats.total_bytes);
                    let peers = stats.peers;
                    return Err(stalled(&format!(
                        "a leecher with {peers} peers got no data beyond {done:.1} %"
                    )));
                }
            }
        }
    }
}

fn stalled(what: &str) -> Failure {
    let seconds = STALLED_AFTER.as_secs();
    Failure::new(Exit::Stalled, format!("{what} for {seconds} seconds"))
}
