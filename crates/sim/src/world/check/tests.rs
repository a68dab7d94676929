//! Each check finds the fault that it is for.

use std::time::Duration;

use superseed_engine::TorrentOptions;
use superseed_engine::limits::REQUESTS_IN_QUEUE_MAX;
use superseed_proto::layout::PieceIndex;

use super::*;
use crate::content::{Content, ContentSpec};
use crate::world::HostSpec;

fn peer(is_served: bool) -> PeerLoad {
    PeerLoad {
        addr: ([10, 0, 0, 2], 6_881).into(),
        requests_out: 250,
        requests_out_max: 250,
        requests_in: REQUESTS_IN_QUEUE_MAX,
        is_served,
    }
}

fn check(places: Option<usize>, peers: &[PeerLoad]) -> Result<(), String> {
    check_peers(places, peers.iter().copied())
}

#[test]
fn more_served_than_there_are_places_is_found() {
    let peers = [peer(true), peer(false), peer(true)];
    check(Some(2), &peers).unwrap();
    check(None, &peers).unwrap();
    check(Some(1), &peers).unwrap_err();
}

#[test]
fn more_places_than_are_set_are_found() {
    let settings = Settings {
        upload_slots: Some(10),
        ..Settings::default()
    };
    check_places(Some(12), &settings).unwrap();
    check_places(Some(13), &Settings::default()).unwrap();
    check_places(Some(13), &settings).unwrap_err();
}

#[test]
fn more_requests_than_a_peer_takes_or_we_take_are_found() {
    let (mut out, mut queued) = (peer(false), peer(false));
    out.requests_out += 1;
    queued.requests_in += 1;
    check(None, &[peer(false), out]).unwrap_err();
    check(None, &[peer(false), queued]).unwrap_err();
}

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

fn tick(host: usize, deadline: u64, reason: Reason) -> WakeCheck {
    WakeCheck {
        host,
        deadline: at(deadline),
        reason,
    }
}

#[test]
fn a_second_deadline_in_the_past_for_the_same_reason_is_found() {
    let mut watch = Watch::default();
    for (now, late) in [
        (10, tick(0, 9, Reason::Peer)),
        // Another reason, another host, and one that came in time.
        (10, tick(0, 9, Reason::Choke)),
        (10, tick(1, 9, Reason::Peer)),
        (11, tick(0, 11, Reason::Peer)),
        (20, tick(0, 12, Reason::Peer)),
    ] {
        watch.tick(at(now), late).unwrap();
    }
    watch.tick(at(30), tick(0, 25, Reason::Peer)).unwrap_err();
}

#[test]
fn an_engine_that_does_not_clear_its_deadline_is_found() {
    let mut watch = Watch::default();
    let due = tick(0, 5, Reason::Sync);
    for _ in 0..TICKS_PER_MOMENT_MAX {
        watch.tick(at(5), due).unwrap();
    }
    watch.tick(at(5), due).unwrap_err();
}

#[test]
fn time_that_stands_still_or_goes_back_is_found() {
    let mut watch = Watch::default();
    watch.event(at(2)).unwrap();
    watch.event(at(1)).unwrap_err();
    for _ in 1..EVENTS_PER_MOMENT_MAX {
        watch.event(at(2)).unwrap();
    }
    watch.event(at(2)).unwrap_err();
}

/// A world with a seed that has told what it has.
fn seeded() -> (World, HostId, std::sync::Arc<Content>) {
    let mut world = World::new(1, "");
    let content = ContentSpec::new(1 << 20, 64 << 10).make(1);
    let host = world.add_host(HostSpec::default());
    world.add_seed(host, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    world.check();
    (world, host, content)
}

#[test]
#[should_panic(expected = "its disk says otherwise")]
fn a_claimed_piece_whose_bytes_differ_is_found() {
    let (mut world, host, content) = seeded();
    world.hosts[host.0]
        .disk
        .store(&content)
        .spoil(PieceIndex(3));
    world.check();
}

#[test]
fn a_claimed_piece_that_rotted_on_its_disk_is_no_fault_of_the_engine() {
    let (mut world, host, content) = seeded();
    world.rot(host, &content, 3);
    world.check();
}
