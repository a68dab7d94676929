//! What a session fetches, of whom, and what it makes of bad answers.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use superseed::{
    AddOptions, Config, EventKind, Events, Magnet, Metainfo, Notice, RateLimits, Session, Settings,
    Torrent, TorrentBuilder, TorrentOptions, WebSeedStats, WebSeedStatus,
};

use crate::server::{Mood, Server};

const PIECE_LEN: u32 = 64 << 10;
/// Files that begin and end within blocks, with an empty one and odd names.
const FILES: [(&str, usize); 5] = [
    ("first.bin", 700_001),
    ("empty", 0),
    ("of a #directory/über.bin", 3),
    ("of a #directory/large.bin", 2_000_000),
    ("last.bin", 300_000),
];

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(60), test).await };
    runtime.block_on(limited).expect("the test hangs");
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn session() -> Session {
    Session::start(Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..Config::default()
    })
    .unwrap()
}

/// A torrent, and its files as they lie in a download directory.
struct Content {
    torrent: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
}

impl Content {
    fn directory() -> Self {
        let mut builder = TorrentBuilder::new("content", PIECE_LEN);
        let mut all = Vec::new();
        let mut files = Vec::new();
        for (at, (path, len)) in FILES.into_iter().enumerate() {
            builder = builder.file(path.split('/'), len as u64);
            let bytes = noise(len + at);
            all.extend_from_slice(&bytes[at..]);
            files.push((format!("content/{path}"), bytes[at..].to_vec()));
        }
        Self {
            torrent: builder.hash_content(&all).build(),
            files,
        }
    }

    fn single(len: usize) -> Self {
        let bytes = noise(len);
        let builder = TorrentBuilder::new("single.bin", PIECE_LEN).single_file(len as u64);
        Self {
            torrent: builder.hash_content(&bytes).build(),
            files: vec![("single.bin".to_owned(), bytes)],
        }
    }

    /// The files by the paths at which a server is asked for them.
    fn served(&self) -> Vec<(String, Vec<u8>)> {
        let escaped = |path: &String| {
            let path = path.replace(' ', "%20").replace('#', "%23");
            path.replace('ü', "%C3%BC")
        };
        let files = self.files.iter();
        files
            .map(|(path, bytes)| (escaped(path), bytes.clone()))
            .collect()
    }

    fn server(&self, mood: Mood) -> Server {
        Server::start(&self.served(), mood, Duration::ZERO)
    }

    fn write(&self, dir: &Path) {
        for (path, bytes) in &self.files {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    fn assert_in(&self, dir: &Path) {
        for (path, bytes) in &self.files {
            let found = std::fs::read(dir.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
            assert!(&found == bytes, "{path} differs");
        }
    }

    async fn add(&self, session: &Session, dir: &Path, urls: &[String]) -> Torrent {
        let options = AddOptions {
            dir: Some(dir.to_owned()),
            torrent: TorrentOptions {
                web_seeds: urls.to_vec(),
                ..TorrentOptions::default()
            },
            ..AddOptions::default()
        };
        session.add(self.torrent.clone(), options).await.unwrap()
    }

    /// Downloads it from web seeds alone and gives what became of these.
    async fn download(&self, urls: &[String]) -> Vec<WebSeedStats> {
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        let torrent = self.add(&session, dir.path(), urls).await;
        torrent.wait_complete().await.unwrap();
        let stats = torrent.web_seeds().await.unwrap();
        session.stop().await;
        self.assert_in(dir.path());
        stats
    }
}

/// Waits for an event that `wanted` makes something of.
async fn event<T>(events: &mut Events, wanted: impl Fn(&EventKind) -> Option<T>) -> T {
    loop {
        match events.next().await.expect("the session runs") {
            Notice::Event(event) => {
                if let Some(found) = wanted(&event.kind) {
                    return found;
                }
            }
            Notice::Lagged(_) => panic!("a test is slower than its session"),
        }
    }
}

async fn failure(events: &mut Events) -> String {
    event(events, |kind| match kind {
        EventKind::WebSeedFailed { error, .. } => Some(error.clone()),
        _ => None,
    })
    .await
}

#[test]
fn a_directory_comes_from_a_web_seed_alone_in_parts() {
    run(async {
        let content = Content::directory();
        let server = content.server(Mood::Works);
        let stats = content.download(&[server.url()]).await;
        assert_eq!(stats.len(), 1);
        assert_eq!(stats[0].status, WebSeedStatus::Ready);
        assert_eq!(stats[0].downloaded_bytes, 3_000_004);
        let seen = server.seen();
        assert!(seen.iter().all(|request| request.range.is_some()));
        // Each byte once.
        let asked: usize = seen
            .iter()
            .filter_map(|seen| Some(seen.range.clone()?.len()))
            .sum();
        assert!(asked >= 3_000_004);
    });
}

#[test]
fn a_single_file_is_at_the_url_itself() {
    run(async {
        let content = Content::single(3_000_000);
        let files = [("any/name?of=it".to_owned(), content.files[0].1.clone())];
        // A query is for servers in the world, not for those of this machine.
        let server = Server::start(&files, Mood::Works, Duration::ZERO);
        let session = session();
        let mut events = session.subscribe();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("{}any/name?of=it", server.url());
        content.add(&session, dir.path(), &[url]).await;
        let sentence = "a web seed in a local network must have no query";
        assert_eq!(failure(&mut events).await, sentence);
        assert!(server.seen().is_empty());
        session.stop().await;
        let files = [("any/name".to_owned(), content.files[0].1.clone())];
        let server = Server::start(&files, Mood::Works, Duration::ZERO);
        content
            .download(&[format!("{}any/name", server.url())])
            .await;
    });
}

#[test]
fn a_web_seed_and_a_peer_bring_a_good_part_each() {
    run(async {
        let content = Content::single(12_000_000);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        content.write(here.path());
        let (seeder, leecher) = (session(), session());
        let seed = content.add(&seeder, here.path(), &[]).await;
        seed.wait_complete().await.unwrap();
        // Two mebibytes a second from each side, roughly.
        seed.set_limits(RateLimits {
            upload_bytes_per_s: Some(2 << 20),
            download_bytes_per_s: None,
        })
        .await
        .unwrap();
        let pace = Duration::from_millis(24);
        let server = Server::start(&content.served(), Mood::Works, pace);
        let torrent = content.add(&leecher, there.path(), &[server.url()]).await;
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        let of_web = torrent.web_seeds().await.unwrap()[0].downloaded_bytes;
        let all = torrent.stats().await.unwrap().session_downloaded_bytes;
        leecher.stop().await;
        seeder.stop().await;
        content.assert_in(there.path());
        let part = of_web as f64 / all as f64;
        assert!((0.2..0.8).contains(&part), "the web seed brought {part}");
    });
}

#[test]
fn redirects_are_followed() {
    run(async {
        let content = Content::directory();
        let server = content.server(Mood::Moves);
        content.download(&[format!("{}moved/", server.url())]).await;
        assert!(
            server
                .seen()
                .iter()
                .any(|seen| seen.path.starts_with("moved/content/"))
        );
    });
}

#[test]
fn a_short_answer_is_gone_on_with_where_it_broke() {
    run(async {
        let content = Content::single(150_000);
        let server = content.server(Mood::Truncates(60_000));
        let stats = content.download(&[server.url()]).await;
        assert_eq!(stats[0].downloaded_bytes, 150_000);
        let starts: Vec<_> = server
            .seen()
            .iter()
            .filter_map(|seen| seen.range.clone())
            .collect();
        assert!(starts.len() >= 3, "{starts:?}");
    });
}

#[test]
fn a_server_without_ranges_will_do_where_the_whole_file_is_wanted() {
    run(async {
        let content = Content::single(60_000);
        let server = content.server(Mood::Whole);
        content.download(&[server.url()]).await;
        assert_eq!(server.seen().len(), 1);
    });
}

#[test]
fn a_server_of_another_part_is_not_believed_and_another_one_is_used() {
    run(async {
        let content = Content::directory();
        let (wrong, right) = (
            content.server(Mood::WrongRange),
            content.server(Mood::Works),
        );
        let session = session();
        let mut events = session.subscribe();
        let dir = tempfile::tempdir().unwrap();
        let urls = [wrong.url(), right.url()];
        let torrent = content.add(&session, dir.path(), &urls).await;
        let sentence = "the server sent another part than it was asked for";
        assert_eq!(failure(&mut events).await, sentence);
        torrent.wait_complete().await.unwrap();
        session.stop().await;
        content.assert_in(dir.path());
    });
}

#[test]
fn a_lying_server_is_banned_and_an_honest_peer_is_not() {
    run(async {
        let content = Content::single(4_000_000);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        content.write(here.path());
        let (seeder, leecher) = (session(), session());
        let seed = content.add(&seeder, here.path(), &[]).await;
        seed.wait_complete().await.unwrap();
        let server = content.server(Mood::Lies);
        let mut events = leecher.subscribe();
        let torrent = content.add(&leecher, there.path(), &[server.url()]).await;
        let banned = event(&mut events, |kind| match kind {
            EventKind::WebSeedBanned { url } => Some(url.clone()),
            EventKind::PeerBanned { .. } => panic!("a peer was banned"),
            _ => None,
        });
        assert_eq!(banned.await, server.url());
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        let stats = torrent.web_seeds().await.unwrap();
        assert_eq!(stats[0].status, WebSeedStatus::Banned);
        leecher.stop().await;
        seeder.stop().await;
        content.assert_in(there.path());
    });
}

#[test]
fn a_file_that_is_not_there_comes_from_elsewhere() {
    run(async {
        let content = Content::directory();
        let mut files = content.served();
        files.retain(|(path, _)| !path.ends_with("large.bin"));
        let poor = Server::start(&files, Mood::Works, Duration::ZERO);
        let rich = content.server(Mood::Works);
        let stats = content.download(&[poor.url(), rich.url()]).await;
        assert!(
            stats
                .iter()
                .all(|stats| stats.status == WebSeedStatus::Ready)
        );
    });
}

#[test]
fn a_busy_server_is_left_alone_for_a_while() {
    run(async {
        let content = Content::single(100_000);
        let server = content.server(Mood::Busy);
        let session = session();
        let mut events = session.subscribe();
        let dir = tempfile::tempdir().unwrap();
        let torrent = content.add(&session, dir.path(), &[server.url()]).await;
        let sentence = "the server has too much to do";
        assert_eq!(failure(&mut events).await, sentence);
        let stats = torrent.web_seeds().await.unwrap();
        let WebSeedStatus::Resting(why, left) = &stats[0].status else {
            panic!("{stats:?}");
        };
        assert_eq!(why, sentence);
        assert!(*left > Duration::from_secs(20) && *left <= Duration::from_secs(30));
        session.stop().await;
    });
}

#[test]
fn a_server_that_takes_one_connection_brings_everything_by_it() {
    run(async {
        let content = Content::single(6_000_000);
        let pace = Duration::from_millis(2);
        let server = Server::start(&content.served(), Mood::OneAtATime, pace);
        let begun = std::time::Instant::now();
        content.download(&[server.url()]).await;
        // With a rest for each refusal it would take minutes.
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(server.seen().len() > 3, "nobody was refused");
    });
}

#[test]
fn a_server_that_the_first_listener_cannot_reach_is_asked_from_the_second() {
    run(async {
        let content = Content::single(6_000_000);
        let server = content.server(Mood::Works);
        let session = Session::start(Config {
            listen: vec!["[::1]:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()],
            ..Config::default()
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let begun = std::time::Instant::now();
        let torrent = content.add(&session, dir.path(), &[server.url()]).await;
        torrent.wait_complete().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20));
        session.stop().await;
        content.assert_in(dir.path());
    });
}

#[test]
fn web_seeds_of_a_link_are_used_once_its_metadata_is_known() {
    run(async {
        let content = Content::directory();
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        content.write(here.path());
        let (seeder, leecher) = (session(), session());
        let seed = content.add(&seeder, here.path(), &[]).await;
        seed.wait_complete().await.unwrap();
        // The metadata, and little more.
        seed.set_limits(RateLimits {
            upload_bytes_per_s: Some(100_000),
            download_bytes_per_s: None,
        })
        .await
        .unwrap();
        let server = content.server(Mood::Works);
        let metainfo = Metainfo::parse(&content.torrent).unwrap();
        let mut magnet = Magnet::of(&metainfo);
        magnet.add_web_seed(&server.url());
        let options = AddOptions {
            dir: Some(there.path().to_owned()),
            torrent: TorrentOptions {
                peers: seeder.listen_addrs().to_vec(),
                ..TorrentOptions::default()
            },
            ..AddOptions::default()
        };
        let torrent = leecher.add(magnet, options).await.unwrap();
        torrent.wait_complete().await.unwrap();
        let stats = torrent.web_seeds().await.unwrap();
        leecher.stop().await;
        seeder.stop().await;
        content.assert_in(there.path());
        assert_eq!(stats[0].url, server.url());
        assert!(stats[0].downloaded_bytes > 1_000_000, "{stats:?}");
    });
}

#[test]
fn a_limit_holds_for_web_seeds() {
    run(async {
        let content = Content::single(1_500_000);
        let server = content.server(Mood::Works);
        let dir = tempfile::tempdir().unwrap();
        let session = Session::start(Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            settings: Settings {
                limits: RateLimits {
                    download_bytes_per_s: Some(500_000),
                    upload_bytes_per_s: None,
                },
                ..Config::default().settings
            },
            ..Config::default()
        })
        .unwrap();
        let began = Instant::now();
        let torrent = content.add(&session, dir.path(), &[server.url()]).await;
        torrent.wait_complete().await.unwrap();
        let took = began.elapsed();
        session.stop().await;
        content.assert_in(dir.path());
        assert!(took > Duration::from_secs(2), "{took:?}");
    });
}
