//! Look-ups of a session that may not use the system's resolver: the servers
//! that the system would ask are asked by sockets of the session's own.
//!
//! Answers are not kept and `/etc/hosts` is not read. Where the system leaves
//! look-ups to a program of this machine (systemd-resolved), the servers that
//! this program asks are asked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_proto::dns::{Answer, HostName, RecordKind, question, read_answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::Route;

/// The files that name servers, in the order in which they are looked at.
const RESOLV_CONF: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// Servers that are asked, as other resolvers have it (`MAXNS`).
const SERVERS_MAX: usize = 3;
/// How often all servers are asked.
const ROUNDS: usize = 2;
/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(3);
const PORT: u16 = 53;
/// The longest answer over UDP that is read; more than is asked for.
const DATAGRAM_LEN_MAX: usize = 4_096;

/// The addresses of a name, of the families that the route has.
pub(super) async fn look_up(route: &Route, host: &str) -> io::Result<Vec<IpAddr>> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "not the name of a host");
    let name = HostName::parse(host).ok_or_else(no_name)?;
    let has = |v4| route.source(v4).is_ok();
    let servers: Vec<_> = servers()
        .into_iter()
        .filter(|server| has(server.is_ipv4()))
        .collect();
    let mut addrs = Vec::new();
    for (kind, is_there) in [(RecordKind::V4, has(true)), (RecordKind::V6, has(false))] {
        if is_there {
            addrs.extend(ask(route, &servers, &name, kind).await?);
        }
    }
    if addrs.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
    }
    Ok(addrs)
}

/// The answer of the first server that has one.
async fn ask(
    route: &Route,
    servers: &[SocketAddr],
    name: &HostName,
    kind: RecordKind,
) -> io::Result<Vec<IpAddr>> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no name server can be asked");
    for server in std::iter::repeat_n(servers, ROUNDS).flatten() {
        let exchange = exchange(route, *server, name, kind);
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(Answer::Addrs(addrs))) => return Ok(addrs),
            Ok(Ok(Answer::NoSuchName)) => return Ok(Vec::new()),
            Ok(Ok(Answer::Truncated | Answer::Failed(_))) => {
                last = io::Error::other("the name server failed");
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Asks one server, over TCP if the answer is too long for a datagram.
async fn exchange(
    route: &Route,
    server: SocketAddr,
    name: &HostName,
    kind: RecordKind,
) -> io::Result<Answer> {
    let mut id = [0; 2];
    getrandom::fill(&mut id)?;
    let id = u16::from_be_bytes(id);
    let question = question(id, name, kind);
    let socket = UdpSocket::from_std(route.datagrams(server)?.into())?;
    socket.send(&question).await?;
    let mut answer = vec![0; DATAGRAM_LEN_MAX];
    let answered = loop {
        let len = socket.recv(&mut answer).await?;
        // Whoever forges answers must not make us give the right one up.
        if let Ok(answered) = read_answer(&answer[..len], id, name, kind) {
            break answered;
        }
    };
    if answered != Answer::Truncated {
        return Ok(answered);
    }
    let stream = TcpStream::from_std(route.connect(server, None)?.into())?;
    stream.writable().await?;
    let mut stream = stream;
    // A question is shorter than 300 bytes.
    stream.write_u16(question.len() as u16).await?;
    stream.write_all(&question).await?;
    let len = stream.read_u16().await?;
    let mut answer = vec![0; len.into()];
    stream.read_exact(&mut answer).await?;
    read_answer(&answer, id, name, kind).map_err(io::Error::other)
}

/// The servers that the system would ask, but for programs of this machine.
fn servers() -> Vec<SocketAddr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let found = RESOLV_CONF.iter().map(|path| listed(&read(path)));
    let mut found = found.skip_while(Vec::is_empty);
    found.next().unwrap_or_default()
}

fn listed(text: &str) -> Vec<SocketAddr> {
    let of_line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let is_server = words.next() == Some("nameserver");
        let ip: IpAddr = words.next().filter(|_| is_server)?.parse().ok()?;
        (!ip.is_loopback()).then_some(SocketAddr::new(ip, PORT))
    };
    text.lines().filter_map(of_line).take(SERVERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_those_of_the_system_but_for_programs_of_this_machine() {
        let text = "# nameserver 192.0.2.9\nsearch example\nnameserver 127.0.0.53\n\
                    nameserver 192.0.2.1\n nameserver\t2001:db8::1 # remark\nnameserver x\n\
                    nameserver fe80::1%eth0\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let expected = ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"];
        let expected = expected.map(|text| text.parse::<SocketAddr>().unwrap());
        assert_eq!(listed(text), expected);
        assert_eq!(listed("nameserver 127.0.0.53\n"), []);
    }
}
