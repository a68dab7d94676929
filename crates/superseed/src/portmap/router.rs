//! The gateway of this machine, by whichever of the three protocols it speaks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use super::Transport;
use super::keeper::Gateway;
use super::mapping::Lease;
use super::{pcp, upnp};
use crate::os;

/// An address that no machine has (RFC 5737), so that the way to it is the
/// default route.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// How the gateway is spoken to.
enum Way {
    /// PCP or NAT-PMP.
    Pcp(pcp::Server),
    Upnp(upnp::Device),
}

/// The gateway of a listener.
pub(super) struct Router {
    listener: SocketAddr,
    /// Proves that a mapping is ours, to gateways that speak PCP.
    nonce: pcp::Nonce,
    /// What was found. What fails is looked for again: the network may be
    /// another one.
    way: Option<Way>,
}

impl Router {
    /// The gateway of a listener, not looked for yet.
    pub(super) fn new(listener: SocketAddr) -> Self {
        let mut nonce = [0; 12];
        // Without chance it is less of a secret, and works.
        if let Err(error) = getrandom::fill(&mut nonce) {
            tracing::debug!(%error, "no random number for a port mapping");
        }
        Self {
            listener,
            nonce: pcp::nonce(nonce),
            way: None,
        }
    }

    /// Our address on the way to `gateway`, if it is one that is translated.
    fn local(&self, gateway: Ipv4Addr) -> Result<Ipv4Addr, String> {
        let find = || {
            let socket = UdpSocket::bind((self.listener.ip(), 0))?;
            // Sends nothing: the system only chooses the way.
            socket.connect(SocketAddrV4::new(gateway, 9))?;
            socket.local_addr()
        };
        match find().map(|addr| addr.ip()) {
            Ok(IpAddr::V4(ip)) if ip.is_private() => Ok(ip),
            Ok(ip) => Err(format!("{ip} is no private address")),
            Err(error) => Err(format!("there is no way to the outside: {error}")),
        }
    }

    /// Asks each protocol in turn, the newest first.
    async fn find(
        &self,
        transport: Transport,
        port: u16,
        external: u16,
    ) -> Result<(Way, Lease), String> {
        let gateway = os::default_gateway();
        let local = self.local(gateway.unwrap_or(ELSEWHERE))?;
        let mut refusals = Vec::new();
        if let Some(gateway) = gateway {
            let asked = pcp::Server::find(gateway, local, self.nonce, transport, port, external);
            match asked.await {
                Ok((server, lease)) => return Ok((Way::Pcp(server), lease)),
                Err(why) => refusals.push(why),
            }
        }
        match upnp::Device::find(local).await {
            Ok(mut device) => {
                let lease = device.map(transport, port, external).await?;
                return Ok((Way::Upnp(device), lease));
            }
            Err(why) => refusals.push(why),
        }
        Err(refusals.join("; "))
    }
}

impl Gateway for Router {
    async fn map(
        &mut self,
        transport: Transport,
        port: u16,
        external: u16,
    ) -> Result<Lease, String> {
        let mapped = match &mut self.way {
            Some(Way::Pcp(server)) => server.map(transport, port, external).await,
            Some(Way::Upnp(device)) => device.map(transport, port, external).await,
            None => {
                let (way, lease) = self.find(transport, port, external).await?;
                self.way = Some(way);
                return Ok(lease);
            }
        };
        if mapped.is_err() {
            self.way = None;
        }
        mapped
    }

    async fn unmap(&mut self, transport: Transport, port: u16) -> Result<(), String> {
        match &mut self.way {
            Some(Way::Pcp(server)) => server.unmap(transport, port).await,
            Some(Way::Upnp(device)) => device.unmap(transport).await,
            None => Ok(()),
        }
    }
}
