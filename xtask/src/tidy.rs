//! What a machine can check of STYLE.md and of the invariants.

mod docs;
mod paths;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The most lines of a source file that is not a test.
const LINES_MAX: usize = 600;

/// Crates that do no I/O and read no clock (invariant 1).
const SANS_IO: &[&str] = &["crates/proto/src", "crates/engine/src"];

/// What a sans-IO crate must not name.
const SANS_IO_BANNED: &[&str] = &[
    "tokio",
    "mio::",
    "std::net",
    "std::fs",
    "Instant::now",
    "SystemTime",
    "std::thread",
    "std::env",
    "async fn",
    "Mutex",
    "RwLock",
    "unsafe ",
];

/// The one place of the host where sockets to the outside are made and names
/// looked up (invariant 14), and what must leave both to it.
const ROUTE: &str = "crates/superseed/src/route/";
/// Its libraries make sockets of their own; it is off wherever a route is not the
/// system's own (`What::PortMapping`).
const PORTMAP: &str = "crates/superseed/src/portmap/";
const ROUTED: &[&str] = &["crates/superseed/src/", "crates/cli/src/transfer/"];

/// What makes a socket or looks a name up. A program's own tracker takes
/// listeners from there as well.
const ROUTE_BANNED: &[&str] = &[
    "Socket::new",
    "TcpStream::connect",
    "TcpListener::bind",
    "UdpSocket::bind",
    "lookup_host",
    "to_socket_addrs",
];

/// What no source file may hold. Split, so that this file is not its own offender.
const LEFTOVERS: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
];

/// Checks every Rust file below `root` and the sans-IO crates' dependencies.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut offences = Vec::new();
    let mut sources = BTreeMap::new();
    for path in rust_files(root)? {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let shown = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        check_file(&shown, &text, &mut offences);
        sources.insert(shown, text);
    }
    docs::check(root, &sources, &mut offences)?;
    paths::check(root, &mut offences)?;
    for krate in ["proto", "engine"] {
        let manifest = root.join(format!("crates/{krate}/Cargo.toml"));
        let text = fs::read_to_string(&manifest)?;
        // What tests and benches measure with is no part of the crate.
        let text = text.split("[dev-dependencies]").next().unwrap_or_default();
        for dependency in ["tokio", "mio", "socket2", "rustix", "getrandom", "std-"] {
            let declared = text
                .lines()
                .any(|line| line.starts_with(&format!("{dependency} ")));
            if declared {
                offences.push(format!(
                    "crates/{krate}/Cargo.toml: depends on {dependency}"
                ));
            }
        }
    }
    for offence in &offences {
        eprintln!("{offence}");
    }
    ensure!(
        offences.is_empty(),
        "{} offences against STYLE.md",
        offences.len()
    );
    Ok(())
}

fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            files.extend(rust_files(&path)?);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_test(shown: &str) -> bool {
    shown.contains("/tests/") || shown.ends_with("tests.rs") || shown.starts_with("fuzz/")
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

fn check_file(shown: &str, text: &str, offences: &mut Vec<String>) {
    if !is_test(shown) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            offences.push(format!(
                "{shown}: {lines} lines; split it by concern before {LINES_MAX}"
            ));
        }
        if !text.starts_with("//!") {
            offences.push(format!("{shown}: does not open with //! and what it owns"));
        }
    }
    for (number, line) in text.lines().enumerate() {
        for leftover in LEFTOVERS
            .iter()
            .filter(|leftover| line.contains(**leftover))
        {
            offences.push(format!("{shown}:{}: {leftover}", number + 1));
        }
    }
    let routed = ROUTED.iter().any(|dir| shown.starts_with(dir));
    let exempt = shown.starts_with(ROUTE) || shown.starts_with(PORTMAP);
    if routed && !exempt && !is_test(shown) {
        let by_others = "but for route, nothing makes sockets or looks names up";
        name_banned(shown, text, ROUTE_BANNED, by_others, offences);
    }
    if SANS_IO.iter().any(|dir| shown.starts_with(dir)) && !is_test(shown) {
        name_banned(shown, text, SANS_IO_BANNED, "in a sans-IO crate", offences);
    }
}

/// Names every line outside of tests that holds a banned word.
fn name_banned(shown: &str, text: &str, banned: &[&str], why: &str, offences: &mut Vec<String>) {
    for (line, number) in without_tests(text).lines().zip(1..) {
        let code = line.split("//").next().unwrap_or_default();
        for word in banned.iter().filter(|word| code.contains(**word)) {
            offences.push(format!("{shown}:{number}: {word}: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(shown: &str, text: &str) -> Vec<String> {
        let mut offences = Vec::new();
        check_file(shown, text, &mut offences);
        offences
    }

    #[test]
    fn io_in_a_sans_io_crate_is_an_offence() {
        for line in [
            "use std::net::TcpStream;",
            "use std::fs;",
            "let now = std::time::Instant::now();",
            "use tokio::net;",
            "use mio::Poll;",
        ] {
            let text = format!("//! A module.\n{line}\n");
            assert!(
                !offences("crates/engine/src/x.rs", &text).is_empty(),
                "{line}"
            );
            assert!(
                !offences("crates/proto/src/x.rs", &text).is_empty(),
                "{line}"
            );
            assert!(
                offences("crates/superseed/src/x.rs", &text).is_empty(),
                "{line}"
            );
        }
        assert!(
            offences(
                "crates/engine/src/x.rs",
                "//! Talks of tokio.\n// and std::fs\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_socket_that_is_made_beside_the_route_is_an_offence() {
        for line in [
            "let socket = Socket::new(domain, kind, None)?;",
            "let found = tokio::net::lookup_host(host).await?;",
            "let stream = TcpStream::connect(addr)?;",
        ] {
            let text = format!("//! A module.\n{line}\n");
            let count = |shown| offences(shown, &text).len();
            assert_eq!(count("crates/superseed/src/net/x.rs"), 1, "{line}");
            assert_eq!(count("crates/superseed/src/route/x.rs"), 0, "{line}");
            assert_eq!(count("crates/superseed/src/control/tests.rs"), 0, "{line}");
            let in_tests = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{line}\n}}\n");
            assert!(offences("crates/superseed/src/net/x.rs", &in_tests).is_empty());
        }
    }

    #[test]
    fn long_files_leftovers_and_missing_docs_are_offences() {
        let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        assert_eq!(offences("crates/cli/src/x.rs", &long).len(), 1);
        assert_eq!(offences("crates/cli/src/x.rs", "fn main() {}\n").len(), 1);
        let leftover = format!("//! A.\n{}\n", LEFTOVERS[0]);
        assert_eq!(offences("crates/cli/src/x.rs", &leftover).len(), 1);
    }
}
