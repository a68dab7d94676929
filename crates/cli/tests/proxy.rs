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
}

fn is_told_that_a_proxy_is_missing(output: &support::Output) {
    assert_eq!(output.exit, Exit::Usage, "{output:?}");
    let told = "superseed: --proxy-all needs a proxy: name one by --proxy\n";
    assert_eq!(output.stderr, told);
}

#[test]
fn nothing_goes_around_a_proxy_that_no_layer_names() {
    let fixture = Fixture::new();
    is_told_that_a_proxy_is_missing(&download(&fixture, &["--proxy-all"]));
    let run = || superseed(["download", fixture.torrent()]);
    let by_variable = run().var("SUPERSEED_PROXY_ALL", "1");
    is_told_that_a_proxy_is_missing(&by_variable.run());
    let emptied = run().var("SUPERSEED_PROXY_ALL", "1");
    is_told_that_a_proxy_is_missing(&emptied.var("SUPERSEED_PROXY", "").run());
    let file = fixture.dir.path().join("config.toml");
    std::fs::write(&file, "proxy-all = true\n").unwrap();
    let by_file = run().var("SUPERSEED_CONFIG", file.as_os_str());
    is_told_that_a_proxy_is_missing(&by_file.run());
}

#[test]
fn the_proxy_and_that_all_goes_by_it_may_be_told_in_different_layers() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = closed.local_addr().unwrap();
    drop(closed);
    let fixture = Fixture::new();
    let file = fixture.dir.path().join("config.toml");
    let told = format!("superseed: cannot reach the proxy {addr}: ");
    for (text, more) in [
        (
            format!("proxy = \"socks5://{addr}\"\n"),
            "--proxy-all".to_owned(),
        ),
        (
            "proxy-all = true\n".to_owned(),
            format!("--proxy=socks5://{addr}"),
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let run = superseed(["download", fixture.torrent(), &more]);
        let output = run.var("SUPERSEED_CONFIG", file.as_os_str()).run();
        assert_eq!(output.exit, Exit::Network, "{output:?}");
        assert!(output.stderr.starts_with(&told), "{output:?}");
    }
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
