//! The rules against forged requests, each with a session and real sockets: who
//! must not be asked sees no request.
//!
//! Nothing leaves the machine. The one rule that needs a global address makes a
//! network namespace of its own.

// Scaffolding outside of test functions may fail a test as well.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use superseed::{AddOptions, Config, EventKind, Notice, Session, TorrentBuilder};

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nde";

fn redirect_to(url: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

/// A server that answers every request alike, and the heads of the requests.
fn serve(at: &str, answer: impl Into<String>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind((at, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let answer = answer.into();
    let (heads, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            if heads.send(head.join("\n")).is_err() {
                return;
            }
            // The client may have seen enough.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (addr, seen)
}

/// A server that nobody may connect to.
fn forbidden() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener.local_addr().unwrap(), listener)
}

fn assert_untouched(listener: &TcpListener) {
    let error = listener.accept().expect_err("nobody connects");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(30), test).await };
    runtime.block_on(limited).expect("the test hangs")
}

/// What comes of the announce to a tracker: one sentence if it fails.
fn announce(url: &str) -> Result<(), String> {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::start(Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ..Config::default()
        })
        .unwrap();
        let mut events = session.subscribe();
        let torrent = TorrentBuilder::new("t", 16 * 1024)
            .single_file(1)
            .hash_content(b"x")
            .build();
        let options = AddOptions {
            dir: Some(dir.path().to_owned()),
            ..AddOptions::default()
        };
        let torrent = session.add(torrent, options).await.unwrap();
        torrent.add_tracker(url).await.unwrap();
        let result = loop {
            match events.next().await.expect("the session runs") {
                Notice::Event(event) => match event.kind {
                    EventKind::TrackerOk { .. } => break Ok(()),
                    EventKind::TrackerFailed { error, .. } => break Err(error),
                    _ => {}
                },
                Notice::Lagged(_) => panic!("a test is slower than its session"),
            }
        };
        session.stop().await;
        result
    })
}

const LOOPBACK_PATH: &str = "a tracker on this machine must have a path that begins with /announce";

#[test]
fn a_tracker_on_this_machine_is_asked_at_paths_of_announces_only() {
    let (addr, server) = forbidden();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        for path in ["/api/shutdown", "/", "/announce/../api"] {
            let url = format!("http://{host}:{}{path}", addr.port());
            let result = announce(&url);
            let sentence = match host {
                // Not of the listener's family as it is written.
                "[::ffff:127.0.0.1]" => "no address for this host",
                _ => LOOPBACK_PATH,
            };
            assert_eq!(result, Err(sentence.to_owned()), "{url}");
        }
    }
    assert_untouched(&server);
    for host in ["127.0.0.1", "localhost"] {
        let (addr, seen) = serve("127.0.0.1", ANSWER);
        let url = format!("http://{host}:{}/announce.php", addr.port());
        assert_eq!(announce(&url), Ok(()));
        assert!(
            seen.recv()
                .unwrap()
                .starts_with("GET /announce.php?info_hash=")
        );
    }
}

#[test]
fn a_redirect_to_another_service_of_this_machine_is_not_followed() {
    let (forbidden, server) = forbidden();
    let (addr, _seen) = serve("127.0.0.1", redirect_to(&format!("http://{forbidden}/api")));
    let result = announce(&format!("http://{addr}/announce"));
    assert_eq!(result, Err(LOOPBACK_PATH.to_owned()));
    assert_untouched(&server);
}

#[test]
fn a_tracker_whose_url_has_arguments_of_an_announce_is_not_asked() {
    let (addr, server) = forbidden();
    let result = announce(&format!("http://{addr}/announce?info_hash=x"));
    let sentence = "the URL holds an argument that announces have themselves";
    assert_eq!(result, Err(sentence.to_owned()));
    assert_untouched(&server);
}

#[test]
fn a_tracker_whose_url_has_spaces_or_control_characters_is_not_asked() {
    let (addr, server) = forbidden();
    let result = announce(&format!("http://{addr}/announce x\r\ny"));
    let sentence = "the URL holds a space or a control character";
    assert_eq!(result, Err(sentence.to_owned()));
    assert_untouched(&server);
}

#[test]
fn names_in_punycode_are_not_asked_not_even_after_a_redirect() {
    let sentence = || Err("internationalised host names are not asked".to_owned());
    assert_eq!(announce("http://xn--e1afmkfd.example/announce"), sentence());
    let (addr, _seen) = serve("127.0.0.1", redirect_to("http://%78n--e1afmkfd.example/"));
    assert_eq!(announce(&format!("http://{addr}/announce")), sentence());
}

#[test]
fn only_the_web_is_redirected_to() {
    let (addr, _seen) = serve("127.0.0.1", redirect_to("ftp://127.0.0.1/announce"));
    let result = announce(&format!("http://{addr}/announce"));
    let sentence = "it redirects to something that is not http or https";
    assert_eq!(result, Err(sentence.to_owned()));
}

#[test]
fn credentials_end_at_the_origin() {
    let (last, last_seen) = serve("127.0.0.1", ANSWER);
    let (first, first_seen) = serve("127.0.0.1", redirect_to(&format!("http://{last}/announce")));
    let url = format!("http://name:word@{first}/announce?passkey=1");
    assert_eq!(announce(&url), Ok(()));
    let head = first_seen.recv().unwrap().to_lowercase();
    assert!(head.contains("authorization: basic"), "{head}");
    let head = last_seen.recv().unwrap().to_lowercase();
    assert!(!head.contains("authorization"), "{head}");
    assert!(
        !head.contains("referer") && !head.contains("passkey"),
        "{head}"
    );
}

/// An address that the world knows, here of nobody (RFC 5737).
const GLOBAL: &str = "203.0.113.1";
/// Set where [`GLOBAL`] is an address of this machine.
const INSIDE: &str = "SUPERSEED_FORGERY_INSIDE";

#[test]
fn no_redirect_leads_from_a_global_address_to_a_local_one() {
    if std::env::var_os(INSIDE).is_none() {
        return run_in_a_namespace("no_redirect_leads_from_a_global_address_to_a_local_one");
    }
    for line in [
        "link set lo up".to_owned(),
        format!("address add {GLOBAL}/32 dev lo"),
    ] {
        assert!(
            Command::new("ip")
                .args(line.split(' '))
                .status()
                .unwrap()
                .success()
        );
    }
    let (forbidden, server) = forbidden();
    for host in ["127.0.0.1", "localhost"] {
        let to = format!("http://{host}:{}/announce", forbidden.port());
        let (addr, _seen) = serve(GLOBAL, redirect_to(&to));
        let result = announce(&format!("http://{addr}/announce"));
        let sentence = "it redirects from a global address to a local one";
        assert_eq!(result, Err(sentence.to_owned()), "{host}");
        let fetched = run(superseed::fetch_torrent(&format!(
            "http://{addr}/x.torrent"
        )));
        let error = fetched.unwrap_err().to_string();
        assert!(error.ends_with(sentence), "{error}");
    }
    assert_untouched(&server);

    let (last, seen) = serve(GLOBAL, ANSWER);
    let (first, _seen) = serve(GLOBAL, redirect_to(&format!("http://{last}/elsewhere")));
    assert_eq!(announce(&format!("http://{first}/announce")), Ok(()));
    assert!(seen.recv().unwrap().starts_with("GET /elsewhere"));
}

/// Runs a test of this file where it may choose its addresses.
fn run_in_a_namespace(test: &str) {
    let unshare = |program: &std::path::Path| {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--net", "--"])
            .arg(program);
        command
    };
    let permitted = unshare("true".as_ref()).output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        eprintln!("this system makes no network namespaces: the rule is tested in url_rules only");
        return;
    }
    let mut command = unshare(&std::env::current_exe().unwrap());
    let output = command
        .args(["--exact", test])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
