//! Gets the clients and trackers that superseed is tried against.
//!
//! Debian's packages, libtorrent from PyPI in a virtual environment below
//! target/interop, and rqbit from crates.io in the user's cache, as it takes
//! many minutes to build. What is there already is left alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::stage::python;
use crate::process;

/// The release of libtorrent, and its wheel's name on PyPI.
const LIBTORRENT: &str = "libtorrent==2.1.1";

/// The release of rqbit.
const RQBIT: &str = "9.1.0";

/// A program that a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `ip`, which every case needs.
    Iproute,
    /// Catches packets.
    Tcpdump,
    Aria2,
    /// The daemon, and transmission-remote to give it a torrent.
    Transmission,
    /// The Python module; it also makes every fixture's torrent.
    Libtorrent,
    Opentracker,
    /// A web server.
    Nginx,
    /// Makes v1 torrents.
    Mktorrent,
    /// Only benches need it.
    Rqbit,
    /// Only benches need it.
    Rtorrent,
    /// Counts instructions.
    Valgrind,
    /// A file system that can be stopped.
    Bindfs,
    /// A gateway that maps ports, and the table that it maps them in.
    Miniupnpd,
    /// A SOCKS proxy without datagrams.
    Microsocks,
    /// A SOCKS proxy that passes datagrams on.
    Dante,
    /// An HTTP proxy.
    Tinyproxy,
}

impl Tool {
    /// The Debian packages, and the commands that prove them there.
    fn packages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Iproute => &[("iproute2", "ip")],
            Self::Tcpdump => &[("tcpdump", "tcpdump")],
            Self::Aria2 => &[("aria2", "aria2c")],
            Self::Transmission => &[
                ("transmission-daemon", "transmission-daemon"),
                ("transmission-cli", "transmission-remote"),
                ("transmission-cli", "transmission-show"),
            ],
            Self::Libtorrent => &[("python3-venv", "python3")],
            Self::Opentracker => &[("opentracker", "opentracker")],
            Self::Nginx => &[("nginx-light", "nginx")],
            Self::Mktorrent => &[("mktorrent", "mktorrent")],
            Self::Rtorrent => &[("rtorrent", "rtorrent")],
            Self::Valgrind => &[("valgrind", "valgrind")],
            Self::Bindfs => &[("bindfs", "bindfs")],
            Self::Miniupnpd => &[("miniupnpd", "miniupnpd"), ("nftables", "nft")],
            Self::Microsocks => &[("microsocks", "microsocks")],
            Self::Dante => &[("dante-server", "danted")],
            Self::Tinyproxy => &[("tinyproxy-bin", "tinyproxy")],
            // What its build needs beside Rust and a C compiler.
            Self::Rqbit => &[("pkg-config", "pkg-config"), ("libssl-dev", "openssl")],
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Libtorrent => has_libtorrent(),
            Self::Rqbit => rqbit().is_file(),
            _ => self.packages().iter().all(|(_, command)| on_path(command)),
        }
    }
}

/// The first of `tools` that is not installed.
pub(crate) fn missing(tools: &[Tool]) -> Option<&'static str> {
    let tool = tools.iter().find(|tool| !tool.is_there())?;
    Some(match tool {
        Tool::Libtorrent => "libtorrent",
        Tool::Rqbit => "rqbit",
        _ => tool.packages()[0].0,
    })
}

/// Sees to it that all `tools` are there: installs what is missing if that is
/// wished, and else says what to do about the first.
pub(crate) fn provide(tools: &[Tool], wished: bool, advice: &str) -> Result<()> {
    if wished {
        install(tools)?;
    }
    if let Some(tool) = missing(tools) {
        anyhow::bail!("{tool} is not installed: {advice}");
    }
    Ok(())
}

/// What a bench of several clients advises.
pub(crate) const ADVICE: &str = "--install does it, --clients leaves clients out";

/// Installs what is missing of `tools`. Wants to be root if a Debian package
/// is missing.
pub(crate) fn install(tools: &[Tool]) -> Result<()> {
    let missing: Vec<Tool> = tools
        .iter()
        .copied()
        .filter(|tool| !tool.is_there())
        .collect();
    let packages: BTreeSet<&str> = missing
        .iter()
        .flat_map(|tool| tool.packages())
        .map(|(package, _)| *package)
        .collect();
    if !packages.is_empty() {
        install_packages(&packages.into_iter().collect::<Vec<_>>())?;
    }
    if missing.contains(&Tool::Libtorrent) {
        install_libtorrent()?;
    }
    if missing.contains(&Tool::Rqbit) {
        install_rqbit()?;
    }
    Ok(())
}

fn install_packages(packages: &[&str]) -> Result<()> {
    let _no_services = NoServices::begin()?;
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["--quiet", "--yes"])
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::run(command.stdout(Stdio::null()))
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], packages].concat())
}

fn install_libtorrent() -> Result<()> {
    let venv = super::dir().join("venv");
    fs::create_dir_all(super::dir())?;
    // Wheels exist for the interpreters of the day: the first that takes it is the one.
    let mut refusals = Vec::new();
    for interpreter in ["python3", "/usr/bin/python3", "python3.12", "python3.11"] {
        let made = process::run(
            Command::new(interpreter)
                .args(["-m", "venv", "--clear"])
                .arg(&venv),
        );
        let installed = made.and_then(|()| {
            process::run(
                Command::new(venv.join("bin/pip"))
                    .args([
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                        "--only-binary",
                        ":all:",
                    ])
                    .arg(LIBTORRENT),
            )
        });
        match installed {
            Ok(()) => return Ok(()),
            Err(error) => refusals.push(format!("{error:#}")),
        }
    }
    anyhow::bail!("cannot install {LIBTORRENT}: {}", refusals.join("; "))
}

fn install_rqbit() -> Result<()> {
    let mut command = process::cargo_command();
    command.args(["install", "rqbit", "--locked", "--version", RQBIT, "--root"]);
    // Not in the work tree, whose configuration is none of rqbit's business.
    process::run(
        command
            .arg(rqbit_dir())
            .current_dir("/")
            .env_remove("CARGO_TARGET_DIR"),
    )
}

/// Where rqbit's program is once it is installed.
pub(crate) fn rqbit() -> PathBuf {
    rqbit_dir().join("bin/rqbit")
}

fn rqbit_dir() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || std::env::home_dir().unwrap_or_default().join(".cache"),
        PathBuf::from,
    );
    cache.join(format!("superseed-interop/rqbit-{RQBIT}"))
}

fn has_libtorrent() -> bool {
    let mut command = Command::new(python());
    command
        .args(["-c", "import libtorrent"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn on_path(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(command).is_file())
}

/// Keeps Debian from starting the daemons that it installs: a policy-rc.d
/// (see invoke-rc.d(8)) that is there only as long as this value.
struct NoServices {
    written: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn begin() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        if Path::new(Self::POLICY).exists() {
            return Ok(Self { written: false });
        }
        fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {} (are you root?)", Self::POLICY))?;
        fs::set_permissions(Self::POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(Self { written: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.written {
            let _ = fs::remove_file(Self::POLICY);
        }
    }
}
