//! Torrents of a hundred thousand files and of a tebibyte.

use std::fs::{self, File};

use anyhow::{Result, ensure};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::metainfo::TorrentBuilder;

use super::run::{Ran, superseed};
use crate::interop::stage::Stage;

const MIB: u64 = 1 << 20;

/// What a process may have at a time, bytes: the paths and hashes of so many
/// files, in the largest of their forms.
const PEAK_MAX: u64 = 512 * MIB;
/// How long showing a torrent may take, whatever it describes.
const SHOWN_WITHIN_S: f64 = 1.0;
/// No torrent can be made of it.
const EXIT_TORRENT: i32 = 26;
/// How many files, in directories of a hundred.
const FILES: u32 = 100_000;

/// `create` and `verify` of very many small files.
pub(super) fn many(stage: &Stage) -> Result<String> {
    let dir = stage.data("many")?;
    let root = dir.join("data");
    for number in 0..FILES {
        let folder = root.join(format!("{:03}", number / 100));
        if number.is_multiple_of(100) {
            fs::create_dir_all(&folder)?;
        }
        // From nothing to some hundred bytes, no two alike.
        let text = format!("{number}\n").repeat((number % 97) as usize);
        fs::write(folder.join(format!("file {number}")), text)?;
    }
    let mut figures = Vec::new();
    // As a hybrid, so many files make a torrent file that nobody loads.
    let args = ["create", "data", "--hybrid", "-q", "-f", "-o", "hybrid"];
    let refused = superseed(stage, &dir, args)?.expect(EXIT_TORRENT)?;
    ensure!(refused.stderr.lines().count() == 1, "{}", refused.stderr);
    for format in ["--v1", "--v2"] {
        let torrent = format!("{}.torrent", &format[2..]);
        let args = ["create", "data", format, "-q", "-f", "-o", &torrent];
        let created = superseed(stage, &dir, args)?.expect(0)?;
        let verified = superseed(stage, &dir, ["verify", &torrent, "data", "-q"])?.expect(0)?;
        figures.push(format!(
            "{format} {} then {}",
            cost(&created),
            cost(&verified)
        ));
        let peak = created.peak_bytes.max(verified.peak_bytes);
        ensure!(peak < PEAK_MAX, "{}", figures.join("; "));
    }
    Ok(format!("create then verify: {}", figures.join("; ")))
}

/// `show` of a torrent of one tebibyte, and `create --dry-run` of such a file,
/// neither of which reads it.
pub(super) fn tebibyte(stage: &Stage) -> Result<String> {
    let dir = stage.data("tebibyte")?;
    let (len, piece_len) = (1_u64 << 40, 16_u32 << 20);
    let count = usize::try_from(len / u64::from(piece_len))?;
    let torrent = TorrentBuilder::new("disc.img", piece_len)
        .single_file(len)
        .piece_hashes(vec![Sha1Hash::of(b""); count])
        .build();
    fs::write(dir.join("torrent"), torrent)?;
    let shown = superseed(stage, &dir, ["show", "torrent"])?.expect(0)?;
    ensure!(shown.stdout.contains("1.0 TiB"), "{}", shown.stdout);
    ensure!(shown.seconds < SHOWN_WITHIN_S, "show: {}", cost(&shown));

    File::create(dir.join("disc.img"))?.set_len(len)?;
    let planned = superseed(stage, &dir, ["create", "disc.img", "--dry-run"])?.expect(0)?;
    ensure!(
        planned.seconds < SHOWN_WITHIN_S,
        "--dry-run: {}",
        cost(&planned)
    );
    Ok(format!(
        "shown in {}, planned in {}",
        cost(&shown),
        cost(&planned)
    ))
}

fn cost(ran: &Ran) -> String {
    format!(
        "{:.2} s with {:.0} MiB",
        ran.seconds,
        ran.peak_bytes as f64 / MIB as f64
    )
}
