//! The properties of the fuzz targets over the inputs in `fuzz/seeds`, among
//! them everything that fuzzing has found.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is the library of another crate")]
mod properties;

/// Checks every file of a target's directory.
fn replay(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&dir).expect("the target has seeds") {
        let path = entry.expect("the directory can be listed").path();
        println!("{}", path.display());
        check(&fs::read(&path).expect("the seed can be read"));
        count += 1;
    }
    assert!(count > 5, "{} has {count} seeds", dir.display());
}

#[test]
fn bencode_keeps_its_promises() {
    replay("bencode", properties::bencode::check);
}

#[test]
fn blocklists_keep_their_promises() {
    replay("blocklist", properties::blocklist::check);
}

#[test]
fn answers_of_dns_keep_their_promises() {
    replay("dns", properties::dns::check);
}

#[test]
fn extension_messages_keep_their_promises() {
    replay("extension", properties::extension::check);
}

#[test]
fn packets_of_the_dht_keep_their_promises() {
    replay("krpc", properties::krpc::check);
}

#[test]
fn announces_to_neighbours_keep_their_promises() {
    replay("lsd", properties::lsd::check);
}

#[test]
fn magnet_links_keep_their_promises() {
    replay("magnet", properties::magnet::check);
}

#[test]
fn merkle_proofs_keep_their_promises() {
    replay("merkle", properties::merkle::check);
}

#[test]
fn peer_exchange_keeps_its_promises() {
    replay("pex", properties::pex::check);
}

#[test]
fn answers_of_proxies_keep_their_promises() {
    replay("socks", properties::socks::check);
}

#[test]
fn torrents_keep_their_promises() {
    replay("metainfo", properties::metainfo::check);
}

#[test]
fn encrypted_handshakes_keep_their_promises() {
    replay("mse", properties::mse::check);
}

#[test]
fn trackers_and_their_clients_keep_their_promises() {
    replay("tracker", properties::tracker::check);
}
