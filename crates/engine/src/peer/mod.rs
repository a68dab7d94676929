//! One connection: from the decision to connect to the last byte.
//!
//! Holds the state of the peer wire (BEP 3, 6, 10) and of what either side has
//! asked for. What follows from a message is decided in `torrent`; nothing
//! here knows of another peer.

mod meeting;
mod outgoing;
mod receiving;
mod requests_in;
mod requests_out;
mod secure;

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smallvec::SmallVec;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::SwarmKey;
use superseed_proto::layout::{Layout, PieceIndex};
use superseed_proto::peer_id::PeerId;
use superseed_proto::wire::{
    Capability, Decoder, DecoderLimits, HANDSHAKE_LEN, Handshake, HandshakeReader, Message,
    Reserved,
};

pub(crate) use meeting::{About, Heard, Meeting};
pub(crate) use outgoing::Outgoing;
pub(crate) use receiving::ReceivingBlock;
pub(crate) use requests_in::{PeerRequest, RequestsIn};
pub(crate) use requests_out::RequestsOut;
pub(crate) use secure::{SealBuffers, Secure, Securing, Side};

use crate::candidates::{Way, host};
use crate::ids::{ListenerId, TorrentKey};
use crate::limits::{EARLY_BYTES_MAX, REQUESTS_OUTSTANDING_MAX};
use crate::metadata::Served;
use crate::pex::Exchange;
use crate::rate::Ewma;
use crate::requests::RequestWindow;
use crate::stats::PeerSource;
use crate::time::Time;
use crate::webseed::SourceIndex;
use crate::webseed::plan::Lane;

/// Who answers for what came: all connections of a host are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sender {
    /// A peer's host.
    Peer(IpAddr),
    /// A web seed.
    WebSeed(SourceIndex),
}

/// A connection in one of its phases.
///
/// ```text
///  outgoing: Connecting ──Connected──▶ Handshaking ──68 bytes──▶ Traffic
///  incoming:                           Handshaking ──68 bytes──▶ Traffic
///                                        ▲  │ └──▶ Waiting ──awake──┘
///  either, encrypted:                 Securing
///  without metadata:                   Handshaking ──68 bytes──▶ Meeting ──▶ Traffic
///  any phase ──Close / Closed / fault──▶ gone
/// ```
pub(crate) struct Conn {
    pub(crate) remote: SocketAddr,
    pub(crate) listener: Option<ListenerId>,
    pub(crate) incoming: bool,
    pub(crate) source: PeerSource,
    /// The torrent it is for; incoming streams tell it in their handshake.
    pub(crate) torrent: Option<TorrentKey>,
    /// The swarm that our handshake named.
    pub(crate) swarm: Option<SwarmKey>,
    pub(crate) phase: Phase,
    pub(crate) outgoing: Outgoing,
    /// What lies between the messages and the stream, if it is encrypted or was
    /// begun so.
    pub(crate) secure: Option<Box<Secure>>,
    /// How we began the stream, as long as it is not known to work.
    pub(crate) trial: Option<Way>,
    /// `WantWrite` was said and the host has not come for the bytes yet.
    pub(crate) write_announced: bool,
    /// It waits for upload quota.
    pub(crate) waits_for_upload: bool,
    /// It waits for download quota.
    pub(crate) waits_for_download: bool,
    /// Bytes that it may send in its turn, as far as there is quota.
    pub(crate) upload_grant: u64,
    /// Bytes that it may read in its turn, as far as there is quota.
    pub(crate) download_grant: u64,
    /// When we last did not read because of a limit of ours.
    pub(crate) held_until: Time,
    /// Bytes of our handshakes that are not sent.
    pub(crate) handshake_left: usize,
    /// When the present phase began.
    pub(crate) since: Time,
    pub(crate) last_received: Time,
    pub(crate) last_sent: Time,
    /// When the stream last took bytes, or was offered some.
    pub(crate) last_taken: Time,
}

/// How far a connection is.
pub(crate) enum Phase {
    /// The stream is being made.
    Connecting,
    /// The stream is up and to be encrypted; the remote's half of that handshake
    /// is not whole.
    Securing(Box<Securing>),
    /// The stream is up, the remote's handshake is not whole.
    Handshaking(Box<HandshakeReader>),
    /// The remote's handshake is whole, and the torrent that it names is being
    /// woken; until then little more is read.
    Waiting(Box<Early>),
    /// Messages flow, but nobody knows the torrent's pieces yet.
    Meeting(Box<Meeting>),
    /// Messages flow.
    Traffic(Box<Peer>),
}

/// What a peer said before its torrent was awake.
pub(crate) struct Early {
    pub(crate) handshake: Handshake,
    /// What came behind it.
    pub(crate) bytes: Vec<u8>,
}

impl Early {
    /// How much more may come.
    pub(crate) fn room(&self) -> usize {
        EARLY_BYTES_MAX.saturating_sub(self.bytes.len())
    }
}

impl Conn {
    pub(crate) fn new(remote: SocketAddr, phase: Phase, now: Time) -> Self {
        Self {
            remote,
            listener: None,
            incoming: false,
            source: PeerSource::Incoming,
            torrent: None,
            swarm: None,
            phase,
            outgoing: Outgoing::default(),
            secure: None,
            trial: None,
            write_announced: false,
            waits_for_upload: false,
            waits_for_download: false,
            upload_grant: 0,
            download_grant: 0,
            held_until: Time::START,
            handshake_left: HANDSHAKE_LEN,
            since: now,
            last_received: now,
            last_sent: now,
            last_taken: now,
        }
    }

    /// The peer behind the connection, once messages flow.
    pub(crate) fn peer(&self) -> Option<&Peer> {
        match &self.phase {
            Phase::Traffic(peer) => Some(peer),
            _ => None,
        }
    }

    /// The peer behind the connection, once messages flow.
    pub(crate) fn peer_mut(&mut self) -> Option<&mut Peer> {
        match &mut self.phase {
            Phase::Traffic(peer) => Some(peer),
            _ => None,
        }
    }

    /// The peer behind the connection while its torrent's pieces are not known.
    pub(crate) fn meeting(&self) -> Option<&Meeting> {
        match &self.phase {
            Phase::Meeting(meeting) => Some(meeting),
            _ => None,
        }
    }

    /// The peer behind the connection while its torrent's pieces are not known.
    pub(crate) fn meeting_mut(&mut self) -> Option<&mut Meeting> {
        match &mut self.phase {
            Phase::Meeting(meeting) => Some(meeting),
            _ => None,
        }
    }

    /// What a peer said of itself, once hands are shaken.
    pub(crate) fn about_mut(&mut self) -> Option<&mut About> {
        match &mut self.phase {
            Phase::Traffic(peer) => Some(&mut peer.about),
            Phase::Meeting(meeting) => Some(&mut meeting.about),
            Phase::Connecting | Phase::Handshaking(_) | Phase::Securing(_) | Phase::Waiting(_) => {
                None
            }
        }
    }

    /// Who is behind the connection, once hands are shaken.
    pub(crate) fn peer_id(&self) -> Option<PeerId> {
        match &self.phase {
            Phase::Traffic(peer) => Some(peer.id),
            Phase::Meeting(meeting) => Some(meeting.handshake.peer_id),
            Phase::Connecting | Phase::Securing(_) | Phase::Handshaking(_) | Phase::Waiting(_) => {
                None
            }
        }
    }

    /// What a web seed was asked for, if this is a connection to one.
    pub(crate) fn lane(&self) -> Option<&Lane> {
        self.peer()?.lane.as_deref()
    }

    /// What a web seed was asked for, if this is a connection to one.
    pub(crate) fn lane_mut(&mut self) -> Option<&mut Lane> {
        self.peer_mut()?.lane.as_deref_mut()
    }

    /// Lets a web seed send so many bytes more.
    pub(crate) fn lend(&mut self, bytes: u64, now: Time) {
        let Some(lane) = self.lane_mut() else { return };
        let waited = lane.lent() == 0;
        lane.lend(bytes);
        if waited {
            // Nobody is silent who may not speak.
            self.last_received = now;
        }
    }

    /// Whom what comes here is of.
    pub(crate) fn sender(&self) -> Sender {
        match self.lane() {
            Some(lane) => Sender::WebSeed(lane.source),
            None => Sender::Peer(host(self.remote.ip())),
        }
    }

    pub(crate) fn is_half_open(&self) -> bool {
        matches!(self.phase, Phase::Connecting)
    }

    /// Whether bytes that come are no messages before they are opened.
    pub(crate) fn is_veiled(&self) -> bool {
        match &self.secure {
            Some(secure) => !secure.open.is_plain(),
            None => matches!(self.phase, Phase::Securing(_)),
        }
    }

    /// Bytes that are encrypted and not sent.
    pub(crate) fn sealed_bytes(&self) -> usize {
        let seal = self.secure.as_ref().and_then(|secure| secure.seal.as_ref());
        seal.map_or(0, secure::Seal::held)
    }

    /// Queues a part of an encrypted handshake.
    pub(crate) fn push_handshake(&mut self, bytes: &[u8]) {
        self.handshake_left += bytes.len();
        self.outgoing
            .push_message(|buf| buf.extend_from_slice(bytes));
    }

    /// Queues a message.
    pub(crate) fn send(&mut self, message: &Message<'_>) {
        self.outgoing.push_message(|buf| message.encode(buf));
    }
}

/// The state of the message stream with one peer of an active torrent.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    /// Both sides speak the Fast extension (BEP 6).
    pub(crate) fast: bool,
    /// Both sides speak the extension protocol (BEP 10).
    pub(crate) extended: bool,
    /// What its extension handshakes said.
    pub(crate) about: About,
    /// Where it listens in the other address family.
    pub(crate) other_addr: Option<SocketAddr>,
    /// `None` only while its `reading` loop has it.
    pub(crate) decoder: Option<Decoder>,
    /// A message other than keep-alive came: no bitfield may follow.
    pub(crate) bitfield_allowed: bool,
    pub(crate) have: Bitfield,
    /// It had everything when it told what it has.
    pub(crate) joined_full: bool,
    pub(crate) am_choking: bool,
    pub(crate) am_interested: bool,
    pub(crate) peer_choking: bool,
    pub(crate) peer_interested: bool,
    pub(crate) optimistic: bool,
    /// When we last unchoked it.
    pub(crate) unchoked_at: Option<Time>,
    /// When we last choked it.
    pub(crate) choked_at: Option<Time>,
    /// When it last chose to choke us; with BEP 6, requests it owes run out soon after.
    pub(crate) choked_us_at: Option<Time>,
    /// REJECTs since the last block that we had asked for, or its last UNCHOKE.
    pub(crate) rejects_in_a_row: u32,
    /// How far it was told of new pieces, in bytes of the torrent's HAVEs.
    pub(crate) haves_told: usize,
    /// It waits for memory, in the engine's queue.
    pub(crate) starved: bool,
    /// Its host may have sent a wrong block: it works on pieces of its own.
    pub(crate) on_parole: bool,
    /// Payload sent since the last unchoke.
    pub(crate) uploaded_since_unchoke: u64,
    /// Payload received since the last unchoke.
    pub(crate) downloaded_since_unchoke: u64,
    /// Pieces it serves although it chokes us (BEP 6), of those it has.
    pub(crate) allowed_fast: SmallVec<[u32; 10]>,
    /// Pieces we serve although we choke it (BEP 6).
    pub(crate) allowed_to_it: Vec<u32>,
    /// Bytes of them that we still serve while we choke it.
    pub(crate) allowed_bytes: u64,
    pub(crate) requests: RequestsOut,
    pub(crate) window: RequestWindow,
    pub(crate) queue: RequestsIn,
    /// Reads of the disk that its requests started.
    pub(crate) reads: usize,
    pub(crate) receiving: Option<ReceivingBlock>,
    pub(crate) down: Ewma,
    pub(crate) up: Ewma,
    /// When bytes of a block last flowed, either way.
    pub(crate) last_block: Option<Time>,
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    /// What it asked for of our metadata.
    pub(crate) metadata: Option<Box<Served>>,
    /// What it was told of others, and told us.
    pub(crate) exchange: Option<Box<Exchange>>,
    /// Of a web seed, what it was asked for; it is no peer then.
    pub(crate) lane: Option<Box<Lane>>,
    pub(crate) unwanted_blocks: u32,
    pub(crate) choked_requests: u32,
    /// Since when neither side has wanted anything of the other.
    pub(crate) idle_since: Time,
    pub(crate) since: Time,
}

/// What a peer takes at a time when it does not say (BEP 10, `reqq`).
const REQQ_DEFAULT: u32 = 250;

impl Peer {
    /// A peer whose handshake came, `handshake_took` after ours if we were first.
    pub(crate) fn new(
        handshake: &Handshake,
        layout: &Layout,
        handshake_took: Option<Duration>,
        now: Time,
    ) -> Self {
        let mut decoder = Decoder::new(DecoderLimits::default());
        decoder.set_piece_count(Some(layout.piece_count()));
        Self {
            id: handshake.peer_id,
            fast: handshake.reserved.has(Capability::Fast),
            extended: handshake.reserved.has(Capability::ExtensionProtocol),
            about: About::default(),
            other_addr: None,
            decoder: Some(decoder),
            bitfield_allowed: true,
            have: Bitfield::new(layout.piece_count()),
            joined_full: false,
            am_choking: true,
            am_interested: false,
            peer_choking: true,
            peer_interested: false,
            optimistic: false,
            unchoked_at: None,
            choked_at: None,
            choked_us_at: None,
            rejects_in_a_row: 0,
            haves_told: 0,
            starved: false,
            on_parole: false,
            uploaded_since_unchoke: 0,
            downloaded_since_unchoke: 0,
            allowed_fast: SmallVec::new(),
            allowed_to_it: Vec::new(),
            allowed_bytes: 0,
            requests: RequestsOut::default(),
            window: RequestWindow::new(handshake_took, now),
            queue: RequestsIn::default(),
            reads: 0,
            receiving: None,
            down: Ewma::new(Ewma::TAU, now),
            up: Ewma::new(Ewma::TAU, now),
            last_block: None,
            downloaded: 0,
            uploaded: 0,
            metadata: None,
            exchange: None,
            lane: None,
            unwanted_blocks: 0,
            choked_requests: 0,
            idle_since: now,
            since: now,
        }
    }

    /// How many requests of ours it takes at a time.
    pub(crate) fn requests_max(&self) -> usize {
        let reqq = self.about.reqq.unwrap_or(REQQ_DEFAULT) as usize;
        reqq.clamp(1, REQUESTS_OUTSTANDING_MAX)
    }

    /// Whether it may have a block now, if we have it.
    pub(crate) fn may_have(&self, request: &PeerRequest) -> bool {
        let allowed = || {
            self.allowed_to_it.contains(&request.piece)
                && self.allowed_bytes >= u64::from(request.len)
        };
        !self.am_choking || allowed()
    }

    /// Whether it can do something at once when it hears of a piece that it
    /// lacks: ask for it, or say that it is interested.
    pub(crate) fn acts_on_have(&self, piece: PieceIndex) -> bool {
        !self.am_choking || !self.peer_interested || self.allowed_to_it.contains(&piece.0)
    }

    /// Since when it owes the block that it is in the middle of.
    pub(crate) fn sending_since(&self) -> Option<Time> {
        match self.receiving {
            Some(ReceivingBlock::Wanted {
                asked: true, since, ..
            }) => Some(since),
            _ => None,
        }
    }

    /// A web seed, which says nothing: it has these pieces and is asked for runs.
    pub(crate) fn of_web_seed(lane: Lane, have: Bitfield, layout: &Layout, now: Time) -> Self {
        let handshake = Handshake {
            // What was asked of it comes although it was taken back.
            reserved: Reserved::default().with(Capability::Fast),
            swarm: SwarmKey([0; 20]),
            peer_id: PeerId([0; 20]),
        };
        let mut peer = Self::new(&handshake, layout, None, now);
        peer.decoder = None;
        peer.have = have;
        peer.about.reqq = Some(REQUESTS_OUTSTANDING_MAX as u32);
        peer.peer_choking = false;
        peer.am_interested = true;
        peer.lane = Some(Box::new(lane));
        peer
    }

    /// Whether it has every piece.
    pub(crate) fn is_seed(&self) -> bool {
        self.have.is_full()
    }
}
