//! `superseed share`, from making the torrent to the last downloader.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde_json::Value;
use superseed_cli::Exit;
use support::{Captured, Fixture, Output, superseed};
use tokio::sync::mpsc::UnboundedSender;

/// A share that runs beside the test.
struct Sharing {
    running: JoinHandle<Output>,
    interrupt: UnboundedSender<()>,
    stdout: Captured,
}

impl Sharing {
    /// Shares on ports that the system chooses, of loopback only.
    fn start(args: &[&str]) -> Self {
        let fixed = ["share", "--listen", "127.0.0.1:0", "--peer-port", "0"];
        let (run, interrupt) = superseed(fixed.iter().chain(args)).interruptible();
        let stdout = run.watch();
        Self {
            running: std::thread::spawn(move || run.run()),
            interrupt,
            stdout,
        }
    }

    /// The words of the line for the other side, without the program's name.
    fn command(&self) -> Vec<String> {
        let text = self.stdout.wait_for(".torrent\n");
        let line = text.lines().nth(1).unwrap();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(words[..2], ["superseed", "download"], "{line}");
        words[1..].to_vec()
    }

    fn event(&self, name: &str) -> Value {
        let text = self.stdout.wait_for(&format!("\"event\":\"{name}\""));
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["event"] == name)
            .unwrap()
    }

    fn interrupt(self) -> Output {
        self.interrupt.send(()).unwrap();
        self.end()
    }

    fn end(self) -> Output {
        self.running.join().unwrap()
    }
}

fn download(command: &[String], dir: &Path) -> Output {
    let fixed = ["--listen", "127.0.0.1:0", "--dir", dir.to_str().unwrap()];
    let args = command.iter().map(String::as_str).chain(fixed);
    superseed(args).run()
}

fn data(fixture: &Fixture) -> PathBuf {
    fixture.with_data("data").join("films")
}

#[test]
fn the_printed_line_alone_fetches_a_directory() {
    let fixture = Fixture::new();
    let sharing = Sharing::start(&[data(&fixture).to_str().unwrap(), "-l", "16K"]);
    let command = sharing.command();
    for name in ["one", "two"] {
        let dir = fixture.empty(name);
        let output = download(&command, &dir);
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        assert!(fixture.is_complete(&dir));
    }
    let output = sharing.interrupt();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let magnet = output.stdout.lines().next().unwrap();
    assert!(magnet.starts_with("magnet:?xt=urn:btih:"), "{magnet}");
    assert!(magnet.contains("&tr=http%3A%2F%2F127.0.0.1%3A"), "{magnet}");
    assert!(output.stderr.contains("2 downloads complete"), "{output:?}");
    let left: Vec<_> = std::fs::read_dir(fixture.dir.path().join("data"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "nothing is left beside the data: {left:?}");
}

#[test]
fn once_ends_when_everybody_has_everything() {
    let fixture = Fixture::new();
    let sharing = Sharing::start(&[data(&fixture).to_str().unwrap(), "--hybrid", "--once"]);
    let output = download(&sharing.command(), &fixture.empty("one"));
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let output = sharing.end();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
}

#[test]
fn a_torrent_is_shared_with_this_tracker_in_the_place_of_its_own() {
    let fixture = Fixture::new();
    let dir = fixture.with_data("data");
    let sharing = Sharing::start(&[fixture.torrent(), "--data", dir.to_str().unwrap(), "--json"]);
    let invitation = sharing.event("sharing");
    let url = invitation["urls"][0].as_str().unwrap();
    assert_eq!(
        invitation["commands"][0],
        format!("superseed download {url}")
    );
    let hash = invitation["info_hash"].as_str().unwrap();
    assert!(url.ends_with(&format!("/{hash}.torrent")), "{url}");
    let there = fixture.empty("there");
    let output = download(&["download".to_owned(), url.to_owned()], &there);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(fixture.is_complete(&there));
    let progress = sharing.event("progress");
    assert!(progress["peers"].is_array(), "{progress}");
    assert_eq!(sharing.interrupt().exit, Exit::Success);
}

#[test]
fn a_link_and_the_present_directory_are_shared_under_their_names() {
    let fixture = Fixture::new();
    let link = fixture.dir.path().join("latest");
    std::os::unix::fs::symlink(data(&fixture), &link).unwrap();
    let sharing = Sharing::start(&[link.to_str().unwrap(), "--json"]);
    let invitation = sharing.event("sharing");
    assert_eq!(invitation["name"], "latest");
    let url = invitation["urls"][0].as_str().unwrap().to_owned();
    let there = fixture.empty("there");
    let output = download(&["download".to_owned(), url], &there);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(there.join("latest/extra/b.srt").exists());
    sharing.interrupt();
}

#[test]
fn what_cannot_be_shared_is_told_in_one_sentence() {
    let fixture = Fixture::new();
    let empty = fixture.empty("empty");
    let damaged = fixture.with_data("damaged");
    std::fs::write(damaged.join("films/extra/b.srt"), b"short").unwrap();
    let in_damaged = damaged.to_str().unwrap();
    let nowhere = empty.to_str().unwrap();
    let table: [(&[&str], Exit, &str); 5] = [
        (&["/nonexistent"], Exit::NotFound, "/nonexistent"),
        (&[nowhere], Exit::Torrent, "nothing to share"),
        (
            &[fixture.torrent(), "-d", nowhere],
            Exit::NotFound,
            "does not exist",
        ),
        (
            &[fixture.torrent(), "-d", in_damaged],
            Exit::Verify,
            "missing or damaged",
        ),
        (
            &[fixture.torrent(), "-d", in_damaged, "--hybrid"],
            Exit::Usage,
            "is there already",
        ),
    ];
    for (args, exit, words) in table {
        let output = Sharing::start(&[args, &["-q"]].concat()).end();
        assert_eq!(output.exit, exit, "{args:?} {output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    }
}

#[test]
fn a_named_port_that_is_busy_is_an_error() {
    let fixture = Fixture::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let data = data(&fixture);
    let output = superseed(["share", data.to_str().unwrap(), "--listen", &addr]).run();
    assert_eq!(output.exit, Exit::Network, "{output:?}");
    assert!(output.stderr.contains(&addr), "{output:?}");
}

#[test]
fn the_padding_of_a_hybrid_is_not_counted_in_its_size() {
    let fixture = Fixture::new();
    let sharing = Sharing::start(&[data(&fixture).to_str().unwrap(), "--hybrid", "--json"]);
    assert_eq!(sharing.event("sharing")["size"], 605_000);
    assert_eq!(sharing.interrupt().exit, Exit::Success);
}
