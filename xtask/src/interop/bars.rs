//! The measured bars: time to the first request, and memory.
//!
//! Also the transfers that are too long for every run.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};

use super::case::{Case, Group};
use super::clients::{Client, Job, PORT, superseed, superseed_command};
use super::fixture::{Noise, Set};
use super::install::Tool;
use super::matrix;
use super::namespace::{black_hole, host};
use super::scripted::{
    Content, HangingTrackers, Log, Script, ScriptedPeer, Seen, Sin, tracker_of_peers,
};
use super::stage::{Stage, wait_until};

const MIB: u64 = 1 << 20;

/// The bar for the first request.
const FIRST_REQUEST_MAX: Duration = Duration::from_secs(1);

/// The bar for anonymous memory, bytes.
const RSS_ANON_MAX: u64 = 96 * MIB;

/// How long the slow peers feed.
const FEEDING: Duration = Duration::from_secs(60);

/// What each of the slow peers sends.
const SLOW_BYTES_PER_S: u64 = 600 << 10;

/// When the liar lies: after some twenty seconds.
const LIE_AFTER_BLOCKS: usize = 750;

/// What the memory may differ by while a peer announces 4 GiB, bytes.
const FLAT: u64 = 8 * MIB;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, group, sets, limit_s, run| Case {
        name: name.to_owned(),
        group,
        shares: false,
        needs: vec![Tool::Iproute, Tool::Libtorrent],
        sets,
        limit: Duration::from_secs(limit_s),
        run,
    };
    vec![
        case(
            "bar3-first-request",
            Group::Default,
            vec![Set::Single],
            60,
            Box::new(first_request),
        ),
        case("bar5-memory", Group::Bars, vec![], 150, Box::new(memory)),
        case(
            "bar2-2gib",
            Group::Bars,
            vec![Set::TwoGib],
            300,
            Box::new(|stage| matrix::download_from_libtorrent(stage, Set::TwoGib)),
        ),
        case(
            "bar2-5000-files",
            Group::Bars,
            vec![Set::Tree],
            130,
            Box::new(|stage| matrix::download_from_libtorrent(stage, Set::Tree)),
        ),
    ]
}

/// One live and nine hanging trackers, one live peer and 49 dead ones.
fn first_request(stage: &Stage) -> Result<String> {
    let fixture = Set::Single.fixture()?;
    let content = Content::of(
        fs::read(&fixture.content)?,
        usize::try_from(fixture.piece_len)?,
    );
    let log = Log::default();
    let script = Script {
        content,
        info_hash: fixture.info_hash,
        fast: true,
        rate_bytes_per_s: None,
        sin: Sin::None,
    };
    let live = ScriptedPeer::start(host(11), script, log.clone())?.addr;
    // Half of the dead refuse, half swallow; the live one comes last.
    let mut peers: Vec<SocketAddr> = Vec::new();
    for n in 0..49 {
        let ip = if n % 2 == 0 {
            host(100 + n)
        } else {
            black_hole(100 + n)
        };
        peers.push((ip, PORT).into());
    }
    peers.push(live);
    let hanging = HangingTrackers::start(&[host(21), host(22), host(23)])?;
    let mut urls = hanging.urls.clone();
    urls.push(tracker_of_peers(host(9), &peers)?);
    let torrent = super::metainfo::with_trackers(&fixture, &urls, &stage.path("torrent"))?;

    let dir = stage.data("leech")?;
    let job = Job {
        torrent: &torrent,
        dir: &dir,
        ip: host(3),
        peers: &[],
        upload_limit: None,
    };
    let start = Instant::now();
    let mut leecher = Client::Superseed.download(stage, &job)?;
    let requested = |seen: Seen| matches!(seen, Seen::Requested(_));
    wait_until(Duration::from_secs(40), "the first request", || {
        leecher.process.ensure_runs().or_else(|error| {
            // The download itself may be done within one look at the log.
            if log.first(requested).is_some() {
                Ok(())
            } else {
                Err(error)
            }
        })?;
        Ok(log.first(requested).is_some())
    })?;
    let after = log
        .first(requested)
        .context("no request")?
        .duration_since(start);
    let figures = format!("first request {} ms after the start", after.as_millis());
    ensure!(after < FIRST_REQUEST_MAX, "{figures}");
    Ok(figures)
}

/// Fifty slow peers feed a torrent of 16 GiB with pieces of 16 MiB; one more
/// announces a message of 4 GiB in the midst of it.
fn memory(stage: &Stage) -> Result<String> {
    let piece_len = 16 * MIB;
    let piece_count = 1024;
    let mut piece = vec![0; usize::try_from(piece_len)?];
    Noise::new(b"a piece").fill(&mut piece);
    let torrent = TorrentBuilder::new("load", u32::try_from(piece_len)?)
        .single_file(piece_len * u64::try_from(piece_count)?)
        .piece_hashes(vec![Sha1Hash::of(&piece); piece_count])
        .build();
    let info_hash = Metainfo::parse(&torrent)?
        .info_hashes
        .v1()
        .context("no v1 hash")?
        .0;
    let torrent_path = stage.path("torrent");
    fs::write(&torrent_path, torrent)?;

    let (log, liar_log) = (Log::default(), Log::default());
    let script = Script {
        content: Content::repeated(piece, piece_count),
        info_hash,
        fast: true,
        rate_bytes_per_s: Some(SLOW_BYTES_PER_S),
        sin: Sin::None,
    };
    let mut peers = Vec::new();
    for n in 0..50 {
        peers.push(ScriptedPeer::start(host(100 + n), script.clone(), log.clone())?.addr);
    }
    let mut command = superseed_command(stage, "download");
    command
        .arg(&torrent_path)
        .arg("--dir")
        .arg(stage.data("leech")?);
    command.args(["--listen", &format!("{}:{PORT}", host(3))]);
    superseed::keep_to_itself(&mut command);
    for peer in &peers {
        command.args(["--peer", &peer.to_string()]);
    }
    let liar = Script {
        sin: Sin::HugeMessage {
            after_blocks: LIE_AFTER_BLOCKS,
        },
        ..script
    };
    let liar = ScriptedPeer::start(host(99), liar, liar_log.clone())?.addr;
    command.args(["--peer", &liar.to_string()]);
    let mut leecher = stage.spawn("superseed", &mut command)?;
    let start = Instant::now();
    let (mut rss_max, mut before_lie, mut after_lie) = (0, 0, 0);
    while start.elapsed() < FEEDING {
        std::thread::sleep(Duration::from_millis(20));
        leecher.ensure_runs()?;
        let rss = rss_anon(leecher.id())?;
        rss_max = rss_max.max(rss);
        match liar_log.first(|seen| seen == Seen::Sinned) {
            None => before_lie = rss,
            Some(at) if at.elapsed() < Duration::from_secs(2) => after_lie = after_lie.max(rss),
            Some(_) => {}
        }
    }
    let delivered = log.count(|seen| matches!(seen, Seen::Delivered(_))) as u64 * 16 / 1024;
    let connected = log.count(|seen| seen == Seen::Connected);
    let mut figures = format!(
        "RssAnon at most {:.1} MiB while {connected} peers sent {delivered} MiB",
        rss_max as f64 / MIB as f64,
    );
    let lied = liar_log
        .first(|seen| seen == Seen::Sinned)
        .context("the liar was never asked")?;
    let closed = liar_log
        .first(|seen| seen == Seen::Closed)
        .context("the liar was not cut off")?;
    let to_close = closed
        .checked_duration_since(lied)
        .context("the liar was cut off too early")?;
    let growth = after_lie.saturating_sub(before_lie);
    figures += &format!(
        "; 4 GiB announced: closed after {} ms, memory grew by {} KiB",
        to_close.as_millis(),
        growth >> 10,
    );
    ensure!(connected >= 50, "not all peers were connected: {figures}");
    ensure!(rss_max < RSS_ANON_MAX, "{figures}");
    ensure!(to_close < Duration::from_secs(1), "{figures}");
    ensure!(growth < FLAT, "{figures}");
    Ok(figures)
}

/// Anonymous memory of a process, bytes.
fn rss_anon(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line
        .and_then(|rest| rest.split_whitespace().next())
        .context("no RssAnon")?;
    Ok(kib.parse::<u64>()? << 10)
}
