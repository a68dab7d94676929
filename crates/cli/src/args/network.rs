//! The options of the ways to peers beside trackers, and of those that are kept
//! away, a struct for each.

use std::path::PathBuf;

use clap::Args;

use superseed::ProxyUrl;

use crate::text::address::HostPort;

/// Who is near: neighbours, and the gateway.
#[derive(Args, Clone, Debug)]
pub(crate) struct NearArgs {
    /// Tell no neighbours of torrents, and hear none of theirs (BEP 14)
    ///
    /// A private torrent is never told of; a magnet link is, until its metadata is
    /// there.
    #[arg(long, help_heading = "Network")]
    pub(crate) no_lsd: bool,
    /// Do not ask the gateway to let peers in (PCP, NAT-PMP, UPnP)
    #[arg(long, help_heading = "Network")]
    pub(crate) no_port_mapping: bool,
}

/// Who is known to those who are known.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExchangeArgs {
    /// Tell peers of no others, and hear of none from them (BEP 11)
    ///
    /// Peers of a private torrent are never told of, but for those of a link whose
    /// metadata is not there yet.
    #[arg(long, help_heading = "Network")]
    pub(crate) no_pex: bool,
}

/// With whom a session speaks, and by what way.
#[derive(Args, Clone, Debug)]
pub(crate) struct RouteArgs {
    /// Speak with nobody whom this list names; repeatable
    ///
    /// Lines of P2P (`name:first-last`), DAT (`first - last , level , name`) or
    /// CIDR form, plain or compressed by gzip. A line that cannot be read ends the
    /// program before anything is connected to.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub(crate) blocklist: Vec<PathBuf>,
    /// Use this network interface and no other, by its name or one address of it
    ///
    /// Peers, trackers and name look-ups go by it, and nothing leaves when it is
    /// gone: then all connections end until it is back.
    #[arg(long, value_name = "NAME|ADDR", help_heading = "Network")]
    pub(crate) interface: Option<String>,
    /// Connect by this proxy: socks5://[user:password@]host:port, or http:// for CONNECT
    ///
    /// Peers, HTTP trackers, web seeds and torrent files are connected to by it, and
    /// it looks up the names of servers of the web. Datagrams go by it where it is
    /// SOCKS and passes them on, and else around it.
    #[arg(long, value_name = "URL", help_heading = "Network")]
    pub(crate) proxy: Option<ProxyUrl>,
    /// Let nothing go around the proxy
    ///
    /// It looks up all names; DHT and UDP trackers are off unless it passes datagrams
    /// on; neighbours and the gateway are not spoken to, and no peer can connect to
    /// us, whatever `--listen` says.
    // That there is a proxy is seen when all layers are: each may name it.
    #[arg(long, help_heading = "Network")]
    pub(crate) proxy_all: bool,
}

/// The DHT.
#[derive(Args, Clone, Debug)]
pub(crate) struct DhtArgs {
    /// Take no part in the DHT, which finds peers without a tracker (BEP 5)
    ///
    /// A private torrent is never named to it; a magnet link is, until its metadata
    /// says that it is private.
    #[arg(long, help_heading = "Network")]
    pub(crate) no_dht: bool,
    /// A node of the DHT to ask first, instead of those that everybody asks; may be repeated
    #[arg(
        long,
        value_name = "HOST:PORT",
        alias = "dht-entry-point",
        help_heading = "Network"
    )]
    pub(crate) dht_bootstrap: Vec<HostPort>,
}
