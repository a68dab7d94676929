//! Look-ups of a session that may not use the system's resolver: the servers
//! that the system would ask are asked by sockets of the session's own.
//!
//! Answers are not kept and `/etc/hosts` is not read. Where the system leaves
//! look-ups to a program of this machine (systemd-resolved), the servers that
//! this program asks are asked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
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
    let of_family = async |kind, is_there: bool| match is_there {
        true => ask(route, &servers, &name, kind).await,
        false => Ok(Vec::new()),
    };
    let mut v4 = pin!(of_family(RecordKind::V4, has(true)));
    let mut v6 = pin!(of_family(RecordKind::V6, has(false)));
    tokio::select! {
        v4 = &mut v4 => {
            let other = rest(&v4, v6).await;
            united(v4, other)
        }
        v6 = &mut v6 => {
            let other = rest(&v6, v4).await;
            united(other, v6)
        }
    }
}

/// The answer for the other family. Who has an address does not wait long.
async fn rest(
    first: &io::Result<Vec<IpAddr>>,
    other: impl Future<Output = io::Result<Vec<IpAddr>>>,
) -> io::Result<Vec<IpAddr>> {
    if first.as_ref().is_ok_and(|addrs| !addrs.is_empty()) {
        let other = tokio::time::timeout(PATIENCE, other).await;
        return other.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    }
    other.await
}

/// The addresses of both families. Of one of them the servers may know nothing,
/// and fail to say so.
fn united(v4: io::Result<Vec<IpAddr>>, v6: io::Result<Vec<IpAddr>>) -> io::Result<Vec<IpAddr>> {
    let mut addrs = Vec::new();
    let mut failed = None;
    for answer in [v4, v6] {
        match answer {
            Ok(found) => addrs.extend(found),
            Err(error) => failed = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::NotFound, "no address");
    match addrs.is_empty() {
        true => Err(failed.unwrap_or_else(none)),
        false => Ok(addrs),
    }
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

    #[test]
    fn a_server_that_fails_for_one_family_hides_nothing_of_the_other() {
        let addr: IpAddr = "192.0.2.1".parse().unwrap();
        let failed = || Err(io::Error::other("the name server failed"));
        assert_eq!(united(Ok(vec![addr]), failed()).unwrap(), [addr]);
        assert_eq!(united(failed(), Ok(vec![addr])).unwrap(), [addr]);
        let error = united(Ok(Vec::new()), failed()).unwrap_err();
        assert_eq!(error.to_string(), "the name server failed");
        let nothing = united(Ok(Vec::new()), Ok(Vec::new()));
        assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
