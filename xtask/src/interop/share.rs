//! Machines that have nothing but a network: `superseed share`, and a small
//! swarm of the bench.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::case::{Case, Group};
use super::clients::superseed_program;
use super::compare::{Strictness, same_tree};
use super::fixture::{Noise, Set};
use super::install::Tool;
use super::lan::{Lan, Machine};
use super::stage::{Process, Stage, wait_until};
use crate::swarm::few_leechers;

const MIB: u64 = 1 << 20;

/// How fast each machine sends, bits per second with all headers.
const UPLINK_BITS_PER_S: u64 = 100_000_000;
/// What is left of it for payload.
const PAYLOAD_SHARE: f64 = 0.93;
/// How many fetch.
const LEECHERS: u8 = 3;
/// The bar: how much longer than the fluid limit it may take.
const OVER_FLUID_MAX: f64 = 1.25;
/// What is moved by the bar, bytes.
const BAR_LEN: u64 = 256 * MIB;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, group, run| Case {
        name: name.to_owned(),
        group,
        shares: false,
        needs: vec![Tool::Iproute],
        sets: vec![],
        limit: Duration::from_secs(120),
        run,
    };
    vec![
        case("share-two-machines", Group::Default, Box::new(two_machines)),
        Case {
            needs: vec![Tool::Iproute, Tool::Libtorrent],
            sets: vec![Set::Swarm],
            ..case("swarm-few-leechers", Group::Default, Box::new(few_leechers))
        },
        case("bar-share", Group::Bars, Box::new(swarm)),
    ]
}

/// A directory from one machine to another, by nothing but the printed line.
fn two_machines(stage: &Stage) -> Result<String> {
    let lan = Lan::new()?;
    let machines = [
        lan.machine(1, 10 * UPLINK_BITS_PER_S)?,
        lan.machine(2, 10 * UPLINK_BITS_PER_S)?,
    ];
    let seed = stage.data("seed")?;
    let content = seed.join("two words — 集");
    fs::create_dir_all(content.join("inner"))?;
    write_noise(&content.join("film.mkv"), 20 * MIB + 8)?;
    write_noise(&content.join("inner/подпись"), 1_008)?;
    fs::write(content.join("empty"), "")?;
    let mut share = share(stage, &machines[0], &content, &["--once"])?;
    let line = invitation(&mut share)?;
    let dir = stage.data("leech")?;
    let mut leecher = download(stage, &machines[1], "leech", &line, &dir)?;
    leecher.wait_success(Duration::from_secs(60))?;
    let files = same_tree(&content, &dir, Strictness::Exact)?;
    share
        .wait_success(Duration::from_secs(10))
        .context("--once did not end it")?;
    let left: Vec<_> = fs::read_dir(&seed)?.collect();
    ensure!(left.len() == 1, "share left something beside the data");
    Ok(format!("{files} files identical"))
}

/// The bar: one shares, three fetch, all uplinks are slow.
fn swarm(stage: &Stage) -> Result<String> {
    let lan = Lan::new()?;
    let seed = lan.machine(1, UPLINK_BITS_PER_S)?;
    let leechers: Vec<Machine> = (0..LEECHERS)
        .map(|n| lan.machine(2 + n, UPLINK_BITS_PER_S))
        .collect::<Result<_>>()?;
    let content = stage.data("seed")?.join("film.mkv");
    write_noise(&content, BAR_LEN)?;
    let mut share = share(stage, &seed, &content, &[])?;
    let line = invitation(&mut share)?;

    let mut running = Vec::new();
    let start = Instant::now();
    for (n, machine) in leechers.iter().enumerate() {
        let name = format!("leech-{n}");
        let dir = stage.data(&name)?;
        running.push((download(stage, machine, &name, &line, &dir)?, dir, None));
    }
    wait_until(Duration::from_secs(100), "the downloads", || {
        for (process, _, finished) in &mut running {
            if finished.is_none() && process.ended()?.is_some() {
                *finished = Some(start.elapsed());
            }
        }
        Ok(running.iter().all(|(_, _, finished)| finished.is_some()))
    })?;
    for (process, dir, _) in &mut running {
        process.wait_success(Duration::from_secs(1))?;
        same_tree(&content, dir, Strictness::Exact)?;
    }
    share.interrupt()?;
    share.wait_success(Duration::from_secs(10))?;

    let seconds: Vec<f64> = running
        .iter()
        .filter_map(|(_, _, finished)| finished.map(|finished| finished.as_secs_f64()))
        .collect();
    let slowest = seconds.iter().copied().fold(0.0, f64::max);
    let ratio = slowest / fluid_limit_s();
    let sent: Vec<String> = std::iter::once(&seed)
        .chain(&leechers)
        .map(|machine| Ok((machine.sent_bytes()? / MIB).to_string()))
        .collect::<Result<_>>()?;
    let figures = format!(
        "all finished after {slowest:.1} s ({}), {ratio:.3} x the fluid limit of {:.1} s; \
         sent by the seed and the others with headers: {} MiB",
        seconds
            .iter()
            .map(|s| format!("{s:.1}"))
            .collect::<Vec<_>>()
            .join(", "),
        fluid_limit_s(),
        sent.join(", "),
    );
    ensure!(ratio <= OVER_FLUID_MAX, "{figures}");
    Ok(figures)
}

/// How long the swarm takes if bytes were a fluid (Kumar and Ross 2006, with
/// downlinks that do not matter).
fn fluid_limit_s() -> f64 {
    let uplink = PAYLOAD_SHARE * UPLINK_BITS_PER_S as f64 / 8.0;
    let leechers = f64::from(LEECHERS);
    let all = (uplink + leechers * uplink) / leechers;
    BAR_LEN as f64 / uplink.min(all)
}

fn share(stage: &Stage, machine: &Machine, content: &Path, options: &[&str]) -> Result<Process> {
    let mut command = superseed_program(stage);
    command.arg("share").arg(content).args(options);
    stage.spawn("share", &mut machine.command(&command))
}

/// The line for the other side.
fn invitation(share: &mut Process) -> Result<String> {
    let mut line = None;
    wait_until(
        Duration::from_secs(30),
        "the line for the other side",
        || {
            share.ensure_runs()?;
            let output = share.output()?;
            let found = output.lines().find(|line| line.starts_with("superseed "));
            line = found.map(str::to_owned);
            Ok(line.is_some() && output.ends_with('\n'))
        },
    )?;
    line.context("no line")
}

/// Types the line on another machine; only the directory is ours.
fn download(
    stage: &Stage,
    machine: &Machine,
    name: &str,
    line: &str,
    dir: &Path,
) -> Result<Process> {
    let mut command = superseed_program(stage);
    command.args(line.split(' ').skip(1)).arg("--dir").arg(dir);
    stage.spawn(name, &mut machine.command(&command))
}

/// Writes noise; `len` is a multiple of eight.
fn write_noise(path: &Path, len: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let mut noise = Noise::new(path.as_os_str().as_encoded_bytes());
    let mut left = len;
    let mut buf = vec![0; usize::try_from(MIB)?];
    while left > 0 {
        let run = usize::try_from(left.min(MIB))?;
        noise.fill(&mut buf[..run]);
        file.write_all(&buf[..run])?;
        left -= run as u64;
    }
    Ok(())
}
