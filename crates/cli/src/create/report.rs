//! What `create` says: of a torrent that it made, or would make.

use std::path::Path;

use serde::Serialize;
use superseed::Metainfo;
use superseed::content::{CreateOptions, Scan};
use superseed_proto::magnet::Magnet;
use superseed_proto::metainfo::lints;

use super::Output;
use crate::args::GlobalArgs;
use crate::args::create::CreateArgs;
use crate::env::Env;
use crate::exit::Failure;
use crate::show::Look;
use crate::show::page;
use crate::show::paper::Paper;
use crate::show::tree::{self, Leaf};
use crate::text::figures::{self, printable};
use crate::text::json;
use crate::text::paint::Paint;

/// A torrent for programs, with the names of `show --json`. What only hashing
/// tells is null in a dry run.
#[derive(Debug, Serialize)]
struct Made<'a> {
    dry_run: bool,
    path: Option<String>,
    name: &'a str,
    info_hash: Option<String>,
    info_hash_v2: Option<String>,
    meta_version: u8,
    magnet: Option<String>,
    private: bool,
    torrent_size: Option<usize>,
    content_size: u64,
    piece_size: u32,
    piece_count: u32,
    file_count: usize,
}

/// Tells of the torrent that was written to `path`.
pub(super) fn made(
    metainfo: &Metainfo,
    torrent_len: usize,
    path: &Path,
    args: &CreateArgs,
    global: &GlobalArgs,
    env: &Env,
) -> Result<(), Failure> {
    let info = &metainfo.info;
    let file_count = info.files.iter().filter(|file| !file.padding).count();
    let hashes = metainfo.info_hashes;
    if global.json {
        let made = Made {
            dry_run: false,
            path: Some(path.to_string_lossy().into_owned()),
            name: metainfo.name(),
            info_hash: hashes.v1().map(|hash| hash.to_string()),
            info_hash_v2: hashes.v2().map(|hash| hash.to_string()),
            meta_version: if info.format().has_v2() { 2 } else { 1 },
            magnet: Some(Magnet::of(metainfo).to_string()),
            private: info.private,
            torrent_size: Some(torrent_len),
            content_size: info.content_len(),
            piece_size: info.layout.piece_len_nominal(),
            piece_count: info.layout.piece_count(),
            file_count,
        };
        return Ok(env.stdout.line(json::line(&made))?);
    }
    if !global.quiet {
        env.stderr.say(format!(
            "{}: {}, {} in {file_count} {}, {} {} of {}, info-hash {hashes}",
            printable(metainfo.name()),
            info.format(),
            figures::size(info.content_len()),
            files(file_count),
            info.layout.piece_count(),
            pieces(info.layout.piece_count()),
            figures::size(u64::from(info.layout.piece_len_nominal())),
        ));
    }
    if !global.quiet {
        for lint in lints(metainfo) {
            env.stderr
                .say(printable(&format!("{}: {lint}", metainfo.name())));
        }
    }
    env.stdout.line(path.display().to_string())?;
    if args.magnet {
        env.stdout.line(Magnet::of(metainfo).to_string())?;
    }
    Ok(())
}

/// Tells of the torrent that would be made.
pub(super) fn planned(
    scan: &Scan,
    options: &CreateOptions,
    output: &Output,
    args: &CreateArgs,
    global: &GlobalArgs,
    env: &Env,
) -> Result<(), Failure> {
    let path = match output {
        Output::Stdout => None,
        Output::File(path) => Some(path.to_string_lossy().into_owned()),
    };
    if global.json {
        let planned = Made {
            dry_run: true,
            path,
            name: scan.name(),
            info_hash: None,
            info_hash_v2: None,
            meta_version: if options.format.has_v2() { 2 } else { 1 },
            magnet: None,
            private: options.private,
            torrent_size: None,
            content_size: scan.total_len(),
            piece_size: scan.piece_len(),
            piece_count: scan.piece_count(),
            file_count: scan.files().len(),
        };
        return Ok(env.stdout.line(json::line(&planned))?);
    }
    let look = Look {
        paint: Paint(env.stdout.colour(global.color)),
        exact: false,
    };
    let (pieces, piece_len) = (scan.piece_count(), u64::from(scan.piece_len()));
    let mut rows = vec![
        ("Name", scan.name().to_owned()),
        ("Format", page::format_words(options.format).to_owned()),
        ("Size", page::both_sizes(scan.total_len())),
        (
            "Pieces",
            format!("{pieces} of {}", figures::size(piece_len)),
        ),
        ("Files", scan.files().len().to_string()),
        ("Private", page::yes_no(options.private)),
    ];
    rows.extend(page::trackers(&options.trackers));
    rows.push((
        "Output",
        path.unwrap_or_else(|| "standard output".to_owned()),
    ));
    let mut paper = Paper::new(env.stdout.clone());
    page::rows(&rows, look, &mut |line| paper.line(line))?;
    paper.line("")?;
    let is_dir = args.path.is_dir();
    let root = is_dir.then(|| scan.name().to_owned());
    let leaves = scan.files().map(|file| Leaf {
        path: file.path.split('/'),
        len: file.len,
        suffix: if file.is_link { " (link)" } else { "" }.to_owned(),
    });
    tree::draw(root.as_ref(), leaves, look, &mut |line| paper.line(line))?;
    Ok(paper.finish()?)
}

fn pieces(count: u32) -> &'static str {
    if count == 1 { "piece" } else { "pieces" }
}

fn files(count: usize) -> &'static str {
    if count == 1 { "file" } else { "files" }
}
