//! Links: what they stand for is asked of peers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use superseed::{LinkOptions, Magnet, Metainfo, Route, Session};
use superseed_proto::magnet::MagnetPeer;

use super::item::{Item, Stage};
use super::order::Order;
use super::setup;
use super::waiting::{Ready, Waiting};
use crate::args::TransferArgs;
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::output::{self, Existing};

/// How the metadata of a link is looked for. Peers that the link names by names
/// that have no address are passed over.
pub(super) async fn options(
    session: &Session,
    magnet: &Magnet,
    peers: &[SocketAddr],
    args: &TransferArgs,
) -> LinkOptions {
    let mut peers = peers.to_vec();
    for peer in &magnet.peers {
        if let MagnetPeer::Host { name, port } = peer {
            peers.extend(setup::look_up(session, name, *port).await);
        }
    }
    LinkOptions {
        peers,
        trackers: args.tracker.clone(),
        paused: false,
        dir: None,
    }
}

/// Finds out what links stand for, for `-S`: in a session of its own, which ends
/// when all are known.
pub(super) async fn find(
    items: &mut [Item],
    args: &TransferArgs,
    route: &Route,
    order: Order,
    env: &mut Env,
) -> Result<(), Failure> {
    let is_link = |item: &Item| matches!(item.waiting(), Some(Waiting::Link(_)));
    if !items.iter().any(is_link) {
        return Ok(());
    }
    let session = setup::session(args, route, env)?;
    let peers = setup::resolve_peers(&session, &args.peer).await?;
    for item in items.iter_mut().filter(|item| is_link(item)) {
        let found = tokio::select! {
            found = find_one(&session, item, &peers, args, order) => found,
            () = env.interrupts.next() => {
                item.interrupt();
                break;
            }
        };
        item.stage = match found {
            Ok(ready) => Stage::Waiting(Waiting::Ready(Box::new(ready))),
            Err(failure) => Stage::Ended(Err(failure)),
        };
    }
    session.stop().await;
    Ok(())
}

async fn find_one(
    session: &Session,
    item: &mut Item,
    peers: &[SocketAddr],
    args: &TransferArgs,
    order: Order,
) -> Result<Ready, Failure> {
    let Some(Waiting::Link(magnet)) = item.waiting() else {
        return Err(Failure::new(Exit::Other, "it is no link"));
    };
    let magnet = Magnet::clone(magnet);
    let options = options(session, &magnet, peers, args).await;
    let name = item.name().to_owned();
    let link = session.add_link(magnet, options).await;
    let link = link.map_err(|error| Failure::add(&name, &error))?;
    // With a bound, a list of thousands of dead links ends.
    let patience = order.stop_timeout.unwrap_or(Duration::MAX);
    let metainfo = tokio::time::timeout(patience, link.metainfo()).await;
    let metainfo = metainfo
        .map_err(|_| stalled(&name, patience))?
        .map_err(|error| Failure::new(Exit::Magnet, format!("{name}: {error}")))?;
    let ready = Ready::new(&name, metainfo, args, order)?;
    item.found(&ready.metainfo, &ready.options);
    Ok(ready)
}

/// Nothing came for as long as the user is ready to wait.
pub(super) fn stalled(name: &str, timeout: Duration) -> Failure {
    let s = timeout.as_secs_f64();
    Failure::new(
        Exit::Stalled,
        format!("{name}: no data came for {s} seconds"),
    )
}

/// Saves the torrent file of a link, and tells where.
pub(super) fn save(metainfo: &Metainfo, args: &TransferArgs) -> Result<PathBuf, Failure> {
    let name = args.out.clone();
    let name = name.unwrap_or_else(|| format!("{}.torrent", metainfo.name()));
    let path = args.dir.join(name);
    let existing = if args.allow_overwrite {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    output::write(&path, &metainfo.encode(), existing)?;
    Ok(path)
}
