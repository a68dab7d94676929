//! HTTP trackers that answer from a list, and trackers that never answer.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use superseed_proto::bencode::Encoder;

use crate::interop::namespace::black_hole;

const PORT: u16 = 6969;

/// Starts a tracker that gives everyone these IPv4 peers. Gives its URL.
pub(crate) fn tracker_of_peers(ip: IpAddr, peers: &[SocketAddr]) -> Result<String> {
    Ok(CountingTracker::start(ip, peers)?.url)
}

/// A tracker that gives everyone the same peers and knows when it was asked.
#[derive(Debug)]
pub(crate) struct CountingTracker {
    pub(crate) url: String,
    announces: Arc<Mutex<Vec<Instant>>>,
}

impl CountingTracker {
    /// Starts one; it ends with the process.
    pub(crate) fn start(ip: IpAddr, peers: &[SocketAddr]) -> Result<Self> {
        let announces = Arc::<Mutex<Vec<Instant>>>::default();
        let url = serve(ip, peers, Arc::clone(&announces))?;
        Ok(Self { url, announces })
    }

    /// When it was asked, in order.
    pub(crate) fn announces(&self) -> Vec<Instant> {
        // An announce is noted whole or not at all.
        let announces = self.announces.lock();
        announces.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(ip: IpAddr, peers: &[SocketAddr], announces: Arc<Mutex<Vec<Instant>>>) -> Result<String> {
    let addr = SocketAddr::new(ip, PORT);
    let listener = TcpListener::bind(addr)?;
    let mut compact = Vec::new();
    for peer in peers {
        if let IpAddr::V4(ip) = peer.ip() {
            compact.extend_from_slice(&ip.octets());
            compact.extend_from_slice(&peer.port().to_be_bytes());
        }
    }
    let answer = Encoder::dict(|dict| {
        dict.int("interval", 1800);
        dict.bytes("peers", &compact);
    });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let now = Instant::now();
            let noted = announces.lock();
            noted.unwrap_or_else(PoisonError::into_inner).push(now);
            let answer = answer.clone();
            // A client that hangs up has its reasons.
            thread::spawn(move || answer_one(stream, &answer));
        }
    });
    Ok(format!("http://{addr}/announce"))
}

fn answer_one(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let len = answer.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(answer)
}

/// Trackers that take what comes and never answer.
#[derive(Debug)]
pub(in crate::interop) struct HangingTrackers {
    /// Their URLs.
    pub(in crate::interop) urls: Vec<String>,
    _udp: Vec<UdpSocket>,
    _http: Vec<TcpListener>,
}

impl HangingTrackers {
    /// One of each of three kinds per address: HTTP that accepts, UDP that is
    /// bound, and HTTP where even the SYN is lost.
    pub(in crate::interop) fn start(ips: &[IpAddr]) -> Result<Self> {
        let mut trackers = Self {
            urls: Vec::new(),
            _udp: Vec::new(),
            _http: Vec::new(),
        };
        for (ip, n) in ips.iter().zip(1..) {
            let addr = SocketAddr::new(*ip, PORT);
            // The kernel accepts for a listener that nobody asks.
            trackers._http.push(TcpListener::bind(addr)?);
            trackers.urls.push(format!("http://{addr}/announce"));
            trackers._udp.push(UdpSocket::bind(addr)?);
            trackers.urls.push(format!("udp://{addr}/announce"));
            trackers
                .urls
                .push(format!("http://{}:{PORT}/announce", black_hole(n)));
        }
        Ok(trackers)
    }
}
