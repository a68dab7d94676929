//! A network and process namespace for each case, and for each run of a bench.
//!
//! `unshare` (util-linux) makes them and `setpriv --pdeathsig` ties them to
//! this process, so that no client survives a case, whatever happens to us.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// The address of host `n` of a case. All of 10.99.0.0/16 is local; hosts are
/// told apart by their addresses, as some clients know a peer by nothing else.
pub(crate) fn host(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, n))
}

/// The IPv6 address of host `n`, which is 1 to [`IPV6_HOSTS`].
pub(super) fn host_v6(n: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, u16::from(n)))
}

/// How many hosts have an IPv6 address.
const IPV6_HOSTS: u8 = 9;

/// An address whose packets are lost: neither an answer nor a refusal comes.
pub(super) fn black_hole(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 98, 0, n))
}

/// Runs `cargo xtask ARGS` in namespaces of its own. Gives what it prints;
/// fails with what it says if it fails, or takes longer than `limit`.
///
/// `name` is that of the stage it will have.
pub(crate) fn run(name: &str, args: &[&str], limit: Duration) -> Result<String> {
    let dir = super::dir().join("cases").join(name);
    // What an earlier run left is of no use to this one.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir)?;
    let (figures, failure) = (dir.join("figures"), dir.join("failure"));
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "unshare"]);
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !is_root()? {
        command.arg("--map-root-user");
    }
    command.arg("--").arg(std::env::current_exe()?).args(args);
    command.stdin(Stdio::null());
    command
        .stdout(fs::File::create(&figures)?)
        .stderr(fs::File::create(&failure)?);

    let start = Instant::now();
    let mut child = command
        .spawn()
        .context("cannot start setpriv (util-linux)")?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            let limit_s = limit.as_secs();
            bail!("not finished after {limit_s} s; see {}", dir.display());
        }
        thread::sleep(Duration::from_millis(20));
    };
    if status.success() {
        return Ok(fs::read_to_string(figures)?.trim().to_owned());
    }
    let failure = fs::read_to_string(failure)?;
    let failure = failure.trim().trim_start_matches("xtask: ");
    bail!("{failure}; see {}", dir.display())
}

/// Gives the new namespace its addresses. Runs inside.
pub(crate) fn set_up() -> Result<()> {
    ip("link set lo up")?;
    ip("address add 10.99.0.1/16 dev lo")?;
    for n in 1..=IPV6_HOSTS {
        ip(&format!("-6 address add {}/128 dev lo nodad", host_v6(n)))?;
    }
    // A cable that asks no one for a hardware address and has nobody at its end
    // swallows what is sent into it. (Not every kernel has dummy devices.)
    ip("link add hole arp off type veth peer name hole-end")?;
    ip("address add 10.98.0.254/24 dev hole")?;
    ip("link set hole up")?;
    ip("link set hole-end up")
}

fn ip(line: &str) -> Result<()> {
    process::run(Command::new("ip").args(line.split(' ')))
}

fn is_root() -> Result<bool> {
    let status =
        fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    Ok(uid.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0"))
}
