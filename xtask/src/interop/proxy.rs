//! Sessions that let nothing go around their proxy (`--proxy-all`): peers and
//! trackers are behind it, named by name, and can be reached without it too. No
//! packet may go there, and no look-up of a name, not even when the proxy is gone.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::case::{Case, Group};
use super::clients::{Client, Job, PORT, superseed};
use super::compare::{self, Strictness};
use super::fixture::{Fixture, Set};
use super::install::Tool;
use super::lan::{HOUSE, Lan, Machine};
use super::leaving::Leaving;
use super::metainfo::with_trackers;
use super::scripted::{NameServer, tracker_of_peers};
use super::stage::{Process, Stage, wait_until};
use super::tracker::Via;
use crate::process;

const LIMIT: Duration = Duration::from_secs(60);
/// Where the name server, the tracker and the seed are.
const SERVERS: [u8; 4] = [198, 51, 100, 1];
const PROXY_PORT: u16 = 1080;
/// Nobody waits for the line.
const UPLINK_BITS_PER_S: u64 = 1_000_000_000;
/// How fast the seed is where the proxy goes in mid-download.
const RATE: u64 = 12 << 20;
/// How long the proxy is gone, and how soon after that nothing comes any more.
const GONE: Duration = Duration::from_secs(3);
const RAN_DRY: Duration = Duration::from_millis(500);

/// A proxy of Debian's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Microsocks,
    Dante,
    Tinyproxy,
}

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, server: Server, seed: Client, run: fn(&Stage) -> Result<String>| {
        let mut needs = vec![
            Tool::Iproute,
            Tool::Libtorrent,
            Tool::Tcpdump,
            server.tool(),
        ];
        needs.extend(seed.tool());
        needs.extend((server == Server::Dante).then_some(Tool::Opentracker));
        Case {
            name: name.to_owned(),
            group: Group::Default,
            shares: true,
            needs,
            sets: vec![Set::Single],
            limit: LIMIT + Duration::from_secs(30),
            run: Box::new(run),
        }
    };
    use Client::{Aria2, Libtorrent, Superseed, Transmission};
    use Server::{Dante, Microsocks, Tinyproxy};
    vec![
        case("proxy-socks5", Microsocks, Libtorrent, |stage| {
            download(stage, Microsocks, Libtorrent)
        }),
        case("proxy-socks5-udp", Dante, Aria2, |stage| {
            download(stage, Dante, Aria2)
        }),
        case("proxy-connect", Tinyproxy, Transmission, |stage| {
            download(stage, Tinyproxy, Transmission)
        }),
        case("proxy-gone", Microsocks, Superseed, gone),
    ]
}

impl Server {
    fn tool(self) -> Tool {
        match self {
            Self::Microsocks => Tool::Microsocks,
            Self::Dante => Tool::Dante,
            Self::Tinyproxy => Tool::Tinyproxy,
        }
    }

    fn url(self) -> String {
        let scheme = match self {
            Self::Microsocks | Self::Dante => "socks5",
            Self::Tinyproxy => "http",
        };
        format!("{scheme}://{HOUSE}:{PROXY_PORT}")
    }

    /// Starts it and waits until it answers.
    fn start(self, stage: &Stage) -> Result<Process> {
        let servers = Ipv4Addr::from(SERVERS);
        let config = stage.path("proxy.conf");
        let pid_file = stage.path("proxy.pid");
        let mut command = match self {
            Self::Microsocks => {
                let mut command = Command::new("microsocks");
                command.args(["-i", &HOUSE.to_string(), "-p", &PROXY_PORT.to_string()]);
                command
            }
            Self::Dante => {
                fs::write(
                    &config,
                    format!(
                        "logoutput: stderr\ninternal: {HOUSE} port = {PROXY_PORT}\n\
                         external: {servers}\nclientmethod: none\nsocksmethod: none\n\
                         user.privileged: root\nuser.unprivileged: nobody\n\
                         client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
                         socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
                    ),
                )?;
                let mut command = Command::new("danted");
                command.arg("-f").arg(&config).arg("-p").arg(&pid_file);
                command
            }
            Self::Tinyproxy => {
                fs::write(
                    &config,
                    format!(
                        "Port {PROXY_PORT}\nListen {HOUSE}\nTimeout 600\nMaxClients 100\n\
                         PidFile \"{}\"\nAllow 10.77.0.0/24\n",
                        pid_file.display()
                    ),
                )?;
                let mut command = Command::new("tinyproxy");
                command.arg("-d").arg("-c").arg(&config);
                command
            }
        };
        let mut process = stage.spawn("proxy", &mut command)?;
        wait_until(LIMIT, "the proxy", || {
            process.ensure_runs()?;
            Ok(TcpStream::connect((HOUSE, PROXY_PORT)).is_ok())
        })?;
        Ok(process)
    }
}

/// Two machines, and what is behind the proxy.
struct Scene {
    fixture: Fixture,
    _lan: Lan,
    machine: Machine,
    /// Like it, for who has no proxy: peers go on knocking where it was.
    twin: Machine,
    names: NameServer,
}

impl Scene {
    fn new(stage: &Stage) -> Result<Self> {
        let lan = Lan::new()?;
        let servers = IpAddr::from(SERVERS);
        let address = format!("address add {servers}/32 dev lo");
        process::run(Command::new("ip").args(address.split(' ')))?;
        let machine = |n| {
            let machine = lan.machine(n, UPLINK_BITS_PER_S)?;
            // What would go around the proxy reaches whom it is for.
            machine.run(&format!("ip route add default via {HOUSE}"))?;
            // The kernel says nothing of its own there.
            machine.run("sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1")?;
            anyhow::Ok(machine)
        };
        let (machine, twin) = (machine(1)?, machine(2)?);
        NameServer::ask_only(stage, servers)?;
        Ok(Self {
            fixture: Set::Single.fixture()?,
            _lan: lan,
            machine,
            twin,
            names: NameServer::start(servers, SERVERS)?,
        })
    }

    fn file_name(&self) -> &std::ffi::OsStr {
        self.fixture.content.file_name().unwrap_or_default()
    }

    /// A seed, whose torrent has these trackers.
    fn seed(
        &self,
        stage: &Stage,
        client: Client,
        trackers: &[String],
        upload_limit: Option<u64>,
    ) -> Result<super::clients::Running> {
        let dir = stage.data("seed")?;
        self.fixture.link_into(&dir)?;
        let torrent = with_trackers(&self.fixture, trackers, &stage.path("seed.torrent"))?;
        let job = Job {
            torrent: &torrent,
            dir: &dir,
            ip: SERVERS.into(),
            peers: &[],
            upload_limit,
        };
        client.seed(stage, &job)
    }

    /// A download on a machine, with everything that is on by default.
    fn download(
        &self,
        stage: &Stage,
        machine: &Machine,
        name: &str,
        tracker: Option<&str>,
        options: &[&str],
    ) -> Result<Process> {
        let trackers: Vec<String> = tracker.map(str::to_owned).into_iter().collect();
        let torrent = with_trackers(&self.fixture, &trackers, &stage.path("leech.torrent"))?;
        let mut command = superseed::command(stage, "download");
        command.arg(torrent).arg("--dir").arg(stage.data(name)?);
        command.args(["--summary-interval", "1"]).args(options);
        stage.spawn(name, &mut machine.command(&command))
    }
}

/// What leaves a machine that has a proxy.
struct Captures([Leaving; 2]);

impl Captures {
    fn start(stage: &Stage, machine: &Machine) -> Result<Self> {
        let start = |interface| Leaving::start(stage, machine, interface);
        Ok(Self([start("eth0")?, start("lo")?]))
    }

    /// How many packets went to the proxy, of them datagrams; an error if any went
    /// elsewhere.
    fn judge(&self) -> Result<(usize, usize)> {
        let [eth0, lo] = &self.0;
        let around = eth0.count_of(&format!("not arp and not dst host {HOUSE}"))?;
        ensure!(around == 0, "{around} packets went around the proxy");
        let elsewhere = format!("tcp and not dst port {PROXY_PORT} or port 53");
        let elsewhere = eth0.count_of(&elsewhere)?;
        ensure!(elsewhere == 0, "{elsewhere} packets to other ports");
        let inside = lo.count()?;
        ensure!(inside == 0, "{inside} packets on lo");
        let to_proxy = format!("dst host {HOUSE}");
        let datagrams = eth0.count_of(&format!("udp and {to_proxy}"))?;
        Ok((eth0.count_of(&to_proxy)?, datagrams))
    }
}

fn download(stage: &Stage, server: Server, seed: Client) -> Result<String> {
    let scene = Scene::new(stage)?;
    let mut proxy = server.start(stage)?;
    let servers = IpAddr::from(SERVERS);
    let tracked;
    let by_udp = server == Server::Dante;
    let (mut seed, url) = if by_udp {
        let hash = scene.fixture.info_hash;
        let mut tracker = Via::OpentrackerUdp.start_at(stage, hash, servers)?;
        // aria2 asks no tracker over UDP.
        let over_http = tracker.url.replacen("udp", "http", 1);
        let seed = scene.seed(stage, seed, &[over_http], None)?;
        tracker.wait_for_peer()?;
        tracked = Some(tracker);
        (seed, "udp://tracker.test:6969/announce")
    } else {
        tracker_of_peers(servers, &[SocketAddr::new(servers, PORT)])?;
        tracked = None;
        let seed = scene.seed(stage, seed, &[], None)?;
        (seed, "http://tracker.test:6969/announce")
    };

    // The captures must see what has no proxy.
    let stray = Captures::start(stage, &scene.twin)?;
    let unbound = scene.download(stage, &scene.twin, "unbound", Some(url), &[])?;
    wait_until(LIMIT, "a packet around the proxy", || {
        Ok(stray.judge().is_err())
    })?;
    drop((unbound, stray));

    let begun = Instant::now();
    let captures = Captures::start(stage, &scene.machine)?;
    let asked_before = scene.names.questions();
    let proxy_url = server.url();
    let options = ["--proxy", &proxy_url, "--proxy-all"];
    let mut leech = scene.download(stage, &scene.machine, "leech", Some(url), &options)?;
    leech.wait_success(LIMIT)?;
    let seconds = begun.elapsed().as_secs_f64();
    proxy.ensure_runs()?;
    seed.process.ensure_runs()?;
    drop(tracked);
    let (packets, datagrams) = captures.judge()?;
    ensure!(packets > 0, "the capture sees nothing");
    ensure!(
        by_udp == (datagrams > 0),
        "{datagrams} datagrams to the proxy"
    );
    let looked_up = scene.names.questions() - asked_before;
    ensure!(looked_up > 0, "the proxy looked nothing up");
    let leech_dir = stage.data("leech")?;
    let files = compare::same_tree(&scene.fixture.content, &leech_dir, Strictness::Exact)?;
    Ok(format!(
        "{files} file identical, {packets} packets to the proxy, {datagrams} of them datagrams, \
         0 around it, {seconds:.1} s"
    ))
}

/// The proxy ends in mid-download, and is there again after a while.
fn gone(stage: &Stage) -> Result<String> {
    let scene = Scene::new(stage)?;
    let mut proxy = Server::Microsocks.start(stage)?;
    let mut seed = scene.seed(stage, Client::Superseed, &[], Some(RATE))?;
    let captures = Captures::start(stage, &scene.machine)?;
    let url = Server::Microsocks.url();
    let peer = format!("seed.test:{PORT}");
    let options = ["--proxy", &url, "--proxy-all", "--peer", &peer];
    let mut leech = scene.download(stage, &scene.machine, "leech", None, &options)?;
    let file = stage.data("leech")?.join(scene.file_name());
    let here = || compare::allocated(&file);
    wait_until(LIMIT, "a quarter of the data", || {
        leech.ensure_runs()?;
        Ok(here() > scene.fixture.total_len / 4)
    })?;
    proxy.kill()?;
    thread::sleep(RAN_DRY);
    let before = here();
    thread::sleep(GONE);
    let after = here();
    ensure!(
        before == after,
        "{} bytes came without the proxy",
        after - before
    );
    ensure!(after < scene.fixture.total_len / 2, "it was gone too late");
    leech.ensure_runs()?;
    let (packets, _) = captures.judge()?;
    let _proxy = Server::Microsocks.start(stage)?;
    leech.wait_success(LIMIT)?;
    seed.process.ensure_runs()?;
    captures.judge()?;
    let leech_dir = stage.data("leech")?;
    let files = compare::same_tree(&scene.fixture.content, &leech_dir, Strictness::Exact)?;
    Ok(format!(
        "{files} file identical, {packets} packets to the proxy before it was back, 0 around it"
    ))
}
