//! What a torrent says and believes of which only the info-hash is known (BEP 9).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::{Command, EventKind, PeerFault, TorrentOptions, TorrentState};
use superseed_proto::wire::{ExtendedHandshake, ExtensionIds, METADATA_BLOCK_LEN, MetadataMessage};
use superseed_sim::{
    Content, ContentSpec, Frame, HostId, HostSpec, Inbound, LinkSpec, ScriptId, Wire, World,
};

/// Reserved bytes of a peer that speaks BEP 6 and 10.
const EXTENDED: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 4];
/// The id under which scripted peers take metadata messages.
const OURS: u8 = 9;

struct Scene {
    world: World,
    host: HostId,
    content: Arc<Content>,
}

impl Scene {
    /// An engine that has a link; its metadata has four blocks.
    fn new(test: &str) -> Self {
        Self::of(test, ContentSpec::new(3_000 * 1_024, 1_024))
    }

    fn of(test: &str, content: ContentSpec) -> Self {
        let content = content.make(7);
        let mut world = World::new(7, format!("cargo test -p superseed-sim {test}"));
        let host = world.add_host(HostSpec::default());
        world.add_link(host, &content, TorrentOptions::default());
        world.run_for(Duration::from_secs(1));
        Self {
            world,
            host,
            content,
        }
    }

    fn raw(&self) -> Bytes {
        self.content.metainfo().raw_info.clone()
    }

    /// A peer that connects and says that it has metadata of this length.
    fn meet(&mut self, len: Option<u32>) -> Peer {
        let script = self.world.add_script(LinkSpec::default());
        let conn = self.world.script_connect(script, self.host);
        let mut wire = self.world.wire(script, conn);
        wire.shake_hands(&self.content, EXTENDED);
        let handshake = ExtendedHandshake {
            m: ExtensionIds {
                ut_metadata: Some(OURS),
                ..ExtensionIds::default()
            },
            metadata_size: len,
            ..ExtendedHandshake::default()
        };
        wire.send(Frame::Extended(0, handshake.encode().into()));
        Peer { script, conn }
    }

    /// A peer that states what is so.
    fn honest(&mut self) -> Peer {
        let len = self.raw().len() as u32;
        self.meet(Some(len))
    }

    fn wire(&mut self, peer: Peer) -> Wire<'_> {
        self.world.wire(peer.script, peer.conn)
    }

    /// Waits for a request, and returns its block.
    fn asked(&mut self, peer: Peer) -> u32 {
        let is = |frame: &Frame| matches!(frame, Frame::Extended(OURS, _));
        let Frame::Extended(_, payload) = self.wire(peer).expect_some("a request", is) else {
            unreachable!("it was looked for");
        };
        match MetadataMessage::decode(&payload).unwrap() {
            MetadataMessage::Request { piece } => piece,
            other => panic!("{other:?} instead of a request"),
        }
    }

    /// The right bytes of a block.
    fn block(&self, piece: u32) -> Bytes {
        let raw = self.raw();
        let start = (piece * METADATA_BLOCK_LEN) as usize;
        raw.slice(start..raw.len().min(start + METADATA_BLOCK_LEN as usize))
    }

    fn give(&mut self, peer: Peer, piece: u32, block: &[u8]) {
        let total_len = Some(self.raw().len() as u32);
        self.give_of(peer, piece, total_len, block);
    }

    fn give_of(&mut self, peer: Peer, piece: u32, total_len: Option<u32>, block: &[u8]) {
        let message = MetadataMessage::Data {
            piece,
            total_len,
            block,
        };
        let payload = message.encode().into();
        // The id of the engine.
        self.wire(peer).send(Frame::Extended(1, payload));
    }

    /// Answers requests of a peer until no more come.
    fn serve(&mut self, peer: Peer, lie: bool) {
        for _ in 0..20 {
            self.serve_for(Duration::from_millis(300), peer, |_| lie);
        }
    }

    /// Answers the requests of a while; some blocks are lies.
    fn serve_for(&mut self, time: Duration, peer: Peer, is_lie: impl Fn(u32) -> bool) {
        let wire = &mut self.world.wire(peer.script, peer.conn);
        if !wire.is_up() {
            return;
        }
        for frame in wire.expect_none(time, "nothing that is forbidden", |_| false) {
            let Frame::Extended(OURS, payload) = frame else {
                continue;
            };
            if let Ok(MetadataMessage::Request { piece }) = MetadataMessage::decode(&payload) {
                let mut block = self.block(piece).to_vec();
                block[0] ^= u8::from(is_lie(piece));
                self.give(peer, piece, &block);
            }
        }
    }

    /// Five peers serve metadata of four mebibytes, and some lie. Tells who is
    /// still there when it has come.
    fn five(test: &str, is_lie: impl Fn(usize, u32) -> bool) -> Vec<usize> {
        // 20 bytes of hashes for each piece.
        let mut scene = Self::of(test, ContentSpec::new(210_000 * 64, 64));
        assert!(scene.raw().len() > 4_000_000);
        let peers: Vec<_> = (0..5).map(|_| scene.honest()).collect();
        for _ in 0..2_000 {
            for (number, &peer) in peers.iter().enumerate() {
                let time = Duration::from_millis(10);
                scene.serve_for(time, peer, |block| is_lie(number, block));
            }
            if scene.knows() {
                break;
            }
        }
        assert!(scene.knows(), "{:?}", scene.world.elapsed());
        // Who was thrown out hears of it a little later.
        scene.world.run_for(Duration::from_secs(1));
        (0..5)
            .filter(|number| scene.wire(peers[*number]).is_up())
            .collect()
    }

    fn state(&self) -> TorrentState {
        self.world.stats(self.host, &self.content).state
    }

    fn knows(&self) -> bool {
        let metadata = |kind: &EventKind| matches!(kind, EventKind::Metadata);
        self.world.saw(self.host, metadata)
    }

    fn fault(&self, wanted: PeerFault) -> bool {
        self.world.saw(
            self.host,
            |kind| matches!(kind, EventKind::PeerFault { fault, .. } if *fault == wanted),
        )
    }

    /// The peer is thrown out for this.
    fn ends(mut self, peer: Peer, fault: PeerFault) {
        self.wire(peer).expect_end(Duration::from_secs(5));
        assert!(self.fault(fault), "{:?}", self.world.events(self.host));
        assert!(!self.knows());
    }
}

#[derive(Clone, Copy)]
struct Peer {
    script: ScriptId,
    conn: usize,
}

#[test]
fn a_stranger_is_greeted_by_one_who_has_nothing_and_asked_for_metadata() {
    let mut scene = Scene::new("a_stranger_is_greeted_by_one_who_has_nothing");
    assert_eq!(scene.state(), TorrentState::AwaitingMetadata);
    let peer = scene.honest();
    scene.wire(peer).expect(Frame::HaveNone);
    let first = [scene.asked(peer), scene.asked(peer)];
    assert_eq!(first, [0, 1], "two blocks at a time");
}

#[test]
fn a_link_gets_its_metadata_of_several_peers_at_once_and_begins_with_them() {
    let mut scene = Scene::new("a_link_gets_its_metadata_of_several_peers_at_once");
    let peers = [scene.honest(), scene.honest()];
    let mut asked = Vec::new();
    for peer in peers {
        for _ in 0..2 {
            asked.push((peer, scene.asked(peer)));
        }
    }
    let mut blocks: Vec<_> = asked.iter().map(|(_, block)| *block).collect();
    blocks.sort_unstable();
    assert_eq!(blocks, [0, 1, 2, 3]);
    // What they say before anybody knows the pieces counts afterwards.
    let pieces = scene.content.layout().piece_count();
    scene.wire(peers[0]).send(Frame::Have(pieces - 1));
    scene.wire(peers[0]).send(Frame::Unchoke);
    for (peer, block) in asked {
        let bytes = scene.block(block);
        scene.give(peer, block, &bytes);
    }
    let is_request = |frame: &Frame| matches!(frame, Frame::Request(..));
    let mut wire = scene.world.wire(peers[0].script, peers[0].conn);
    wire.expect_some("interest", |frame| *frame == Frame::Interested);
    let request = wire.expect_some("a request for the piece", is_request);
    assert_eq!(request, Frame::Request(pieces - 1, 0, 1_024));
    assert!(scene.knows());
    assert_eq!(scene.state(), TorrentState::Downloading);
}

#[test]
fn a_piece_that_cannot_be_is_found_out_when_the_pieces_are_known() {
    let mut scene = Scene::new("a_piece_that_cannot_be");
    let peer = scene.honest();
    let pieces = scene.content.layout().piece_count();
    scene.wire(peer).send(Frame::Have(pieces));
    scene.serve(peer, false);
    assert!(scene.knows());
    scene.wire(peer).expect_end(Duration::from_secs(5));
    assert!(scene.fault(PeerFault::BadPieceIndex));
}

#[test]
fn a_size_of_nothing_or_too_much_is_a_fault() {
    for len in [0, 31_457_281, 1 << 31, u32::MAX] {
        let mut scene = Scene::new("a_size_of_nothing_or_too_much");
        let peer = scene.meet(Some(len));
        scene.ends(peer, PeerFault::BadMetadataLen);
    }
}

#[test]
fn data_before_the_extended_handshake_is_a_fault() {
    let mut scene = Scene::new("data_before_the_extended_handshake");
    let script = scene.world.add_script(LinkSpec::default());
    let conn = scene.world.script_connect(script, scene.host);
    let mut wire = scene.world.wire(script, conn);
    wire.shake_hands(&scene.content, EXTENDED);
    let peer = Peer { script, conn };
    let block = scene.block(0);
    scene.give(peer, 0, &block);
    scene.ends(peer, PeerFault::UnaskedMetadata);
}

#[test]
fn a_piece_past_the_end_and_a_length_that_changes_are_faults() {
    let mut scene = Scene::new("a_piece_past_the_end");
    let peer = scene.honest();
    scene.asked(peer);
    let block = scene.block(0);
    scene.give(peer, 4, &block);
    scene.ends(peer, PeerFault::UnaskedMetadata);

    let mut scene = Scene::new("a_piece_past_the_end");
    let peer = scene.honest();
    scene.asked(peer);
    scene.give(peer, 0, &block[1..]);
    scene.ends(peer, PeerFault::BadMetadataPiece);

    let mut scene = Scene::new("a_piece_past_the_end");
    let peer = scene.honest();
    scene.asked(peer);
    let len = scene.raw().len() as u32;
    scene.give_of(peer, 0, Some(len + 1), &block);
    scene.ends(peer, PeerFault::BadMetadataLen);
}

#[test]
fn blocks_of_pieces_that_nobody_asked_for_are_a_fault() {
    let mut scene = Scene::new("blocks_of_pieces_that_nobody_asked_for");
    let peer = scene.honest();
    let block = scene
        .content
        .slice(superseed_proto::PieceIndex(0), 0, 1_024);
    scene.wire(peer).send(Frame::Piece(0, 0, block));
    scene.ends(peer, PeerFault::UnwantedBlocks);
}

#[test]
fn who_states_no_length_is_asked_for_the_first_block_and_tells_by_it() {
    let mut scene = Scene::new("who_states_no_length");
    let peer = scene.meet(None);
    assert_eq!(scene.asked(peer), 0);
    let block = scene.block(0);
    scene.give(peer, 0, &block);
    assert_eq!(scene.asked(peer), 1);
    scene.serve(peer, false);
    assert!(scene.knows());
}

#[test]
fn who_rejects_is_left_alone_and_another_is_asked() {
    let mut scene = Scene::new("who_rejects_is_left_alone");
    let first = scene.honest();
    let block = scene.asked(first);
    let reject = MetadataMessage::Reject { piece: block }.encode();
    scene.wire(first).send(Frame::Extended(1, reject.into()));
    let second = scene.honest();
    scene.serve(second, false);
    assert!(scene.knows());
    assert!(scene.wire(first).is_up());
}

#[test]
fn who_is_silent_loses_its_blocks_to_another_and_may_still_be_late() {
    let mut scene = Scene::new("who_is_silent_loses_its_blocks");
    let silent = scene.honest();
    let block = scene.asked(silent);
    scene.world.run_for(Duration::from_secs(4));
    let bytes = scene.block(block);
    scene.give(silent, block, &bytes);
    scene.world.run_for(Duration::from_secs(1));
    assert!(scene.wire(silent).is_up());
    let second = scene.honest();
    scene.serve(second, false);
    assert!(scene.knows());
}

#[test]
fn a_lonely_liar_is_banned_and_the_honest_one_brings_it() {
    let mut scene = Scene::new("a_lonely_liar_is_banned");
    let liar = scene.honest();
    scene.serve(liar, true);
    scene.wire(liar).expect_end(Duration::from_secs(5));
    assert!(scene.fault(PeerFault::WrongMetadata));
    let honest = scene.honest();
    scene.serve(honest, false);
    assert!(scene.knows());
}

#[test]
fn requests_for_metadata_that_is_not_there_are_rejected() {
    let mut scene = Scene::new("requests_for_metadata_that_is_not_there");
    let peer = scene.honest();
    let request = MetadataMessage::Request { piece: 0 }.encode();
    scene.wire(peer).send(Frame::Extended(1, request.into()));
    let reject = MetadataMessage::Reject { piece: 0 }.encode();
    scene
        .wire(peer)
        .expect(Frame::Extended(OURS, reject.into()));
}

#[test]
fn the_liar_among_five_is_banned_and_nobody_else() {
    for liar in [0, 4] {
        let test = "the_liar_among_five_is_banned";
        let up = Scene::five(test, |number, _| number == liar);
        let honest: Vec<_> = (0..5).filter(|number| *number != liar).collect();
        assert_eq!(up, honest);
    }
}

#[test]
fn who_lies_about_one_block_of_four_mebibytes_is_found() {
    let test = "who_lies_about_one_block";
    let up = Scene::five(test, |number, block| number == 2 && block % 64 == 5);
    assert_eq!(up, [0, 1, 3, 4]);
}

#[test]
fn two_liars_that_agree_hide_nothing_from_three_that_do_not_lie() {
    let test = "two_liars_that_agree";
    let up = Scene::five(test, |number, block| number < 2 && block < 100);
    assert_eq!(up, [2, 3, 4]);
}

#[test]
fn who_asks_without_end_for_what_is_not_there_and_does_not_listen_is_dropped() {
    let mut scene = Scene::new("who_asks_without_end_for_what_is_not_there");
    let peer = scene.meet(None);
    scene.wire(peer).set_deaf(true);
    let request = MetadataMessage::Request { piece: 0 }.encode();
    let request = Frame::Extended(1, request.into()).to_bytes();
    let flood = Bytes::from(request.repeat(200_000));
    scene.wire(peer).send_raw(flood);
    scene.world.run_for(Duration::from_secs(30));
    assert!(scene.fault(PeerFault::RequestFlood));
}

#[test]
fn strangers_who_have_nothing_do_not_keep_a_link_from_who_has() {
    let mut scene = Scene::new("strangers_who_have_nothing_do_not_keep");
    let idle: Vec<_> = (0..60)
        .map(|n| {
            let script = scene.world.add_script(LinkSpec::default());
            let conn = scene.world.script_connect(script, scene.host);
            let handshake = Frame::Handshake(EXTENDED, scene.content.swarm().0, [n; 20]);
            scene.world.wire(script, conn).send(handshake);
            (script, conn)
        })
        .collect();
    scene.world.run_for(Duration::from_secs(2));
    let is_up = |scene: &mut Scene| {
        let up = |(script, conn): &&(ScriptId, usize)| scene.world.wire(*script, *conn).is_up();
        idle.iter().filter(up).count()
    };
    assert_eq!(is_up(&mut scene), 30);
    let seed = scene.world.add_script(LinkSpec::default());
    scene.world.set_script_inbound(seed, Inbound::Open);
    let addr = scene.world.script_addr(seed);
    let torrent = scene.world.torrent_key(scene.host, &scene.content);
    scene
        .world
        .command(scene.host, Command::AddPeer(torrent, addr));
    scene.world.run_for(Duration::from_secs(15));
    assert_eq!(scene.world.script_conns(seed), 1);
    assert_eq!(is_up(&mut scene), 29);
}
