//! `--proxy` on the command line: what is told of one that cannot be used.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;

use superseed_cli::Exit;
use support::{Fixture, superseed};

fn download(fixture: &Fixture, more: &[&str]) -> support::Output {
    let dir = fixture.dir.path().join("there");
    let mut args = vec!["download", fixture.torrent(), "-d", dir.to_str().unwrap()];
    args.extend(more);
    superseed(args).run()
}

#[test]
fn what_names_no_proxy_is_a_wrong_command_line() {
    let fixture = Fixture::new();
    for text in [
        "p.example:1080",
        "socks4://p.example:1080",
        "socks5://a@b:1",
    ] {
        let output = download(&fixture, &["--proxy", text]);
        assert_eq!(output.exit, Exit::Usage, "{output:?}");
        assert!(output.stderr.contains("prox"), "{output:?}");
    }
    let output = download(&fixture, &["--proxy-all"]);
    assert_eq!(output.exit, Exit::Usage, "{output:?}");
    assert!(output.stderr.contains("--proxy <URL>"), "{output:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_told_with_its_host_before_anything_begins() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = closed.local_addr().unwrap();
    drop(closed);
    let fixture = Fixture::new();
    for scheme in ["socks5", "socks5h", "http"] {
        let url = format!("{scheme}://me:secret@{addr}");
        let output = download(&fixture, &["--proxy", &url, "--proxy-all"]);
        assert_eq!(output.exit, Exit::Network, "{output:?}");
        let told = format!("superseed: cannot reach the proxy {addr}: ");
        assert!(output.stderr.starts_with(&told), "{output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        assert!(!output.stderr.contains("os error"), "{output:?}");
    }
}
