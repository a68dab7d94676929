//! Port mapping: asks the gateway to let peers in.
//!
//! For each IPv4 listener behind a private address one task keeps a mapping of
//! its TCP port and one of its UDP port, by PCP, NAT-PMP or UPnP, whichever the
//! gateway speaks, renews them, and releases them when the session ends. The
//! engine hears where peers reach us, and when they do so no more.
//!
//! When to do what is `mapping`'s, on plain data; how to say it to a gateway,
//! `router`'s.

mod keeper;
mod mapping;
mod pcp;
mod router;
mod upnp;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use superseed_engine::ListenerId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::router::Router;

/// What a gateway is told that a mapping is for.
const DESCRIPTION: &str = "superseed";

/// Which packets of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    const ALL: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// What the engine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// Which listener.
    pub(crate) listener: ListenerId,
    /// Where peers reach it from outside; `None` if they do not any more.
    pub(crate) external: Option<SocketAddr>,
}

/// The mappings of a session.
pub(crate) struct PortMaps(JoinSet<()>);

impl PortMaps {
    /// Begins to keep mappings for those listeners that need them. When `ending`
    /// says so they are released, which takes a second at most.
    pub(crate) fn start(
        listeners: &HashMap<ListenerId, SocketAddr>,
        tell: &mpsc::Sender<Mapped>,
        ending: &watch::Receiver<bool>,
    ) -> Self {
        let mut keepers = JoinSet::new();
        for (&listener, &addr) in listeners.iter().filter(|(_, addr)| may_need(**addr)) {
            let (tell, ending) = (tell.clone(), ending.clone());
            let tell = async move |external| {
                let mapped = Mapped { listener, external };
                // Behind the end of the session nobody listens.
                let _ = tell.send(mapped).await;
            };
            keepers.spawn(keeper::keep(Router::new(addr), addr.port(), tell, ending));
        }
        Self(keepers)
    }

    /// Waits until they are released.
    pub(crate) async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// Whether a listener may be behind a gateway that translates addresses. One of
/// any address may; which address it has is known when the gateway is found.
fn may_need(listener: SocketAddr) -> bool {
    match listener.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_private(),
        // Nothing is translated.
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_of_private_addresses_need_a_mapping() {
        for (addr, expected) in [
            ("0.0.0.0:1", true),
            ("10.1.2.3:1", true),
            ("192.168.1.2:1", true),
            ("127.0.0.1:1", false),
            ("93.184.216.34:1", false),
            ("169.254.1.1:1", false),
            ("[::]:1", false),
            ("[fd00::1]:1", false),
        ] {
            assert_eq!(may_need(addr.parse().unwrap()), expected, "{addr}");
        }
    }
}
