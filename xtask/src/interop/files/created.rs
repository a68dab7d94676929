//! What `create` makes, as other programs see it, and what they make, as
//! `verify` sees it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use superseed_proto::bencode::{self, Limits, Mode};
use superseed_proto::metainfo::Metainfo;

use super::run::other;
use super::shapes::{SHAPES, Shape};
use crate::interop::clients::superseed_program;
use crate::interop::stage::{Stage, python, script};

/// The formats, as `create` calls them.
const FORMATS: [&str; 3] = ["v1", "v2", "hybrid"];

/// The shortest piece that mktorrent knows, bytes.
const MKTORRENT_PIECE_LEN_MIN: u32 = 32 << 10;

/// A torrent that was made of a shape.
pub(super) struct Made {
    format: &'static str,
    piece_len: u32,
    shape: &'static Shape,
    content: PathBuf,
    ours: PathBuf,
    theirs: PathBuf,
}

/// Every shape in every format by both, judged by libtorrent and by us.
pub(super) fn libtorrent(stage: &Stage) -> Result<String> {
    let made = make_all(stage)?;
    let jobs: String = made.iter().map(job).collect();
    let list = stage.path("jobs");
    fs::write(&list, jobs)?;
    let mut judge = Command::new(python());
    other(judge.arg(script("created.py")).arg(&list))?;
    let mut own_refused = 0;
    for made in &made {
        if !made.theirs.exists() {
            own_refused += 1;
            continue;
        }
        let mut verify = superseed_program(stage);
        verify.args(["verify", "-q"]);
        other(verify.arg(&made.theirs).arg(&made.content))?;
        same_after_encoding(&fs::read(&made.theirs)?)
            .with_context(|| made.theirs.display().to_string())?;
    }
    Ok(format!(
        "{} torrents of {} shapes have libtorrent's info-hashes, and the data verifies both ways; \
         {own_refused} more that libtorrent refuses as it makes them itself load as we make them",
        made.len() - own_refused,
        SHAPES.len()
    ))
}

/// The v1 torrents among them, shown by others and made by mktorrent.
pub(super) fn v1_programs(stage: &Stage) -> Result<String> {
    let made = make_all(stage)?;
    let (mut shown, mut equal) = (0, 0);
    for made in made.iter().filter(|made| made.format == "v1") {
        let hash = info_hash(&made.ours)?;
        let page = other(Command::new("transmission-show").arg(&made.ours))?;
        ensure!(page.contains(&hash), "transmission-show: {page}");
        let page = other(Command::new("aria2c").arg("-S").arg(&made.ours))?;
        ensure!(page.contains(&hash), "aria2c -S: {page}");
        shown += 1;
        // mktorrent knows no attributes and no links.
        if made.shape.is_plain && made.piece_len >= MKTORRENT_PIECE_LEN_MIN {
            let theirs = made.theirs.with_extension("mktorrent");
            let mut mktorrent = Command::new("mktorrent");
            mktorrent.args(["-d", "-l", &made.piece_len.ilog2().to_string(), "-o"]);
            other(mktorrent.arg(&theirs).arg(&made.content))?;
            let theirs = info_hash(&theirs)?;
            ensure!(
                theirs == hash,
                "{}: mktorrent's info-hash is {theirs}, ours {hash}",
                made.ours.display()
            );
            equal += 1;
        }
    }
    Ok(format!(
        "{shown} shown by transmission-show and aria2c, {equal} equal to mktorrent's"
    ))
}

/// Every torrent that the project has been given, after decoding and encoding.
pub(super) fn round_trip(_: &Stage) -> Result<String> {
    let dir = crate::root().join("../shared/torrents");
    if !dir.exists() {
        return Ok("no torrents are given".to_owned());
    }
    let (mut same, mut refused) = (0, 0);
    for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "torrent")
        {
            continue;
        }
        match same_after_encoding(&fs::read(&path)?) {
            Ok(true) => same += 1,
            Ok(false) => refused += 1,
            Err(error) => return Err(error.context(path.display().to_string())),
        }
    }
    ensure!(same > 0, "no torrent was read");
    Ok(format!(
        "{same} torrents keep info dictionary and piece layers byte for byte, \
         {refused} are no usable torrents"
    ))
}

/// Makes all torrents with `superseed create`.
fn make_all(stage: &Stage) -> Result<Vec<Made>> {
    let data = stage.data("shapes")?;
    let out = stage.data("torrents")?;
    let mut made = Vec::new();
    for (number, shape) in SHAPES.iter().enumerate() {
        let content = shape.write(&data)?;
        for format in FORMATS {
            for &piece_len in shape.piece_lens {
                let name = format!("{number}-{format}-{piece_len}");
                let ours = out.join(format!("{name}.ours"));
                create(stage, &content, format, piece_len, &ours)?;
                made.push(Made {
                    format,
                    piece_len,
                    shape,
                    content: content.clone(),
                    theirs: ours.with_extension("theirs"),
                    ours,
                });
            }
        }
    }
    Ok(made)
}

/// `superseed create`.
pub(super) fn create(
    stage: &Stage,
    content: &Path,
    format: &str,
    piece_len: u32,
    out: &Path,
) -> Result<()> {
    let mut command = superseed_program(stage);
    command.arg("create").arg(content);
    command.args([&format!("--{format}"), "-l", &piece_len.to_string(), "-q"]);
    other(command.args(["--no-date", "-f", "-o"]).arg(out))?;
    Ok(())
}

fn job(made: &Made) -> String {
    format!(
        "{}\t{}\t{}\t{}\t{}\n",
        made.format,
        made.piece_len,
        made.content.display(),
        made.ours.display(),
        made.theirs.display()
    )
}

fn info_hash(torrent: &Path) -> Result<String> {
    let metainfo = Metainfo::parse(&fs::read(torrent)?)?;
    let hash = metainfo.info_hashes.v1().context("no v1 half")?;
    Ok(hash.to_string())
}

/// Whether these bytes are a torrent; fails if decoding and encoding changes
/// its info dictionary or its piece layers.
fn same_after_encoding(bytes: &[u8]) -> Result<bool> {
    let Ok(metainfo) = Metainfo::parse(bytes) else {
        return Ok(false);
    };
    let again = metainfo.encode();
    for key in ["info", "piece layers"] {
        ensure!(
            raw(bytes, key)? == raw(&again, key)?,
            "{key} is not the same after decoding and encoding"
        );
    }
    Ok(true)
}

/// The bytes of a value of the outermost dictionary.
fn raw(torrent: &[u8], key: &str) -> Result<Option<Vec<u8>>> {
    let document = bencode::decode(torrent, &Limits::TORRENT_FILE, Mode::Lenient)?;
    let root = document.root().as_dict().context("no dictionary")?;
    Ok(root.get(key).map(|value| value.raw().to_vec()))
}
