//! Hybrid torrents between superseed and libtorrent, which makes of them what
//! it likes: here their v1 halves.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::created::create;
use super::run::other;
use crate::interop::clients::{Client, Job, PORT};
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::fixture::Noise;
use crate::interop::namespace::host;
use crate::interop::stage::{Stage, python, script};

const PIECE_LEN: u32 = 64 << 10;
const LIMIT: Duration = Duration::from_secs(40);

/// Both makers' torrents, in both directions.
pub(super) fn hybrid(stage: &Stage) -> Result<String> {
    let seed_dir = stage.data("seed")?;
    let content = seed_dir.join("hybrid");
    fs::create_dir_all(content.join("d"))?;
    let mut noise = Noise::new(b"hybrid");
    for (path, len) in [
        ("a", 5_000_000),
        ("d/b", 8),
        ("d/c", 3_000_008),
        ("e", 65_536),
    ] {
        let mut bytes = vec![0; len];
        noise.fill(&mut bytes);
        fs::write(content.join(path), bytes)?;
    }
    let (ours, theirs) = (stage.path("ours.torrent"), stage.path("theirs.torrent"));
    create(stage, &content, "hybrid", PIECE_LEN, &ours)?;
    let jobs = stage.path("jobs");
    let job = format!(
        "hybrid\t{PIECE_LEN}\t{}\t{}\t{}\n",
        content.display(),
        ours.display(),
        theirs.display()
    );
    fs::write(&jobs, job)?;
    other(Command::new(python()).arg(script("created.py")).arg(&jobs))?;
    let mut transfers = 0;
    for (maker, torrent) in [("ours", &ours), ("theirs", &theirs)] {
        for (seeder, leecher) in [
            (Client::Libtorrent, Client::Superseed),
            (Client::Superseed, Client::Libtorrent),
        ] {
            let dir = stage.data(&format!("{maker}-{}", leecher.name()))?;
            transfer(stage, torrent, &seed_dir, &dir, (seeder, leecher))
                .with_context(|| format!("{maker} from {} to {}", seeder.name(), leecher.name()))?;
            same_tree(&content, &dir, Strictness::Extras)?;
            transfers += 1;
        }
    }
    Ok(format!("{transfers} transfers, every byte compared"))
}

fn transfer(
    stage: &Stage,
    torrent: &Path,
    from: &Path,
    to: &Path,
    (seeder, leecher): (Client, Client),
) -> Result<()> {
    let job = Job {
        torrent,
        dir: from,
        ip: host(2),
        peers: &[],
        upload_limit: None,
    };
    let _seeder = seeder.seed(stage, &job)?;
    let peers = [(host(2), PORT).into()];
    let job = Job {
        dir: to,
        ip: host(3),
        peers: &peers,
        ..job
    };
    leecher.download(stage, &job)?.wait_complete(LIMIT)
}
