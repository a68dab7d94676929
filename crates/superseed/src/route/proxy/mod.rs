//! A proxy: a server that connects for us, and what of a session goes by it.
//!
//! SOCKS5 (RFC 1928) connects streams, passes datagrams on if it is one of those
//! that do, and looks names up. HTTP (`CONNECT`, RFC 9110) connects streams to
//! names and addresses.

mod asked;
mod connect;
mod dial;
mod names;
mod reach;
mod url;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use superseed_proto::dns::HostName;
use superseed_proto::socks::{Credentials, Name, Target};

use super::Interface;
pub(crate) use asked::Asked;
pub(crate) use dial::Dial;
use names::Names;
pub(crate) use names::STAND_INS;
pub use reach::ProxyError;
pub(crate) use reach::relay;
pub use url::{BadProxy, ProxyUrl};

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Socks5,
    Http,
}

/// A proxy that was reached. Made by [`Route::by_proxy`](super::Route::by_proxy).
#[derive(Clone)]
pub struct Proxy(Arc<Reached>);

struct Reached {
    url: ProxyUrl,
    /// Where it was reached.
    addr: SocketAddr,
    /// It passes datagrams on.
    passes_datagrams: bool,
    /// Nothing goes around it.
    all: bool,
    /// What it is reached by, if that is a certain one.
    interface: Option<Interface>,
    names: Mutex<Names>,
}

impl Proxy {
    /// Where it was reached.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Whether it passed datagrams on when it was reached.
    pub(crate) fn passes_datagrams(&self) -> bool {
        self.0.passes_datagrams
    }

    /// Whether nothing goes around it.
    pub(super) fn is_for_all(&self) -> bool {
        self.0.all
    }

    /// The interface that it is reached by, if that is a certain one.
    pub(super) fn interface(&self) -> Option<&Interface> {
        self.0.interface.as_ref()
    }

    /// Where streams and datagrams to an address are to go: to the name that it
    /// stands for, if it stands for one. `None` if that is not known any more.
    pub(crate) fn target(&self, remote: SocketAddr) -> Option<Target> {
        if !names::is_stand_in(remote.ip()) {
            return Some(Target::Addr(remote));
        }
        let name = self.names().name_of(remote.ip())?;
        Some(Target::Name(name, remote.port()))
    }

    /// An address that stands for a name, which only the proxy looks up.
    /// `None` if it is no name of a host.
    pub(crate) fn stand_in(&self, host: &str) -> Option<std::net::IpAddr> {
        HostName::parse(host)?;
        Some(self.names().stand_in(Name::new(host)?))
    }

    /// The proxy as HTTP clients are told of it.
    pub(super) fn for_http(&self) -> reqwest::Result<reqwest::Proxy> {
        reqwest::Proxy::all(self.0.url.at(self.0.addr))
    }

    /// One that was reached, as far as a test knows.
    #[cfg(test)]
    pub(crate) fn reached(all: bool, passes_datagrams: bool, interface: Option<Interface>) -> Self {
        let url: ProxyUrl = "socks5://127.0.0.1:1080".parse().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], 1080));
        Self(Arc::new(Reached {
            url,
            addr,
            passes_datagrams,
            all,
            interface,
            names: Mutex::default(),
        }))
    }

    fn names(&self) -> std::sync::MutexGuard<'_, Names> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.0.url.credentials()
    }

    fn scheme(&self) -> Scheme {
        self.0.url.scheme()
    }
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Proxy {}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}, all: {})", self.0.url, self.0.all)
    }
}
