//! `superseed tracker`: the embedded tracker until interrupted.

use std::time::Duration;

use serde_json::json;
use superseed::tracker::{Stats, Tracker, TrackerConfig, TrackerError};

use crate::args::{GlobalArgs, TrackerArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::runtime::block_on;

/// How often figures are printed.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Runs the command: prints the announce URLs, then figures now and then.
pub(crate) fn run(args: &TrackerArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let defaults = TrackerConfig::default();
    let interval = Duration::from_secs(u64::from(args.interval));
    let tracker = Tracker::start(TrackerConfig {
        listen: args
            .listen
            .iter()
            .flat_map(|listen| listen.addrs())
            .collect(),
        interval,
        min_interval: defaults.min_interval.min(interval),
        ..defaults
    })?;
    for url in tracker.announce_urls() {
        env.stdout.line(if global.json {
            json!({ "event": "listening", "announce": url }).to_string()
        } else {
            url
        })?;
    }
    block_on(serve(&tracker, global, env))
}

async fn serve(tracker: &Tracker, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let mut report = tokio::time::interval(REPORT_INTERVAL);
    // The first tick comes at once and has nothing to report.
    report.tick().await;
    let mut told = Stats::default();
    loop {
        tokio::select! {
            () = env.interrupts.next() => return Ok(Exit::Success),
            _ = report.tick() => {
                let stats = tracker.stats();
                if stats != told {
                    tell(&stats, global, env)?;
                    told = stats;
                }
            }
        }
    }
}

fn tell(stats: &Stats, global: &GlobalArgs, env: &Env) -> Result<(), Failure> {
    if global.json {
        let line = json!({
            "event": "stats",
            "torrents": stats.torrents,
            "peers": stats.peers,
            "seeds": stats.seeds,
            "announces": stats.announces,
            "scrapes": stats.scrapes,
            "refused": stats.refusals.total(),
        });
        env.stdout.line(line.to_string())?;
    } else if !global.quiet {
        env.stderr.say(format!(
            "{} torrents, {} peers ({} seeds), {} announces, {} scrapes, {} refused",
            stats.torrents,
            stats.peers,
            stats.seeds,
            stats.announces,
            stats.scrapes,
            stats.refusals.total(),
        ));
    }
    Ok(())
}

impl From<TrackerError> for Failure {
    fn from(error: TrackerError) -> Self {
        let exit = match &error {
            TrackerError::NoAddress | TrackerError::IntervalTooShort => Exit::Usage,
            TrackerError::PortBusy { .. } | TrackerError::Listen { .. } => Exit::Network,
            TrackerError::System { .. } => Exit::Other,
        };
        Self::new(exit, error.to_string())
    }
}
