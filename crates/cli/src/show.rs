//! `superseed show`: what a torrent file says, as a page or as JSON.

use serde_json::{Value, json};
use superseed::{FileIndex, Metainfo};
use superseed_proto::metainfo::{FileEntry, Symlink};

use crate::args::{GlobalArgs, ShowArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::magnet;
use crate::runtime::block_on;
use crate::source::Source;
use crate::text::figures;

/// Runs the command.
pub(crate) fn run(args: &ShowArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let source = Source::parse(&args.torrent)?;
    let (metainfo, torrent_len) = block_on(source.load(&mut *env.stdin))?;
    let text = match (global.json, args.files) {
        (true, false) => format!("{}\n", as_json(&metainfo, torrent_len)),
        (true, true) => lines(file_details(&metainfo).iter().map(Value::to_string)),
        (false, true) => file_table(&metainfo),
        (false, false) => page(&metainfo, torrent_len),
    };
    env.stdout.write(text)?;
    Ok(Exit::Success)
}

/// The numbered files, padding left out: it keeps its number, since that is
/// what `--select-file` counts.
pub(crate) fn file_table(metainfo: &Metainfo) -> String {
    let files = || {
        metainfo
            .info
            .files_indexed()
            .filter(|(_, file)| !file.padding)
    };
    let number_width = metainfo.info.files.len().to_string().len();
    lines(files().map(|(index, file)| {
        let path = metainfo.info.file_path(index);
        let path = figures::printable(&path.to_string_lossy());
        let target = match &file.symlink {
            Some(Symlink::Inside(target)) => {
                format!(" -> {}", figures::printable(&target.join("/")))
            }
            Some(Symlink::Refused) => " -> (refused)".to_owned(),
            None => String::new(),
        };
        format!(
            "{:>number_width$}  {:>10}  {path}{target}",
            index.0 + 1,
            figures::size(file.len)
        )
    }))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

fn page(metainfo: &Metainfo, torrent_len: usize) -> String {
    let info = &metainfo.info;
    let count = info.files.iter().filter(|file| !file.padding).count();
    let mut rows: Vec<(&str, String)> = vec![("Name", info.name.clone())];
    rows.extend(
        metainfo
            .info_hashes
            .v1()
            .map(|hash| ("Info-hash", hash.to_string())),
    );
    rows.extend(
        metainfo
            .info_hashes
            .v2()
            .map(|hash| ("Info-hash v2", hash.to_string())),
    );
    let total = info.layout.total_len();
    rows.push(("Size", format!("{} ({total} bytes)", figures::size(total))));
    let piece_len = u64::from(info.layout.piece_len_nominal());
    let pieces = info.layout.piece_count();
    rows.push((
        "Pieces",
        format!("{pieces} of {}", figures::size(piece_len)),
    ));
    rows.push(("Files", count.to_string()));
    rows.push((
        "Private",
        if info.private { "yes" } else { "no" }.to_owned(),
    ));
    rows.extend(info.source.clone().map(|source| ("Source", source)));
    rows.extend(metainfo.comment.clone().map(|comment| ("Comment", comment)));
    rows.extend(metainfo.created_by.clone().map(|by| ("Created by", by)));
    rows.extend(
        metainfo
            .creation_date
            .map(|date| ("Created", figures::date(date))),
    );
    rows.push(("Torrent file", figures::size(torrent_len as u64)));
    for (number, tier) in (1..).zip(&metainfo.trackers) {
        rows.push(("Trackers", format!("tier {number}: {}", tier.join(", "))));
    }
    rows.extend(
        metainfo
            .web_seeds
            .iter()
            .map(|url| ("Web seed", url.clone())),
    );
    rows.extend(nodes(metainfo).map(|node| ("DHT node", node)));
    rows.push(("Magnet", magnet::link(metainfo)));
    let mut before = "";
    let head = lines(rows.iter().map(|(name, value)| {
        let shown = if *name == before { "" } else { name };
        before = name;
        format!("{shown:<13} {}", figures::printable(value))
    }));
    format!("{head}\n{}", file_table(metainfo))
}

fn nodes(metainfo: &Metainfo) -> impl Iterator<Item = String> {
    metainfo.nodes.iter().map(|(host, port)| {
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    })
}

/// The keys of `imdl torrent show --json`, and ours.
fn as_json(metainfo: &Metainfo, torrent_len: usize) -> Value {
    let info = &metainfo.info;
    let paths: Vec<String> = info
        .files_indexed()
        .filter(|(_, file)| !file.padding)
        .map(|(index, _)| info.file_path(index).to_string_lossy().into_owned())
        .collect();
    let hashes = metainfo.info_hashes;
    json!({
        "name": info.name,
        "comment": metainfo.comment,
        "creation_date": metainfo.creation_date,
        "created_by": metainfo.created_by,
        "source": info.source,
        "info_hash": hashes.v1().map(|hash| hash.to_string()),
        "info_hash_v2": hashes.v2().map(|hash| hash.to_string()),
        "meta_version": if hashes.v2().is_some() { 2 } else { 1 },
        "torrent_size": torrent_len,
        "content_size": info.layout.total_len(),
        "private": info.private,
        "tracker": metainfo.trackers.iter().flatten().next(),
        "announce_list": metainfo.trackers,
        "update_url": null,
        "dht_nodes": nodes(metainfo).collect::<Vec<_>>(),
        "web_seeds": metainfo.web_seeds,
        "magnet": magnet::link(metainfo),
        "piece_size": info.layout.piece_len_nominal(),
        "piece_count": info.layout.piece_count(),
        "file_count": paths.len(),
        "files": paths,
        "file_details": file_details(metainfo),
    })
}

/// Every file, padding included, with what only a few have.
fn file_details(metainfo: &Metainfo) -> Vec<Value> {
    let detail = |(index, file): (FileIndex, &FileEntry)| {
        json!({
            "number": index.0 + 1,
            "path": metainfo.info.file_path(index).to_string_lossy(),
            "length": file.len,
            "offset": file.offset,
            "attr": attributes(file),
            "symlink": match &file.symlink {
                Some(Symlink::Inside(target)) => Some(target.join("/")),
                Some(Symlink::Refused) | None => None,
            },
        })
    };
    metainfo.info.files_indexed().map(detail).collect()
}

/// The letters of BEP 47.
fn attributes(file: &FileEntry) -> String {
    let letters = [
        ('l', file.symlink.is_some()),
        ('x', file.executable),
        ('h', file.hidden),
        ('p', file.padding),
    ];
    letters
        .iter()
        .filter(|(_, set)| *set)
        .map(|(letter, _)| letter)
        .collect()
}
