//! What the kernel counts of processes and of the namespace's network.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};

/// What `/proc` counts time in, on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// What a process has used up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// User and system time of all its threads and of the children that it has
    /// waited for, seconds.
    pub(super) cpu_s: f64,
    /// Whether it has ended. Its usage can be read until it is waited for.
    pub(super) ended: bool,
}

/// What process `pid` has used up.
pub(super) fn usage(pid: u32) -> Result<Usage> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text).with_context(|| format!("cannot make sense of /proc/{pid}/stat"))
}

fn parse_stat(text: &str) -> Option<Usage> {
    // The name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    // utime, stime, cutime and cstime are the fields 14 to 17, the state is the third.
    let all: Option<Vec<f64>> = (11..=14).map(ticks).collect();
    Some(Usage {
        cpu_s: all?.iter().sum::<f64>() / TICKS_PER_S,
        ended: *fields.first()? == "Z",
    })
}

/// The time that each thread of a process has used up, seconds.
pub(super) fn threads(pid: u32) -> Result<BTreeMap<String, f64>> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        // A thread may end between the two.
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let usage = parse_stat(&text).context("cannot make sense of a thread's stat")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        threads.insert(name, usage.cpu_s);
    }
    Ok(threads)
}

/// The most memory that a process has had at a time, bytes; none once it has ended.
pub(super) fn peak_bytes(pid: u32) -> Option<u64> {
    status_bytes(pid, "VmHWM:")
}

/// What a process has in memory, bytes.
pub(super) fn resident_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmRSS:").context("the process has ended")
}

fn status_bytes(pid: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// What a process has had read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reads {
    /// By its calls of read, pread and their like, sendfile among them, bytes.
    /// What is received from sockets with recv is not in it.
    pub(super) asked: u64,
    /// From devices, bytes: what the page cache did not have.
    pub(super) from_devices: u64,
}

/// What process `pid` has had read.
pub(super) fn reads(pid: u32) -> Result<Reads> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let count = |key| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let bytes = line.with_context(|| format!("{key} is not in /proc/{pid}/io"))?;
        bytes.trim().parse().context("a counter is no number")
    };
    Ok(Reads {
        asked: count("rchar:")?,
        from_devices: count("read_bytes:")?,
    })
}

/// Connections that found no room in the backlog of a listener of the namespace.
pub(super) fn listen_overflows() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/netstat")?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next(), lines.next());
    let names = names.context("TCP has no counters")?.split(' ');
    let mut all = names.zip(values.context("TCP has no counters")?.split(' '));
    let found = all.find(|(name, _)| *name == "ListenOverflows");
    let (_, value) = found.context("overflows are not counted")?;
    value.parse().context("a counter is no number")
}

/// What has gone over the namespace's loopback, bytes with headers, both ways.
pub(super) fn wire_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/net/dev")?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let bytes = line.and_then(|line| line.split_whitespace().next());
    bytes
        .context("lo has no counters")?
        .parse()
        .context("a counter is no number")
}

/// What those who listen at `port` have sent and the other side has not read
/// yet, bytes, by their addresses. What has come and is not acknowledged counts
/// twice.
pub(super) fn under_way(port: u16) -> Result<BTreeMap<IpAddr, u64>> {
    let text = fs::read_to_string("/proc/self/net/tcp")?;
    let mut bytes = BTreeMap::new();
    for line in text.lines().skip(1) {
        let socket = Socket::parse(line).with_context(|| format!("no socket: {line}"))?;
        let ends = [
            (socket.local, socket.unacknowledged),
            (socket.remote, socket.unread),
        ];
        for ((ip, _), len) in ends.into_iter().filter(|((_, at), _)| *at == port) {
            *bytes.entry(ip).or_default() += len;
        }
    }
    Ok(bytes)
}

/// A row of `/proc/net/tcp`.
struct Socket {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    unacknowledged: u64,
    unread: u64,
}

impl Socket {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let addr = |at: usize| {
            let (ip, port) = fields.get(at)?.split_once(':')?;
            // The kernel shows the four bytes as it has them in memory.
            let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
            Some((
                Ipv4Addr::from(ip).into(),
                u16::from_str_radix(port, 16).ok()?,
            ))
        };
        let (unacknowledged, unread) = fields.get(4)?.split_once(':')?;
        Some(Self {
            local: addr(1)?,
            remote: addr(2)?,
            unacknowledged: u64::from_str_radix(unacknowledged, 16).ok()?,
            unread: u64::from_str_radix(unread, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) Z (b) S 1 7 7 0 -1 4194560 9 9 0 0 150 50 20 5 20 0 1 0";
        let usage = parse_stat(stat).expect("a whole line");
        assert!((usage.cpu_s - 2.25).abs() < 1e-9);
        assert!(!usage.ended);
        assert!(parse_stat("7 (a) Z 1 7 7").is_none());
    }

    #[test]
    fn a_row_of_the_kernel_is_understood() {
        let row =
            "  2: 0101630A:1BBC 0300630A:8E2C 01 0000000C:00000007 00:00000000 00000000 0 0 1";
        let socket = Socket::parse(row).expect("a whole row");
        assert_eq!(socket.local, (Ipv4Addr::new(10, 99, 1, 1).into(), 7100));
        assert_eq!(socket.remote.0, Ipv4Addr::new(10, 99, 0, 3));
        assert_eq!((socket.unacknowledged, socket.unread), (12, 7));
        assert!(Socket::parse("2: 0101630A:1BBC").is_none());
    }

    #[test]
    fn what_was_sent_is_under_way_until_it_is_read() -> Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let mut reader = std::net::TcpStream::connect(("127.0.0.1", port))?;
        let (mut writer, _) = listener.accept()?;
        let under_way = || Ok::<_, anyhow::Error>(under_way(port)?.into_values().sum::<u64>());
        assert_eq!(under_way()?, 0);
        writer.write_all(b"twelve bytes")?;
        assert!(under_way()? >= 12);
        reader.read_exact(&mut [0; 12])?;
        assert!(under_way()? <= 12, "it may not be acknowledged yet");
        Ok(())
    }

    #[test]
    fn this_process_has_used_memory_and_has_not_ended() -> Result<()> {
        let pid = std::process::id();
        assert!(!usage(pid)?.ended);
        assert!(!threads(pid)?.is_empty());
        assert!(peak_bytes(pid) > Some(1 << 16));
        Ok(())
    }
}
