//! A router that translates addresses (nftables), with miniupnpd on it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::LEASE_S;
use crate::interop::clients::PORT;
use crate::interop::lan::{Lan, Machine};
use crate::interop::stage::{Process, Stage, wait_until};
use crate::process;

/// Where everybody else is: the case's own namespace. Addresses that could be
/// anybody's, since miniupnpd maps nothing to private ones; nothing leaves the
/// namespaces.
pub(super) const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 1));
const OUTER: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 2);
const MACHINE: u8 = 1;

/// The chains that miniupnpd writes to, between those that call them.
const TABLE: &str = r#"
table inet filter {
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
    chain prerouting {
        type nat hook prerouting priority -100; policy accept;
        jump prerouting_miniupnpd
    }
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        oifname "wan" masquerade
    }
}
"#;

/// What miniupnpd speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocols {
    /// PCP, NAT-PMP and UPnP.
    All,
    UpnpOnly,
}

/// A running router.
pub(super) struct Router {
    machine: Machine,
    daemon: Process,
}

impl Router {
    /// Puts a router between `lan` and the outside.
    pub(super) fn start(stage: &Stage, lan: &Lan, protocols: Protocols) -> Result<Self> {
        let machine = lan.machine(MACHINE, 1_000_000_000)?;
        let ip = |line: &str| process::run(Command::new("ip").args(line.split(' ')));
        ip(&format!(
            "link add outside type veth peer name wan netns {}",
            machine.pid()
        ))?;
        ip(&format!("address add {OUTSIDE}/24 dev outside"))?;
        ip("link set outside up")?;
        machine.run(&format!("ip address add {OUTER}/24 dev wan"))?;
        machine.run("ip link set wan up")?;
        machine.run("sysctl -q -w net.ipv4.ip_forward=1")?;
        let table = stage.path("router.nft");
        fs::write(&table, TABLE)?;
        machine.run(&format!("nft -f {}", table.display()))?;

        let (config, leases) = (stage.path("miniupnpd.conf"), stage.path("miniupnpd.leases"));
        fs::write(&leases, "")?;
        let natpmp = match protocols {
            Protocols::All => "yes",
            Protocols::UpnpOnly => "no",
        };
        let lines = [
            "ext_ifname=wan".to_owned(),
            "listening_ip=eth0".to_owned(),
            "enable_upnp=yes".to_owned(),
            format!("enable_natpmp={natpmp}"),
            "secure_mode=yes".to_owned(),
            format!("min_lifetime={}", LEASE_S - 1),
            format!("max_lifetime={LEASE_S}"),
            format!("lease_file={}", leases.display()),
            "uuid=5d1b6f9e-0000-4000-8000-000000000001".to_owned(),
            "allow 1024-65535 0.0.0.0/0 1024-65535".to_owned(),
        ];
        fs::write(&config, lines.join("\n") + "\n")?;
        let mut command = Command::new("miniupnpd");
        command.arg("-d").arg("-f").arg(&config);
        command.arg("-P").arg(stage.path("miniupnpd.pid"));
        let daemon = stage.spawn("miniupnpd", &mut machine.command(&command))?;
        let mut router = Self { machine, daemon };
        let log = stage.path("miniupnpd.err");
        wait_until(Duration::from_secs(10), "miniupnpd", || {
            router.ensure_runs()?;
            Ok(fs::read_to_string(&log)?.contains("HTTP listening"))
        })?;
        Ok(router)
    }

    /// Its address inside.
    pub(super) fn inside(&self) -> IpAddr {
        self.machine.ip
    }

    pub(super) fn ensure_runs(&mut self) -> Result<()> {
        self.daemon.ensure_runs()
    }

    /// Waits until TCP and UDP of a machine are mapped; gives the outer ports.
    pub(super) fn wait_mapped(&mut self, to: IpAddr, limit: Duration) -> Result<Vec<u16>> {
        let mut ports = Vec::new();
        wait_until(limit, "the mappings of TCP and UDP", || {
            self.ensure_runs()?;
            let mappings = self.mapped(to)?;
            ports = mappings.iter().map(|mapping| mapping.port).collect();
            let is_udp: Vec<_> = mappings.iter().map(|mapping| mapping.udp).collect();
            Ok(is_udp.contains(&true) && is_udp.contains(&false))
        })?;
        Ok(ports)
    }

    /// What is mapped to a machine now.
    pub(super) fn mapped(&self, to: IpAddr) -> Result<Vec<Mapping>> {
        let mut mappings = self.mappings()?;
        mappings.retain(|mapping| mapping.to == format!("{to}:{PORT}"));
        Ok(mappings)
    }

    /// What the kernel of the router translates now.
    pub(super) fn mappings(&self) -> Result<Vec<Mapping>> {
        let mut command = Command::new("nft");
        command.args(["list", "chain", "inet", "filter", "prerouting_miniupnpd"]);
        let output = self.machine.command(&command).output()?;
        ensure!(output.status.success(), "nft lists no table");
        let text = String::from_utf8_lossy(&output.stdout);
        let rules = text.lines().filter(|line| line.contains(" dnat "));
        rules
            .map(|rule| Mapping::parse(rule).with_context(|| format!("a strange rule: {rule}")))
            .collect()
    }
}

/// One port that leads inside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    udp: bool,
    /// Outside.
    port: u16,
    /// Address and port inside.
    to: String,
}

impl Mapping {
    /// Reads a rule such as `iif "wan" @nh,72,8 0x6 th dport 7002 dnat ip to
    /// 10.77.0.2:7002`, which tells the protocol by its number.
    fn parse(rule: &str) -> Option<Self> {
        let words: Vec<_> = rule.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        Some(Self {
            udp: match after("@nh,72,8")? {
                "0x6" | "0x06" => false,
                "0x11" => true,
                _ => return None,
            },
            port: after("dport")?.parse().ok()?,
            to: after("to")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_where_a_port_leads() {
        let rule = r#"iif "wan" @nh,72,8 0x11 th dport 7002 dnat ip to 10.77.0.2:7003"#;
        let mapping = Mapping {
            udp: true,
            port: 7002,
            to: "10.77.0.2:7003".to_owned(),
        };
        assert_eq!(Mapping::parse(rule), Some(mapping));
        assert_eq!(Mapping::parse("masquerade"), None);
    }
}
