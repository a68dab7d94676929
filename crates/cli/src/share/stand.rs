//! The sockets of a share: the tracker that also hands out the torrent, and
//! the session that seeds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use superseed::tracker::{self, Tracker, TrackerConfig, TrackerError};
use superseed::{Config, InfoHashes, RateLimits, Session, Settings, StartError};

use super::hosts;
use crate::args::ShareArgs;
use crate::exit::{Exit, Failure};
use crate::text::address::Listen;

/// How many ports are tried from the usual one on before giving up.
const PORTS_TRIED: u16 = 100;
/// How often peers announce again. They are few, and each of them may be what
/// another one waits for.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(60);
const ANNOUNCE_INTERVAL_MIN: Duration = Duration::from_secs(10);

/// Where the share is found.
pub(super) struct Stand {
    /// Knows one torrent only.
    pub(super) tracker: Tracker,
    /// Addresses of this machine with the tracker's port, the most useful
    /// first, never empty.
    pub(super) places: Vec<SocketAddr>,
    /// The addresses that are listened on, without ports.
    ips: Vec<IpAddr>,
    /// Whether only this machine can come.
    pub(super) is_local: bool,
}

impl Stand {
    /// Binds the tracker's address: the one that was named, or the first free
    /// port on all addresses.
    pub(super) fn open(args: &ShareArgs, torrent: InfoHashes) -> Result<Self, Failure> {
        let (ips, ports) = match args.listen {
            Some(Listen::Addr(addr)) => (vec![addr.ip()], addr.port()..=addr.port()),
            Some(Listen::Port(port)) => (hosts::wildcards(), port..=port),
            None => {
                let first = tracker::DEFAULT_PORT;
                (hosts::wildcards(), first..=first + PORTS_TRIED - 1)
            }
        };
        let busy = ports.clone();
        let tracker = first_free(
            ports,
            |port| {
                Tracker::start(TrackerConfig {
                    listen: at_port(&ips, port),
                    interval: ANNOUNCE_INTERVAL,
                    min_interval: ANNOUNCE_INTERVAL_MIN,
                    only: Some(torrent.swarm_keys().collect()),
                    ..TrackerConfig::default()
                })
            },
            |error| matches!(error, TrackerError::PortBusy { .. }),
        )?;
        let tracker = tracker.ok_or_else(|| {
            let (first, last) = (busy.start(), busy.end());
            Failure::new(
                Exit::Network,
                format!("cannot listen: all ports from {first} to {last} are in use"),
            )
        })?;
        let places = places(tracker.local_addrs(), &hosts::of_this_machine());
        Ok(Self {
            is_local: places.iter().all(|place| place.ip().is_loopback()),
            places,
            tracker,
            ips,
        })
    }

    /// The trackers of the torrent, the most useful first.
    pub(super) fn announce_urls(&self) -> Vec<String> {
        let urls = self.places.iter();
        urls.map(|place| format!("http://{place}/announce"))
            .collect()
    }

    /// Starts the session that seeds. Its records go to `state_dir`, since
    /// sharing leaves nothing behind.
    pub(super) fn session(&self, args: &ShareArgs, state_dir: PathBuf) -> Result<Session, Failure> {
        let defaults = Settings::default();
        let peers_max = usize::from(args.max_peers);
        let settings = Settings {
            connections_max: defaults.connections_max.max(peers_max),
            connections_per_torrent_max: peers_max,
            limits: RateLimits {
                upload_bytes_per_s: args.max_upload_limit.0,
                ..RateLimits::default()
            },
            // Who fetches may insist on it.
            encryption: Config::default().settings.encryption,
            ..defaults
        };
        let first = superseed::DEFAULT_PORT;
        let ports = match args.peer_port {
            Some(port) => port..=port,
            None => first..=first + PORTS_TRIED - 1,
        };
        let session = first_free(
            ports.clone(),
            |port| {
                Session::start(Config {
                    settings: settings.clone(),
                    listen: at_port(&self.ips, port),
                    state_dir: Some(state_dir.clone()),
                    ..Config::default()
                })
            },
            |error| matches!(error, StartError::PortBusy { .. }),
        )?;
        session.ok_or_else(|| {
            Failure::from(StartError::NoFreePort {
                first: *ports.start(),
                last: *ports.end(),
            })
        })
    }
}

fn at_port(ips: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

/// The result for the first port that is not busy; `None` if all of several
/// are. A port that was named alone keeps its own error.
fn first_free<T, E>(
    ports: std::ops::RangeInclusive<u16>,
    mut start: impl FnMut(u16) -> Result<T, E>,
    is_busy: impl Fn(&E) -> bool,
) -> Result<Option<T>, E> {
    let only = ports.len() == 1;
    for port in ports {
        match start(port) {
            Err(error) if !only && is_busy(&error) => {}
            result => return result.map(Some),
        }
    }
    Ok(None)
}

/// Where what listens at `bound` is found on a machine with these addresses.
fn places(bound: &[SocketAddr], hosts: &[IpAddr]) -> Vec<SocketAddr> {
    let mut places: Vec<SocketAddr> = Vec::new();
    for host in hosts {
        let listens = |addr: &&SocketAddr| {
            addr.ip() == *host || addr.ip().is_unspecified() && addr.is_ipv4() == host.is_ipv4()
        };
        places.extend(
            bound
                .iter()
                .find(listens)
                .map(|addr| SocketAddr::new(*host, addr.port())),
        );
    }
    if places.is_empty() {
        // An address that was named counts, whatever the system says of it.
        places.extend(bound.iter().map(|addr| {
            let host = match addr.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            SocketAddr::new(host, addr.port())
        }));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs<T: std::str::FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn found(bound: &[&str], hosts: &[&str]) -> Vec<String> {
        let places = places(&addrs(bound), &addrs(hosts));
        places.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_address_is_named_that_is_listened_on_with_its_own_port() {
        let hosts = ["10.0.0.5", "fd00::5", "172.17.0.1"];
        assert_eq!(
            found(&["0.0.0.0:6969", "[::]:6969"], &hosts),
            ["10.0.0.5:6969", "[fd00::5]:6969", "172.17.0.1:6969"]
        );
        assert_eq!(found(&["172.17.0.1:80"], &hosts), ["172.17.0.1:80"]);
        assert_eq!(found(&["[::]:80"], &hosts), ["[fd00::5]:80"]);
    }

    #[test]
    fn a_machine_without_a_network_is_found_by_itself() {
        assert_eq!(
            found(&["0.0.0.0:1", "[::]:1"], &[]),
            ["127.0.0.1:1", "[::1]:1"]
        );
        assert_eq!(found(&["127.0.0.1:7"], &["10.0.0.5"]), ["127.0.0.1:7"]);
    }

    #[test]
    fn a_busy_port_is_passed_over_unless_it_was_named() {
        let start = |port| if port < 3 { Err("busy") } else { Ok(port) };
        assert_eq!(first_free(1..=9, start, |_| true), Ok(Some(3)));
        assert_eq!(first_free(1..=2, start, |_| true), Ok(None));
        assert_eq!(first_free(1..=9, start, |_| false), Err("busy"));
        assert_eq!(first_free(1..=1, start, |_| true), Err("busy"));
    }
}
