//! One engine and scripted peers: what the transcript tests begin with.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::TorrentOptions;
use superseed_proto::Bitfield;
use superseed_sim::{
    Content, ContentSpec, Frame, HostId, HostSpec, LinkSpec, ScriptId, Split, Wire, World,
};

/// Reserved bytes of a peer that speaks BEP 6.
pub(crate) const FAST: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 4];
/// Reserved bytes of a peer that speaks nothing but BEP 3.
pub(crate) const PLAIN: [u8; 8] = [0; 8];
/// The length of a piece here: four blocks.
pub(crate) const PIECE_LEN: u32 = 64 << 10;
/// How long a torrent is idle before it is dormant.
pub(crate) const DORMANT_AFTER: Duration = Duration::from_secs(30);
/// The length of a block.
pub(crate) const BLOCK: u32 = 16 << 10;

/// An engine, a torrent of eight pieces, and one scripted machine.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) host: HostId,
    pub(crate) content: Arc<Content>,
    pub(crate) peer: ScriptId,
}

impl Scene {
    /// An engine that has everything.
    pub(crate) fn seeding(test: &str) -> Self {
        Self::seeding_as(test, TorrentOptions::default())
    }

    /// The same with options of its own.
    pub(crate) fn seeding_as(test: &str, options: TorrentOptions) -> Self {
        Self::seeding_on(test, HostSpec::default(), options)
    }

    /// The same on a host of its own making.
    pub(crate) fn seeding_on(test: &str, spec: HostSpec, options: TorrentOptions) -> Self {
        let mut scene = Self::new(test, spec);
        scene.world.add_seed(scene.host, &scene.content, options);
        scene.world.run_for(Duration::from_secs(1));
        scene
    }

    /// An engine that has everything and is dormant.
    pub(crate) fn dormant(test: &str) -> Self {
        let mut spec = HostSpec::default();
        spec.settings.dormant_after = Some(DORMANT_AFTER);
        let mut scene = Self::new(test, spec);
        let options = TorrentOptions::default();
        scene.world.add_seed(scene.host, &scene.content, options);
        scene.fall_asleep();
        scene
    }

    /// Waits until the torrent is dormant.
    pub(crate) fn fall_asleep(&mut self) {
        self.world.run_for(DORMANT_AFTER + Duration::from_secs(1));
        assert!(self.is_dormant());
    }

    pub(crate) fn is_dormant(&self) -> bool {
        self.world.is_dormant(self.host, &self.content)
    }

    /// An engine that has data without a record, with some of it spoilt, at the
    /// moment at which it begins to check it.
    pub(crate) fn checking_as(test: &str, options: TorrentOptions, spoilt: &[u32]) -> Self {
        let mut spec = HostSpec::default();
        spec.disk.latency = Duration::from_secs(1);
        let mut scene = Self::new(test, spec);
        scene.world.lay_data(scene.host, &scene.content, spoilt);
        scene.world.add_torrent(scene.host, &scene.content, options);
        // The storage opens in the first second and is checked in the next one.
        scene.world.run_for(Duration::from_millis(1_200));
        scene
    }

    /// An engine that has nothing.
    pub(crate) fn leeching(test: &str) -> Self {
        Self::leeching_as(test, HostSpec::default())
    }

    /// The same with a host of its own making.
    pub(crate) fn leeching_as(test: &str, spec: HostSpec) -> Self {
        let mut scene = Self::new(test, spec);
        scene
            .world
            .add_torrent(scene.host, &scene.content, TorrentOptions::default());
        scene.world.run_for(Duration::from_secs(1));
        scene
    }

    pub(crate) fn new(test: &str, mut spec: HostSpec) -> Self {
        spec.split = Split::UpTo(100);
        let replay = format!("cargo test -p superseed-sim {test}");
        let mut world = World::new(7, replay);
        let content = ContentSpec::new(8 * PIECE_LEN as usize - 1_000, PIECE_LEN).make(7);
        let host = world.add_host(spec);
        let peer = world.add_script(LinkSpec::default());
        Self {
            world,
            host,
            content,
            peer,
        }
    }

    /// Connects the scripted machine to the engine and shakes hands.
    pub(crate) fn connect(&mut self, reserved: [u8; 8]) -> usize {
        self.connect_as(self.peer, reserved)
    }

    /// The same for another scripted machine.
    pub(crate) fn connect_as(&mut self, peer: ScriptId, reserved: [u8; 8]) -> usize {
        let conn = self.world.script_connect(peer, self.host);
        let content = Arc::clone(&self.content);
        self.world.wire(peer, conn).shake_hands(&content, reserved);
        conn
    }

    /// Speaks as the scripted machine on its first connection.
    pub(crate) fn wire(&mut self) -> Wire<'_> {
        self.world.wire(self.peer, 0)
    }

    /// BITFIELD of a peer with these pieces.
    pub(crate) fn bitfield(&self, pieces: impl IntoIterator<Item = u32>) -> Frame {
        let mut bits = Bitfield::new(self.content.layout().piece_count());
        for piece in pieces {
            bits.insert(superseed_proto::PieceIndex(piece));
        }
        let mut wire = Vec::new();
        bits.write_wire(&mut wire);
        Frame::Bitfield(wire.into())
    }

    /// BITFIELD of a peer that has everything.
    pub(crate) fn full_bitfield(&self) -> Frame {
        self.bitfield(0..8)
    }

    /// The PIECE that answers a request.
    pub(crate) fn block(&self, (piece, begin, len): (u32, u32, u32)) -> Frame {
        block(&self.content, (piece, begin, len))
    }
}

/// The PIECE that answers a request.
pub(crate) fn block(content: &Content, (piece, begin, len): (u32, u32, u32)) -> Frame {
    let bytes = content.slice(superseed_proto::PieceIndex(piece), begin, len);
    Frame::Piece(piece, begin, bytes)
}

/// Offers pieces to the engine, and unchokes it when it wants them.
pub(crate) fn invite(wire: &mut Wire<'_>, pieces: Frame) {
    wire.send(pieces)
        .expect(Frame::Interested)
        .send(Frame::Unchoke);
}

/// The same, and takes what it asks for.
pub(crate) fn offer(wire: &mut Wire<'_>, pieces: Frame) -> Vec<(u32, u32, u32)> {
    invite(wire, pieces);
    requests(wire)
}

/// The same, and brings it.
pub(crate) fn serve(wire: &mut Wire<'_>, content: &Content, pieces: Frame) {
    for request in offer(wire, pieces) {
        wire.send(block(content, request));
    }
}

/// Takes requests until none comes for a second.
pub(crate) fn requests(wire: &mut Wire<'_>) -> Vec<(u32, u32, u32)> {
    let frames = wire.expect_none(Duration::from_secs(1), "nothing that is forbidden", |_| {
        false
    });
    frames
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Request(piece, begin, len) => Some((piece, begin, len)),
            _ => None,
        })
        .collect()
}
