//! A session that is bound to an interface (`--interface`), where another one
//! leads to everybody by better routes: nothing may leave by that, no packet and
//! no look-up of a name, not even when the interface is gone.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::case::{Case, Group};
use super::clients::{Job, superseed};
use super::compare::{self, Strictness};
use super::fixture::Set;
use super::install::Tool;
use super::lan::{Lan, Machine};
use super::leaving::Leaving;
use super::metainfo::with_trackers;
use super::scripted::{NameServer, tracker_of_peers};
use super::stage::{Stage, wait_until};
use crate::process;

const LIMIT: Duration = Duration::from_secs(120);
/// Where the name server, the tracker and the seed are: on no network of the
/// machine, so that its routes decide by what way they are reached.
const SERVERS: [u8; 4] = [198, 51, 100, 1];
/// Nobody waits for the line.
const UPLINK_BITS_PER_S: u64 = 1_000_000_000;
/// How fast the seed is: the interface goes in mid-download.
const RATE: u64 = 6 << 20;
/// How long the kernel has for what it still says of a session that was killed.
const SETTLED: Duration = Duration::from_secs(2);
/// What a download says when it has everything.
const COMPLETE: &str = "\"event\":\"complete\"";
/// How long the interface is gone.
const GONE: Duration = Duration::from_secs(5);

/// The case.
pub(super) fn cases() -> Vec<Case> {
    vec![Case {
        name: "interface-only".to_owned(),
        group: Group::Default,
        shares: true,
        needs: vec![Tool::Iproute, Tool::Libtorrent, Tool::Tcpdump],
        sets: vec![Set::Single],
        limit: LIMIT + Duration::from_secs(60),
        run: Box::new(run),
    }]
}

fn run(stage: &Stage) -> Result<String> {
    let servers = IpAddr::from(SERVERS);
    let fixture = Set::Single.fixture()?;
    let name = fixture.content.file_name().unwrap_or_default();
    let (seed_dir, leech_dir) = (stage.data("seed")?, stage.data("leech")?);
    fixture.link_into(&seed_dir)?;
    let lan = Lan::new()?;
    let machine = lan.machine(1, UPLINK_BITS_PER_S)?;
    ip(&format!("address add {servers}/32 dev lo"))?;
    plug_in_the_better_cable(&machine)?;
    NameServer::ask_only(stage, servers)?;
    let names = NameServer::start(servers, SERVERS)?;

    let bare = with_trackers(&fixture, &[], &stage.path("seed.torrent"))?;
    let mut seed = superseed::command(stage, "seed");
    let job = Job {
        torrent: &bare,
        dir: &seed_dir,
        ip: servers,
        peers: &[],
        upload_limit: Some(RATE),
    };
    superseed::arguments(&mut seed, &job);
    let mut seed = stage.spawn("seed", &mut seed)?;
    let seed_addr = (servers, super::clients::PORT).into();
    tracker_of_peers(servers, &[seed_addr])?;
    let trackers = ["http", "udp"].map(|scheme| format!("{scheme}://tracker.test:6969/announce"));
    let torrent = with_trackers(&fixture, &trackers, &stage.path("leech.torrent"))?;
    let leech = |dir: &PathBuf| {
        let mut command = superseed::command(stage, "download");
        let job = Job {
            torrent: &torrent,
            dir,
            ip: machine.ip,
            peers: &[],
            upload_limit: None,
        };
        superseed::arguments(&mut command, &job);
        command.args(["--peer", "seed.test:7002"]);
        command
    };

    // The captures must see what is not bound.
    let stray = Leaving::start(stage, &machine, "eth1")?;
    let unbound_dir = stage.data("unbound")?;
    // An address of eth0 as the source is not enough.
    let mut unbound = leech(&unbound_dir);
    // Nobody is to write to its port when it is gone: the kernel would answer.
    unbound.arg("--no-dht");
    let unbound = stage.spawn("unbound", &mut machine.command(&unbound))?;
    wait_until(LIMIT, "a packet of an unbound session", || {
        Ok(stray.count()? > 0)
    })?;
    drop((unbound, stray));
    thread::sleep(SETTLED);

    let begun = Instant::now();
    let captures = [
        Leaving::start(stage, &machine, "eth1")?,
        Leaving::start(stage, &machine, "lo")?,
    ];
    let asked_before = names.questions();
    let mut bound = leech(&leech_dir);
    // It stays when it is complete, since the kernel answers for who has gone.
    bound.args(["--interface", "eth0", "--seed"]);
    let mut bound = stage.spawn("bound", &mut machine.command(&bound))?;
    wait_until(LIMIT, "half of the data", || {
        bound.ensure_runs()?;
        Ok(compare::allocated(&leech_dir.join(name)) > fixture.total_len / 4)
    })?;
    ensure!(names.questions() > asked_before, "no name was looked up");
    on(&machine, "ip link set eth0 down")?;
    thread::sleep(GONE);
    bound.ensure_runs()?;
    on(&machine, "ip link set eth0 up")?;
    routes_by_eth0(&machine)?;
    wait_until(LIMIT, "the rest of the data", || {
        bound.ensure_runs()?;
        Ok(bound.output()?.contains(COMPLETE))
    })?;
    seed.ensure_runs()?;
    let seconds = begun.elapsed().as_secs_f64();
    for capture in &captures {
        let packets = capture.count()?;
        ensure!(packets == 0, "{packets} packets on {}", capture.interface);
    }
    bound.interrupt()?;
    bound.wait_ended(LIMIT)?;
    let files = compare::same_tree(&fixture.content, &leech_dir, Strictness::Exact)?;
    let looked_up = names.questions() - asked_before;
    Ok(format!(
        "{files} file identical, {looked_up} questions by the interface, 0 packets by others, \
         {seconds:.1} s"
    ))
}

/// A cable that leads to the servers too, and is preferred.
fn plug_in_the_better_cable(machine: &Machine) -> Result<()> {
    let pid = machine.id();
    ip(&format!(
        "link add spare type veth peer name eth1 netns {pid}"
    ))?;
    ip("address add 10.78.0.254/24 dev spare")?;
    ip("link set spare up")?;
    // The kernel says nothing of its own there.
    on_shell(
        machine,
        "echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6",
    )?;
    on(machine, "ip address add 10.78.0.1/24 dev eth1")?;
    on(machine, "ip link set eth1 up")?;
    let servers = Ipv4Addr::from(SERVERS);
    on(
        machine,
        &format!("ip route add {servers} via 10.78.0.254 dev eth1 metric 1"),
    )?;
    routes_by_eth0(machine)
}

fn routes_by_eth0(machine: &Machine) -> Result<()> {
    let servers = Ipv4Addr::from(SERVERS);
    on(
        machine,
        &format!("ip route replace {servers} via 10.77.0.254 dev eth0 metric 100"),
    )
}

fn ip(line: &str) -> Result<()> {
    process::run(Command::new("ip").args(line.split(' ')))
}

fn on(machine: &Machine, line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().context("an empty line")?);
    command.args(words);
    process::run(&mut machine.command(&command))
}

fn on_shell(machine: &Machine, line: &str) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    process::run(&mut machine.command(&command))
}
