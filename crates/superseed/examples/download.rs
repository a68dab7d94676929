//! Downloads a torrent into a directory and shows how it goes.
//!
//! ```text
//! cargo run --release -p superseed --example download -- FILE.torrent [DIR [HOST:PORT]...]
//! ```

use std::error::Error;
use std::net::SocketAddr;

use superseed::{AddOptions, Config, EventKind, Notice, Session, TorrentOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let file = args
        .next()
        .ok_or("usage: download FILE.torrent [DIR [HOST:PORT]...]")?;
    let dir = args.next().map(Into::into);
    let peers = args
        .map(|peer| peer.parse())
        .collect::<Result<Vec<SocketAddr>, _>>()?;

    let session = Session::start(Config::default())?;
    let mut events = session.subscribe();
    let options = AddOptions {
        dir,
        torrent: TorrentOptions {
            peers,
            ..TorrentOptions::default()
        },
        ..AddOptions::default()
    };
    let torrent = session.add(std::fs::read(file)?, options).await?;

    while let Some(notice) = events.next().await {
        match notice {
            Notice::Event(event) => match event.kind {
                EventKind::Piece(_) => {
                    let stats = torrent.stats().await?;
                    let rate = stats.download_bytes_per_s;
                    println!(
                        "{}/{} pieces, {rate} bytes/s",
                        stats.pieces_have, stats.pieces
                    );
                }
                EventKind::Complete => break,
                EventKind::Failed(error) => return Err(error.into()),
                kind => println!("{kind:?}"),
            },
            Notice::Lagged(lost) => println!("{lost} events were lost"),
        }
    }
    session.stop().await;
    Ok(())
}
