//! Encrypted handshakes (MSE), byte for byte: who is served, who is refused, and
//! what strangers may cost.

use std::time::Duration;

use superseed_engine::{Encryption, EncryptionPolicy, TorrentOptions};
use superseed_proto::SwarmKey;
use superseed_proto::mse::{
    Acceptor, CryptoMethod, Established, Initiator, Methods, PAD_LEN_MAX, Pads, PublicKey, Secret,
    SharedSecret, Step, obfuscated,
};
use superseed_sim::{Frame, HostSpec, LinkSpec, World};

use crate::scene::{DORMANT_AFTER, FAST, Scene};

const SECOND: Duration = Duration::from_secs(1);

/// A host that wants this of both directions.
fn spec(policy: EncryptionPolicy) -> HostSpec {
    let mut spec = HostSpec::default();
    spec.settings.encryption = Encryption {
        incoming: policy,
        outgoing: policy,
    };
    spec
}

fn seeding(test: &str, policy: EncryptionPolicy) -> Scene {
    let mut scene = Scene::new(test, spec(policy));
    scene
        .world
        .add_seed(scene.host, &scene.content, TorrentOptions::default());
    scene.world.run_for(SECOND);
    scene
}

fn secret(number: u8) -> Secret {
    Secret([number; 20])
}

/// The handshake of a peer, and what else it says at once.
fn hello(scene: &Scene, behind: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::Handshake(FAST, scene.content.swarm().0, [b'x'; 20]).encode(&mut bytes);
    behind.iter().for_each(|frame| frame.encode(&mut bytes));
    bytes
}

/// A scripted peer that opens a stream and encrypts it.
struct Knocker {
    skey: SwarmKey,
    provide: Methods,
    initial: Vec<u8>,
    pads: Pads,
    /// So many bytes at a time are sent of each step, and then a while nothing.
    portion: (usize, Duration),
}

impl Knocker {
    fn new(scene: &Scene) -> Self {
        Self {
            skey: scene.content.swarm(),
            provide: Methods::BOTH,
            initial: hello(scene, &[]),
            pads: Pads::default(),
            portion: (usize::MAX, Duration::ZERO),
        }
    }

    /// What it was agreed upon, unless the engine closes the connection.
    fn knock(self, scene: &mut Scene) -> Option<CryptoMethod> {
        let conn = scene.world.script_connect(scene.peer, scene.host);
        let (number, portion) = (conn as u8 + 1, self.portion);
        let send = |scene: &mut Scene, bytes: &[u8]| {
            for bytes in bytes.chunks(portion.0.min(bytes.len().max(1))) {
                scene.world.wire(scene.peer, conn).send_raw(bytes.to_vec());
                scene.world.run_for(portion.1);
            }
        };
        let mut half = Initiator::new(self.skey, self.provide, self.initial, self.pads);
        scene.world.wire(scene.peer, conn).begin_raw();
        send(scene, &half.public(&secret(number).public()));
        loop {
            let came = scene.world.wire(scene.peer, conn).take_raw();
            if came.is_empty() {
                return None;
            }
            let mut input = came.as_slice();
            loop {
                match half.read(&mut input).expect("the engine is no liar") {
                    Step::NeedInput => break,
                    Step::NeedKeys(remote) => {
                        let shared = secret(number).shared(&remote).unwrap();
                        send(scene, &half.shared(shared));
                    }
                    Step::Established(established) => {
                        let Established {
                            read,
                            write,
                            method,
                        } = *established;
                        let mut wire = scene.world.wire(scene.peer, conn);
                        wire.encrypted(read, write, input);
                        return Some(method);
                    }
                    step => panic!("{step:?} is not for an initiator"),
                }
            }
        }
    }
}

fn is_handshake(frame: &Frame) -> bool {
    matches!(frame, Frame::Handshake(..))
}

/// Fetches a block on the first connection of the scripted machine.
fn fetch(scene: &mut Scene, conn: usize) {
    let piece = (2, 0, 16 << 10);
    let block = scene.block(piece);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.expect_some("its handshake", is_handshake);
    wire.send(Frame::HaveNone).send(Frame::Interested);
    wire.expect_some("to be unchoked", |frame| *frame == Frame::Unchoke);
    wire.send(Frame::Request(piece.0, piece.1, piece.2));
    wire.expect_some("its block", |frame| *frame == block);
}

#[test]
fn an_encrypted_stranger_is_served() {
    let cases = [
        (EncryptionPolicy::Allow, Methods::BOTH, CryptoMethod::Plain),
        (EncryptionPolicy::Allow, Methods::RC4, CryptoMethod::Rc4),
        (EncryptionPolicy::Prefer, Methods::BOTH, CryptoMethod::Rc4),
        (
            EncryptionPolicy::Prefer,
            Methods::PLAIN,
            CryptoMethod::Plain,
        ),
        (EncryptionPolicy::Require, Methods::BOTH, CryptoMethod::Rc4),
    ];
    for (policy, provide, method) in cases {
        let mut scene = seeding("an_encrypted_stranger_is_served", policy);
        let knocker = Knocker {
            provide,
            pads: Pads {
                first: vec![0x13; 300],
                second_len: 77,
            },
            ..Knocker::new(&scene)
        };
        assert_eq!(knocker.knock(&mut scene), Some(method), "{policy:?}");
        fetch(&mut scene, 0);
        let peers = scene.world.peers(scene.host, &scene.content);
        assert_eq!(peers[0].encryption, Some(method));
    }
}

#[test]
fn a_handshake_in_single_bytes_is_understood_and_one_that_takes_too_long_is_not() {
    let test = "a_handshake_in_single_bytes";
    let mut scene = seeding(test, EncryptionPolicy::Require);
    let with_pace = |scene: &Scene, pace| Knocker {
        portion: (1, pace),
        ..Knocker::new(scene)
    };
    let quick = with_pace(&scene, Duration::from_millis(10));
    assert_eq!(quick.knock(&mut scene), Some(CryptoMethod::Rc4));
    fetch(&mut scene, 0);
    let slow = with_pace(&scene, Duration::from_millis(200));
    let began = scene.world.now();
    assert_eq!(slow.knock(&mut scene), None);
    assert!(scene.world.now().since(began) < Duration::from_secs(40));
}

#[test]
fn what_is_said_behind_the_handshake_in_its_first_payload_is_heard() {
    let test = "what_is_said_behind_the_handshake";
    let mut scene = seeding(test, EncryptionPolicy::Allow);
    let knocker = Knocker {
        initial: hello(&scene, &[Frame::HaveNone, Frame::Interested]),
        ..Knocker::new(&scene)
    };
    assert_eq!(knocker.knock(&mut scene), Some(CryptoMethod::Plain));
    let mut wire = scene.wire();
    wire.expect_some("its handshake", is_handshake);
    wire.expect_some("to be unchoked", |frame| *frame == Frame::Unchoke);
}

#[test]
fn a_dormant_torrent_is_woken_by_an_encrypted_stranger_who_says_more_than_may_wait() {
    let mut spec = spec(EncryptionPolicy::Prefer);
    spec.settings.dormant_after = Some(DORMANT_AFTER);
    let mut scene = Scene::new("a_dormant_torrent_is_woken_by_an_encrypted_stranger", spec);
    let options = TorrentOptions::default();
    scene.world.add_seed(scene.host, &scene.content, options);
    scene.fall_asleep();
    let mut behind = vec![Frame::HaveNone];
    behind.extend((0..1000).map(|_| Frame::KeepAlive));
    behind.push(Frame::Interested);
    let knocker = Knocker {
        initial: hello(&scene, &behind),
        ..Knocker::new(&scene)
    };
    assert_eq!(knocker.knock(&mut scene), Some(CryptoMethod::Rc4));
    let mut wire = scene.wire();
    wire.expect_some("its handshake", is_handshake);
    wire.expect(Frame::HaveAll);
    wire.expect_some("to be unchoked", |frame| *frame == Frame::Unchoke);
}

#[test]
fn required_means_required() {
    let test = "required_means_required";
    let mut scene = seeding(test, EncryptionPolicy::Require);
    let knocker = Knocker {
        provide: Methods::PLAIN,
        ..Knocker::new(&scene)
    };
    assert_eq!(
        knocker.knock(&mut scene),
        None,
        "a plain payload is refused"
    );
    let plain = hello(&scene, &[]);
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send_raw(plain).expect_end(SECOND);
}

#[test]
fn without_encryption_whatever_is_no_handshake_is_closed_at_once() {
    let test = "without_encryption_whatever_is_no_handshake";
    let mut scene = seeding(test, EncryptionPolicy::Off);
    assert_eq!(Knocker::new(&scene).knock(&mut scene), None);
    scene.wire().expect_end(Duration::ZERO);
}

#[test]
fn what_cannot_become_a_handshake_is_closed() {
    let scene = |case: &str| {
        let scene = seeding("what_cannot_become_a_handshake", EncryptionPolicy::Allow);
        (Knocker::new(&scene), scene, case.to_owned())
    };
    let (mut knocker, mut world, case) = scene("a torrent that nobody has");
    knocker.skey = SwarmKey([9; 20]);
    assert_eq!(knocker.knock(&mut world), None, "{case}");

    let (mut knocker, mut world, case) = scene("an initial payload that is no handshake");
    knocker.initial = vec![7; 68];
    knocker.knock(&mut world);
    world.wire().expect_end(SECOND);
    assert!(
        world.world.peers(world.host, &world.content).is_empty(),
        "{case}"
    );
}

#[test]
fn strangers_whose_bytes_lead_nowhere_are_closed_by_their_number_or_by_time() {
    let key = |first: &[u8]| {
        let mut key = vec![0x42; 96];
        key[..first.len()].copy_from_slice(first);
        key
    };
    let noise: Vec<u8> = (0..2_000_u32).map(|at| ((at * at) >> 3) as u8).collect();
    let degenerate = [&[0; 95][..], &[1]].concat();
    let cases: [(&str, Vec<u8>, Duration); 5] = [
        ("noise", key(&noise[..96]), Duration::from_secs(11)),
        ("a padding without end", [key(&[]), noise].concat(), SECOND),
        (
            "a handshake that is none after all",
            key(b"\x13BitTorrent pro"),
            Duration::from_secs(11),
        ),
        ("a degenerate key", degenerate, SECOND),
        ("half a key", vec![0x42; 48], Duration::from_secs(11)),
    ];
    for (case, bytes, patience) in cases {
        let mut scene = seeding(
            "strangers_whose_bytes_lead_nowhere",
            EncryptionPolicy::Allow,
        );
        let conn = scene.world.script_connect(scene.peer, scene.host);
        let mut wire = scene.world.wire(scene.peer, conn);
        wire.begin_raw().send_raw(bytes);
        let end = wire.expect_end(patience);
        assert!(
            scene.world.peers(scene.host, &scene.content).is_empty(),
            "{case}: {end:?}"
        );
    }
}

#[test]
fn one_host_has_few_keys_computed_however_often_it_knocks() {
    let test = "one_host_has_few_keys_computed";
    let mut scene = seeding(test, EncryptionPolicy::Allow);
    let mut answered = 0;
    let began = scene.world.now();
    for number in 0..200 {
        let conn = scene.world.script_connect(scene.peer, scene.host);
        let mut wire = scene.world.wire(scene.peer, conn);
        wire.begin_raw();
        let key = secret(number + 1).public();
        wire.send_raw(key.0.to_vec());
        wire.world().run_for(Duration::from_millis(60));
        let mut wire = scene.world.wire(scene.peer, conn);
        if wire.is_up() {
            answered += u32::from(wire.take_raw().len() >= 96);
            scene.world.wire(scene.peer, conn).close();
        }
    }
    // Eight at once, and two a second.
    let seconds = scene.world.now().since(began).as_secs_f64();
    let most = 8.0 + 2.0 * seconds;
    assert!(
        (most - 2.0..=most).contains(&f64::from(answered)),
        "{answered} of {most}"
    );
    assert!(most < 60.0, "many were refused");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect_as(other, FAST);
}

#[test]
fn sixty_four_exponentiations_wait_and_no_more() {
    let test = "sixty_four_exponentiations_wait";
    let mut scene = seeding(test, EncryptionPolicy::Allow);
    let mut conns = Vec::new();
    for _ in 0..12 {
        let peer = scene.world.add_script(LinkSpec::default());
        for _ in 0..8 {
            conns.push((peer, scene.world.script_connect(peer, scene.host)));
        }
    }
    scene.world.run_for(SECOND);
    // All of them in the same moment.
    for (number, (peer, conn)) in conns.iter().enumerate() {
        let key = secret(number as u8 + 1).public();
        let mut wire = scene.world.wire(*peer, *conn);
        wire.begin_raw().send_raw(key.0.to_vec());
    }
    scene.world.run_for(SECOND);
    let up = |(peer, conn): &&(_, usize)| scene.world.wire(*peer, *conn).is_up();
    assert_eq!(conns.iter().filter(up).count(), 64);
}

/// The next connection that the engine makes to the scripted machine, and its
/// first bytes.
fn next_call(scene: &mut Scene, conn: usize, patience: Duration) -> Vec<u8> {
    let peer = scene.peer;
    let called = |world: &World| world.script_conns(peer) > conn;
    assert!(scene.world.run_until(patience, called), "it did not call");
    let mut wire = scene.world.wire(peer, conn);
    wire.begin_raw();
    wire.take_raw()
}

fn is_plain(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x13BitTorrent")
}

#[test]
fn plain_is_tried_once_where_encryption_failed() {
    let test = "plain_is_tried_once_where_encryption_failed";
    let mut scene = Scene::leeching_as(test, spec(EncryptionPolicy::Prefer));
    let addr = scene.world.script_addr(scene.peer);
    let content = scene.content.clone();
    scene.world.introduce(scene.host, &content, addr);
    assert!(!is_plain(&next_call(&mut scene, 0, SECOND)));
    scene.world.wire(scene.peer, 0).close();
    assert!(is_plain(&next_call(&mut scene, 1, SECOND / 2)));
    scene.world.wire(scene.peer, 1).close();
    // It is the user's, and so it is tried again soon; anew.
    scene.world.run_for(SECOND / 2);
    assert_eq!(scene.world.script_conns(scene.peer), 2);
    assert!(!is_plain(&next_call(&mut scene, 2, 5 * SECOND)));
}

#[test]
fn what_worked_is_where_the_next_attempt_begins() {
    let test = "what_worked_is_where_the_next_attempt_begins";
    let mut scene = Scene::leeching_as(test, spec(EncryptionPolicy::Prefer));
    let addr = scene.world.script_addr(scene.peer);
    let content = scene.content.clone();
    scene.world.introduce(scene.host, &content, addr);
    next_call(&mut scene, 0, SECOND);
    scene.world.wire(scene.peer, 0).close();
    assert!(is_plain(&next_call(&mut scene, 1, SECOND)));
    let hello = hello(&scene, &[]);
    scene.world.wire(scene.peer, 1).send_raw(hello);
    scene.world.run_for(SECOND);
    assert_eq!(scene.world.peers(scene.host, &content).len(), 1);
    scene.world.wire(scene.peer, 1).close();
    assert!(is_plain(&next_call(&mut scene, 2, 120 * SECOND)));
}

/// A scripted peer that is called and takes the encrypted handshake up to the
/// point at which it answers, which `answer` writes.
fn take_call(scene: &mut Scene, conn: usize, select: Option<CryptoMethod>) -> Option<Vec<u8>> {
    let mut came = next_call(scene, conn, SECOND);
    let method = select.unwrap_or(CryptoMethod::Rc4);
    let mut half = Acceptor::new(
        &[],
        Methods::BOTH,
        method,
        Pads {
            first: vec![3; PAD_LEN_MAX],
            second_len: 9,
        },
    );
    loop {
        if came.is_empty() {
            return None;
        }
        let mut input = came.as_slice();
        loop {
            match half.read(&mut input).expect("the engine is no liar") {
                Step::NeedInput => break,
                Step::NeedKeys(remote) => {
                    let (ours, shared): (PublicKey, SharedSecret) =
                        (secret(7).public(), secret(7).shared(&remote).unwrap());
                    let bytes = half.keys(&ours, shared);
                    scene.world.wire(scene.peer, conn).send_raw(bytes);
                }
                Step::WhichTorrent(name) => {
                    assert_eq!(name, obfuscated(scene.content.swarm()));
                    half.torrent(Some(scene.content.swarm())).unwrap();
                }
                Step::Send(mut bytes) => {
                    if select.is_none() {
                        // What it selects is neither of both, or both.
                        bytes[11] ^= 1;
                    }
                    scene.world.wire(scene.peer, conn).send_raw(bytes);
                }
                Step::Established(established) => {
                    let Established {
                        mut read, write, ..
                    } = *established;
                    let mut initial = input.to_vec();
                    read.apply(&mut initial);
                    let mut wire = scene.world.wire(scene.peer, conn);
                    wire.encrypted(read, write, &[]);
                    return Some(initial);
                }
            }
        }
        came = scene.world.wire(scene.peer, conn).take_raw();
    }
}

#[test]
fn our_handshake_comes_with_the_encrypted_one() {
    for method in [CryptoMethod::Plain, CryptoMethod::Rc4] {
        let test = "our_handshake_comes_with_the_encrypted_one";
        let mut scene = Scene::leeching_as(test, spec(EncryptionPolicy::Prefer));
        let addr = scene.world.script_addr(scene.peer);
        let content = scene.content.clone();
        scene.world.introduce(scene.host, &content, addr);
        let initial = take_call(&mut scene, 0, Some(method)).expect("it is encrypted");
        assert_eq!(initial.len(), 68);
        assert!(is_plain(&initial));
        let (hello, everything) = (hello(&scene, &[]), scene.full_bitfield());
        let mut wire = scene.wire();
        wire.send_raw(hello).send(everything);
        let peers = {
            scene.world.run_for(SECOND);
            scene.world.peers(scene.host, &content)
        };
        assert_eq!(peers[0].encryption, Some(method));
        assert_eq!(peers[0].pieces, 8);
    }
}

#[test]
fn who_selects_what_was_not_offered_is_tried_in_plain_if_that_may_be() {
    for (policy, calls) in [
        (EncryptionPolicy::Prefer, 2),
        (EncryptionPolicy::Require, 1),
    ] {
        let test = "who_selects_what_was_not_offered";
        let mut scene = Scene::leeching_as(test, spec(policy));
        let addr = scene.world.script_addr(scene.peer);
        let content = scene.content.clone();
        scene.world.introduce(scene.host, &content, addr);
        take_call(&mut scene, 0, None).expect("it comes so far");
        scene.world.run_for(SECOND / 2);
        scene.wire().expect_end(Duration::ZERO);
        assert_eq!(scene.world.script_conns(scene.peer), calls);
    }
}
