//! The page about a torrent: what it is, its files as a tree, its lints.

use std::io;

use superseed::{InfoHashes, Metainfo};
use superseed_proto::magnet::Magnet;
use superseed_proto::metainfo::{FileEntry, Format, Symlink, lints};

use super::{Look, tree};
use crate::text::figures::{self, printable};

/// Columns of the names of rows.
const LABEL_WIDTH: usize = 13;

/// Takes a line of a page.
pub(crate) type Lines<'a> = dyn FnMut(String) -> io::Result<()> + 'a;

/// Writes the page about a torrent whose file has `torrent_len` bytes.
pub(super) fn torrent(
    metainfo: &Metainfo,
    torrent_len: usize,
    look: Look,
    line: &mut Lines<'_>,
) -> io::Result<()> {
    rows(&describe(metainfo, torrent_len, look), look, line)?;
    line(String::new())?;
    tree::draw_torrent(metainfo, look, line)?;
    let lints = lints(metainfo);
    if !lints.is_empty() {
        line(String::new())?;
        line(look.paint.label("Lints"))?;
    }
    for lint in lints {
        let sentence = printable(&lint.to_string());
        line(format!("  {}", look.paint.warning(&sentence)))?;
    }
    Ok(())
}

/// Writes the page about a link.
pub(super) fn magnet(magnet: &Magnet, look: Look, line: &mut Lines<'_>) -> io::Result<()> {
    let mut rows = vec![(
        "Name",
        magnet.name.clone().unwrap_or_else(|| "?".to_owned()),
    )];
    rows.extend(hashes(&magnet.info_hashes));
    let claimed = |len| format!("{}, the link claims", both_sizes(len));
    rows.extend(magnet.exact_len.map(|len| ("Size", claimed(len))));
    if !magnet.select_only.is_empty() {
        rows.push(("Files", selected(magnet)));
    }
    let trackers = magnet.trackers.iter();
    rows.extend(trackers.map(|url| ("Trackers", url.clone())));
    let web_seeds = magnet.web_seeds.iter();
    rows.extend(web_seeds.map(|url| ("Web seeds", url.clone())));
    let peers = magnet.peers.iter();
    rows.extend(peers.map(|peer| ("Peers", peer.to_string())));
    rows.push(("Magnet", magnet.to_string()));
    self::rows(&rows, look, line)
}

/// The files that a link selects, counted from 1 as everywhere else.
fn selected(magnet: &Magnet) -> String {
    let numbers = magnet.select_only.ranges().iter().map(|range| {
        let (first, last) = (range.start() + 1, range.end() + 1);
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    format!("only {}", numbers.collect::<Vec<_>>().join(","))
}

/// Writes names and values; a name that stands above is not repeated.
pub(crate) fn rows(rows: &[(&str, String)], look: Look, line: &mut Lines<'_>) -> io::Result<()> {
    let mut before = "";
    for (name, value) in rows {
        for part in value.lines() {
            let label = if *name == before { "" } else { name };
            before = name;
            let label = look.paint.label(&format!("{label:<LABEL_WIDTH$}"));
            line(format!("{label} {}", printable(part)))?;
        }
    }
    Ok(())
}

fn describe(metainfo: &Metainfo, torrent_len: usize, look: Look) -> Vec<(&'static str, String)> {
    let info = &metainfo.info;
    let mut rows = vec![("Name", info.name.clone())];
    rows.extend(hashes(&metainfo.info_hashes));
    rows.push(("Format", format_words(info.format()).to_owned()));
    let total = metainfo.info.content_len();
    rows.push(("Size", both_sizes(total)));
    let pieces = info.layout.piece_count();
    let piece_len = u64::from(info.layout.piece_len_nominal());
    rows.push(("Pieces", format!("{pieces} of {}", size(piece_len, look))));
    rows.push(("Files", files_count(metainfo)));
    rows.push(("Private", yes_no(info.private)));
    rows.extend(info.source.clone().map(|source| ("Source", source)));
    rows.extend(metainfo.comment.clone().map(|comment| ("Comment", comment)));
    rows.extend(metainfo.created_by.clone().map(|by| ("Created by", by)));
    let date = metainfo.creation_date.map(figures::date);
    rows.extend(date.map(|date| ("Created", date)));
    rows.push(("Torrent file", size(torrent_len as u64, look)));
    rows.extend(trackers(&metainfo.trackers));
    let web_seeds = metainfo.web_seeds.iter();
    rows.extend(web_seeds.map(|url| ("Web seeds", url.clone())));
    let nodes = metainfo.nodes.iter();
    rows.extend(nodes.map(|(host, port)| ("DHT nodes", host_port(host, *port))));
    rows.push(("Magnet", Magnet::of(metainfo).to_string()));
    rows
}

/// The info-hashes.
pub(super) fn hashes(hashes: &InfoHashes) -> impl Iterator<Item = (&'static str, String)> {
    let v1 = hashes.v1().map(|hash| ("Info-hash", hash.to_string()));
    let v2 = hashes.v2().map(|hash| ("Info-hash v2", hash.to_string()));
    v1.into_iter().chain(v2)
}

/// What a format is called where there is room for words.
pub(crate) fn format_words(format: Format) -> &'static str {
    match format {
        Format::V1 => "v1",
        Format::V2 => "v2",
        Format::Hybrid => "hybrid (v1 and v2)",
    }
}

/// A row for each tier of trackers.
pub(crate) fn trackers(tiers: &[Vec<String>]) -> impl Iterator<Item = (&'static str, String)> {
    (1..).zip(tiers).map(|(number, tier)| {
        // The second URL stands below the first.
        let urls = tier.join("\n        ");
        ("Trackers", format!("tier {number}: {urls}"))
    })
}

/// A size with an IEC unit, and in bytes where that says more.
pub(crate) fn both_sizes(bytes: u64) -> String {
    if bytes < 1024 {
        figures::size(bytes)
    } else {
        format!("{} ({bytes} bytes)", figures::size(bytes))
    }
}

/// A switch in a word.
pub(crate) fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn files_count(metainfo: &Metainfo) -> String {
    let files = &metainfo.info.files;
    let padding = files.iter().filter(|file| file.padding).count();
    let count = files.len() - padding;
    match padding {
        0 => count.to_string(),
        _ => format!("{count}, and padding between them"),
    }
}

/// A size as the user wants it.
pub(crate) fn size(bytes: u64, look: Look) -> String {
    if look.exact {
        bytes.to_string()
    } else {
        figures::size(bytes)
    }
}

/// The columns of the largest size that can come up.
pub(super) fn size_width(largest: u64, look: Look) -> usize {
    if look.exact {
        largest.to_string().len()
    } else {
        // 1023.9 KiB
        10
    }
}

/// An address with the brackets that IPv6 needs.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Where a link leads, to stand behind its name; nothing for other files.
pub(super) fn link_target(file: &FileEntry) -> String {
    match &file.symlink {
        Some(Symlink::Inside(target)) => format!(" -> {}", printable(&target.join("/"))),
        Some(Symlink::Refused) => " -> (refused)".to_owned(),
        None => String::new(),
    }
}

/// Writes the numbered files, padding left out: it keeps its number, since
/// that is what `--select-file` counts.
pub(super) fn files(metainfo: &Metainfo, look: Look, line: &mut Lines<'_>) -> io::Result<()> {
    let info = &metainfo.info;
    let number_width = info.files.len().to_string().len();
    let size_width = size_width(metainfo.info.content_len(), look);
    for (index, file) in info.files_indexed().filter(|(_, file)| !file.padding) {
        let path = info.file_path(index);
        line(format!(
            "{:>number_width$}  {:>size_width$}  {}{}",
            index.0 + 1,
            size(file.len, look),
            printable(&path.to_string_lossy()),
            link_target(file),
        ))?;
    }
    Ok(())
}
