//! Gateways that are asked to let peers in: miniupnpd on a router, by PCP and by
//! UPnP, and a scripted one that speaks NAT-PMP and grants little time.

mod natpmp;
mod router;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::natpmp::{Asked, NatPmp};
use self::router::{OUTSIDE, Protocols, Router};
use super::case::{Case, Group};
use super::clients::{Client, Job, PORT, superseed};
use super::compare::{Strictness, same_tree};
use super::fixture::Set;
use super::install::Tool;
use super::lan::{HOUSE, Lan, Machine};
use super::metainfo::with_trackers;
use super::stage::{Process, Stage, wait_until};
use super::tracker::Via;

/// Nobody waits for the line.
const UPLINK_BITS_PER_S: u64 = 1_000_000_000;
/// How long a gateway may take to be found and to map a port; UPnP alone has
/// five seconds to be found.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a session may take to end, releases and all.
const END: Duration = Duration::from_secs(4);
/// What miniupnpd grants by PCP: it is to be asked again after 15 s.
const LEASE_S: u64 = 20;
/// How soon miniupnpd notices that a lease is over.
const NOTICED: Duration = Duration::from_secs(20);
/// What the scripted gateway grants: it is to be asked again after 30 s.
const SHORT_LEASE: Duration = Duration::from_secs(40);

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, needs: &[Tool], sets, run| Case {
        name: name.to_owned(),
        group: Group::Default,
        shares: true,
        needs: [&[Tool::Iproute, Tool::Libtorrent], needs].concat(),
        sets,
        limit: Duration::from_secs(120),
        run,
    };
    let both = vec![Set::Single, Set::Scripts];
    vec![
        case(
            "portmap-miniupnpd",
            &[Tool::Miniupnpd],
            both.clone(),
            Box::new(|stage| behind_miniupnpd(stage, Protocols::All)),
        ),
        case(
            "portmap-upnp",
            &[Tool::Miniupnpd],
            both,
            Box::new(|stage| behind_miniupnpd(stage, Protocols::UpnpOnly)),
        ),
        case(
            "portmap-natpmp",
            &[],
            vec![Set::Single],
            Box::new(behind_natpmp),
        ),
    ]
}

/// Two seeds behind one router want the same port. A leecher outside, which a
/// tracker tells of one, has everything from it: the port that is announced is
/// the one that the gateway gave. Where that grants little time, it lets go of
/// the port of a seed that was killed, and not of that of one that renews.
fn behind_miniupnpd(stage: &Stage, protocols: Protocols) -> Result<String> {
    let lan = Lan::new()?;
    let mut router = Router::start(stage, &lan, protocols)?;
    let fixture = Set::Single.fixture()?;
    let mut tracker = Via::SuperseedHttp.start_at(stage, fixture.info_hash, OUTSIDE)?;
    let urls = [tracker.url.clone()];
    let [other, machine] = [2, 3].map(|n| lan.machine(n, UPLINK_BITS_PER_S));
    let (other, machine) = (other?, machine?);
    for machine in [&other, &machine] {
        machine.run(&format!("ip route add default via {}", router.inside()))?;
    }
    let mut first = seed(stage, &other, Set::Scripts, &[])?;
    router.wait_mapped(other.ip, PATIENCE)?;
    let mut second = seed(stage, &machine, Set::Single, &urls)?;
    let ports = router.wait_mapped(machine.ip, PATIENCE)?;
    let mapped = Instant::now();
    ensure!(
        !ports.contains(&PORT),
        "port {PORT} is mapped to two machines"
    );
    tracker.wait_for_peer()?;

    let dir = stage.data("leech")?;
    let job = Job {
        torrent: &with_trackers(&fixture, &urls, &stage.path("leech.torrent"))?,
        dir: &dir,
        ip: OUTSIDE,
        peers: &[],
        upload_limit: None,
    };
    let mut leecher = Client::Superseed.download(stage, &job)?;
    leecher.wait_complete(Duration::from_secs(60))?;
    let files = same_tree(&fixture.content, &dir, Strictness::Exact)?;

    let mut slowest = Duration::ZERO;
    let mut renewed = "";
    if protocols == Protocols::All {
        first.kill()?;
        let lease = Duration::from_secs(LEASE_S);
        wait_until(lease + NOTICED, "the end of what nobody renews", || {
            Ok(router.mapped(other.ip)?.is_empty())
        })?;
        let over = lease + NOTICED;
        std::thread::sleep(over.saturating_sub(mapped.elapsed()));
        ensure!(router.mapped(machine.ip)?.len() == 2, "nobody renewed");
        renewed = "renewed, ";
    } else {
        slowest = end(&mut first)?;
    }
    slowest = slowest.max(end(&mut second)?);
    let left = router.mappings()?;
    ensure!(left.is_empty(), "still mapped: {left:?}");
    router.ensure_runs()?;
    Ok(format!(
        "{files} files identical from outside by port {}; {renewed}released, {} ms for the end",
        ports[0],
        slowest.as_millis()
    ))
}

/// A gateway of another make and with other answers: nothing but NAT-PMP.
fn behind_natpmp(stage: &Stage) -> Result<String> {
    let lan = Lan::new()?;
    let machine = lan.machine(1, UPLINK_BITS_PER_S)?;
    machine.run(&format!("ip route add default via {HOUSE}"))?;
    let gateway = NatPmp::start(HOUSE, SHORT_LEASE)?;
    let begun = Instant::now();
    let mut seed = seed(stage, &machine, Set::Single, &[])?;
    let mut maps = |count: usize, what: &str, limit| {
        wait_until(limit, what, || {
            seed.ensure_runs()?;
            Ok(gateway.maps().len() >= count)
        })
    };
    maps(2, "the first mappings", PATIENCE)?;
    maps(4, "their renewal", SHORT_LEASE)?;
    let took = end(&mut seed)?;
    let asked = gateway.asked();
    for udp in [false, true] {
        let of_one: Vec<_> = asked.iter().filter(|asked| asked.udp == udp).collect();
        let [first, again, release] = of_one[..] else {
            anyhow::bail!("the gateway was asked {of_one:?}");
        };
        let wanted = |asked: &Asked| (asked.internal_port, asked.external_port, asked.lifetime_s);
        let given = natpmp::external_port(PORT);
        // What TCP was given UDP wishes too.
        let wished = if udp { given } else { PORT };
        ensure!(wanted(first) == (PORT, wished, 3_600), "{first:?}");
        ensure!(wanted(again) == (PORT, given, 3_600), "{again:?}");
        ensure!(wanted(release) == (PORT, 0, 0), "{release:?}");
        let after = again.at.duration_since(first.at);
        ensure!(
            after < SHORT_LEASE && after >= SHORT_LEASE * 3 / 4,
            "renewed after {after:?} of {SHORT_LEASE:?}"
        );
    }
    let first = gateway.maps().first().map(|asked| asked.at);
    let first = first.context("never asked")?.duration_since(begun);
    Ok(format!(
        "mapped after {} ms, renewed, released; {} ms for the end",
        first.as_millis(),
        took.as_millis()
    ))
}

/// Starts a seed that asks its gateway.
fn seed(stage: &Stage, machine: &Machine, set: Set, urls: &[String]) -> Result<Process> {
    let fixture = set.fixture()?;
    let name = format!("seed-{}", set.name());
    let dir = stage.data(&name)?;
    fixture.link_into(&dir)?;
    let torrent = with_trackers(&fixture, urls, &stage.path(&format!("{name}.torrent")))?;
    let job = Job {
        torrent: &torrent,
        dir: &dir,
        ip: machine.ip,
        peers: &[],
        upload_limit: None,
    };
    let mut command = superseed::command(stage, "seed");
    superseed::arguments(&mut command, &job);
    command.arg("--no-lsd");
    stage.spawn(&name, &mut machine.command(&command))
}

/// Ends a seed in order; gives how long that took.
fn end(process: &mut Process) -> Result<Duration> {
    let begun = Instant::now();
    process.interrupt()?;
    process.wait_ended(END)?;
    Ok(begun.elapsed())
}
