//! Sessions behind a proxy.

mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use superseed::tracker::{Tracker, TrackerConfig};
use superseed::{Config, Interface, ProxyError, Route, Session};
use superseed_engine::stats::{TrackerStats, TrackerStatus};

use superseed_proto::krpc::Kind::Response;
use superseed_proto::krpc::Message;

use crate::world::{Content, run, session};
use server::{Kind, Mood, Server};

const KINDS: [Kind; 2] = [Kind::Socks, Kind::Http];

async fn route(proxy: &Server, all: bool) -> Route {
    let url = proxy.url().parse().unwrap();
    Route::by_proxy(url, all, None).await.unwrap()
}

async fn behind(proxy: &Server, all: bool) -> Session {
    session_by(route(proxy, all).await)
}

fn session_by(route: Route) -> Session {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        route,
        ..Config::default()
    };
    // Nobody outside of this machine is asked.
    config.settings.dht.enabled = false;
    Session::start(config).unwrap()
}

/// Downloads from a peer by way of a proxy.
async fn download(proxy: &Server, leecher: Session) {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let content = Content::single("by-proxy.bin", 300_000, 16 * 1024);
    let seeder = session();
    content.seed(&seeder, here.path()).await;
    let torrent = content.add(&leecher, there.path()).await;
    let place = seeder.listen_addrs()[0];
    torrent.add_peer(place).await.unwrap();
    torrent.wait_complete().await.unwrap();
    content.assert_in(there.path());
    assert!(proxy.targets().contains(&place.to_string()));
    leecher.stop().await;
    seeder.stop().await;
}

#[test]
fn peers_are_connected_to_by_the_proxy() {
    run(async {
        for kind in KINDS {
            for mood in [Mood::Works, Mood::Trickles, Mood::Asks, Mood::Connects] {
                for all in [false, true] {
                    let proxy = Server::start(kind, mood);
                    download(&proxy, behind(&proxy, all).await).await;
                }
            }
        }
    });
}

#[test]
fn a_proxy_is_reached_by_one_interface_if_that_is_wished() {
    run(async {
        let lo = Interface::find("lo").unwrap();
        for (kind, mood) in [(Kind::Socks, Mood::Passes(0)), (Kind::Http, Mood::Works)] {
            let proxy = Server::start(kind, mood);
            for all in [false, true] {
                let url = proxy.url().parse().unwrap();
                let route = Route::by_proxy(url, all, Some(lo.clone())).await;
                download(&proxy, session_by(route.unwrap())).await;
            }
        }
    });
}

/// Every answer costs an attempt, and no more.
fn wronged(kind: Kind, answers: &[&'static [u8]]) {
    run(async {
        for answer in answers {
            let proxy = Server::start(kind, Mood::First(answer));
            download(&proxy, behind(&proxy, true).await).await;
        }
    });
}

#[test]
fn a_socks_proxy_that_does_wrong_costs_an_attempt_and_no_more() {
    wronged(
        Kind::Socks,
        &[
            b"\x05\x05\x00\x01\0\0\0\0\0\0",
            b"\x05\x01",
            b"\x04\x00\x00\x01\0\0\0\0\0\0",
            b"\x05\x00\x00\x09",
            b"",
        ],
    );
}

#[test]
fn an_http_proxy_that_does_wrong_costs_an_attempt_and_no_more() {
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 20_000]].concat();
    wronged(
        Kind::Http,
        &[
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            b"SSH-2.0-x\r\n",
            endless.leak(),
            b"",
        ],
    );
}

#[test]
fn udp_trackers_are_asked_by_name_through_a_proxy_that_passes_datagrams_on() {
    udp_tracker_by(Ipv4Addr::LOCALHOST.into());
}

#[test]
fn datagrams_go_by_a_proxy_of_ipv6_as_well() {
    udp_tracker_by(Ipv6Addr::LOCALHOST.into());
}

/// Asks a tracker that only the proxy knows where to find.
fn udp_tracker_by(proxy: IpAddr) {
    run(async {
        let tracker = Tracker::start(TrackerConfig {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ..TrackerConfig::default()
        })
        .unwrap();
        let at = tracker.local_addrs()[0];
        let url = format!("udp://{at}/announce");
        let content = Content::single_with_tracker("udp.bin", 100_000, 16 * 1024, Some(&url));
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seeder = session();
        let seed = content.seed(&seeder, here.path()).await;
        let told = |trackers: Vec<TrackerStats>| trackers[0].seeders.is_some();
        while !told(seed.trackers().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let url = format!("udp://tracker.invalid:{}/announce", at.port());
        let named = Content::single_with_tracker("udp.bin", 100_000, 16 * 1024, Some(&url));
        let proxy = Server::start_at(proxy, Kind::Socks, Mood::Passes(0));
        let leecher = behind(&proxy, true).await;
        let torrent = named.add(&leecher, there.path()).await;
        torrent.wait_complete().await.unwrap();
        let targets = proxy.targets();
        let asked = format!("tracker.invalid:{}", at.port());
        assert!(targets.contains(&asked), "{targets:?}");
        leecher.stop().await;
    });
}

#[test]
fn the_dht_goes_by_a_proxy_that_passes_datagrams_on() {
    run(async {
        let config = |routers: Vec<(String, u16)>| {
            let mut config = Config {
                listen: vec!["127.0.0.1:0".parse().unwrap()],
                ..Config::default()
            };
            config.settings.lsd = false;
            config.settings.dht.routers = Some(routers.into());
            config
        };
        let router = Session::start(config(Vec::new())).unwrap();
        let port = router.listen_addrs()[0].port();
        let known = vec![("127.0.0.1".to_owned(), port)];
        let other = Session::start(config(known)).unwrap();
        while router.dht().stats().await.unwrap()[0].good == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let proxy = Server::start(Kind::Socks, Mood::Passes(0));
        let leecher = Session::start(Config {
            route: route(&proxy, true).await,
            ..config(vec![("router.invalid".to_owned(), port)])
        })
        .unwrap();
        // The router's answer names the other node, which is then asked.
        while leecher.dht().stats().await.unwrap()[0].good == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let targets = proxy.targets();
        assert!(
            targets.contains(&format!("router.invalid:{port}")),
            "{targets:?}"
        );
        drop(other);
        leecher.stop().await;
    });
}

#[test]
fn a_session_behind_a_proxy_has_an_id_of_its_own_in_the_dht() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let start = |routers: Vec<(String, u16)>, state: Option<&str>, route| {
            let mut config = Config {
                listen: vec!["127.0.0.1:0".parse().unwrap()],
                dht_state: state.map(|name| dir.path().join(name)),
                route,
                ..Config::default()
            };
            config.settings.lsd = false;
            config.settings.dht.routers = Some(routers.into());
            Session::start(config).unwrap()
        };
        let router = start(Vec::new(), None, Route::Direct);
        let port = router.listen_addrs()[0].port();
        let known = || vec![("127.0.0.1".to_owned(), port)];
        let other = start(known(), None, Route::Direct);
        let direct = start(known(), Some("nodes"), Route::Direct);
        while direct.dht().stats().await.unwrap()[0].good == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let id = direct.dht().stats().await.unwrap()[0].id;
        direct.stop().await;
        let again = start(known(), Some("nodes"), Route::Direct);
        assert_eq!(again.dht().stats().await.unwrap()[0].id, id);
        again.stop().await;
        let proxy = Server::start(Kind::Socks, Mood::Passes(0));
        let behind = start(known(), Some("nodes"), route(&proxy, true).await);
        assert_ne!(behind.dht().stats().await.unwrap()[0].id, id);
        behind.stop().await;
        drop(other);
    });
}

#[test]
fn an_association_that_ended_is_made_again() {
    run(async {
        // One is made to find out whether it can be.
        let proxy = Server::start(Kind::Socks, Mood::Passes(2));
        let session = behind(&proxy, true).await;
        while proxy.associations() < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        session.stop().await;
    });
}

#[test]
fn datagrams_that_go_around_the_proxy_are_not_taken() {
    run(async {
        let proxy = Server::start(Kind::Socks, Mood::Passes(0));
        let mut config = Config {
            route: route(&proxy, true).await,
            ..Config::default()
        };
        let nobody = [("router.invalid".to_owned(), 9)];
        config.settings.dht.routers = Some(nobody.into());
        let session = Session::start(config).unwrap();
        let (straight, relayed) = loop {
            match proxy.relayed() {
                Some(both) => break both,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        let ping = |mark: &str| {
            let id = "abcdefghij0123456789";
            format!("d1:ad2:id20:{id}e1:q4:ping1:t2:{mark}1:y1:qe").into_bytes()
        };
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stranger.send_to(&ping("no"), straight).unwrap();
        stranger.send_to(&ping("ok"), relayed).unwrap();
        let mut answer = [0; 1500];
        loop {
            let (len, from) = stranger.recv_from(&mut answer).unwrap();
            assert_eq!(from, relayed);
            let Ok(message) = Message::decode(&answer[..len]) else {
                panic!("{:?}", &answer[..len]);
            };
            // It may ask back first.
            if matches!(message.kind, Response(_)) {
                assert_eq!(message.transaction.as_bytes(), b"ok");
                break;
            }
        }
        session.stop().await;
    });
}

#[test]
fn datagrams_reach_nobody_where_the_proxy_passes_none_on() {
    run(async {
        for kind in KINDS {
            let proxy = Server::start(kind, Mood::Works);
            let url = "udp://127.0.0.1:9/announce";
            let content = Content::single_with_tracker("off.bin", 100_000, 16 * 1024, Some(url));
            let there = tempfile::tempdir().unwrap();
            let mut config = Config {
                route: route(&proxy, true).await,
                ..Config::default()
            };
            config.settings.dht.routers = Some([("127.0.0.1".to_owned(), 9)].into());
            let leecher = Session::start(config).unwrap();
            let torrent = content.add(&leecher, there.path()).await;
            let told = loop {
                let trackers = torrent.trackers().await.unwrap();
                if let TrackerStatus::Failed(error) = &trackers[0].status {
                    break error.clone();
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            };
            assert_eq!(told, "trackers are not asked over UDP");
            assert!(leecher.dht().stats().await.unwrap().is_empty());
            leecher.stop().await;
        }
    });
}

#[test]
fn names_are_looked_up_by_the_proxy_if_nothing_goes_around_it() {
    run(async {
        for kind in KINDS {
            let proxy = Server::start(kind, Mood::Works);
            let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let content = Content::single("named.bin", 100_000, 16 * 1024);
            let seeder = session();
            content.seed(&seeder, here.path()).await;
            let port = seeder.listen_addrs()[0].port();
            let leecher = behind(&proxy, true).await;
            let torrent = content.add(&leecher, there.path()).await;
            let found = leecher.resolve("peer.invalid").await.unwrap();
            torrent.add_peer((found[0], port).into()).await.unwrap();
            torrent.wait_complete().await.unwrap();
            assert_eq!(proxy.targets(), [format!("peer.invalid:{port}")]);
            assert!(leecher.resolve("no host").await.unwrap().is_empty());
            leecher.stop().await;
        }
    });
}

/// Answers every request with a body, after whatever its head is.
fn web_server(body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|len| len > 2) {
                line.clear();
            }
            let mut stream = reader.into_inner();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // Who asked may have gone.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    addr
}

#[test]
fn torrent_files_and_trackers_are_asked_by_the_proxy_and_named_to_it() {
    run(async {
        for kind in KINDS {
            let proxy = Server::start(kind, Mood::Works);
            let route = route(&proxy, false).await;
            let port = web_server(b"a torrent".to_vec()).port();
            let url = format!("http://files.invalid:{port}/x.torrent");
            let fetched = superseed::fetch_torrent_by(&route, &url).await;
            assert_eq!(fetched.unwrap(), b"a torrent");
            assert_eq!(proxy.targets(), [format!("files.invalid:{port}")]);

            let seeder = session();
            let peer = seeder.listen_addrs()[0];
            let mut answer = b"d8:intervali1800e5:peers6:".to_vec();
            answer.extend([127, 0, 0, 1]);
            answer.extend(peer.port().to_be_bytes());
            answer.push(b'e');
            let port = web_server(answer).port();
            let url = format!("http://tracker.invalid:{port}/announce");
            let content = Content::single_with_tracker("t.bin", 100_000, 16 * 1024, Some(&url));
            let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let trackerless = Content::single("t.bin", 100_000, 16 * 1024);
            trackerless.seed(&seeder, here.path()).await;
            let leecher = behind(&proxy, true).await;
            let torrent = content.add(&leecher, there.path()).await;
            torrent.wait_complete().await.unwrap();
            let targets = proxy.targets();
            assert!(
                targets.contains(&format!("tracker.invalid:{port}")),
                "{targets:?}"
            );
            assert!(targets.contains(&peer.to_string()), "{targets:?}");
            leecher.stop().await;
        }
    });
}

#[test]
fn who_lets_nothing_around_the_proxy_listens_nowhere() {
    run(async {
        for kind in KINDS {
            let proxy = Server::start(kind, Mood::Works);
            assert!(behind(&proxy, true).await.listen_addrs().is_empty());
            assert_eq!(behind(&proxy, false).await.listen_addrs().len(), 1);
        }
    });
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_in_a_sentence() {
    run(async {
        let tried = |url: String| async move {
            let tried = Route::by_proxy(url.parse().unwrap(), true, None).await;
            tried.unwrap_err()
        };
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = closed.local_addr().unwrap();
        drop(closed);
        for scheme in ["socks5", "http"] {
            let error = tried(format!("{scheme}://{addr}")).await;
            let start = format!("cannot reach the proxy {addr}: ");
            assert!(error.to_string().starts_with(&start), "{error}");
        }
        let proxy = Server::start(Kind::Socks, Mood::Asks);
        let error = tried(format!("socks5://me:secred@{}", proxy.addr)).await;
        let end = "the proxy refuses our name and password";
        assert!(matches!(error, ProxyError::Stranger { .. }) && error.to_string().ends_with(end));
        let no_proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("socks5://{}", no_proxy.local_addr().unwrap());
        let greets = move || no_proxy.accept().unwrap().0.write_all(b"220 hello\r\n");
        thread::spawn(move || greets().unwrap());
        let error = tried(url).await;
        assert!(matches!(error, ProxyError::NotSocks { .. }), "{error}");
    });
}
