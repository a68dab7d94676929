//! HTTP clients: one per listener, so that an announce leaves from the address
//! and family that it announces, and one for each reach, so that a connection
//! that is kept open is never used for what may not go where it leads.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use superseed_engine::ListenerId;
use superseed_proto::url_rules::Reach;
use tokio::sync::Semaphore;

use super::ANNOUNCES_MAX;

/// Idle connections kept per tracker: announces are minutes apart.
const IDLE_PER_HOST_MAX: usize = 1;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// What the announces of all listeners share.
pub(super) struct Clients {
    listeners: HashMap<ListenerId, SocketAddr>,
    user_agent: String,
    /// Held by announces on their way.
    pub(super) permits: Semaphore,
    webs: Mutex<HashMap<IpAddr, Arc<Web>>>,
}

impl Clients {
    pub(super) fn new(listeners: HashMap<ListenerId, SocketAddr>, user_agent: String) -> Self {
        Self {
            listeners,
            user_agent,
            permits: Semaphore::new(ANNOUNCES_MAX),
            webs: Mutex::default(),
        }
    }

    /// The web as it is seen from the address of a listener, which may be
    /// unspecified.
    pub(super) fn of(&self, listener: ListenerId) -> Result<Arc<Web>, String> {
        let Some(addr) = self.listeners.get(&listener) else {
            return Err(format!("there is no listener {}", listener.0));
        };
        let ip = addr.ip();
        let mut webs = self.webs.lock().unwrap_or_else(PoisonError::into_inner);
        let web = || Arc::new(Web::new(Some(ip), &self.user_agent));
        Ok(Arc::clone(webs.entry(ip).or_insert_with(web)))
    }
}

/// The web as it is seen from one address.
pub(super) struct Web {
    from: Option<IpAddr>,
    user_agent: String,
    /// The clients made so far.
    made: Mutex<HashMap<Reach, Client>>,
}

impl Web {
    /// Seen from `from`, if given, and then in its family only.
    pub(super) fn new(from: Option<IpAddr>, user_agent: &str) -> Self {
        Self {
            from,
            user_agent: user_agent.to_owned(),
            made: Mutex::default(),
        }
    }

    /// Whether an address is of the family that is spoken.
    pub(super) fn has_family_of(&self, addr: IpAddr) -> bool {
        self.from
            .is_none_or(|from| from.is_ipv4() == addr.is_ipv4())
    }

    /// The client that connects to nothing beyond `reach`, where the URL names
    /// a host by its name.
    pub(super) fn client(&self, reach: Reach) -> Result<Client, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&reach) {
            return Ok(client.clone());
        }
        let client = build(self.from, reach, &self.user_agent)?;
        made.insert(reach, client.clone());
        Ok(client)
    }
}

fn build(from: Option<IpAddr>, reach: Reach, user_agent: &str) -> Result<Client, String> {
    install_crypto();
    let builder = || {
        let builder = Client::builder()
            .user_agent(user_agent)
            // Each hop of a redirect has a reach of its own.
            .redirect(Policy::none())
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .dns_resolver(Lookup { from, reach })
            .gzip(true);
        match from {
            // A proxy of the environment would announce the proxy's address.
            Some(ip) => builder.no_proxy().local_address(ip),
            None => builder,
        }
    };
    builder()
        .build()
        // Without a certificate store there is no HTTPS, but HTTP still works.
        .or_else(|_| builder().tls_certs_only([]).build())
        .map_err(|error| format!("cannot set up HTTP: {error}"))
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

/// A name all of whose addresses are beyond the reach; one of them.
#[derive(Debug, thiserror::Error)]
#[error("{0} may not be asked this")]
pub(super) struct OutOfReach(pub(super) IpAddr);

/// Looks names up and keeps the addresses of one family that are within reach:
/// what it gives is what is connected to.
struct Lookup {
    from: Option<IpAddr>,
    reach: Reach,
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (from, reach) = (self.from, self.reach);
        let fits = move |addr: &SocketAddr| from.is_none_or(|ip| ip.is_ipv4() == addr.is_ipv4());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|_| NoAddress)?;
            let (near, far): (Vec<_>, Vec<_>) = found
                .filter(fits)
                .partition(|addr| reach.includes(addr.ip()));
            if near.is_empty() {
                return Err(match far.first() {
                    Some(addr) => OutOfReach(addr.ip()).into(),
                    None => NoAddress.into(),
                });
            }
            Ok(Box::new(near.into_iter()) as Addrs)
        })
    }
}
