//! Killed in mid-transfer and started again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::case::{Case, Group};
use super::clients::{Client, Job, PORT, uploaded};
use super::compare::{self, Strictness};
use super::fixture::{Fixture, Noise, Set};
use super::install::Tool;
use super::metainfo::with_trackers;
use super::namespace::host;
use super::stage::{Stage, wait_until};
use super::tracker::Via;

const MIB: u64 = 1 << 20;

/// What a kill may cost beside the pieces in flight (design.md, invariant 10
/// and the issue): data that the kernel had, but no record named yet.
const LOSS_PER_KILL_MAX: u64 = 16 * MIB;

/// The pieces that may be in flight: what libtorrent had in its socket, and
/// the started pieces that had not verified.
const IN_FLIGHT_MAX: u64 = 16 * MIB;

/// How long the last run may take.
const LIMIT: Duration = Duration::from_secs(200);

/// A leecher killed a few times, one killed twenty times, and a killed seeder.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, group, set, limit_s, run| Case {
        name: name.to_owned(),
        group,
        shares: group == Group::Default,
        needs: vec![Tool::Iproute, Tool::Libtorrent],
        sets: vec![set],
        limit: Duration::from_secs(limit_s),
        run,
    };
    let killed = |kills, set, rate| -> super::case::Run {
        Box::new(move |stage: &Stage| killed_leecher(stage, kills, set, rate))
    };
    vec![
        case(
            "resume-killed-leecher",
            Group::Default,
            Set::Medium,
            120,
            killed(3, Set::Medium, 48 * MIB),
        ),
        case(
            "resume-killed-seeder",
            Group::Default,
            Set::Medium,
            120,
            Box::new(killed_seeder),
        ),
        case(
            "bar2-sigkill20",
            Group::Bars,
            Set::Large,
            400,
            killed(20, Set::Large, 56 * MIB),
        ),
    ]
}

/// superseed downloads from libtorrent at `rate` bytes per second and is
/// killed `kills` times at random moments.
fn killed_leecher(stage: &Stage, kills: u32, set: Set, rate: u64) -> Result<String> {
    let fixture = set.fixture()?;
    let mut tracker = Via::SuperseedHttp.start(stage, fixture.info_hash)?;
    let torrent = with_trackers(&fixture, &[tracker.url.clone()], &stage.path("torrent"))?;
    let (seed_dir, leech_dir) = seed_dirs(stage, &fixture)?;
    let job = Job {
        torrent: &torrent,
        dir: &seed_dir,
        ip: host(2),
        peers: &[],
        upload_limit: Some(rate),
    };
    let seeder = Client::Libtorrent.seed(stage, &job)?;
    tracker.wait_for_peer()?;
    let peers = [(host(2), PORT).into()];
    let job = Job {
        dir: &leech_dir,
        ip: host(3),
        peers: &peers,
        upload_limit: None,
        ..job
    };

    // Each run dies after a random part of its share, the first moments included.
    // libtorrent saves up quota while nobody asks, so time would be a poor measure.
    let share = fixture.total_len / u64::from(kills);
    let mut noise = Noise::new(b"moments of death");
    let mut on_disk = Vec::new();
    for kill in 0..kills {
        let sent_before = uploaded(&seeder.process).unwrap_or_default();
        let until = sent_before + noise.next() % (share * 3 / 4);
        let mut leecher = Client::Superseed.download(stage, &job)?;
        thread::sleep(Duration::from_millis(noise.next() % 300));
        wait_until(Duration::from_secs(30), "progress before a kill", || {
            Ok(uploaded(&seeder.process).unwrap_or_default() >= until)
        })?;
        ensure!(
            leecher.process.ended()?.is_none(),
            "it ended before kill {} of {kills}; see superseed.err",
            kill + 1
        );
        leecher.process.kill()?;
        drop(leecher);
        on_disk.push(whole_pieces(&fixture, &leech_dir)? / MIB);
    }
    let before_last = reported(&seeder.process)?;
    let mut leecher = Client::Superseed.download(stage, &job)?;
    leecher.wait_complete(LIMIT)?;
    drop(leecher);
    let sent = reported(&seeder.process)?;
    compare::same_tree(&fixture.content, &leech_dir, Strictness::Exact)?;
    let lost_in_flight = before_last.saturating_sub(on_disk.last().unwrap_or(&0) * MIB);
    let excess = sent.saturating_sub(fixture.total_len);
    let figures = format!(
        "identical after {kills} kills; the seeder sent {} MiB for {} MiB, {} MiB of it after the last: \
         {:.2} MiB lost per kill, {:.2} MiB of it not on disk; MiB on disk after each: {on_disk:?}",
        sent / MIB,
        fixture.total_len / MIB,
        (sent - before_last) / MIB,
        excess as f64 / f64::from(kills) / MIB as f64,
        lost_in_flight as f64 / f64::from(kills) / MIB as f64,
    );
    let excess_max = u64::from(kills) * (LOSS_PER_KILL_MAX + IN_FLIGHT_MAX);
    ensure!(excess <= excess_max, "too much was sent again: {figures}");
    Ok(figures)
}

/// superseed seeds to libtorrent, is killed and started again. It connects
/// out then: libtorrent itself would come back only after a minute.
fn killed_seeder(stage: &Stage) -> Result<String> {
    let fixture = Set::Medium.fixture()?;
    let mut tracker = Via::SuperseedHttp.start(stage, fixture.info_hash)?;
    let torrent = with_trackers(&fixture, &[tracker.url.clone()], &stage.path("torrent"))?;
    let (seed_dir, leech_dir) = seed_dirs(stage, &fixture)?;
    let peers = [(host(3), PORT).into()];
    let seed = Job {
        torrent: &torrent,
        dir: &seed_dir,
        ip: host(2),
        peers: &[],
        upload_limit: Some(48 * MIB),
    };
    let mut seeder = Client::Superseed.seed(stage, &seed)?;
    tracker.wait_for_peer()?;
    let leech = Job {
        dir: &leech_dir,
        ip: host(3),
        upload_limit: None,
        ..seed.clone()
    };
    let mut leecher = Client::Libtorrent.download(stage, &leech)?;
    thread::sleep(Duration::from_millis(1500));
    seeder.process.kill()?;
    ensure!(
        leecher.process.ended()?.is_none(),
        "the download ended before the seeder was killed"
    );
    let again = Job {
        peers: &peers,
        upload_limit: None,
        ..seed
    };
    let mut seeder = Client::Superseed.seed(stage, &again)?;
    leecher.wait_complete(LIMIT)?;
    seeder.process.ensure_runs()?;
    drop((leecher, seeder));
    compare::same_tree(&fixture.content, &leech_dir, Strictness::Extras)?;
    Ok(format!(
        "{} MiB identical though the seeder was killed",
        fixture.total_len / MIB
    ))
}

/// How much of a single file is there in whole pieces, bytes.
fn whole_pieces(fixture: &Fixture, dir: &Path) -> Result<u64> {
    let name = fixture.content.file_name().unwrap_or_default();
    let Ok(mut found) = File::open(dir.join(name)) else {
        return Ok(0);
    };
    let mut expected = File::open(&fixture.content)?;
    let mut whole = 0;
    loop {
        let (mut right, mut there) = (Vec::new(), Vec::new());
        (&mut expected)
            .take(fixture.piece_len)
            .read_to_end(&mut right)?;
        (&mut found)
            .take(fixture.piece_len)
            .read_to_end(&mut there)?;
        if right.is_empty() {
            return Ok(whole);
        }
        if right == there {
            whole += fixture.piece_len;
        }
    }
}

fn seed_dirs(stage: &Stage, fixture: &Fixture) -> Result<(PathBuf, PathBuf)> {
    let (seed, leech) = (stage.data("seed")?, stage.data("leech")?);
    fixture.link_into(&seed)?;
    Ok((seed, leech))
}

/// What libtorrent has sent, once it has had the time to say so.
fn reported(seeder: &super::stage::Process) -> Result<u64> {
    thread::sleep(Duration::from_millis(500));
    let mut sent = 0;
    wait_until(Duration::from_secs(5), "libtorrent's figures", || {
        sent = uploaded(seeder).unwrap_or_default();
        Ok(sent > 0)
    })?;
    Ok(sent)
}
