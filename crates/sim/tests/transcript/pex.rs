//! Peer exchange (BEP 11, 27): who is told of whom and when, and who is called.

use std::net::SocketAddr;
use std::time::Duration;

use superseed_engine::{Time, TorrentOptions};
use superseed_proto::wire::{ExtendedHandshake, ExtensionIds, Pex, PexFlag, PexFlags};
use superseed_sim::{ContentSpec, Frame, HostSpec, LinkSpec, ScriptId, Wire, World};

use crate::scene::{BLOCK, Scene};

/// Reserved bytes of a peer that speaks BEP 10.
const EXTENDED: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0];
/// Our own id for peer exchange.
const OURS: u8 = 9;
/// The id at which the engine takes it.
const THEIRS: u8 = 2;

/// A machine that exchanges peers.
fn host() -> HostSpec {
    let mut spec = HostSpec::default();
    spec.settings.pex = true;
    spec
}

/// The handshake of a peer that takes peer exchange and listens at a port.
fn handshake(port: u16) -> Frame {
    let handshake = ExtendedHandshake {
        m: ExtensionIds {
            ut_pex: Some(OURS),
            ..ExtensionIds::default()
        },
        listen_port: Some(port),
        ..ExtendedHandshake::default()
    };
    Frame::Extended(0, handshake.encode().into())
}

/// Connects a scripted machine that listens at a port, as it says.
fn meet(scene: &mut Scene, peer: ScriptId, port: u16) -> usize {
    let conn = scene.connect_as(peer, EXTENDED);
    scene.world.wire(peer, conn).send(handshake(port));
    conn
}

fn named(world: &World, peer: ScriptId, port: u16) -> SocketAddr {
    SocketAddr::new(world.script_addr(peer).ip(), port)
}

/// The next message, and when it came.
fn hear(wire: &mut Wire<'_>) -> (Time, Pex) {
    let is = |frame: &Frame| matches!(frame, Frame::Extended(OURS, _));
    let (at, frame) = wire.expect_within(Duration::from_secs(120), "peer exchange", is);
    let Frame::Extended(_, payload) = frame else {
        unreachable!("it was looked for");
    };
    (at, Pex::decode(&payload).unwrap())
}

fn told(added: &[(SocketAddr, PexFlags)], dropped: &[SocketAddr]) -> Frame {
    let pex = Pex {
        added: added.to_vec(),
        dropped: dropped.to_vec(),
    };
    Frame::Extended(THEIRS, pex.encode().into())
}

#[test]
fn no_more_than_one_message_a_minute() {
    let mut scene = Scene::seeding_on(
        "no_more_than_one_message",
        host(),
        TorrentOptions::default(),
    );
    let [b, c] = [(); 2].map(|()| scene.world.add_script(LinkSpec::default()));
    let a = scene.peer;
    meet(&mut scene, a, 7_001);
    let of_b = meet(&mut scene, b, 7_002);
    let began = scene.world.now();
    let (first, pex) = hear(&mut scene.wire());
    let waited = first.since(began);
    assert!(
        waited > Duration::from_secs(9) && waited < Duration::from_secs(16),
        "{waited:?}"
    );
    // It came to us, so that nobody knows whether it can be called.
    let b_named = named(&scene.world, b, 7_002);
    assert_eq!(pex.added, [(b_named, PexFlags::default())]);
    meet(&mut scene, c, 7_003);
    scene.world.wire(b, of_b).close();
    let (second, pex) = hear(&mut scene.wire());
    assert!(second.since(first) >= Duration::from_secs(60));
    let c_named = named(&scene.world, c, 7_003);
    assert_eq!(pex.added, [(c_named, PexFlags::default())]);
    assert_eq!(pex.dropped, [b_named]);
    scene
        .wire()
        .expect_none(Duration::from_secs(70), "no news", |frame| {
            matches!(frame, Frame::Extended(OURS, _))
        });
}

#[test]
fn whom_we_called_can_be_reached_and_a_seed_is_one() {
    let mut scene = Scene::leeching_as("whom_we_called", host());
    let seed = scene.world.add_script(LinkSpec::default());
    let addr = scene.world.script_addr(seed);
    let a = scene.peer;
    meet(&mut scene, a, 7_001);
    scene.wire().send(told(&[(addr, PexFlags::default())], &[]));
    scene.world.run_for(Duration::from_secs(1));
    let content = std::sync::Arc::clone(&scene.content);
    let everything = scene.full_bitfield();
    let mut wire = scene.world.wire(seed, 0);
    wire.shake_hands(&content, EXTENDED);
    wire.send(everything);
    let flags = [PexFlag::UploadOnly, PexFlag::Reachable];
    let flags = flags.into_iter().fold(PexFlags::default(), PexFlags::with);
    assert_eq!(hear(&mut scene.wire()).1.added, [(addr, flags)]);
}

#[test]
fn the_dropped_are_not_dialled() {
    let mut scene = Scene::leeching_as("the_dropped_are_not_dialled", host());
    let [known, gone] = [(); 2].map(|()| scene.world.add_script(LinkSpec::default()));
    let [at, gone_at] = [known, gone].map(|script| scene.world.script_addr(script));
    let a = scene.peer;
    meet(&mut scene, a, 7_001);
    let frame = told(&[(at, PexFlags::default())], &[gone_at]);
    scene.wire().send(frame);
    scene.world.run_for(Duration::from_secs(30));
    assert_eq!(scene.world.script_conns(known), 1);
    assert_eq!(scene.world.script_conns(gone), 0);
}

#[test]
fn who_has_everything_does_not_call_seeds() {
    let mut scene = Scene::seeding_on("who_has_everything", host(), TorrentOptions::default());
    let [leecher, seed] = [(); 2].map(|()| scene.world.add_script(LinkSpec::default()));
    let [at, seed_at] = [leecher, seed].map(|script| scene.world.script_addr(script));
    let a = scene.peer;
    meet(&mut scene, a, 7_001);
    let flags = PexFlags::default().with(PexFlag::UploadOnly);
    let frame = told(&[(at, PexFlags::default()), (seed_at, flags)], &[]);
    scene.wire().send(frame);
    scene.world.run_for(Duration::from_secs(30));
    assert_eq!(scene.world.script_conns(leecher), 1);
    assert_eq!(scene.world.script_conns(seed), 0);
}

#[test]
fn a_flooder_is_disconnected() {
    let mut scene = Scene::leeching_as("a_flooder_is_disconnected", host());
    let a = scene.peer;
    meet(&mut scene, a, 7_001);
    let mut wire = scene.wire();
    for _ in 0..6 {
        wire.send(told(&[], &[]));
    }
    wire.expect_none(Duration::from_secs(1), "", |_| false);
    assert!(wire.is_up());
    wire.send(told(&[], &[]));
    wire.expect_end(Duration::from_secs(5));
}

#[test]
fn a_message_that_cannot_be_read_ends_the_connection() {
    let mut scene = Scene::leeching_as("a_message_that_cannot_be_read", host());
    let a = scene.peer;
    meet(&mut scene, a, 7_001);
    let mut wire = scene.wire();
    wire.send(Frame::Extended(THEIRS, (&b"le"[..]).into()));
    wire.expect_end(Duration::from_secs(5));
}

#[test]
fn a_private_torrent_and_who_turned_it_off_exchange_nothing() {
    for (private, pex) in [(true, true), (false, false)] {
        let mut world = World::new(7, "cargo test -p superseed-sim a_private_torrent_and_who");
        let mut spec = ContentSpec::new(4 * BLOCK as usize, BLOCK);
        spec.private = private;
        let content = spec.make(7);
        let mut host = host();
        host.settings.pex = pex;
        let host = world.add_host(host);
        world.add_torrent(host, &content, TorrentOptions::default());
        world.run_for(Duration::from_secs(1));
        let [a, b, named] = [(); 3].map(|()| world.add_script(LinkSpec::default()));
        for (peer, port) in [(a, 7_001), (b, 7_002)] {
            let conn = world.script_connect(peer, host);
            let mut wire = world.wire(peer, conn);
            wire.shake_hands(&content, EXTENDED);
            let is = |frame: &Frame| matches!(frame, Frame::Extended(0, _));
            let Frame::Extended(_, payload) = wire.expect_some("its handshake", is) else {
                unreachable!("it was looked for");
            };
            assert_eq!(ExtendedHandshake::decode(&payload).unwrap().m.ut_pex, None);
            wire.send(handshake(port));
        }
        let addr = world.script_addr(named);
        world
            .wire(a, 0)
            .send(told(&[(addr, PexFlags::default())], &[]));
        world
            .wire(a, 0)
            .expect_none(Duration::from_secs(90), "peer exchange", |frame| {
                matches!(frame, Frame::Extended(OURS, _))
            });
        assert!(world.wire(a, 0).is_up());
        assert_eq!(world.script_conns(named), 0);
    }
}
