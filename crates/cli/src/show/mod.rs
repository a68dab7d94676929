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

use serde_json::json;
use superseed::Metainfo;

use crate::args::{GlobalArgs, ShowArgs};
use crate::env::{Env, Stream};
use crate::exit::{Exit, Failure};
use crate::magnet;
use crate::runtime::block_on;
use crate::source::Source;
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
    let source = Source::parse(&args.torrent)?;
    let (metainfo, torrent_len) = block_on(source.load(&mut *env.stdin))?;
    let mut paper = Paper::new(env.stdout.clone());
    if global.json {
        write_json(&metainfo, torrent_len, args, &mut paper)?;
    } else {
        let paint = Paint(env.stdout.colour(global.color));
        let exact = args.bytes;
        write_text(
            &metainfo,
            torrent_len,
            args,
            Look { paint, exact },
            &mut paper,
        )?;
    }
    paper.finish()?;
    Ok(Exit::Success)
}

fn write_json(
    metainfo: &Metainfo,
    torrent_len: usize,
    args: &ShowArgs,
    paper: &mut Paper,
) -> Result<(), Failure> {
    if args.files || args.tree {
        for detail in details::file_details(metainfo) {
            paper.line(json::line(&detail))?;
        }
    } else if args.trackers {
        for (tier, url) in trackers(metainfo) {
            paper.line(json::line(&json!({ "tier": tier, "url": url })))?;
        }
    } else if args.magnet {
        paper.line(json::line(&json!({ "magnet": magnet::link(metainfo) })))?;
    } else {
        paper.line(json::line(&Details::of(metainfo, torrent_len)))?;
    }
    Ok(())
}

fn write_text(
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
        for (tier, url) in trackers(metainfo) {
            paper.line(format!("{tier}  {}", printable(url)))?;
        }
    } else if args.magnet {
        paper.line(printable(&magnet::link(metainfo)))?;
    } else {
        page::torrent(metainfo, torrent_len, look, &mut |line| paper.line(line))?;
    }
    Ok(())
}

/// Writes the numbered files of a torrent, as `--files` does.
pub(crate) fn list_files(metainfo: &Metainfo, stdout: &Stream) -> Result<(), Failure> {
    let mut paper = Paper::new(stdout.clone());
    let look = Look {
        paint: Paint(false),
        exact: false,
    };
    page::files(metainfo, look, &mut |line| paper.line(line))?;
    Ok(paper.finish()?)
}

/// Every tracker with the number of its tier, counted from 1.
fn trackers(metainfo: &Metainfo) -> impl Iterator<Item = (usize, &str)> {
    let tiers = (1..).zip(&metainfo.trackers);
    tiers.flat_map(|(tier, urls)| urls.iter().map(move |url| (tier, url.as_str())))
}
