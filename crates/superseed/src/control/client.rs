//! HTTP clients: one per listener, so that an announce leaves from the address
//! and family that it announces, and one for each reach, so that a connection
//! that is kept open is never used for what may not go where it leads.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use superseed_engine::ListenerId;
use superseed_engine::filter::Filter;
use superseed_engine::limits::WEB_SEED_CONNECTIONS_MAX;
use superseed_proto::url_rules::Reach;
use tokio::sync::Semaphore;

use super::ANNOUNCES_MAX;
use crate::route::Route;

/// An address of the world, whose host is nobody in particular (RFC 7723).
const SOMEBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 0, 9));
/// Idle connections kept per server: as many as a torrent has to web seeds.
const IDLE_PER_HOST_MAX: usize = WEB_SEED_CONNECTIONS_MAX;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// What the announces of all listeners share.
pub(super) struct Clients {
    route: Route,
    user_agent: String,
    /// Held by announces on their way.
    pub(super) permits: Semaphore,
    seen: Mutex<Seen>,
}

/// The web as it is seen from each listener, and who in it is not asked.
struct Seen {
    listeners: HashMap<ListenerId, SocketAddr>,
    filter: Arc<Filter>,
    webs: HashMap<IpAddr, Arc<Web>>,
}

impl Clients {
    pub(super) fn new(
        listeners: HashMap<ListenerId, SocketAddr>,
        route: Route,
        user_agent: String,
    ) -> Self {
        Self {
            route,
            user_agent,
            permits: Semaphore::new(ANNOUNCES_MAX),
            seen: Mutex::new(Seen {
                listeners,
                filter: Arc::default(),
                webs: HashMap::new(),
            }),
        }
    }

    /// The web as it is seen from the address of a listener, which may be
    /// unspecified.
    pub(super) fn of(&self, listener: ListenerId) -> Result<Arc<Web>, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen {
            listeners,
            filter,
            webs,
        } = &mut *seen;
        let Some(addr) = listeners.get(&listener) else {
            return Err(format!("there is no listener {}", listener.0));
        };
        let ip = addr.ip();
        let web = || {
            let filter = Arc::clone(filter);
            Arc::new(Web::new(&self.route, Some(ip), &self.user_agent, filter))
        };
        Ok(Arc::clone(webs.entry(ip).or_insert_with(web)))
    }

    /// Asks nobody from now on whom the filter blocks; connections that were
    /// kept open are given up.
    pub(super) fn set_filter(&self, filter: Arc<Filter>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.filter = filter;
        seen.webs.clear();
    }

    /// Listeners have other addresses from now on.
    pub(super) fn set_listeners(&self, listeners: HashMap<ListenerId, SocketAddr>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.listeners = listeners;
        seen.webs.clear();
    }

    /// By what way everything leaves.
    pub(super) fn route(&self) -> &Route {
        &self.route
    }
}

/// The web as it is seen from one address.
pub(super) struct Web {
    route: Route,
    from: Option<IpAddr>,
    user_agent: String,
    filter: Arc<Filter>,
    /// The clients made so far, and the address that they leave from.
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    from: Option<IpAddr>,
    clients: HashMap<Reach, Client>,
}

impl Web {
    /// Seen from `from`, if given, and then in its family only; or as a proxy sees
    /// it, of whatever family that is.
    pub(super) fn new(
        route: &Route,
        from: Option<IpAddr>,
        user_agent: &str,
        filter: Arc<Filter>,
    ) -> Self {
        Self {
            route: route.clone(),
            from: from.filter(|_| route.proxy().is_none()),
            user_agent: user_agent.to_owned(),
            filter,
            made: Mutex::default(),
        }
    }

    /// Whether an address is of the family that is spoken.
    pub(super) fn has_family_of(&self, addr: IpAddr) -> bool {
        self.from
            .is_none_or(|from| from.is_ipv4() == addr.is_ipv4())
    }

    /// Who answered, as far as that can be known: behind a proxy a name may be
    /// anybody's, and is taken for one of the world, which may reach the least.
    pub(super) fn who_answered(
        &self,
        asked: Option<IpAddr>,
        connected: Option<SocketAddr>,
    ) -> Option<IpAddr> {
        match self.route.proxy() {
            Some(_) => Some(asked.unwrap_or(SOMEBODY)),
            None => connected.map(|addr| addr.ip()),
        }
    }

    /// Whether the user lets an address be asked.
    pub(super) fn lets_ask(&self, ip: IpAddr) -> bool {
        !self.filter.blocks(ip)
    }

    /// The client that connects to nothing beyond `reach`, where the URL names
    /// a host by its name.
    pub(super) fn client(&self, reach: Reach) -> Result<Client, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let from = match self.from {
            Some(ip) => Some(ip),
            None => self
                .route
                .http_source()
                .map_err(|error| error.to_string())?,
        };
        if made.from != from {
            made.clients.clear();
            made.from = from;
        }
        if let Some(client) = made.clients.get(&reach) {
            return Ok(client.clone());
        }
        let client = self.build(reach, from)?;
        made.clients.insert(reach, client.clone());
        Ok(client)
    }

    fn build(&self, reach: Reach, leave_from: Option<IpAddr>) -> Result<Client, String> {
        install_crypto();
        let lookup = || Lookup {
            route: self.route.clone(),
            from: self.from,
            reach,
            filter: Arc::clone(&self.filter),
        };
        let builder = || {
            let builder = Client::builder()
                .user_agent(&self.user_agent)
                // Each hop of a redirect has a reach of its own.
                .redirect(Policy::none())
                .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .dns_resolver(lookup())
                .gzip(true);
            self.route.http(builder, leave_from)
        };
        builder()
            .and_then(ClientBuilder::build)
            // Without a certificate store there is no HTTPS, but HTTP still works.
            .or_else(|_| builder()?.tls_certs_only([]).build())
            .map_err(|error| format!("cannot set up HTTP: {error}"))
    }
}

/// Makes ring the process's TLS provider unless the program chose another.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the embedding program has installed its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A name that has no address of the family asked for.
#[derive(Debug, thiserror::Error)]
#[error("no address for this host")]
pub(super) struct NoAddress;

/// A name all of whose addresses are beyond the reach or blocked; one of them.
#[derive(Debug, thiserror::Error)]
#[error("{0} may not be asked this")]
pub(super) struct OutOfReach(pub(super) IpAddr);

/// Looks names up and keeps the addresses of one family that are within reach and
/// not blocked: what it gives is what is connected to.
struct Lookup {
    route: Route,
    from: Option<IpAddr>,
    reach: Reach,
    filter: Arc<Filter>,
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (from, reach, filter) = (self.from, self.reach, Arc::clone(&self.filter));
        let route = self.route.clone();
        if route.proxy().is_some() {
            // It looks names up.
            return Box::pin(async { Err(NoAddress.into()) });
        }
        let fits = move |addr: &IpAddr| from.is_none_or(|ip| ip.is_ipv4() == addr.is_ipv4());
        Box::pin(async move {
            let found = route.look_up(name.as_str()).await.map_err(|_| NoAddress)?;
            let (near, far): (Vec<_>, Vec<_>) = found
                .into_iter()
                .filter(fits)
                .partition(|addr| reach.includes(*addr) && !filter.blocks(*addr));
            if near.is_empty() {
                return Err(match far.first() {
                    Some(ip) => OutOfReach(*ip).into(),
                    None => NoAddress.into(),
                });
            }
            let addrs = near.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addrs) as Addrs)
        })
    }
}
