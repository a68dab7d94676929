//! By what way a session's packets leave: the only place in this crate where
//! sockets to the outside are made and names are looked up.
//!
//! A session that is bound to an interface never uses another, not even for
//! DNS, and nothing leaves when the interface is gone. Whoever needs a socket
//! asks here; `cargo xtask tidy` sees to it. The tracker that a program may run
//! beside its sessions answers by sockets made here too.

mod dns;
mod interface;
mod sockets;

use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::ClientBuilder;

pub use interface::{Interface, UnknownInterface};
pub(crate) use sockets::{Pair, family_is_missing};

/// By what way a session's packets leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// As the system's routes say.
    #[default]
    Direct,
    /// By one interface and from its addresses, or not at all.
    Bound(Interface),
}

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Leave name look-ups to the system, which asks by whatever way it likes.
    SystemResolver,
    /// Ask gateways to let peers in: that is done by libraries with sockets of
    /// their own.
    PortMapping,
    /// Use the proxy that the environment names, for what is fetched once.
    ProxyOfTheEnvironment,
}

impl Route {
    /// Whether a session may do this.
    pub(crate) fn allows(&self, what: What) -> bool {
        match (self, what) {
            (
                Self::Direct,
                What::SystemResolver | What::PortMapping | What::ProxyOfTheEnvironment,
            ) => true,
            (
                Self::Bound(_),
                What::SystemResolver | What::PortMapping | What::ProxyOfTheEnvironment,
            ) => false,
        }
    }

    /// The interface that nothing leaves but by.
    pub(crate) fn interface(&self) -> Option<&Interface> {
        match self {
            Self::Direct => None,
            Self::Bound(interface) => Some(interface),
        }
    }

    /// Where a listener is that was asked for at `wanted`: an address that
    /// stands for all of a family is the interface's own.
    ///
    /// # Errors
    /// If the interface has no such address.
    pub(crate) fn place(&self, wanted: SocketAddr) -> io::Result<SocketAddr> {
        let Some(interface) = self.interface() else {
            return Ok(wanted);
        };
        let ip = wanted.ip();
        let ours = interface.addrs();
        let found = match ip.is_unspecified() {
            true => ours.iter().find(|ours| ours.is_ipv4() == ip.is_ipv4()),
            false => ours.iter().find(|ours| **ours == ip),
        };
        let ip = found.ok_or_else(|| interface.has_no(wanted.ip()))?;
        Ok(SocketAddr::new(*ip, wanted.port()))
    }

    /// The address to leave from for a remote of this family, if that is a
    /// certain one.
    ///
    /// # Errors
    /// If the interface has none.
    pub(crate) fn source(&self, v4: bool) -> io::Result<Option<IpAddr>> {
        let Some(interface) = self.interface() else {
            return Ok(None);
        };
        let ours = interface.addrs();
        let ip = ours.into_iter().find(|ours| ours.is_ipv4() == v4);
        let family = sockets::unspecified(v4);
        ip.map(Some).ok_or_else(|| interface.has_no(family))
    }

    /// Makes an HTTP client leave this way, and from `from` if that is given.
    pub(crate) fn http(&self, builder: ClientBuilder, from: Option<IpAddr>) -> ClientBuilder {
        let builder = match (from, self.interface()) {
            (_, Some(interface)) => builder.interface(interface.name()),
            (_, None) => builder,
        };
        match from {
            // A proxy of the environment would announce the proxy's address.
            Some(ip) => builder.no_proxy().local_address(ip),
            None if self.allows(What::ProxyOfTheEnvironment) => builder,
            None => builder.no_proxy(),
        }
    }

    /// The addresses of a host, by name or as written.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If it has none, or nobody who knows them can be asked.
    pub(crate) async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        if !self.allows(What::SystemResolver) {
            return dns::look_up(self, host).await;
        }
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|addr| addr.ip()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound() -> Route {
        Route::Bound(Interface::find("lo").unwrap())
    }

    #[test]
    fn the_systems_resolver_is_asked_only_by_who_is_not_bound() {
        assert!(Route::Direct.allows(What::SystemResolver));
        assert!(!bound().allows(What::SystemResolver));
    }

    #[test]
    fn gateways_are_asked_only_by_who_is_not_bound() {
        assert!(Route::Direct.allows(What::PortMapping));
        assert!(!bound().allows(What::PortMapping));
    }

    #[test]
    fn the_proxy_of_the_environment_is_used_only_by_who_is_not_bound() {
        assert!(Route::Direct.allows(What::ProxyOfTheEnvironment));
        assert!(!bound().allows(What::ProxyOfTheEnvironment));
    }

    #[test]
    fn listeners_of_a_bound_session_are_at_addresses_of_the_interface() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let place = |text: &str| bound().place(addr(text)).ok();
        assert_eq!(place("0.0.0.0:7"), Some(addr("127.0.0.1:7")));
        assert_eq!(place("127.0.0.1:7"), Some(addr("127.0.0.1:7")));
        assert_eq!(place("192.0.2.1:7"), None);
        let error = bound().place(addr("192.0.2.1:7")).unwrap_err();
        assert_eq!(error.to_string(), "192.0.2.1 is no address of lo");
        let anywhere = addr("192.0.2.1:7");
        assert_eq!(Route::Direct.place(anywhere).unwrap(), anywhere);
    }

    #[test]
    fn who_is_bound_leaves_from_the_interface_or_not_at_all() {
        assert_eq!(Route::Direct.source(true).unwrap(), None);
        let ours: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(bound().source(true).unwrap(), Some(ours));
    }
}
