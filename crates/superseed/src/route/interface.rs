//! A network interface by its name, and the addresses that it has at a moment.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use if_addrs::IfAddr;

/// An interface of this machine, which may come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    name: Arc<str>,
    /// The one address that is used, if not all are.
    only: Option<IpAddr>,
}

/// Nothing has this name or address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no network interface with the name or address {0}")]
pub struct UnknownInterface(pub String);

impl Interface {
    /// The interface of this name, or the one with this address, which is then
    /// the only one that is used.
    ///
    /// # Errors
    ///
    /// If there is none now.
    pub fn find(text: &str) -> Result<Self, UnknownInterface> {
        let unknown = || UnknownInterface(text.to_owned());
        let all = if_addrs::get_if_addrs().map_err(|_| unknown())?;
        let only: Option<IpAddr> = text.parse().ok();
        let found = all.iter().find(|one| match only {
            Some(ip) => one.ip() == ip,
            None => one.name == text,
        });
        Ok(Self {
            name: found.ok_or_else(unknown)?.name.as_str().into(),
            only,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The addresses that may be used now, best first; none if the interface is
    /// down or gone. Link-local ones reach nobody who is told of them.
    pub(crate) fn addrs(&self) -> Vec<IpAddr> {
        let all = if_addrs::get_if_addrs().unwrap_or_else(|error| {
            tracing::debug!(%error, "the interfaces of this machine are not known");
            Vec::new()
        });
        let ours = all
            .into_iter()
            .filter(|one| *one.name == *self.name && (one.is_oper_up() || one.is_loopback()));
        let usable = ours.filter(|one| !one.is_link_local());
        let wanted = usable.filter(|one| self.only.is_none_or(|only| one.ip() == only));
        let mut addrs: Vec<_> = wanted.map(|one| rank(&one.addr)).collect();
        addrs.sort_by_key(|(rank, _)| *rank);
        addrs.into_iter().map(|(_, ip)| ip).collect()
    }

    /// That it has no such address.
    pub(crate) fn has_no(&self, ip: IpAddr) -> io::Error {
        let what = match ip {
            IpAddr::V4(ip) if ip.is_unspecified() => "no IPv4 address".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "no IPv6 address".to_owned(),
            ip => {
                let error = format!("{ip} is no address of {}", self.name);
                return io::Error::new(io::ErrorKind::AddrNotAvailable, error);
            }
        };
        let error = format!("{} has {what}", self.name);
        io::Error::new(io::ErrorKind::AddrNotAvailable, error)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Addresses that everybody can reach go before those of a site.
fn rank(addr: &IfAddr) -> (bool, IpAddr) {
    let ip = addr.ip();
    (matches!(ip, IpAddr::V6(ip) if ip.is_unique_local()), ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_found_by_its_name_or_address() {
        let by_name = Interface::find("lo").unwrap();
        assert!(by_name.addrs().contains(&"127.0.0.1".parse().unwrap()));
        let by_addr = Interface::find("127.0.0.1").unwrap();
        assert_eq!(by_addr.name(), "lo");
        assert_eq!(by_addr.addrs(), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        for text in ["no-such-one", "192.0.2.1", ""] {
            let error = Interface::find(text).unwrap_err().to_string();
            let end = format!("the name or address {text}");
            assert!(error.ends_with(&end), "{error}");
        }
    }
}
