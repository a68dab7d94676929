//! HTTP clients: one per listener, so that an announce leaves from the address
//! and family that it announces.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use superseed_engine::ListenerId;
use tokio::sync::Semaphore;

use super::ANNOUNCES_MAX;

/// Redirects followed before an answer is given up (trackers use one at most).
const REDIRECTS_MAX: usize = 5;
/// Idle connections kept per tracker: announces are minutes apart.
const IDLE_PER_HOST_MAX: usize = 1;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The clients made so far, by local address.
pub(super) struct Clients {
    listeners: HashMap<ListenerId, SocketAddr>,
    user_agent: String,
    /// Held by announces on their way.
    pub(super) permits: Semaphore,
    made: Mutex<HashMap<IpAddr, Client>>,
}

impl Clients {
    pub(super) fn new(listeners: HashMap<ListenerId, SocketAddr>, user_agent: String) -> Self {
        Self {
            listeners,
            user_agent,
            permits: Semaphore::new(ANNOUNCES_MAX),
            made: Mutex::default(),
        }
    }

    /// The address that exchanges of a listener leave from, which may be
    /// unspecified, and the client that does so.
    pub(super) fn of(&self, listener: ListenerId) -> Result<(IpAddr, Client), String> {
        let Some(addr) = self.listeners.get(&listener) else {
            return Err(format!("there is no listener {}", listener.0));
        };
        let ip = addr.ip();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&ip) {
            return Ok((ip, client.clone()));
        }
        let client = build(Some(ip), &self.user_agent)?;
        made.insert(ip, client.clone());
        Ok((ip, client))
    }
}

/// A client that leaves from `from`, if given, and then speaks its family only.
pub(super) fn build(from: Option<IpAddr>, user_agent: &str) -> Result<Client, String> {
    install_crypto();
    let builder = || {
        let builder = Client::builder()
            .user_agent(user_agent)
            .redirect(Policy::limited(REDIRECTS_MAX))
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .gzip(true);
        match from {
            // A proxy of the environment would announce the proxy's address.
            Some(ip) => builder
                .no_proxy()
                .local_address(ip)
                .dns_resolver(FamilyResolver(ip)),
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

/// Looks names up and keeps the addresses of one family.
struct FamilyResolver(IpAddr);

impl Resolve for FamilyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let v4 = self.0.is_ipv4();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|_| NoAddress)?;
            let addrs: Vec<_> = found.filter(|addr| addr.is_ipv4() == v4).collect();
            if addrs.is_empty() {
                return Err(NoAddress.into());
            }
            Ok(Box::new(addrs.into_iter()) as Addrs)
        })
    }
}
