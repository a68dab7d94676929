//! `superseed magnet`: the link of a torrent, or a link made anew.

use serde_json::json;
use superseed::Metainfo;
use superseed_proto::magnet::{Magnet, MagnetPeer, SelectOnly};

use crate::args::{GlobalArgs, MagnetArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::runtime::block_on;
use crate::source::Given;
use crate::text::json;
use crate::text::ranges::Ranges;

/// The link of a torrent.
pub(crate) fn link(metainfo: &Metainfo) -> String {
    Magnet::of(metainfo).to_string()
}

/// Runs the command.
pub(crate) fn run(args: &MagnetArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let (mut magnet, file_count) = match Given::parse(&args.torrent)? {
        Given::Torrent(source) => {
            let (metainfo, _) = block_on(source.load(&mut *env.stdin))?;
            let count = metainfo.info.files.len() as u32;
            (Magnet::of(&metainfo), Some(count))
        }
        Given::Magnet(magnet) => (*magnet, None),
    };
    if args.no_trackers {
        magnet.trackers.clear();
    }
    for url in &args.tracker {
        magnet.add_tracker(url);
    }
    for peer in &args.peer {
        let text = peer.to_string();
        let peer = MagnetPeer::parse(&text).ok_or_else(|| {
            Failure::usage(format!("{text:?} is not a peer that a link can name"))
        })?;
        magnet.add_peer(peer);
    }
    if let Some(ranges) = &args.select_only {
        magnet.select_only = selection(ranges, file_count)?;
    }
    env.stdout.line(match global.json {
        true => as_json(&magnet),
        false => magnet.to_string(),
    })?;
    Ok(Exit::Success)
}

/// The numbers that the user counts from 1, as a link counts them. Of how many
/// files is known only where there is a torrent file.
fn selection(ranges: &Ranges, file_count: Option<u32>) -> Result<SelectOnly, Failure> {
    if let Some(beyond) = file_count.and_then(|count| ranges.beyond(count)) {
        return Err(Failure::usage(format!(
            "there is no file {beyond} in the torrent"
        )));
    }
    let mut parts = Vec::new();
    for &(first, last) in ranges.pairs() {
        let last = match (last, file_count) {
            (u32::MAX, Some(count)) => count,
            (u32::MAX, None) => {
                return Err(Failure::usage(format!(
                    "--select-only {first}- needs a torrent file, which says how many files there are"
                )));
            }
            (last, _) => last,
        };
        parts.push(format!("{}-{}", first - 1, last - 1));
    }
    SelectOnly::parse_all(parts)
        .map_err(|error| Failure::usage(format!("--select-only cannot be written: {error}")))
}

fn as_json(magnet: &Magnet) -> String {
    let hashes = magnet.info_hashes;
    let selected = &magnet.select_only;
    json::line(&json!({
        "magnet": magnet.to_string(),
        "name": magnet.name,
        "info_hash": hashes.v1().map(|hash| hash.to_string()),
        "info_hash_v2": hashes.v2().map(|hash| hash.to_string()),
        "trackers": magnet.trackers,
        "web_seeds": magnet.web_seeds,
        "peers": magnet.peers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "so": (!selected.is_empty()).then(|| selected.to_string()),
    }))
}
