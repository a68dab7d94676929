//! `download` and `seed` against a real session over loopback.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use superseed::{AddOptions, Config, Session, TorrentBuilder};
use superseed_cli::Exit;
use superseed_proto::hash::Sha1Hash;
use support::{Fixture, Output, superseed};

/// A session of the library that seeds the fixture's data.
struct Seeder {
    session: Session,
    runtime: tokio::runtime::Runtime,
}

impl Seeder {
    fn start(fixture: &Fixture) -> Self {
        Self::start_with(fixture, |_| ())
    }

    fn start_with(fixture: &Fixture, change: impl FnOnce(&mut Config)) -> Self {
        let dir = fixture.with_data("seeder");
        let torrent = std::fs::read(&fixture.torrent).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut config = Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            dir,
            ..Config::default()
        };
        change(&mut config);
        let session = Session::start(config).unwrap();
        runtime.block_on(async {
            let added = session.add(torrent, AddOptions::default()).await.unwrap();
            added.wait_complete().await.unwrap();
        });
        Self { session, runtime }
    }

    fn addr(&self) -> String {
        self.session.listen_addrs()[0].to_string()
    }
}

impl Drop for Seeder {
    fn drop(&mut self) {
        self.runtime.block_on(self.session.stop());
    }
}

/// The arguments of a download into `dir`, then `more`.
fn download<'a>(fixture: &'a Fixture, dir: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["download", fixture.torrent(), "-d", dir.to_str().unwrap()];
    args.extend(["--listen", "127.0.0.1:0"]);
    args.extend(more);
    args
}

fn events(output: &Output, event: &str) -> Vec<serde_json::Value> {
    let lines = output.json().into_iter();
    lines.filter(|line| line["event"] == event).collect()
}

#[test]
fn a_download_that_requires_encryption_gets_it_or_nothing() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let (addr, wish) = (seeder.addr(), "--encryption=out=require");
    let output = superseed(download(&fixture, &dir, &["--peer", &addr, wish])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(fixture.is_complete(&dir));
    let wrong = superseed(download(&fixture, &dir, &["--encryption", "maybe"])).run();
    assert_eq!(wrong.exit, Exit::Usage, "{wrong:?}");
    assert!(
        wrong.stderr.contains("require, prefer, allow or off"),
        "{wrong:?}"
    );
}

#[test]
fn a_download_ends_with_the_data_and_prints_its_path() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let output = superseed(download(&fixture, &dir, &["--peer", &seeder.addr()])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(output.stdout, format!("{}\n", dir.join("films").display()));
    assert!(output.stderr.contains("films: complete"), "{output:?}");
    assert!(fixture.is_complete(&dir));
    // Again: what is there is verified, nothing is fetched, and it is no error.
    drop(seeder);
    let again = superseed(download(&fixture, &dir, &["--json"])).run();
    assert_eq!(again.exit, Exit::Success, "{again:?}");
    assert_eq!(events(&again, "complete")[0]["downloaded"], 0);
}

#[test]
fn a_torrent_that_nobody_else_names_is_found_by_the_node_that_is_named() {
    let fixture = Fixture::new();
    let at = |routers: Vec<(String, u16)>| {
        move |config: &mut Config| config.settings.dht.routers = Some(routers.into())
    };
    let node = Seeder::start_with(&Fixture::new(), at(Vec::new()));
    let addr = node.session.listen_addrs()[0];
    let seeder = Seeder::start_with(&fixture, at(vec![(addr.ip().to_string(), addr.port())]));
    node.runtime.block_on(async {
        while node.session.dht().stats().await.unwrap()[0].peers == 0 {
            tokio::task::yield_now().await;
        }
    });
    let (dir, node) = (fixture.empty("here"), node.addr());
    let output = superseed(download(&fixture, &dir, &["--dht-bootstrap", &node])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(fixture.is_complete(&dir));
    drop(seeder);
}

#[test]
fn json_lines_tell_the_whole_story() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let args = download(&fixture, &dir, &["--json", "--peer"]);
    let addr = seeder.addr();
    let output = superseed(args.into_iter().chain([addr.as_str()])).run();
    assert_eq!(
        (output.exit, output.stderr.as_str()),
        (Exit::Success, ""),
        "{output:?}"
    );
    assert_eq!(events(&output, "added")[0]["total"], 605_000);
    let complete = &events(&output, "complete")[0];
    assert_eq!(complete["path"], dir.join("films").to_str().unwrap());
    assert_eq!(complete["downloaded"], 605_000);
    let summary = &events(&output, "summary")[0];
    assert_eq!(
        (&summary["exit"], &summary["results"][0]["exit"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn only_selected_files_are_made_and_renamed_as_asked() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let addr = seeder.addr();
    let more = [
        "--peer",
        &addr,
        "--select-file",
        "3",
        "-O",
        "3=words/only.srt",
    ];
    let output = superseed(download(&fixture, &dir, &more)).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let made = std::fs::read(dir.join("words/only.srt")).unwrap();
    assert!(made == fixture.data[600_000..]);
    assert!(!dir.join("films/a.mkv").exists());
}

#[test]
fn a_download_ends_after_as_many_pieces_as_asked_for() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let addr = seeder.addr();
    let more = [
        "--peer",
        &addr,
        "--max-pieces",
        "3",
        "--max-download-limit",
        "100K",
    ];
    let output = superseed(download(&fixture, &dir, &more)).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(!fixture.is_complete(&dir));
}

#[test]
fn a_download_without_data_is_given_up() {
    let fixture = Fixture::new();
    let dir = fixture.empty("here");
    let output = superseed(download(&fixture, &dir, &["--stop-timeout", "1"])).run();
    assert_eq!(output.exit, Exit::Stalled, "{output:?}");
    assert!(
        output.stderr.contains("films: no data came for 1 seconds"),
        "{output:?}"
    );
    assert_eq!(output.stdout, "");
}

#[test]
fn a_download_that_stalls_says_why_in_words_and_as_an_event() {
    let fixture = Fixture::new();
    let run = |name: &str, more: &[&str]| {
        let dir = fixture.empty(name);
        let mut options = vec!["--stop-timeout", "13"];
        options.extend(more);
        superseed(download(&fixture, &dir, &options)).run()
    };
    let (plain, json) = std::thread::scope(|scope| {
        let plain = scope.spawn(|| run("plain", &[]));
        let json = run("json", &["--json"]);
        (plain.join().unwrap(), json)
    });
    assert_eq!(plain.exit, Exit::Stalled, "{plain:?}");
    let words = "films: stalled: no peer is known";
    assert_eq!(plain.stderr.matches(words).count(), 1, "{plain:?}");
    let stalled = events(&json, "stalled");
    let [event] = stalled.as_slice() else {
        panic!("one event: {json:?}");
    };
    assert_eq!(event["name"], "films");
    assert_eq!(event["causes"][0]["cause"], "no-peers");
    assert_eq!(event["causes"][0]["candidates"], 0);
    let progress = events(&json, "progress");
    assert_eq!(
        progress.first().unwrap()["stalled"],
        serde_json::Value::Null
    );
    assert_eq!(progress.last().unwrap()["stalled"], "no-peers");
}

#[test]
fn an_interrupted_download_exits_7_and_can_be_gone_on_with() {
    let fixture = Fixture::new();
    let dir = fixture.empty("here");
    let (run, interrupt) = superseed(download(&fixture, &dir, &[])).interruptible();
    let stderr = run.watch_stderr();
    let running = std::thread::spawn(move || run.run());
    stderr.wait_for("films: added");
    interrupt.send(()).unwrap();
    let output = running.join().unwrap();
    assert_eq!(output.exit, Exit::Interrupted, "{output:?}");
    assert!(output.stderr.contains("films: interrupted"), "{output:?}");
    let seeder = Seeder::start(&fixture);
    let output = superseed(download(&fixture, &dir, &["--peer", &seeder.addr()])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(fixture.is_complete(&dir));
}

#[test]
fn a_seeder_serves_until_it_is_interrupted() {
    let fixture = Fixture::new();
    let (there, here) = (fixture.with_data("there"), fixture.empty("here"));
    // The port is free now; the seeder takes it in a moment.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    let addr = addr.to_string();
    let args = [
        "seed",
        fixture.torrent(),
        "-d",
        there.to_str().unwrap(),
        "--listen",
        &addr,
    ];
    let (run, interrupt) = superseed(args).interruptible();
    let stderr = run.watch_stderr();
    let seeding = std::thread::spawn(move || run.run());
    stderr.wait_for("films: complete");
    let output = superseed(download(&fixture, &here, &["--peer", &addr])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(fixture.is_complete(&here));
    interrupt.send(()).unwrap();
    let seeded = seeding.join().unwrap();
    assert_eq!(
        (seeded.exit, seeded.stdout.as_str()),
        (Exit::Success, ""),
        "{seeded:?}"
    );
}

#[test]
fn a_seeder_without_data_says_so() {
    let fixture = Fixture::new();
    let dir = fixture.empty("nothing");
    let args = [
        "seed",
        fixture.torrent(),
        "-d",
        dir.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ];
    let output = superseed(args).run();
    assert_eq!(output.exit, Exit::NotFound, "{output:?}");
    let path = dir.join("films");
    assert!(
        output
            .stderr
            .contains(&format!("{} does not exist", path.display())),
        "{output:?}"
    );
}

#[test]
fn a_foreign_file_in_the_way_is_refused_and_kept() {
    let fixture = Fixture::new();
    let dir = fixture.empty("here");
    std::fs::create_dir_all(dir.join("films")).unwrap();
    let foreign = vec![7_u8; 700_000];
    std::fs::write(dir.join("films/a.mkv"), &foreign).unwrap();
    let output = superseed(download(&fixture, &dir, &[])).run();
    assert_eq!(output.exit, Exit::Exists, "{output:?}");
    assert!(output.stderr.contains("a.mkv"), "{output:?}");
    assert_eq!(
        output
            .stderr
            .lines()
            .filter(|l| l.starts_with("superseed: "))
            .count(),
        1
    );
    assert!(std::fs::read(dir.join("films/a.mkv")).unwrap() == foreign);
}

#[test]
fn a_busy_port_is_named() {
    let fixture = Fixture::new();
    let dir = fixture.empty("here");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let args = [
        "download",
        fixture.torrent(),
        "-d",
        dir.to_str().unwrap(),
        "--listen",
        &addr,
    ];
    let output = superseed(args).run();
    assert_eq!(output.exit, Exit::Network, "{output:?}");
    assert_eq!(
        output.stderr,
        format!("superseed: cannot listen on {addr}: the port is in use\n")
    );
}

#[test]
fn a_broken_line_of_a_blocklist_is_named_before_anything_is_connected_to() {
    let fixture = Fixture::new();
    let dir = fixture.empty("here");
    let list = dir.join("list.p2p");
    std::fs::write(&list, "a:1.2.3.4-1.2.3.5\nb:1.2.3.4\n").unwrap();
    let list = list.to_str().unwrap();
    let output = superseed(download(&fixture, &dir, &["--blocklist", list])).run();
    assert_eq!(output.exit, Exit::Usage, "{output:?}");
    let sentence = "this is none of `name:first-last`, `first - last , level , name` and \
                    `address/prefix`";
    assert_eq!(
        output.stderr,
        format!("superseed: the blocklist {list}, line 2: {sentence}\n")
    );
    let none = format!("{list}.none");
    let output = superseed(download(&fixture, &dir, &["--blocklist", &none])).run();
    assert_eq!(output.exit, Exit::NotFound, "{output:?}");
}

#[test]
fn a_peer_whose_name_cannot_be_resolved_is_named() {
    let fixture = Fixture::new();
    let dir = fixture.empty("here");
    // A label of 64 characters is refused without asking anybody.
    let host = format!("{}.example:1", "x".repeat(64));
    let output = superseed(download(&fixture, &dir, &["--peer", &host])).run();
    assert_eq!(output.exit, Exit::Dns, "{output:?}");
    assert!(output.stderr.contains(&host), "{output:?}");
}

#[test]
fn several_torrents_end_in_a_table_and_the_code_of_the_first_failure() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let list = fixture.dir.path().join("list");
    std::fs::write(&list, format!("# torrents\n\n{}\n", fixture.torrent())).unwrap();
    let addr = seeder.addr();
    let args = [
        "/nonexistent/x.torrent",
        "magnet:?x",
        "-i",
        list.to_str().unwrap(),
        "-d",
        dir.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--peer",
        &addr,
    ];
    let output = superseed(args).run();
    assert_eq!(output.exit, Exit::NotFound, "{output:?}");
    let codes: Vec<&str> = output.stdout.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["  3", " 27", "  0"], "{output:?}");
    assert!(fixture.is_complete(&dir));
}

#[test]
fn of_more_torrents_than_wait_in_memory_each_has_its_turn() {
    const COUNT: usize = 120;
    let dir = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for number in 0..COUNT {
        let (name, data) = (format!("{number}.bin"), number.to_string());
        let torrent = TorrentBuilder::new(&name, 16 << 10)
            .piece_hashes([Sha1Hash::of(data.as_bytes())])
            .single_file(data.len() as u64);
        let path = dir.path().join(format!("{number}.torrent"));
        std::fs::write(&path, torrent.build()).unwrap();
        std::fs::write(dir.path().join(name), data).unwrap();
        list += &format!("{}\n", path.display());
    }
    let place = dir.path().to_str().unwrap();
    let args = [
        "download",
        "-i",
        "-",
        "-d",
        place,
        "--json",
        "--listen",
        "127.0.0.1:0",
    ];
    let output = superseed(args).stdin(list).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(events(&output, "complete").len(), COUNT);
    let results = events(&output, "summary")[0]["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), COUNT);
    assert_eq!(results[7]["path"], format!("{place}/7.bin"));
}

#[test]
fn the_users_command_runs_when_a_torrent_is_complete() {
    let fixture = Fixture::new();
    let dir = fixture.with_data("here");
    let told = fixture.dir.path().join("told");
    let command = format!(
        "echo $SUPERSEED_NAME $SUPERSEED_SIZE > {}; exit 3",
        told.display()
    );
    let output = superseed(download(&fixture, &dir, &["--on-complete", &command])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(std::fs::read_to_string(told).unwrap(), "films 605000\n");
    assert!(
        output.stderr.contains("ended with exit status: 3"),
        "{output:?}"
    );
}

#[test]
fn a_terminal_gets_lines_that_are_redrawn_and_a_pipe_never_does() {
    let fixture = Fixture::new();
    let dir = fixture.with_data("here");
    let terminal = superseed(download(&fixture, &dir, &[])).terminal().run();
    assert_eq!(terminal.exit, Exit::Success, "{terminal:?}");
    assert!(
        terminal
            .stderr
            .contains("films  100.0% [####################]"),
        "{terminal:?}"
    );
    let pipe = superseed(download(&fixture, &dir, &["--peers-table"])).run();
    assert!(
        !pipe.stderr.contains('\u{1b}') && !pipe.stderr.contains('\r'),
        "{pipe:?}"
    );
    let quiet = superseed(download(&fixture, &dir, &["-q"]))
        .terminal()
        .run();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_tracker_that_answers_html_is_told_and_the_download_goes_on() {
    let fixture = Fixture::new();
    let (seeder, dir) = (Seeder::start(&fixture), fixture.empty("here"));
    let tracker = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/announce", tracker.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in tracker.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<html>no</html>",
            );
        }
    });
    let addr = seeder.addr();
    // Slow enough that the tracker has answered before the end.
    let more = [
        "--tracker",
        &url,
        "--peer",
        &addr,
        "--max-download-limit",
        "200K",
    ];
    let output = superseed(download(&fixture, &dir, &more)).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(output.stderr.matches(&url).count(), 1, "{output:?}");
}

#[test]
fn a_directory_that_is_a_file_is_named() {
    let fixture = Fixture::new();
    let file = fixture.dir.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let output = superseed(download(&fixture, &file, &[])).run();
    assert_eq!(output.exit, Exit::Io, "{output:?}");
    assert!(output.stderr.contains(file.to_str().unwrap()), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_wait_for_a_torrent_from_standard_input() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    let mut child = Command::new(env!("CARGO_BIN_EXE_superseed"))
        .args(["download", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: when it is written, the program has begun to read.
    stdin.write_all(&[b'l'; 1 << 20]).unwrap();
    let pid = child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(kill.success());
    // A program that goes on reading now comes to the end of the input.
    drop(stdin);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(15), "{status}");
}

/// The link of the fixture's torrent, with the seeder's address.
fn link(fixture: &Fixture, seeder: &Seeder, more: &str) -> String {
    let torrent = std::fs::read(&fixture.torrent).unwrap();
    let hash = superseed::Metainfo::parse(&torrent).unwrap().info_hashes;
    format!("magnet:?xt=urn:btih:{hash}&x.pe={}{more}", seeder.addr())
}

fn fetch(link: &str, dir: &Path, more: &[&str]) -> Output {
    let args = [
        "download",
        link,
        "-d",
        dir.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ];
    superseed(args.iter().chain(more)).run()
}

#[test]
fn a_link_is_downloaded_from_the_peer_that_it_names() {
    let fixture = Fixture::new();
    let seeder = Seeder::start(&fixture);
    let dir = fixture.empty("leecher");
    let output = fetch(&link(&fixture, &seeder, ""), &dir, &[]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(output.stderr.contains("metadata has come"), "{output:?}");
    assert!(fixture.is_complete(&dir));
}

#[test]
fn the_torrent_file_of_a_link_can_be_all_that_is_fetched() {
    let fixture = Fixture::new();
    let seeder = Seeder::start(&fixture);
    let dir = fixture.empty("leecher");
    let link = link(
        &fixture,
        &seeder,
        "&tr=http%3A%2F%2F127.0.0.1%3A9%2Fannounce",
    );
    let output = fetch(&link, &dir, &["--metadata-only", "-o", "x.torrent"]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let saved = dir.join("x.torrent");
    assert_eq!(output.stdout.trim_end(), saved.display().to_string());
    let saved = superseed::Metainfo::parse(&std::fs::read(&saved).unwrap()).unwrap();
    let known = std::fs::read(&fixture.torrent).unwrap();
    let known = superseed::Metainfo::parse(&known).unwrap();
    assert_eq!(saved.raw_info, known.raw_info);
    assert_eq!(saved.trackers, [["http://127.0.0.1:9/announce"]]);
    let again = fetch(&link, &dir, &["--metadata-only", "-o", "x.torrent"]);
    assert_eq!(again.exit, Exit::Exists, "{again:?}");
}

#[test]
fn the_files_of_a_link_are_listed_and_chosen_by_it() {
    let fixture = Fixture::new();
    let seeder = Seeder::start(&fixture);
    let dir = fixture.empty("leecher");
    let output = fetch(&link(&fixture, &seeder, ""), &dir, &["-S"]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(output.stdout.lines().count() >= 3, "{output:?}");
    let output = fetch(&link(&fixture, &seeder, "&so=0"), &dir, &["--json"]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let events = output.json();
    let metadata = events.iter().find(|event| event["event"] == "metadata");
    let metadata = metadata.unwrap();
    assert_eq!(metadata["files"], 3);
    let beyond = fetch(
        &link(&fixture, &seeder, "&so=7"),
        &fixture.empty("other"),
        &[],
    );
    assert_eq!(beyond.exit, Exit::Magnet, "{beyond:?}");
    assert!(beyond.stderr.contains("selects file 7"), "{beyond:?}");
}

#[test]
fn a_link_that_nobody_knows_ends_after_its_time_and_says_why() {
    let fixture = Fixture::new();
    let dir = fixture.empty("leecher");
    let link = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567";
    let output = fetch(link, &dir, &["--stop-timeout", "1"]);
    assert_eq!(output.exit, Exit::Stalled, "{output:?}");
    assert!(
        output.stderr.contains("no data came for 1 seconds"),
        "{output:?}"
    );
}
