//! Sessions that find each other by the DHT alone.

use std::net::SocketAddr;
use std::time::Duration;

use superseed::{Config, MutableItem, PutError, Session};

use crate::world::{Content, run};

/// A session on loopback, whose routers are these.
fn session(routers: &[SocketAddr], state: Option<&std::path::Path>) -> Session {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        dht_state: state.map(Into::into),
        ..Config::default()
    };
    let named = routers
        .iter()
        .map(|addr| (addr.ip().to_string(), addr.port()));
    config.settings.dht.routers = Some(named.collect());
    config.settings.lsd = false;
    Session::start(config).unwrap()
}

fn addr(session: &Session) -> SocketAddr {
    session.listen_addrs()[0]
}

/// Waits until a session's node knows so many others.
async fn knows(session: &Session, count: usize) {
    while session.dht().stats().await.unwrap()[0].good < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_torrent_without_a_tracker_is_found_by_the_dht() {
    run(async {
        let root = tempfile::tempdir().unwrap();
        let router = session(&[], None);
        let seeder = session(&[addr(&router)], None);
        let leecher = session(&[addr(&router)], None);
        knows(&router, 2).await;
        let content = Content::single("data", 200_000, 16_384);
        let (here, there) = (root.path().join("here"), root.path().join("there"));
        content.seed(&seeder, &here).await;
        while router.dht().stats().await.unwrap()[0].peers == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let torrent = content.add(&leecher, &there).await;
        torrent.wait_complete().await.unwrap();
        content.assert_in(&there);
    });
}

#[test]
fn items_are_kept_by_others_and_a_newer_one_replaces_an_older_one() {
    run(async {
        let router = session(&[], None);
        let others: Vec<_> = (0..4).map(|_| session(&[addr(&router)], None)).collect();
        for other in &others {
            knows(other, 3).await;
        }
        let (here, there) = (others[0].dht(), others[3].dht());
        let value = b"12:Hello World!".to_vec();
        let target = here.put_immutable(value.clone()).await.unwrap();
        assert_eq!(there.get_immutable(target).await.unwrap(), Some(value));
        let refused = here.put_immutable(b"no bencode".to_vec()).await;
        assert!(matches!(refused, Err(PutError::Item(_))));
        let item =
            |seq, value: &[u8]| MutableItem::sign(&[7; 32], b"salt", seq, value.to_vec()).unwrap();
        let first = item(1, b"1:a");
        assert!(here.put_mutable(first.clone(), None).await.unwrap() > 0);
        let second = item(2, b"1:b");
        assert!(there.put_mutable(second.clone(), Some(1)).await.unwrap() > 0);
        let found = here.get_mutable(first.key.0, b"salt").await.unwrap();
        assert_eq!(found, Some(second));
        let late = there.put_mutable(item(3, b"1:c"), Some(1)).await;
        assert_eq!(late, Err(PutError::Nobody));
    });
}

#[test]
fn the_nodes_of_an_earlier_session_are_enough_to_begin_with() {
    run(async {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("cache/dht");
        let router = session(&[], None);
        let others: Vec<_> = (0..3).map(|_| session(&[addr(&router)], None)).collect();
        for other in &others {
            knows(other, 2).await;
        }
        let first = session(&[addr(&router)], Some(&state));
        knows(&first, 3).await;
        first.stop().await;
        assert!(state.exists());
        router.stop().await;
        let second = session(&[], Some(&state));
        knows(&second, 3).await;
        second.stop().await;
    });
}

#[test]
fn of_sessions_with_one_file_of_nodes_at_once_each_is_a_node_of_its_own() {
    run(async {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("dht");
        let router = session(&[], None);
        let first = session(&[addr(&router)], Some(&state));
        knows(&first, 1).await;
        let id = first.dht().stats().await.unwrap()[0].id;
        first.stop().await;
        let again = session(&[], Some(&state));
        let beside = session(&[], Some(&state));
        for session in [&again, &beside] {
            knows(session, 1).await;
        }
        assert_eq!(again.dht().stats().await.unwrap()[0].id, id);
        assert_ne!(beside.dht().stats().await.unwrap()[0].id, id);
        again.stop().await;
        beside.stop().await;
    });
}

#[test]
fn a_session_on_loopback_asks_nobody_unless_a_router_is_named() {
    run(async {
        let session = crate::world::session();
        assert!(session.settings().await.unwrap().dht.enabled);
        assert_eq!(session.dht().stats().await.unwrap(), []);
        assert_eq!(session.dht().get_immutable([1; 20]).await.unwrap(), None);
    });
}
