//! A tracker to be asked, and the clients that ask it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use superseed::tracker::{Tracker, TrackerConfig};
use superseed_proto::tracker::udp::{Request, Response};
use superseed_proto::tracker::{
    AddressFamily, AnnounceRequest, AnnounceResponse, announce_url, parse_announce,
};
use superseed_proto::{PeerId, SwarmKey};

pub(crate) const SWARM: SwarmKey = SwarmKey([0xab; 20]);
/// How long a test waits for an answer before it fails; none is this slow.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn loopback_config() -> TrackerConfig {
    TrackerConfig {
        listen: vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ],
        interval: Duration::from_secs(900),
        ..TrackerConfig::default()
    }
}

pub(crate) fn tracker() -> Tracker {
    Tracker::start(loopback_config()).unwrap()
}

pub(crate) fn v4_of(tracker: &Tracker) -> SocketAddr {
    tracker.local_addrs()[0]
}

pub(crate) fn v6_of(tracker: &Tracker) -> SocketAddr {
    tracker.local_addrs()[1]
}

/// An announce of a leecher on `port`, whose number is its identity.
pub(crate) fn leecher(port: u16) -> AnnounceRequest {
    let mut peer_id = PeerId(*b"-XX0001-000000000000");
    peer_id.0[18..].copy_from_slice(&port.to_be_bytes());
    AnnounceRequest {
        swarm: SWARM,
        peer_id,
        port,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: None,
        numwant: None,
        key: 7,
        tracker_id: None,
        ip: None,
        ipv4: None,
        ipv6: None,
        no_peer_id: false,
    }
}

pub(crate) fn seed(port: u16) -> AnnounceRequest {
    AnnounceRequest {
        left: 0,
        ..leecher(port)
    }
}

/// Sends bytes and reads what comes until the end. A tracker that closes
/// before it has read everything may reset the connection.
pub(crate) fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The tracker may have closed before all is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    answer.iter().map(|&byte| char::from(byte)).collect()
}

/// The status and the body of what is at `url`.
pub(crate) fn get(to: SocketAddr, url: &str) -> (u16, Vec<u8>) {
    let target = &url[url.find("//").map_or(0, |at| at + 2)..];
    let target = &target[target.find('/').unwrap()..];
    let answer = exchange(
        to,
        format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.chars().map(|char| char as u8).collect())
}

pub(crate) fn announce(to: SocketAddr, request: &AnnounceRequest) -> AnnounceResponse {
    let (status, body) = get(to, &announce_url(&format!("http://{to}/announce"), request));
    assert_eq!(status, 200);
    parse_announce(&body).unwrap()
}

pub(crate) fn ports(addrs: impl IntoIterator<Item = SocketAddr>) -> Vec<u16> {
    let mut ports: Vec<u16> = addrs.into_iter().map(|addr| addr.port()).collect();
    ports.sort_unstable();
    ports
}

/// A client of BEP 15.
pub(crate) struct UdpClient {
    socket: UdpSocket,
    family: AddressFamily,
}

impl UdpClient {
    pub(crate) fn new(to: SocketAddr) -> Self {
        let family = AddressFamily::of(to.ip());
        let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).unwrap();
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, family }
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.socket.send(bytes).unwrap();
    }

    pub(crate) fn receive(&self) -> Response {
        let mut buf = [0; 4096];
        let len = self.socket.recv(&mut buf).unwrap();
        Response::decode(&buf[..len], self.family).unwrap()
    }

    pub(crate) fn ask(&self, request: &Request) -> Response {
        self.send(&request.encode());
        self.receive()
    }

    pub(crate) fn connect(&self) -> u64 {
        match self.ask(&Request::Connect { transaction_id: 1 }) {
            Response::Connect {
                transaction_id: 1,
                connection_id,
            } => connection_id,
            other => panic!("no connection: {other:?}"),
        }
    }

    pub(crate) fn announce(&self, announce: AnnounceRequest) -> Response {
        let connection_id = self.connect();
        self.ask(&Request::Announce {
            connection_id,
            transaction_id: 2,
            announce,
            url_data: b"/announce?key=of-bep-41".to_vec(),
        })
    }
}
