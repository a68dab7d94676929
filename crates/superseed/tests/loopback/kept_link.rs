//! Links whose metadata came in an earlier run.

use std::path::Path;

use superseed::{AddOptions, Config, LinkOptions, Magnet, Metainfo, Session, Torrent};
use superseed_proto::magnet::MagnetPeer;

use crate::world::{Content, run, session};

/// The link of some content, that names a peer.
fn link(content: &Content, peer: &Session) -> Magnet {
    let mut magnet = Magnet::of(&Metainfo::parse(&content.torrent).unwrap());
    magnet.peers = vec![MagnetPeer::Ip(peer.listen_addrs()[0])];
    magnet
}

async fn begin(session: &Session, link: Magnet, dir: &Path) -> Torrent {
    let options = AddOptions {
        dir: Some(dir.to_owned()),
        ..AddOptions::default()
    };
    session.add(link, options).await.unwrap()
}

#[test]
fn a_link_that_began_is_known_in_the_next_run_without_a_peer() {
    run(async {
        let content = Content::single("kept.bin", 300_001, 16 * 1024);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seeder = session();
        let seed = content.seed(&seeder, here.path()).await;
        let leecher = session();
        let link = link(&content, &seeder);
        let torrent = begin(&leecher, link.clone(), there.path()).await;
        torrent.wait_complete().await.unwrap();
        leecher.stop().await;
        seed.remove().await.unwrap();
        seeder.stop().await;

        let again = session();
        let torrent = begin(&again, link, there.path()).await;
        torrent.wait_complete().await.unwrap();
        again.stop().await;
    });
}

#[test]
fn a_link_elsewhere_asks_peers_again() {
    run(async {
        let content = Content::single("kept.bin", 30_001, 16 * 1024);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seeder = session();
        let seed = content.seed(&seeder, here.path()).await;
        let leecher = session();
        let link = link(&content, &seeder);
        begin(&leecher, link.clone(), there.path()).await;
        leecher.stop().await;
        seed.remove().await.unwrap();
        seeder.stop().await;

        let elsewhere = tempfile::tempdir().unwrap();
        let again = Session::start(Config {
            dir: elsewhere.path().to_owned(),
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ..Config::default()
        })
        .unwrap();
        let options = |dir: Option<&Path>| LinkOptions {
            dir: dir.map(Path::to_owned),
            ..LinkOptions::default()
        };
        let unknown = again.add_link(link.clone(), options(None)).await.unwrap();
        let waits = std::time::Duration::from_millis(100);
        let came = tokio::time::timeout(waits, unknown.metainfo()).await;
        assert!(came.is_err(), "{came:?}");
        unknown.remove().await;
        let known = again.add_link(link, options(Some(there.path()))).await;
        known.unwrap().metainfo().await.unwrap();
        again.stop().await;
    });
}
