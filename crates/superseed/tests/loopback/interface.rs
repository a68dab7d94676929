//! Sessions that are bound to an interface.

use superseed::{Config, Interface, Route, Session, StartError};

use crate::world::{Content, run};

fn bound(listen: &[&str]) -> Result<Session, StartError> {
    Session::start(Config {
        listen: listen.iter().map(|addr| addr.parse().unwrap()).collect(),
        route: Route::Bound(Interface::find("lo").unwrap()),
        ..Config::default()
    })
}

#[test]
fn bound_sessions_move_data_by_their_interface() {
    run(async {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seeder = bound(&["0.0.0.0:0"]).unwrap();
        let leecher = bound(&["127.0.0.1:0"]).unwrap();
        let place = seeder.listen_addrs()[0];
        assert!(place.ip().is_loopback(), "{place}");
        let content = Content::single("bound.bin", 300_000, 16 * 1024);
        content.seed(&seeder, here.path()).await;
        let torrent = content.add(&leecher, there.path()).await;
        torrent.add_peer(place).await.unwrap();
        torrent.wait_complete().await.unwrap();
        content.assert_in(there.path());
    });
}

#[test]
fn addresses_of_other_interfaces_are_not_listened_on() {
    let error = bound(&["192.0.2.1:0"]).unwrap_err().to_string();
    let end = "cannot listen on 192.0.2.1:0: 192.0.2.1 is no address of lo";
    assert_eq!(error, end);
}

#[test]
fn a_bound_session_looks_addresses_up_without_asking_anybody() {
    run(async {
        let session = bound(&["127.0.0.1:0"]).unwrap();
        let found = session.resolve("192.0.2.7").await.unwrap();
        assert_eq!(found, ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
    });
}
