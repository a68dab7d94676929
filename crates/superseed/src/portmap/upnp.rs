//! Gateways that speak UPnP (Internet Gateway Device).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use igd_next::aio::Gateway;
use igd_next::aio::tokio::{Tokio, search_gateway};
use igd_next::{AddPortError, PortMappingProtocol, SearchOptions};

use super::mapping::{LEASE, Lease};
use super::{DESCRIPTION, Transport};

/// How long a gateway may take to be found, its descriptions fetched.
const SEARCH_TIME: Duration = Duration::from_secs(5);

/// A gateway that maps ports.
#[derive(Debug)]
pub(super) struct Device {
    gateway: Gateway<Tokio>,
    local: Ipv4Addr,
    /// The outer port of each transport, by which a mapping is released.
    external: [Option<u16>; 2],
}

impl Device {
    /// Looks for one in the network of our address `local`. Only what answers
    /// from a private address is one: nobody outside is to be sent requests.
    pub(super) async fn find(local: Ipv4Addr) -> Result<Self, String> {
        let mut options = SearchOptions::default();
        options.bind_addr = SocketAddr::new(local.into(), 0);
        options.timeout = Some(SEARCH_TIME);
        options.single_search_timeout = Some(SEARCH_TIME);
        let found = search_gateway(options).await;
        let gateway = found.map_err(|error| format!("UPnP: {error}"))?;
        match gateway.addr.ip() {
            IpAddr::V4(ip) if ip.is_private() => Ok(Self {
                gateway,
                local,
                external: Default::default(),
            }),
            ip => Err(format!("UPnP: {ip} is not in our network")),
        }
    }

    /// Maps a port, or goes on with it. If the outer port is somebody else's, the
    /// gateway chooses one.
    pub(super) async fn map(
        &mut self,
        transport: Transport,
        port: u16,
        external: u16,
    ) -> Result<Lease, String> {
        let failed = |error: &dyn std::error::Error| format!("UPnP: {error}");
        let protocol = protocol(transport);
        let local = SocketAddr::new(self.local.into(), port);
        let gateway = &self.gateway;
        let add = |lease_s| gateway.add_port(protocol, external, local, lease_s, DESCRIPTION);
        let lease_s = LEASE.as_secs() as u32;
        let added = match add(lease_s).await {
            // It lasts until it is released; it is asked for again all the same,
            // since a gateway that was started anew knows nothing of it.
            Err(AddPortError::OnlyPermanentLeasesSupported) => add(0).await,
            other => other,
        };
        let external = match added {
            Ok(()) => external,
            Err(AddPortError::PortInUse) => gateway
                .add_any_port(protocol, local, lease_s, DESCRIPTION)
                .await
                .map_err(|error| failed(&error))?,
            Err(error) => return Err(failed(&error)),
        };
        self.external[index(transport)] = Some(external);
        let ip = gateway.get_external_ip().await;
        Ok(Lease {
            external: SocketAddr::new(ip.map_err(|error| failed(&error))?, external),
            lasts: LEASE,
        })
    }

    /// Maps the port of a transport no more.
    pub(super) async fn unmap(&mut self, transport: Transport) -> Result<(), String> {
        let Some(external) = self.external[index(transport)].take() else {
            return Ok(());
        };
        let removed = self.gateway.remove_port(protocol(transport), external);
        removed.await.map_err(|error| format!("UPnP: {error}"))
    }
}

fn index(transport: Transport) -> usize {
    match transport {
        Transport::Tcp => 0,
        Transport::Udp => 1,
    }
}

fn protocol(transport: Transport) -> PortMappingProtocol {
    match transport {
        Transport::Tcp => PortMappingProtocol::TCP,
        Transport::Udp => PortMappingProtocol::UDP,
    }
}
