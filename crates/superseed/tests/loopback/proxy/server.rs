//! A proxy as small as it can be, that can do wrong. Every name is this machine's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use superseed_proto::socks::{self, Target};

/// How long nobody is waited for who has nothing to say.
const SHORT: Duration = Duration::from_millis(2);

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Socks,
    Http,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// What it is asked for.
    Works,
    /// The same, a byte at a time.
    Trickles,
    /// Wants to know who asks: `me`, with the password `secret`.
    Asks,
    /// This, whoever asks for a stream first; then it works.
    First(&'static [u8]),
    /// The same, but ends the stream of whoever asks for datagrams to be passed on.
    Connects,
    /// Passes datagrams on as well, but ends this many associations at once.
    Passes(usize),
}

/// A proxy on a free port, until the test ends.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    kind: Kind,
    shared: Arc<Shared>,
}

struct Shared {
    mood: Mood,
    /// Where streams were asked for.
    targets: Mutex<Vec<String>>,
    streams: AtomicUsize,
    associations: AtomicUsize,
    /// Where the last one who sent a datagram takes them, and where others send
    /// them for it.
    relayed: Mutex<Option<(SocketAddr, SocketAddr)>>,
}

impl Server {
    pub(super) fn start(kind: Kind, mood: Mood) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), kind, mood)
    }

    pub(super) fn start_at(ip: IpAddr, kind: Kind, mood: Mood) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            mood,
            targets: Mutex::default(),
            streams: AtomicUsize::new(0),
            associations: AtomicUsize::new(0),
            relayed: Mutex::default(),
        });
        let of_all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_all);
                thread::spawn(move || match kind {
                    Kind::Socks => socks(&shared, stream),
                    Kind::Http => http(&shared, stream),
                });
            }
        });
        Self { addr, kind, shared }
    }

    pub(super) fn url(&self) -> String {
        match self.kind {
            Kind::Socks => format!("socks5://me:secret@{}", self.addr),
            Kind::Http => format!("http://me:secret@{}", self.addr),
        }
    }

    /// How many were made so far.
    pub(super) fn associations(&self) -> usize {
        self.shared.associations.load(Ordering::Relaxed)
    }

    /// Where the one who sent a datagram takes them, and where others send them for
    /// it, once it has.
    pub(super) fn relayed(&self) -> Option<(SocketAddr, SocketAddr)> {
        *self.shared.relayed.lock().unwrap()
    }

    pub(super) fn targets(&self) -> Vec<String> {
        self.shared.targets.lock().unwrap().clone()
    }
}

impl Shared {
    fn say(&self, mut stream: &TcpStream, bytes: &[u8]) {
        let step = match self.mood {
            Mood::Trickles => 1,
            _ => bytes.len(),
        };
        stream.set_nodelay(true).unwrap();
        for part in bytes.chunks(step) {
            // Who asked may have gone.
            let _ = stream.write_all(part);
        }
    }

    /// Whether this stream is the one that is wronged.
    fn wrongs(&self, stream: &TcpStream) -> bool {
        let first = self.streams.fetch_add(1, Ordering::Relaxed) == 0;
        match self.mood {
            Mood::First(answer) if first => {
                self.say(stream, answer);
                true
            }
            _ => false,
        }
    }

    fn connect(&self, host: &str, port: u16) -> TcpStream {
        TcpStream::connect(self.place(host, port)).unwrap()
    }

    fn place(&self, host: &str, port: u16) -> SocketAddr {
        self.targets.lock().unwrap().push(format!("{host}:{port}"));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port),
            Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        }
    }
}

/// Copies both ways until both ends are reached.
fn pipe(here: TcpStream, there: TcpStream) {
    let (mut from, mut to) = (here.try_clone().unwrap(), there.try_clone().unwrap());
    let back = thread::spawn(move || copy(there, here));
    copy_into(&mut from, &mut to);
    back.join().unwrap();
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    copy_into(&mut from, &mut to);
}

fn copy_into(from: &mut TcpStream, to: &mut TcpStream) {
    let _ = std::io::copy(from, to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

fn socks(shared: &Shared, mut stream: TcpStream) {
    let mut two = [0; 2];
    stream.read_exact(&mut two).unwrap();
    assert_eq!(two[0], 5);
    let mut methods = vec![0; two[1].into()];
    stream.read_exact(&mut methods).unwrap();
    if shared.mood == Mood::Asks || !methods.contains(&0) {
        assert!(methods.contains(&2));
        shared.say(&stream, &[5, 2]);
        let mut said = [0; 2 + 2 + 1 + 6];
        stream.read_exact(&mut said).unwrap();
        let known = said == *b"\x01\x02me\x06secret";
        shared.say(&stream, &[1, u8::from(!known)]);
        if !known {
            return;
        }
    } else {
        shared.say(&stream, &[5, 0]);
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).unwrap();
    let host = match head[3] {
        1 => Ipv4Addr::from(read::<4>(&mut stream)).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(read::<16>(&mut stream))),
        3 => {
            let len = read::<1>(&mut stream)[0];
            let mut name = vec![0; len.into()];
            stream.read_exact(&mut name).unwrap();
            String::from_utf8(name).unwrap()
        }
        kind => panic!("address kind {kind}"),
    };
    let port = u16::from_be_bytes(read::<2>(&mut stream));
    if let (3, Mood::Passes(ends)) = (head[1], shared.mood) {
        let number = shared.associations.fetch_add(1, Ordering::Relaxed);
        return pass_on(shared, stream, number < ends);
    }
    if head[1] != 1 && shared.mood == Mood::Connects {
        return;
    }
    if head[1] != 1 {
        return shared.say(&stream, &[5, 7, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    if shared.wrongs(&stream) {
        return;
    }
    let target = shared.connect(&host, port);
    // A name is a lawful answer, and the longest.
    let name = [b'x'; 255];
    shared.say(&stream, &[&[5, 0, 0, 3, 255], &name[..], &[1, 2]].concat());
    pipe(stream, target);
}

/// Passes datagrams on until the stream ends, or ends it.
fn pass_on(shared: &Shared, mut stream: TcpStream, ends: bool) {
    let here = stream.local_addr().unwrap().ip();
    let inside = UdpSocket::bind((here, 0)).unwrap();
    let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = inside.local_addr().unwrap().port().to_be_bytes();
    // Where the proxy is.
    shared.say(&stream, &[&[5, 0, 0, 1, 0, 0, 0, 0], &port[..]].concat());
    if ends {
        return;
    }
    let mut client = None;
    let mut bytes = [0; 2048];
    for socket in [&inside, &outside] {
        socket.set_read_timeout(Some(SHORT)).unwrap();
    }
    stream.set_read_timeout(Some(SHORT)).unwrap();
    while !matches!(stream.read(&mut [0; 1]), Ok(0)) {
        if let Ok((len, from)) = inside.recv_from(&mut bytes) {
            client = Some(from);
            *shared.relayed.lock().unwrap() = Some((from, outside.local_addr().unwrap()));
            let (to, payload) = socks::unwrap(&bytes[..len]).unwrap();
            let to = match to {
                Target::Addr(addr) => shared.place(&addr.ip().to_string(), addr.port()),
                Target::Name(name, port) => shared.place(name.as_str(), port),
            };
            outside.send_to(payload, to).unwrap();
        }
        if let (Ok((len, from)), Some(client)) = (outside.recv_from(&mut bytes), client) {
            let wrapped = socks::wrap(&Target::Addr(from), &bytes[..len]);
            inside.send_to(&wrapped, client).unwrap();
        }
    }
}

fn read<const LEN: usize>(stream: &mut TcpStream) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn http(shared: &Shared, stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).unwrap() == 0 {
            // Looked whether somebody is here.
            return;
        }
    }
    let text = String::from_utf8(head.clone()).unwrap();
    assert!(
        text.to_lowercase()
            .contains("proxy-authorization: basic bwu6c2vjcmv0"),
        "{text}"
    );
    let mut words = text.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let place = target.strip_prefix("http://").unwrap_or(target);
    let place = place.split('/').next().unwrap();
    let (host, port) = place.rsplit_once(':').unwrap();
    if shared.wrongs(&stream) {
        return;
    }
    let mut there = shared.connect(host, port.parse().unwrap());
    match method {
        "CONNECT" => shared.say(&stream, b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\n"),
        _ => there.write_all(&head).unwrap(),
    }
    pipe(stream, there);
}
