//! Neighbours that find each other by multicast (BEP 14): two machines on a
//! bridge, a torrent without a tracker, and no peer that anybody named.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::links;
use crate::interop::case::{Case, Group};
use crate::interop::clients::{Client, Done, Job, Running, transmission};
use crate::interop::fixture::Set;
use crate::interop::install::Tool;
use crate::interop::lan::{Lan, Machine};
use crate::interop::metainfo::with_trackers;
use crate::interop::stage::Stage;

const LIMIT: Duration = Duration::from_secs(90);
/// Nobody waits for the line.
const UPLINK_BITS_PER_S: u64 = 1_000_000_000;
/// How long the seed is alone: what it says then is heard by nobody.
const ALONE: Duration = Duration::from_secs(3);

/// One torrent from one neighbour to another.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    from: Client,
    to: Client,
    is_ipv6: bool,
    /// The leecher knows the info-hash and nothing else.
    by_link: bool,
}

/// Each client in both directions.
pub(super) fn cases() -> Vec<Case> {
    let meeting = |from, to| Meeting {
        from,
        to,
        is_ipv6: false,
        by_link: false,
    };
    let ours = Client::Superseed;
    let mut meetings = vec![
        meeting(ours, ours),
        Meeting {
            is_ipv6: true,
            ..meeting(ours, ours)
        },
        Meeting {
            is_ipv6: true,
            ..meeting(Client::Libtorrent, ours)
        },
    ];
    for theirs in [Client::Libtorrent, Client::Transmission, Client::Aria2] {
        meetings.push(meeting(theirs, ours));
        meetings.push(meeting(ours, theirs));
        meetings.push(Meeting {
            by_link: true,
            ..meeting(theirs, ours)
        });
    }
    meetings.into_iter().map(Meeting::case).collect()
}

impl Meeting {
    fn case(self) -> Case {
        let Self {
            from,
            to,
            is_ipv6,
            by_link,
        } = self;
        let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
        needs.extend([from.tool(), to.tool()].into_iter().flatten());
        let family = if is_ipv6 { "-ipv6" } else { "" };
        let name = match (from, to) {
            (from, Client::Superseed) if by_link => format!("lsd-magnet-from-{}", from.name()),
            (from, Client::Superseed) => format!("lsd-from-{}{family}", from.name()),
            (_, to) => format!("lsd-to-{}{family}", to.name()),
        };
        Case {
            name,
            group: Group::Default,
            shares: true,
            needs,
            sets: vec![Set::Single],
            limit: LIMIT + Duration::from_secs(30),
            run: Box::new(move |stage| self.run(stage)),
        }
    }

    fn run(self, stage: &Stage) -> Result<String> {
        let fixture = Set::Single.fixture()?;
        let torrent = with_trackers(&fixture, &[], &stage.path("torrent"))?;
        let (seed_dir, leech_dir) = (stage.data("seed")?, stage.data("leech")?);
        fixture.link_into(&seed_dir)?;
        let lan = Lan::new()?;
        let seed_machine = lan.machine(1, UPLINK_BITS_PER_S)?;
        let leech_machine = lan.machine(2, UPLINK_BITS_PER_S)?;
        let job = |machine: &Machine, dir| Job {
            torrent: &torrent,
            dir,
            ip: if self.is_ipv6 {
                machine.ipv6
            } else {
                machine.ip
            },
            peers: &[],
            upload_limit: None,
        };
        let seed_job = job(&seed_machine, seed_dir.as_path());
        let mut seeder = start(stage, self.from, &seed_job, true, &seed_machine)?;
        std::thread::sleep(ALONE);
        let begun = Instant::now();
        let link = std::path::PathBuf::from(links::link(&fixture, None)?.to_string());
        let leech_job = job(&leech_machine, leech_dir.as_path());
        let leech_job = Job {
            torrent: if self.by_link { &link } else { &torrent },
            ..leech_job
        };
        let mut leecher = start(stage, self.to, &leech_job, false, &leech_machine)?;
        leecher.wait_complete(LIMIT)?;
        let seconds = begun.elapsed().as_secs_f64();
        seeder.process.ensure_runs()?;
        drop((leecher, seeder));
        super::arrived(&fixture, &leech_dir, self.to, seconds)
    }
}

/// Starts a client on a machine, with nothing but local discovery.
fn start(
    stage: &Stage,
    client: Client,
    job: &Job<'_>,
    seeds: bool,
    machine: &Machine,
) -> Result<Running> {
    let role = if seeds { "seed" } else { "leech" };
    let name = format!("{}-{role}", client.name());
    let spawn = |command: &Command| stage.spawn(&name, &mut machine.command(command));
    if client == Client::Transmission {
        let wants = transmission::Wants {
            lsd: true,
            ..transmission::Wants::default()
        };
        let (daemon, done) = transmission::set_up(stage, job, "--log-debug", &wants)?;
        let mut process = spawn(&daemon)?;
        let remote = machine.command(&transmission::add(job));
        transmission::wait_taken(&mut process, remote)?;
        let done = Done::File(done);
        return Ok(Running { process, done });
    }
    let mut command = client.command(stage, job, seeds)?;
    match client {
        Client::Aria2 => {
            command.arg("--bt-enable-lpd=true");
            command.arg(format!("--bt-lpd-interface={}", job.ip));
        }
        Client::Libtorrent | Client::LibtorrentAsShipped => {
            command.arg("--lsd");
        }
        _ => {}
    }
    let process = spawn(&command)?;
    Ok(Running {
        process,
        done: Done::Exit,
    })
}
