//! Torrents in directories of their own, in one session: what one of them does
//! to the others.
//!
//! ```text
//! apart ADDR TORRENT DIR PEER [TORRENT DIR PEER …]
//! ```
//!
//! Each is downloaded or served until the program is killed. Says "N checked"
//! and "N complete" of the N-th, from 0. A PEER of `-` is nobody.

use std::error::Error;

use superseed::{AddOptions, Config, Session, TorrentOptions};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((listen, torrents)) = args.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Err("usage: apart ADDR TORRENT DIR PEER …".into());
    };
    let session = Session::start(Config {
        listen: vec![listen.parse()?],
        ..Config::default()
    })?;
    let mut all = Vec::new();
    for (number, words) in torrents.chunks(3).enumerate() {
        let (bytes, options) = options(words)?;
        let session = session.clone();
        // A storage that is slow to open holds up no other.
        all.push(tokio::spawn(async move {
            let torrent = session.add(bytes, options).await?;
            torrent.wait_checked().await?;
            println!("{number} checked");
            torrent.wait_complete().await?;
            println!("{number} complete");
            Ok::<_, Box<dyn Error + Send + Sync>>(torrent)
        }));
    }
    let mut torrents = Vec::new();
    for torrent in all {
        torrents.push(torrent.await?.map_err(|error| error.to_string())?);
    }
    std::future::pending().await
}

/// A torrent's bytes, and how it is added.
fn options(words: &[String]) -> Outcome<(Vec<u8>, AddOptions)> {
    let [torrent, dir, peer] = words else {
        return Err("a torrent has three words".into());
    };
    let peers = match peer.as_str() {
        "-" => Vec::new(),
        peer => vec![peer.parse()?],
    };
    let options = TorrentOptions {
        peers,
        ..TorrentOptions::default()
    };
    let options = AddOptions {
        dir: Some(dir.into()),
        torrent: options,
        ..AddOptions::default()
    };
    Ok((std::fs::read(torrent)?, options))
}
