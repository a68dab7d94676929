//! A private torrent beside a public one (BEP 27): everything that goes over the
//! network is caught, and nothing of the DHT, of local discovery and of peer
//! exchange may name the private one.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use superseed_proto::hash::{InfoHashV1, Sha1Hash};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};

use crate::interop::capture::{Capture, Packet, streams};
use crate::interop::case::{Case, Group};
use crate::interop::clients::{PORT, superseed_command};
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::fixture::Noise;
use crate::interop::install::Tool;
use crate::interop::lan::{HOUSE, Lan, Machine};
use crate::interop::stage::{Process, Stage, superseed as program, wait_until};

const LIMIT: Duration = Duration::from_secs(120);
const UPLINK_BITS_PER_S: u64 = 1_000_000_000;
/// The pieces of each torrent.
const PIECE_LEN: usize = 64 << 10;
const PIECES: usize = 40;
/// So slowly the seed sends that the downloads last as long as it takes to hear
/// of peers in every way.
const UPLOAD_LIMIT: &str = "256K";
/// Where local discovery speaks.
const LSD_PORT: u16 = 6771;
/// What the first message to a peer begins with.
const PROTOCOL: &[u8] = b"\x13BitTorrent protocol";
const TRACKER_PORT: u16 = 6969;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    vec![Case {
        name: "private-capture".to_owned(),
        group: Group::Default,
        shares: true,
        needs: vec![Tool::Iproute, Tool::Tcpdump],
        sets: vec![],
        limit: LIMIT + Duration::from_secs(60),
        run: Box::new(run),
    }]
}

/// A torrent and where it lies.
struct Known {
    hash: InfoHashV1,
    torrent: std::path::PathBuf,
}

fn make(stage: &Stage, dir: &Path, name: &str, tracker: Option<&str>) -> Result<Known> {
    let mut bytes = vec![0; PIECE_LEN * PIECES];
    Noise::new(name.as_bytes()).fill(&mut bytes);
    fs::write(dir.join(name), &bytes)?;
    let pieces: Vec<_> = bytes.chunks(PIECE_LEN).map(Sha1Hash::of).collect();
    let mut builder = TorrentBuilder::new(name, PIECE_LEN as u32)
        .single_file(bytes.len() as u64)
        .piece_hashes(pieces)
        .private(tracker.is_some());
    if let Some(url) = tracker {
        builder = builder.tier([url]);
    }
    let bytes = builder.build();
    let hash = Metainfo::parse(&bytes)?.info_hashes.v1();
    let torrent = stage.path(&format!("{name}.torrent"));
    fs::write(&torrent, bytes)?;
    Ok(Known {
        hash: hash.context("no v1 hash")?,
        torrent,
    })
}

fn run(stage: &Stage) -> Result<String> {
    let lan = Lan::new()?;
    let machines = [1, 2, 3].map(|n| lan.machine(n, UPLINK_BITS_PER_S));
    let [seed_machine, one, other] = machines;
    let (seed_machine, leech_machines) = (seed_machine?, [one?, other?]);
    let capture = Capture::start(stage)?;
    let tracker_addr = SocketAddr::new(HOUSE, TRACKER_PORT);
    let mut tracker = stage.spawn(
        "tracker",
        Command::new(program()).args(["tracker", "--listen", &tracker_addr.to_string()]),
    )?;
    let seed_dir = stage.data("seed")?;
    let url = format!("http://{tracker_addr}/announce");
    let private = make(stage, &seed_dir, "private", Some(&url))?;
    let public = make(stage, &seed_dir, "public", None)?;
    let torrents = [&private, &public];

    let node = SocketAddr::new(seed_machine.ip, PORT);
    let mut seed = superseed_command(stage, "seed");
    seed.args(["--max-overall-upload-limit", UPLOAD_LIMIT]);
    let mut seed = start(
        stage,
        (&seed_machine, "seed"),
        seed,
        &torrents,
        (&seed_dir, node),
    )?;
    let mut leechers = Vec::new();
    for (n, machine) in leech_machines.iter().enumerate() {
        let name = format!("leech-{n}");
        let dir = stage.data(&name)?;
        let command = superseed_command(stage, "download");
        leechers.push((
            start(stage, (machine, &name), command, &torrents, (&dir, node))?,
            dir,
        ));
    }
    wait_until(LIMIT, "the downloads", || {
        tracker.ensure_runs()?;
        seed.ensure_runs()?;
        let mut all = true;
        for (leecher, _) in &mut leechers {
            all &= leecher.ended()?.is_some();
        }
        Ok(all)
    })?;
    for (leecher, dir) in &mut leechers {
        leecher.wait_success(Duration::from_secs(1))?;
        for name in ["private", "public"] {
            same_tree(&seed_dir.join(name), dir, Strictness::Extras)?;
        }
    }
    seed.interrupt()?;
    seed.wait_success(Duration::from_secs(20))?;
    let packets = capture.take()?;
    verdict(&packets, &private.hash.0, &public.hash.0)
}

/// Starts superseed on a machine, with all ways to peers that it has.
fn start(
    stage: &Stage,
    (machine, name): (&Machine, &str),
    mut command: Command,
    torrents: &[&Known; 2],
    (dir, node): (&Path, SocketAddr),
) -> Result<Process> {
    command.args(torrents.map(|known| &known.torrent));
    command.arg("--dir").arg(dir);
    command.args(["--listen", &SocketAddr::new(machine.ip, PORT).to_string()]);
    command.args(["--dht-bootstrap", &node.to_string()]);
    stage.spawn(name, &mut machine.command(&command))
}

/// Looks through everything that was caught.
fn verdict(packets: &[Packet], private: &[u8; 20], public: &[u8; 20]) -> Result<String> {
    let [private_spellings, public_spellings] = [private, public].map(spellings);
    let mut counts = [0; 2];
    for packet in packets.iter().filter(|packet| packet.is_udp) {
        ensure!(
            !has_any(&packet.bytes, &private_spellings),
            "a datagram from {} to {} names the private torrent",
            packet.from,
            packet.to,
        );
        if has_any(&packet.bytes, &public_spellings) {
            counts[usize::from(packet.to.port() == LSD_PORT)] += 1;
        }
    }
    let [by_dht, by_lsd] = counts;
    // Else it would prove nothing that the other one was not named.
    ensure!(by_dht > 0, "the DHT was not told of the public torrent");
    ensure!(by_lsd > 0, "neighbours were not told of the public torrent");

    let streams = streams(packets);
    let (mut exchanged, mut members) = (0, 0);
    for ((from, to), bytes) in &streams {
        let swarm = bytes
            .strip_prefix(PROTOCOL)
            .and_then(|rest| rest.get(8..28));
        let exchanges = has(bytes, b"5:added") || has(bytes, b"7:dropped");
        match swarm {
            Some(swarm) if swarm == private => {
                members += 1;
                ensure!(
                    !exchanges,
                    "{from} told {to} of peers of the private torrent"
                );
                ensure!(
                    !has(bytes, b"6:ut_pex"),
                    "{from} offered {to} to be told of peers of the private torrent"
                );
            }
            Some(swarm) if swarm == public => exchanged += usize::from(exchanges),
            _ => ensure!(
                !has_any(bytes, &private_spellings),
                "{from} named the private torrent to {to}"
            ),
        }
    }
    ensure!(
        members > 0,
        "nobody spoke with a peer of the private torrent"
    );
    ensure!(
        exchanged > 0,
        "nobody was told of a peer of the public torrent"
    );
    Ok(format!(
        "{} packets and {} streams; the public torrent in {by_dht} datagrams of the DHT, \
         {by_lsd} of local discovery and {exchanged} streams with peer exchange, the private one \
         in {members} streams between its peers alone",
        packets.len(),
        streams.len(),
    ))
}

/// A hash as packets and links spell it.
fn spellings(hash: &[u8; 20]) -> [Vec<u8>; 5] {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let digit = |index: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(index)];
    let digits_of = |five: &[u8]| -> Vec<u8> {
        let bits = five
            .iter()
            .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let digits = (0..8).rev().map(|at| digit((bits >> (5 * at) & 31) as u8));
        digits.collect()
    };
    let base32 = hash.chunks(5).flat_map(digits_of).collect::<Vec<u8>>();
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
