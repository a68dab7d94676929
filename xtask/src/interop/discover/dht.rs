//! A network of DHT nodes of two makes (BEP 5), in which a link finds its seed:
//! nobody has a tracker, and nobody was named a peer.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::links;
use crate::interop::case::{Case, Group};
use crate::interop::clients::{
    Client, Done, Job, PORT, Running, aria2, libtorrent, superseed, transmission,
};
use crate::interop::compare;
use crate::interop::fixture::Set;
use crate::interop::install::Tool;
use crate::interop::metainfo::with_trackers;
use crate::interop::stage::{Process, Stage, python, script, wait_until};

/// Transmission announces in rounds of minutes.
const LIMIT: Duration = Duration::from_secs(300);
/// Nodes of libtorrent's make, and as many of ours.
const NODES: u8 = 15;
/// How long nodes have to get to know each other, and a seed to announce itself.
/// One of libtorrent's asks five seconds after another.
pub(super) const MEETING: Duration = Duration::from_secs(5);

/// Who seeds what a link of ours finds.
pub(super) fn cases() -> Vec<Case> {
    let theirs = [Client::Libtorrent, Client::Aria2, Client::Transmission];
    theirs.map(case).into()
}

fn case(from: Client) -> Case {
    let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
    needs.extend(from.tool());
    Case {
        name: format!("dht-magnet-from-{}", from.name()),
        group: Group::Default,
        // Thirty processes beside another case would be late for nobody's fault.
        shares: false,
        needs,
        sets: vec![Set::Scripts],
        limit: LIMIT + Duration::from_secs(60),
        run: Box::new(move |stage| run(stage, from)),
    }
}

/// The address of a node. In a look-up libtorrent asks one node of a /24, private
/// addresses not excepted.
pub(super) fn node(n: u8) -> SocketAddr {
    (Ipv4Addr::new(10, 99, n, 1), PORT).into()
}

/// Whom all others begin with. It is of our make: one of libtorrent's names nobody
/// whom it has not asked itself, which it does every five seconds, and asks whom
/// it begins with only once.
fn first() -> SocketAddr {
    node(NODES + 1)
}

fn run(stage: &Stage, from: Client) -> Result<String> {
    let fixture = Set::Scripts.fixture()?;
    let (seed_dir, leech_dir) = (stage.data("seed")?, stage.data("leech")?);
    fixture.link_into(&seed_dir)?;
    let torrent = with_trackers(&fixture, &[], &stage.path("torrent"))?;

    let mut ours = Vec::new();
    for n in NODES + 1..=2 * NODES {
        ours.push(node_of_ours(stage, n, first())?);
    }
    std::thread::sleep(MEETING);
    let mut theirs = nodes_of_libtorrent(stage, NODES, Some(first()))?;
    std::thread::sleep(MEETING);
    let job = |torrent, dir, n| Job {
        torrent,
        dir,
        ip: node(n).ip(),
        peers: &[],
        upload_limit: None,
    };
    let mut seeder = seed(stage, from, &job(&torrent, &seed_dir, 40))?;
    std::thread::sleep(MEETING);

    let link = links::link(&fixture, None)?.to_string();
    let begun = Instant::now();
    let mut command = superseed::command(stage, "download");
    superseed::arguments(&mut command, &job(Path::new(&link), &leech_dir, 41));
    command.args([
        "--no-lsd",
        "--no-pex",
        "--no-port-mapping",
        "--dht-bootstrap",
        &node(1).to_string(),
    ]);
    let mut leecher = Running::until_exit(stage, "superseed", command)?;
    leecher.wait_complete(LIMIT)?;
    let seconds = begun.elapsed().as_secs_f64();
    seeder.process.ensure_runs()?;
    theirs.ensure_runs()?;
    for node in &mut ours {
        node.ensure_runs()?;
    }
    let files = compare::same_tree(&fixture.content, &leech_dir, Client::Superseed.strictness())?;
    Ok(format!(
        "{files} files identical, {seconds:.1} s, {NODES} nodes of libtorrent's and {NODES} of ours"
    ))
}

/// Nodes of libtorrent's, the first of all, in one process; without one that they
/// begin with they are told of each other.
pub(super) fn nodes_of_libtorrent(
    stage: &Stage,
    count: u8,
    bootstrap: Option<SocketAddr>,
) -> Result<Process> {
    let mut command = Command::new(python());
    command.arg(script("dht_nodes.py"));
    for n in 1..=count {
        command.args(["--listen", &node(n).to_string()]);
    }
    if let Some(bootstrap) = bootstrap {
        command.args(["--bootstrap", &bootstrap.to_string()]);
    }
    let mut nodes = stage.spawn("dht-nodes", &mut command)?;
    let all = format!("\"running\": {count}");
    wait_until(Duration::from_secs(30), "the nodes to be up", || {
        nodes.ensure_runs()?;
        Ok(nodes.output()?.contains(&all))
    })?;
    Ok(nodes)
}

/// A node of ours is a client that looks for what nobody has.
pub(super) fn node_of_ours(stage: &Stage, n: u8, bootstrap: SocketAddr) -> Result<Process> {
    let mut command = superseed::command(stage, "download");
    command.arg(format!("{n:02x}").repeat(20));
    command.arg("--dir").arg(stage.data(&format!("node-{n}"))?);
    command.args(["--listen", &node(n).to_string()]);
    command.args([
        "--no-lsd",
        "--no-pex",
        "--no-port-mapping",
        "--dht-bootstrap",
        &bootstrap.to_string(),
    ]);
    stage.spawn(&format!("node-{n}"), &mut command)
}

fn seed(stage: &Stage, client: Client, job: &Job<'_>) -> Result<Running> {
    let bootstrap = node(2);
    let process = match client {
        Client::Libtorrent => {
            let mut command = libtorrent::command(job, libtorrent::Role::Seed);
            command.args(["--dht-bootstrap", &bootstrap.to_string()]);
            stage.spawn("libtorrent", &mut command)?
        }
        Client::Aria2 => {
            let mut command = aria2::seed_command(job);
            // The last word counts.
            command.args(["--enable-dht=true", "--dht-message-timeout=5"]);
            command.arg(format!("--dht-entry-point={bootstrap}"));
            command.arg(format!("--dht-listen-port={PORT}"));
            command.arg(format!(
                "--dht-file-path={}",
                stage.path("aria2-dht.dat").display()
            ));
            stage.spawn("aria2", &mut command)?
        }
        _ => {
            ensure!(client == Client::Transmission, "no other client is asked");
            let wants = transmission::Wants {
                dht: Some(bootstrap),
                ..transmission::Wants::default()
            };
            return transmission::start_wanting(stage, job, "--log-debug", &wants);
        }
    };
    Ok(Running {
        process,
        done: Done::Exit,
    })
}
