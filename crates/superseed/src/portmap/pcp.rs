//! Gateways that speak PCP (RFC 6887) or NAT-PMP (RFC 6886).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use crab_nat::{
    GatewayAddress, InternetProtocol, PortMapping, PortMappingOptions, PortMappingType,
    TimeoutConfig, natpmp, pcp,
};

use super::Transport;
use super::mapping::{LEASE, Lease};

pub(super) use crab_nat::pcp::Nonce;

/// A gateway is in the same network and answers at once: after 250 ms, 500 ms
/// and 1 s (RFC 6886, 3.1) it is taken for one that speaks neither.
const PATIENCE: TimeoutConfig = TimeoutConfig {
    initial_timeout: Duration::from_millis(natpmp::FIRST_TIMEOUT_MILLIS),
    max_retries: 2,
    max_retry_timeout: None,
};

/// Which of the two a gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Pcp,
    NatPmp,
}

/// A gateway that maps ports.
#[derive(Debug)]
pub(super) struct Server {
    gateway: GatewayAddress,
    client: IpAddr,
    nonce: Nonce,
    dialect: Dialect,
}

/// A nonce of random bytes.
pub(super) fn nonce(random: [u8; 12]) -> Nonce {
    let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|step| random[at + step]));
    [word(0), word(4), word(8)]
}

impl Server {
    /// Asks for a first mapping by PCP, and by NAT-PMP if that fails: not every
    /// gateway that speaks the older one answers to the newer.
    pub(super) async fn find(
        gateway: Ipv4Addr,
        client: Ipv4Addr,
        nonce: Nonce,
        transport: Transport,
        port: u16,
        external: u16,
    ) -> Result<(Self, Lease), String> {
        let mut server = Self {
            gateway: gateway.into(),
            client: client.into(),
            nonce,
            dialect: Dialect::Pcp,
        };
        let by_pcp = match server.map(transport, port, external).await {
            Ok(lease) => return Ok((server, lease)),
            Err(why) => why,
        };
        server.dialect = Dialect::NatPmp;
        match server.map(transport, port, external).await {
            Ok(lease) => Ok((server, lease)),
            Err(why) => Err(format!("{by_pcp}; {why}")),
        }
    }

    /// Maps a port, or goes on with it.
    pub(super) async fn map(
        &self,
        transport: Transport,
        port: u16,
        external: u16,
    ) -> Result<Lease, String> {
        let port = self::port(port)?;
        let protocol = protocol(transport);
        let options = PortMappingOptions {
            external_port: NonZeroU16::new(external),
            lifetime_seconds: Some(LEASE.as_secs() as u32),
            timeout_config: Some(PATIENCE),
        };
        match self.dialect {
            Dialect::Pcp => {
                let base = pcp::BaseMapRequest::new(self.gateway, self.client, protocol, port);
                let mapping = pcp::port_mapping(base, Some(self.nonce), None, options).await;
                let mapping = mapping.map_err(|error| format!("PCP: {error}"))?;
                match mapping.mapping_type() {
                    PortMappingType::Pcp { external_ip, .. } => Ok(lease(&mapping, external_ip)),
                    PortMappingType::NatPmp => Err("PCP: an answer of NAT-PMP".to_owned()),
                }
            }
            Dialect::NatPmp => {
                let failed = |error| format!("NAT-PMP: {error}");
                let mapping = natpmp::port_mapping(self.gateway, protocol, port, options).await;
                let mapping = mapping.map_err(failed)?;
                let ip = natpmp::external_address(self.gateway, Some(PATIENCE)).await;
                Ok(lease(&mapping, ip.map_err(failed)?.into()))
            }
        }
    }

    /// Maps a port no more.
    pub(super) async fn unmap(&self, transport: Transport, port: u16) -> Result<(), String> {
        let internal_port = self::port(port)?;
        let protocol = protocol(transport);
        match self.dialect {
            Dialect::Pcp => {
                let range = pcp::DropMappingRange::Single {
                    protocol,
                    internal_port,
                };
                let (gateway, client) = (self.gateway, self.client);
                pcp::try_drop_mapping(gateway, client, self.nonce, range, Some(PATIENCE))
                    .await
                    .map_err(|error| format!("PCP: {error}"))
            }
            Dialect::NatPmp => {
                let port = Some(internal_port);
                natpmp::try_drop_mapping(self.gateway, protocol, port, Some(PATIENCE))
                    .await
                    .map_err(|error| format!("NAT-PMP: {error}"))
            }
        }
    }
}

fn lease(mapping: &PortMapping, ip: IpAddr) -> Lease {
    Lease {
        external: SocketAddr::new(ip.to_canonical(), mapping.external_port().get()),
        lasts: Duration::from_secs(mapping.lifetime().into()),
    }
}

fn protocol(transport: Transport) -> InternetProtocol {
    match transport {
        Transport::Tcp => InternetProtocol::Tcp,
        Transport::Udp => InternetProtocol::Udp,
    }
}

fn port(port: u16) -> Result<NonZeroU16, String> {
    NonZeroU16::new(port).ok_or_else(|| "port 0 is no port".to_owned())
}
