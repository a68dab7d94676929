//! Several machines in one case: a network namespace for each, joined by a
//! bridge, with uplinks as slow as wanted.
//!
//! Lives inside the namespaces of a case, so that all of it ends with the case.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// What a shaper may send at once, bytes: two of the largest bursts that a
/// socket hands down as one, since a smaller bucket would cut them up.
const BURST: u32 = 128 << 10;
/// How long a packet may wait in a shaper.
const QUEUE: &str = "50ms";

/// The address of what runs on no machine, such as a tracker. Nothing is slow there.
pub(crate) const HOUSE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 254));

/// A bridge that machines are plugged into.
#[derive(Debug)]
pub(crate) struct Lan;

/// A machine: a network namespace with one cable to the bridge.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Keeps the namespace; there is nothing else in it.
    keeper: Child,
    /// Its address.
    pub(crate) ip: IpAddr,
    /// Its other address.
    pub(crate) ipv6: IpAddr,
}

impl Lan {
    /// A bridge without machines.
    pub(crate) fn new() -> Result<Self> {
        // It knows no members of groups: all hear everything.
        ip("link add lan type bridge mcast_snooping 0")?;
        ip(&format!("address add {HOUSE}/24 dev lan"))?;
        ip("link set lan up")?;
        Ok(Self)
    }

    /// Plugs in machine `n`, which sends at most `uplink_bits_per_s`, headers
    /// included.
    pub(crate) fn machine(&self, n: u8, uplink_bits_per_s: u64) -> Result<Machine> {
        let keeper = Command::new("unshare")
            .args(["--net", "--", "sleep", "infinity"])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start unshare (util-linux)")?;
        let machine = Machine {
            keeper,
            ip: IpAddr::V4(Ipv4Addr::new(10, 77, 0, n)),
            ipv6: IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, n.into())),
        };
        machine.wait_apart()?;
        let pid = machine.keeper.id();
        ip(&format!(
            "link add port{n} type veth peer name eth0 netns {pid}"
        ))?;
        ip(&format!("link set port{n} master lan up"))?;
        machine.run(&format!("ip address add {}/24 dev eth0", machine.ip))?;
        machine.run("ip link set lo up")?;
        machine.run("ip link set eth0 up")?;
        let ipv6 = machine.ipv6;
        machine.run(&format!("ip -6 address add {ipv6}/64 dev eth0 nodad"))?;
        // Multicast of those who name no interface.
        machine.run("ip route add 224.0.0.0/4 dev eth0")?;
        machine.run(&format!(
            "tc qdisc add dev eth0 root tbf rate {uplink_bits_per_s}bit burst {BURST} latency {QUEUE}"
        ))?;
        Ok(machine)
    }
}

impl Machine {
    /// The process whose namespace it is.
    pub(crate) fn id(&self) -> u32 {
        self.keeper.id()
    }

    /// The same command, to be run on this machine.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside
            .arg(format!("--net=/proc/{}/ns/net", self.keeper.id()))
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// What its shaper has let go so far, bytes with the headers of every
    /// segment.
    pub(crate) fn sent_bytes(&self) -> Result<u64> {
        let mut command = Command::new("tc");
        command.args(["-s", "qdisc", "show", "dev", "eth0"]);
        let output = self.command(&command).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut words = text.split_whitespace().skip_while(|word| *word != "Sent");
        let bytes = words.nth(1).context("the shaper counts nothing")?;
        bytes.parse().context("a counter is no number")
    }

    /// What its cable has carried away from it so far, bytes. Costs little, but
    /// segments that went down as one have the headers of one.
    pub(crate) fn carried_bytes(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/net/dev", self.keeper.id()))?;
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("eth0:"));
        // Eight columns of what came, then eight of what went.
        let bytes = line.and_then(|line| line.split_whitespace().nth(8));
        bytes
            .context("eth0 has no counters")?
            .parse()
            .context("a counter is no number")
    }

    /// A process in its namespace.
    pub(crate) fn pid(&self) -> u32 {
        self.keeper.id()
    }

    /// Runs a command on it to its end; its words are divided by spaces.
    pub(crate) fn run(&self, line: &str) -> Result<()> {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().context("an empty line")?);
        command.args(words);
        process::run(&mut self.command(&command))
    }

    /// Waits until the keeper has left this namespace.
    fn wait_apart(&self) -> Result<()> {
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
        let ours = namespace("self")?;
        for _ in 0..500 {
            if namespace(&self.keeper.id().to_string()).is_ok_and(|theirs| theirs != ours) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("unshare made no network namespace")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn ip(line: &str) -> Result<()> {
    process::run(Command::new("ip").args(line.split(' ')))
}
