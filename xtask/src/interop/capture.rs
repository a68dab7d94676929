//! What went over a network: packets caught by tcpdump, and read without it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::{Process, Stage, wait_until};

/// The header of a file, bytes.
const FILE_HEADER_LEN: usize = 24;
/// Little-endian, microseconds.
const MAGIC: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];
/// What a packet begins with when it was caught on all interfaces
/// (`LINKTYPE_LINUX_SLL`): its header, and where in it the protocol is.
const LINK_TYPE: u32 = 113;
const LINK_HEADER_LEN: usize = 16;
const LINK_PROTOCOL_AT: usize = 14;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A capture that goes on until it is taken.
#[derive(Debug)]
pub(crate) struct Capture {
    process: Process,
    file: PathBuf,
}

/// A packet with bytes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) is_udp: bool,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// Where in its stream the bytes are; 0 in a datagram.
    pub(crate) sequence: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Capture {
    /// Catches everything on all interfaces of this namespace.
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let file = stage.path("packets.pcap");
        let mut command = Command::new("tcpdump");
        // As who started it, unbuffered, whole packets.
        command.args(["-i", "any", "-y", "LINUX_SLL", "-Z", "root"]);
        command.args(["-n", "-U", "-s", "0", "-B", "65536", "-w"]);
        command.arg(&file);
        let process = stage.spawn("tcpdump", &mut command)?;
        let mut capture = Self { process, file };
        wait_until(Duration::from_secs(10), "tcpdump to begin", || {
            capture.process.ensure_runs()?;
            Ok(fs::metadata(&capture.file).is_ok_and(|file| file.len() > 0))
        })?;
        Ok(capture)
    }

    /// Ends it and reads what was caught.
    pub(crate) fn take(mut self) -> Result<Vec<Packet>> {
        self.process.interrupt()?;
        self.process.wait_ended(Duration::from_secs(10))?;
        read(&self.file)
    }
}

/// The bytes of each stream in the order in which they were sent, by sender and
/// receiver. What was not caught is missing.
pub(crate) fn streams(packets: &[Packet]) -> BTreeMap<(SocketAddr, SocketAddr), Vec<u8>> {
    let mut parts: BTreeMap<_, Vec<(u32, &[u8])>> = BTreeMap::new();
    for packet in packets.iter().filter(|packet| !packet.is_udp) {
        let stream = parts.entry((packet.from, packet.to)).or_default();
        stream.push((packet.sequence, &packet.bytes));
    }
    let whole = |mut parts: Vec<(u32, &[u8])>| {
        let first = parts.first().map_or(0, |(sequence, _)| *sequence);
        parts.sort_by_key(|(sequence, _)| sequence.wrapping_sub(first));
        let mut bytes = Vec::new();
        for (sequence, part) in parts {
            // Caught on each interface that it passed, or sent again.
            let at = sequence.wrapping_sub(first) as usize;
            let known = bytes.len().saturating_sub(at);
            bytes.extend_from_slice(part.get(known..).unwrap_or_default());
        }
        bytes
    };
    let streams = parts.into_iter();
    streams.map(|(ends, parts)| (ends, whole(parts))).collect()
}

fn read(path: &Path) -> Result<Vec<Packet>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let packets = parse(&file)?;
    ensure!(!packets.is_empty(), "nothing was caught");
    Ok(packets)
}

fn parse(file: &[u8]) -> Result<Vec<Packet>> {
    ensure!(
        file.starts_with(&MAGIC),
        "no capture of this machine's kind"
    );
    let header = file.get(..FILE_HEADER_LEN).context("a cut capture")?;
    let link = u32::from_le_bytes(header[20..24].try_into()?);
    ensure!(link == LINK_TYPE, "link type {link}");
    let mut rest = &file[FILE_HEADER_LEN..];
    let mut packets = Vec::new();
    // The last packet may be half written.
    while let Some((head, tail)) = rest.split_at_checked(16) {
        let len = u32::from_le_bytes(head[8..12].try_into()?) as usize;
        let Some((packet, tail)) = tail.split_at_checked(len) else {
            break;
        };
        packets.extend(link_packet(packet).filter(|packet| !packet.bytes.is_empty()));
        rest = tail;
    }
    Ok(packets)
}

fn link_packet(packet: &[u8]) -> Option<Packet> {
    let (header, packet) = packet.split_at_checked(LINK_HEADER_LEN)?;
    let protocol = be16(header, LINK_PROTOCOL_AT)?;
    match protocol {
        IPV4 => {
            let header_len = usize::from(packet.first()? & 0x0f) * 4;
            // Offloaded segments may say 0.
            let len = match usize::from(be16(packet, 2)?) {
                0 => packet.len(),
                len => len,
            };
            let ip = |at: usize| {
                let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                Some(IpAddr::V4(Ipv4Addr::from(octets)))
            };
            let payload = packet.get(header_len..len.min(packet.len()))?;
            transport(*packet.get(9)?, ip(12)?, ip(16)?, payload)
        }
        IPV6 => {
            let ip = |at: usize| {
                let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(IpAddr::V6(Ipv6Addr::from(octets)))
            };
            transport(*packet.get(6)?, ip(8)?, ip(24)?, packet.get(40..)?)
        }
        _ => None,
    }
}

fn transport(protocol: u8, from: IpAddr, to: IpAddr, packet: &[u8]) -> Option<Packet> {
    let from = SocketAddr::new(from, be16(packet, 0)?);
    let to = SocketAddr::new(to, be16(packet, 2)?);
    let (header_len, sequence) = match protocol {
        UDP => (8, 0),
        TCP => {
            let sequence = u32::from_be_bytes(packet.get(4..8)?.try_into().ok()?);
            (usize::from(packet.get(12)? >> 4) * 4, sequence)
        }
        _ => return None,
    };
    Some(Packet {
        is_udp: protocol == UDP,
        from,
        to,
        sequence,
        bytes: packet.get(header_len..)?.to_vec(),
    })
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture of IPv4 packets, each a protocol and what is behind its header.
    fn capture(packets: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.resize(20, 0);
        file.extend_from_slice(&LINK_TYPE.to_le_bytes());
        for (protocol, payload) in packets {
            let mut packet = vec![0; 14];
            packet.extend_from_slice(&IPV4.to_be_bytes());
            let len = 20 + payload.len() as u16;
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&len.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0, 0, 64, *protocol, 0, 0]);
            packet.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
            packet.extend_from_slice(payload);
            // What fills a short frame up.
            packet.extend_from_slice(b"padding");
            file.extend_from_slice(&[0; 8]);
            file.extend_from_slice(&(packet.len() as u32).to_le_bytes());
            file.extend_from_slice(&(packet.len() as u32).to_le_bytes());
            file.extend_from_slice(&packet);
        }
        file
    }

    fn tcp(sequence: u32, bytes: &[u8]) -> (u8, Vec<u8>) {
        let mut packet = vec![0, 1, 0, 2];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend_from_slice(bytes);
        (TCP, packet)
    }

    fn udp(bytes: &[u8]) -> (u8, Vec<u8>) {
        let mut packet = vec![0, 1, 0, 2, 0, 0, 0, 0];
        packet.extend_from_slice(bytes);
        (UDP, packet)
    }

    #[test]
    fn datagrams_are_read_and_streams_put_together() {
        let near_the_end = u32::MAX - 1;
        let file = capture(&[
            udp(b"datagram"),
            tcp(near_the_end, b"abc"),
            tcp(near_the_end, b""),
            tcp(near_the_end.wrapping_add(6), b"ghi"),
            tcp(near_the_end.wrapping_add(3), b"def"),
            tcp(near_the_end.wrapping_add(2), b"cdefg"),
        ]);
        let packets = parse(&file).unwrap();
        assert_eq!(packets.len(), 5);
        assert!(packets[0].is_udp);
        assert_eq!(packets[0].bytes, b"datagram");
        assert_eq!(packets[0].to, "10.0.0.2:2".parse().unwrap());
        let streams = streams(&packets);
        assert_eq!(streams.len(), 1);
        assert_eq!(streams.values().next().unwrap(), b"abcdefghi");
    }

    #[test]
    fn a_cut_capture_is_read_up_to_its_end() {
        let file = capture(&[udp(b"one"), udp(b"two")]);
        for len in FILE_HEADER_LEN..file.len() {
            assert!(parse(&file[..len]).unwrap().len() < 2);
        }
        assert!(parse(&file[..10]).is_err());
    }
}
