//! `superseed show`: what a torrent file or magnet link says, as a page or as
//! JSON.
//!
//! Everything that comes from a torrent goes through `figures::printable` or
//! `json::line` before it reaches a terminal. Nothing is hashed and no data is
//! looked at.

mod details;
pub(crate) mod page;
pub(crate) mod paper;
pub(crate) mod tree;

use std::io;

use serde_json::json;
use superseed::Metainfo;
use superseed_proto::magnet::Magnet;

use crate::args::{GlobalArgs, ShowArgs};
use crate::env::{Env, Stream};
use crate::exit::{Exit, Failure};
use crate::runtime::block_on;
use crate::source::Given;
use crate::text::figures::printable;
use crate::text::json;
use crate::text::paint::Paint;
use details::Details;
use paper::Paper;

/// How a page looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Its colours.
    pub(crate) paint: Paint,
    /// Sizes are numbers of bytes.
    pub(crate) exact: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ShowArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let mut paper = Paper::new(env.stdout.clone());
    let look = Look {
        paint: Paint(env.stdout.colour(global.color)),
        exact: args.bytes,
    };
    match Given::parse(&args.torrent)? {
        Given::Torrent(source) => {
            let (metainfo, torrent_len) = block_on(source.load(&mut *env.stdin))?;
            match global.json {
                true => torrent_json(&metainfo, torrent_len, args, &mut paper)?,
                false => torrent_text(&metainfo, torrent_len, args, look, &mut paper)?,
            }
        }
        Given::Magnet(magnet) => link(&magnet, args, global, look, &mut paper)?,
    }
    paper.finish()?;
    Ok(Exit::Success)
}

fn torrent_json(
    metainfo: &Metainfo,
    torrent_len: usize,
    args: &ShowArgs,
    paper: &mut Paper,
) -> Result<(), Failure> {
    if args.files || args.tree {
        files_json(metainfo, paper)?;
    } else if args.trackers {
        trackers(&metainfo.trackers, true, paper)?;
    } else if args.magnet {
        magnet_alone(&Magnet::of(metainfo), true, paper)?;
    } else {
        paper.line(json::line(&Details::of(metainfo, torrent_len)))?;
    }
    Ok(())
}

fn files_json(metainfo: &Metainfo, paper: &mut Paper) -> io::Result<()> {
    for detail in details::file_details(metainfo) {
        paper.line(json::line(&detail))?;
    }
    Ok(())
}

fn torrent_text(
    metainfo: &Metainfo,
    torrent_len: usize,
    args: &ShowArgs,
    look: Look,
    paper: &mut Paper,
) -> Result<(), Failure> {
    if args.files {
        page::files(metainfo, look, &mut |line| paper.line(line))?;
    } else if args.tree {
        tree::draw_torrent(metainfo, look, &mut |line| paper.line(line))?;
    } else if args.trackers {
        trackers(&metainfo.trackers, false, paper)?;
    } else if args.magnet {
        magnet_alone(&Magnet::of(metainfo), false, paper)?;
    } else {
        page::torrent(metainfo, torrent_len, look, &mut |line| paper.line(line))?;
    }
    Ok(())
}

fn link(
    magnet: &Magnet,
    args: &ShowArgs,
    global: &GlobalArgs,
    look: Look,
    paper: &mut Paper,
) -> Result<(), Failure> {
    if args.files || args.tree {
        return Err(Failure::new(
            Exit::Magnet,
            "a magnet link and an info-hash do not list the files of their torrent",
        ));
    }
    if args.trackers {
        // A link has no tiers: each tracker is one.
        let tiers: Vec<_> = magnet.trackers.chunks(1).map(<[_]>::to_vec).collect();
        trackers(&tiers, global.json, paper)?;
    } else if args.magnet {
        magnet_alone(magnet, global.json, paper)?;
    } else if global.json {
        paper.line(json::line(&Details::of_magnet(magnet)))?;
    } else {
        page::magnet(magnet, look, &mut |line| paper.line(line))?;
    }
    Ok(())
}

/// Writes every tracker with the number of its tier, counted from 1.
fn trackers(tiers: &[Vec<String>], as_json: bool, paper: &mut Paper) -> io::Result<()> {
    for (tier, urls) in (1..).zip(tiers) {
        for url in urls {
            paper.line(match as_json {
                true => json::line(&json!({ "tier": tier, "url": url })),
                false => format!("{tier}  {}", printable(url)),
            })?;
        }
    }
    Ok(())
}

fn magnet_alone(magnet: &Magnet, as_json: bool, paper: &mut Paper) -> io::Result<()> {
    let link = magnet.to_string();
    paper.line(match as_json {
        true => json::line(&json!({ "magnet": link })),
        false => link,
    })
}

/// Writes the numbered files of a torrent, as `--files` does.
pub(crate) fn list_files(
    metainfo: &Metainfo,
    as_json: bool,
    stdout: &Stream,
) -> Result<(), Failure> {
    let mut paper = Paper::new(stdout.clone());
    if as_json {
        files_json(metainfo, &mut paper)?;
        return Ok(paper.finish()?);
    }
    let look = Look {
        paint: Paint(false),
        exact: false,
    };
    page::files(metainfo, look, &mut |line| paper.line(line))?;
    Ok(paper.finish()?)
}
