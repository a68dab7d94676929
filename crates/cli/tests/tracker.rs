//! `superseed tracker`.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use superseed_cli::Exit;
use support::superseed;

#[test]
fn it_prints_its_urls_and_serves_until_interrupted() {
    let args = ["tracker", "--listen", "127.0.0.1:0"];
    let (run, interrupt) = superseed(args).interruptible();
    let stdout = run.watch();
    let running = std::thread::spawn(move || run.run());
    let urls = stdout.wait_for("udp://127.0.0.1:");
    assert!(urls.starts_with("http://127.0.0.1:"), "{urls}");
    interrupt.send(()).unwrap();
    assert_eq!(running.join().unwrap().exit, Exit::Success);
}

#[test]
fn a_busy_port_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let output = superseed(["tracker", "--listen", &addr]).run();
    assert_eq!(output.exit, Exit::Network, "{output:?}");
    assert!(output.stderr.contains(&addr), "{output:?}");
}
