//! By what way a session's packets leave: the only place in this crate where
//! sockets to the outside are made and names are looked up.
//!
//! A session that is bound to an interface never uses another, not even for
//! DNS, and nothing leaves when the interface is gone. One that has a proxy leaves
//! streams to it, and if nothing may go around it, names and datagrams too; the
//! rest is off then ([`Route::allows`]). Whoever needs a socket asks here; `cargo
//! xtask tidy` sees to it. The tracker that a program may run beside its sessions
//! answers by sockets made here too.

mod dns;
mod interface;
mod proxy;
mod sockets;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::ClientBuilder;
use superseed_engine::Settings;
use superseed_engine::filter::Filter;

pub use interface::{Interface, UnknownInterface};
pub(crate) use proxy::{Asked, Dial, relay};
pub use proxy::{BadProxy, Proxy, ProxyError, ProxyUrl};
pub(crate) use sockets::{Pair, family_is_missing};

/// By what way a session's packets leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// As the system's routes say.
    #[default]
    Direct,
    /// By one interface and from its addresses, or not at all.
    Bound(Interface),
    /// Streams, and datagrams where it passes them on, by a proxy.
    Proxy(Proxy),
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
    /// Take peers that knock.
    Listening,
    /// Tell neighbours of torrents, and hear of theirs (BEP 14).
    Neighbours,
    /// Send datagrams, by whatever way.
    Datagrams,
    /// Send datagrams straight to where they go.
    DirectDatagrams,
}

impl Route {
    /// Whether a session may do this.
    pub(crate) fn allows(&self, what: What) -> bool {
        let proxy = self.proxy();
        let bound = self.interface().is_some();
        let all = proxy.is_some_and(Proxy::is_for_all);
        match what {
            What::SystemResolver | What::PortMapping => !bound && !all,
            What::ProxyOfTheEnvironment => !bound && proxy.is_none(),
            What::Listening | What::Neighbours | What::DirectDatagrams => !all,
            What::Datagrams => !all || proxy.is_some_and(Proxy::passes_datagrams),
        }
    }

    /// Switches off what is not allowed.
    pub(crate) fn restrict(&self, settings: &mut Settings) {
        settings.lsd &= self.allows(What::Neighbours);
        settings.dht.enabled &= self.allows(What::Datagrams);
        settings.udp_trackers &= self.allows(What::Datagrams);
    }

    /// The interface that nothing leaves but by.
    pub(crate) fn interface(&self) -> Option<&Interface> {
        match self {
            Self::Direct => None,
            Self::Bound(interface) => Some(interface),
            Self::Proxy(proxy) => proxy.interface(),
        }
    }

    /// The proxy that streams go by.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::Direct | Self::Bound(_) => None,
            Self::Proxy(proxy) => Some(proxy),
        }
    }

    /// The filter as the engine is to have it, which speaks of names by addresses
    /// that stand for them: a list of addresses that nobody has must not block all
    /// names.
    pub(crate) fn filter(&self, filter: &Arc<Filter>) -> Arc<Filter> {
        match self.proxy() {
            Some(proxy) if proxy.is_for_all() => Arc::new(filter.without(proxy::STAND_INS)),
            _ => Arc::clone(filter),
        }
    }

    /// Whether what others know us by, such as our ids in the DHT, may be that of
    /// other sessions: who sees one that goes another way by the same knows both for
    /// one.
    pub(crate) fn shares_names(&self) -> bool {
        self.allows(What::DirectDatagrams) && self.interface().is_none()
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

    /// The address that HTTP leaves from, if that is a certain one.
    ///
    /// # Errors
    /// If the interface has none of the proxy's family.
    pub(crate) fn http_source(&self) -> io::Result<Option<IpAddr>> {
        match self.proxy() {
            Some(proxy) => self.source(proxy.addr().is_ipv4()),
            None => Ok(None),
        }
    }

    /// Makes an HTTP client leave this way, and from `from` if that is given.
    ///
    /// # Errors
    /// If HTTP clients do not understand the proxy.
    pub(crate) fn http(
        &self,
        builder: ClientBuilder,
        from: Option<IpAddr>,
    ) -> reqwest::Result<ClientBuilder> {
        let builder = match self.interface() {
            Some(interface) => builder.interface(interface.name()),
            None => builder,
        };
        if let Some(proxy) = self.proxy() {
            return Ok(builder.proxy(proxy.for_http()?).local_address(from));
        }
        Ok(match from {
            // A proxy of the environment would announce the proxy's address.
            Some(ip) => builder.no_proxy().local_address(ip),
            None if self.allows(What::ProxyOfTheEnvironment) => builder,
            None => builder.no_proxy(),
        })
    }

    /// The addresses of a host, by name or as written. Where nobody here may look
    /// a name up, one that stands for it.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If it has none, or nobody who knows them can be asked.
    pub(crate) async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        if let Some(proxy) = self.proxy().filter(|proxy| proxy.is_for_all()) {
            let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "not the name of a host");
            return Ok(vec![proxy.stand_in(host).ok_or_else(no_name)?]);
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

    /// Which of the ways allow something: direct, bound, by a proxy, by one on an
    /// interface, all by a proxy, all by one that passes datagrams on.
    fn allowed(what: What) -> [bool; 6] {
        let lo = Interface::find("lo").unwrap();
        let proxy = |all, passes| Route::Proxy(Proxy::reached(all, passes, None));
        let ways = [
            Route::Direct,
            bound(),
            proxy(false, true),
            Route::Proxy(Proxy::reached(false, true, Some(lo))),
            proxy(true, false),
            proxy(true, true),
        ];
        ways.map(|way| way.allows(what))
    }

    #[test]
    fn the_systems_resolver_is_asked_only_by_who_may_go_any_way() {
        let expected = [true, false, true, false, false, false];
        assert_eq!(allowed(What::SystemResolver), expected);
    }

    #[test]
    fn gateways_are_asked_only_by_who_may_go_any_way() {
        let expected = [true, false, true, false, false, false];
        assert_eq!(allowed(What::PortMapping), expected);
    }

    #[test]
    fn the_proxy_of_the_environment_is_used_only_by_who_has_no_other_way() {
        let expected = [true, false, false, false, false, false];
        assert_eq!(allowed(What::ProxyOfTheEnvironment), expected);
    }

    #[test]
    fn peers_may_knock_unless_all_goes_by_a_proxy() {
        let expected = [true, true, true, true, false, false];
        assert_eq!(allowed(What::Listening), expected);
    }

    #[test]
    fn neighbours_are_told_unless_all_goes_by_a_proxy() {
        let expected = [true, true, true, true, false, false];
        assert_eq!(allowed(What::Neighbours), expected);
    }

    #[test]
    fn datagrams_are_sent_unless_all_goes_by_a_proxy_that_passes_none_on() {
        let expected = [true, true, true, true, false, true];
        assert_eq!(allowed(What::Datagrams), expected);
    }

    #[test]
    fn datagrams_go_straight_unless_all_goes_by_a_proxy() {
        let expected = [true, true, true, true, false, false];
        assert_eq!(allowed(What::DirectDatagrams), expected);
    }

    #[test]
    fn what_is_not_allowed_is_switched_off_in_settings_too() {
        let restricted = |all, passes| {
            let mut settings = Settings {
                lsd: true,
                ..Settings::default()
            };
            settings.dht.enabled = true;
            Route::Proxy(Proxy::reached(all, passes, None)).restrict(&mut settings);
            [settings.lsd, settings.dht.enabled, settings.udp_trackers]
        };
        assert_eq!(restricted(false, false), [true; 3]);
        assert_eq!(restricted(true, false), [false; 3]);
        assert_eq!(restricted(true, true), [false, true, true]);
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
    fn http_leaves_for_a_proxy_from_the_address_that_is_wished_or_not_at_all() {
        let by = |text: &str| {
            let interface = Interface::find(text).unwrap();
            Route::Proxy(Proxy::reached(true, false, Some(interface)))
        };
        let ours: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(by("127.0.0.1").http_source().unwrap(), Some(ours));
        let anywhere = Route::Proxy(Proxy::reached(true, false, None));
        assert_eq!(anywhere.http_source().unwrap(), None);
        let error = by("::1").http_source().unwrap_err();
        assert_eq!(error.to_string(), "lo has no IPv4 address");
    }

    #[test]
    fn a_list_of_addresses_that_nobody_has_blocks_no_names() {
        use superseed_engine::filter::FilterBuilder;
        let mut builder = FilterBuilder::new();
        builder.block(proxy::STAND_INS).unwrap();
        let filter = Arc::new(builder.build());
        let by = |all| Route::Proxy(Proxy::reached(all, false, None));
        assert!(by(true).filter(&filter).is_empty());
        assert_eq!(by(false).filter(&filter), filter);
        assert_eq!(Route::Direct.filter(&filter), filter);
    }

    #[test]
    fn only_sessions_that_go_any_way_share_ids_with_others() {
        let by = |all, lo| Route::Proxy(Proxy::reached(all, true, lo));
        let lo = || Some(Interface::find("lo").unwrap());
        assert!(Route::Direct.shares_names() && by(false, None).shares_names());
        for apart in [bound(), by(false, lo()), by(true, None), by(true, lo())] {
            assert!(!apart.shares_names(), "{apart:?}");
        }
    }

    #[test]
    fn who_is_bound_leaves_from_the_interface_or_not_at_all() {
        assert_eq!(Route::Direct.source(true).unwrap(), None);
        let ours: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(bound().source(true).unwrap(), Some(ours));
    }
}
