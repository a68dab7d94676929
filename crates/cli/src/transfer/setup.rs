//! From options to what the library takes: a session's configuration, a
//! torrent's options, resolved peers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use superseed::{
    AddOptions, Blocklist, Config, DhtSettings, Interface, Metainfo, RateLimits, Route, Session,
    Settings, TorrentOptions,
};

use super::order::Order;
use super::select;
use crate::args::TransferArgs;
use crate::args::network::{DhtArgs, RouteArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::text::address::HostPort;

/// Starts the session of this call.
pub(crate) fn session(args: &TransferArgs, route: &Route, env: &Env) -> Result<Session, Failure> {
    let defaults = Config::default();
    let per_torrent = usize::from(args.max_peers);
    let settings = Settings {
        peer_id_prefix: args.peer_id_prefix.clone().into_bytes(),
        limits: RateLimits {
            upload_bytes_per_s: args.max_overall_upload_limit.0,
            download_bytes_per_s: args.max_overall_download_limit.0,
        },
        connections_max: defaults.settings.connections_max.max(per_torrent),
        connections_per_torrent_max: per_torrent,
        announce_ip: args.announce_ip,
        lsd: !args.near.no_lsd,
        dht: dht(&args.dht, &defaults.settings.dht),
        encryption: args.encryption.encryption,
        pex: !args.exchange.no_pex,
        ..defaults.settings
    };
    let config = Config {
        settings,
        listen: args
            .listen
            .iter()
            .flat_map(|listen| listen.addrs())
            .collect(),
        dir: args.dir.clone(),
        port_mapping: !args.near.no_port_mapping,
        user_agent: args.user_agent.clone(),
        blocklist: Blocklist::read(&args.route.blocklist)?,
        // A session has the file for itself.
        dht_state: (!args.dht.no_dht).then(|| dht_state(env)).flatten(),
        route: route.clone(),
        ..Config::default()
    };
    Ok(Session::start(config)?)
}

fn dht(args: &DhtArgs, defaults: &DhtSettings) -> DhtSettings {
    let named = args.dht_bootstrap.iter();
    let named: Vec<_> = named.map(|node| (node.host.clone(), node.port)).collect();
    DhtSettings {
        enabled: !args.no_dht,
        routers: (!named.is_empty()).then(|| named.into()),
        ..defaults.clone()
    }
}

/// Where the nodes of the DHT are kept from one call to the next.
fn dht_state(env: &Env) -> Option<PathBuf> {
    let cache = env.var("XDG_CACHE_HOME").map(PathBuf::from);
    // The specification says to ignore relative paths.
    let cache = cache.filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(Path::new(env.var("HOME")?).join(".cache")))?;
    Some(cache.join("superseed").join("dht"))
}

/// By what way everything leaves. A proxy is reached to see that it is there.
pub(crate) async fn route(args: &RouteArgs) -> Result<Route, Failure> {
    if args.proxy_all && args.proxy.is_none() {
        // Going direct would break what the user asks for.
        return Err(Failure::usage(
            "--proxy-all needs a proxy: name one by --proxy",
        ));
    }
    let interface = args.interface.as_deref().map(Interface::find).transpose();
    let interface = interface.map_err(|error| Failure::new(Exit::Network, error.to_string()))?;
    match &args.proxy {
        Some(proxy) => Ok(Route::by_proxy(proxy.clone(), args.proxy_all, interface).await?),
        None => Ok(interface.map_or(Route::Direct, Route::Bound)),
    }
}

/// How one torrent is added. Peers come later, since their names need a look-up.
pub(crate) fn add_options(
    metainfo: &Metainfo,
    args: &TransferArgs,
    order: Order,
) -> Result<AddOptions, Failure> {
    Ok(AddOptions {
        dir: Some(args.dir.clone()),
        torrent: TorrentOptions {
            priorities: select::priorities(metainfo, args)?,
            sequential: args.sequential,
            limits: RateLimits {
                upload_bytes_per_s: args.max_upload_limit.0,
                download_bytes_per_s: args.max_download_limit.0,
            },
            goal: order.goal,
            super_seed: order.super_seed,
            trackers: args.tracker.clone(),
            web_seeds: args.web_seed.clone(),
            allow_overwrite: args.allow_overwrite,
            recheck: args.recheck,
            ..TorrentOptions::default()
        },
        preallocate: args.preallocate,
        name: select::name(args)?,
        renames: select::renames(metainfo, args)?,
    })
}

/// The addresses of `--peer`. A name that has none is the user's error and
/// known at once, so it is told before anything starts.
pub(crate) async fn resolve_peers(
    session: &Session,
    peers: &[HostPort],
) -> Result<Vec<SocketAddr>, Failure> {
    let mut addrs = Vec::new();
    for peer in peers {
        let found = look_up(session, &peer.host, peer.port).await;
        let before = addrs.len();
        addrs.extend(found);
        if addrs.len() == before {
            return Err(Failure::new(
                Exit::Dns,
                format!("cannot resolve the name of the peer {peer}"),
            ));
        }
    }
    Ok(addrs)
}

/// The addresses of a host, by the session's way, with a port.
pub(crate) async fn look_up(session: &Session, host: &str, port: u16) -> Vec<SocketAddr> {
    // A session that has ended needs no peers.
    let found = session.resolve(host).await.unwrap_or_default();
    let addrs = found.into_iter().map(|ip| SocketAddr::new(ip, port));
    addrs.collect()
}
