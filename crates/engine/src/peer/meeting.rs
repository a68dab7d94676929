//! A peer of a torrent whose metadata is not known: hands are shaken, and what
//! it says of pieces is kept as it came until somebody can tell what it means.

use superseed_proto::wire::extended::HANDSHAKE_ID;
use superseed_proto::wire::{
    Decoder, DecoderLimits, Event, ExtendedHandshake, ExtensionIds, Handshake, Message,
};

use crate::fault::PeerFault;
use crate::limits::{
    ALLOWED_FAST_MAX, CHOKED_REQUESTS_MAX, EARLY_PIECES_MAX, EXTENDED_HANDSHAKES_MAX,
};
use crate::pex::Exchange;

/// The state of the message stream with such a peer.
pub(crate) struct Meeting {
    pub(crate) handshake: Handshake,
    /// Both sides speak the Fast extension (BEP 6).
    pub(crate) fast: bool,
    /// `None` only while its reading loop has it.
    pub(crate) decoder: Option<Decoder>,
    pub(crate) about: About,
    /// What it was told of others, and told us of them.
    pub(crate) exchange: Option<Box<Exchange>>,
    said: Said,
}

/// What a peer said of itself, in extension handshakes (BEP 10) and before.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// The ids under which it takes extension messages.
    pub(crate) extensions: ExtensionIds,
    /// How many of them it sent.
    pub(crate) handshakes: u32,
    pub(crate) client: Option<String>,
    pub(crate) reqq: Option<u32>,
    pub(crate) upload_only: bool,
    pub(crate) listen_port: Option<u16>,
    pub(crate) prefers_encryption: bool,
    /// It said where its node of the DHT is.
    pub(crate) told_node: bool,
}

impl About {
    /// Takes a payload. `None` if it tells nothing: it cannot be read, or the
    /// peer has sent too many.
    pub(crate) fn take(&mut self, payload: &[u8]) -> Option<ExtendedHandshake> {
        if self.handshakes >= EXTENDED_HANDSHAKES_MAX {
            return None;
        }
        self.handshakes += 1;
        let handshake = ExtendedHandshake::decode(payload).ok()?;
        self.extensions.update(&handshake.m);
        if handshake.client.is_some() {
            self.client.clone_from(&handshake.client);
        }
        self.reqq = handshake.reqq.or(self.reqq);
        self.listen_port = handshake.listen_port.or(self.listen_port);
        if let Some(prefers) = handshake.prefers_encryption {
            self.prefers_encryption = prefers;
        }
        self.upload_only = handshake.upload_only.unwrap_or(self.upload_only);
        Some(handshake)
    }
}

/// What it said first of the pieces that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum First {
    Bitfield(Vec<u8>),
    All,
    None,
}

/// What it said that means something once there are pieces.
#[derive(Clone, Debug)]
struct Said {
    first: Option<First>,
    /// A message came behind which no bitfield may follow.
    begun: bool,
    /// Pieces that it told of one by one, as bits.
    haves: Vec<u8>,
    allowed_fast: Vec<u32>,
    choking: bool,
    interested: bool,
    requests: u32,
}

/// What an event means now.
#[derive(Debug)]
pub(crate) enum Heard<'a> {
    /// Nothing that matters before there are pieces.
    Nothing,
    /// An extension handshake.
    About(Box<ExtendedHandshake>),
    /// A message of an extension.
    Extension { id: u8, payload: &'a [u8] },
    /// Where its node of the DHT is.
    Node(u16),
    /// A request, which can only be refused.
    Refused { piece: u32, begin: u32, len: u32 },
}

impl Meeting {
    pub(crate) fn new(handshake: Handshake, fast: bool) -> Self {
        Self {
            handshake,
            fast,
            decoder: Some(Decoder::new(DecoderLimits::default())),
            about: About::default(),
            exchange: None,
            said: Said {
                first: None,
                begun: false,
                haves: Vec::new(),
                allowed_fast: Vec::new(),
                choking: true,
                interested: false,
                requests: 0,
            },
        }
    }

    /// Takes one event of the stream.
    pub(crate) fn take<'a>(&mut self, event: Event<'a>) -> Result<Heard<'a>, PeerFault> {
        match event {
            Event::KeepAlive => Ok(Heard::Nothing),
            // Nothing can have been asked for.
            Event::BlockStart { .. } => Err(PeerFault::UnwantedBlocks),
            Event::BlockData(_) | Event::BlockEnd => Ok(Heard::Nothing),
            Event::Message(message) => self.message(message),
        }
    }

    fn message<'a>(&mut self, message: Message<'a>) -> Result<Heard<'a>, PeerFault> {
        let said = &mut self.said;
        let need_fast = |fast: bool| {
            if fast {
                Ok(())
            } else {
                Err(PeerFault::FastNotNegotiated)
            }
        };
        let extension = matches!(
            message,
            Message::Extended { .. } | Message::Port(_) | Message::Unknown { .. }
        );
        let begun = said.begun;
        said.begun |= !extension;
        match message {
            Message::Choke => said.choking = true,
            Message::Unchoke => said.choking = false,
            Message::Interested => said.interested = true,
            Message::NotInterested => said.interested = false,
            Message::Have(piece) => said.has(piece)?,
            // The first of them, and repeated ones as aria2 sends them.
            Message::Bitfield(bits) => said.first = Some(First::Bitfield(bits.to_vec())),
            Message::HaveAll | Message::HaveNone => {
                need_fast(self.fast)?;
                if begun {
                    return Err(PeerFault::LateBitfield);
                }
                let all = matches!(message, Message::HaveAll);
                said.first = Some(if all { First::All } else { First::None });
            }
            Message::AllowedFast(piece) => {
                need_fast(self.fast)?;
                if said.allowed_fast.len() < ALLOWED_FAST_MAX && !said.allowed_fast.contains(&piece)
                {
                    said.allowed_fast.push(piece);
                }
            }
            Message::Suggest(_) | Message::Reject { .. } => need_fast(self.fast)?,
            Message::Request { piece, begin, len } => {
                said.requests += 1;
                if said.requests > CHOKED_REQUESTS_MAX {
                    return Err(PeerFault::ChokedRequests);
                }
                if self.fast {
                    return Ok(Heard::Refused { piece, begin, len });
                }
            }
            Message::Port(port) => return Ok(Heard::Node(port)),
            Message::Cancel { .. } | Message::Unknown { .. } => {}
            Message::Extended { id, payload } if id == HANDSHAKE_ID => {
                if let Some(handshake) = self.about.take(payload) {
                    return Ok(Heard::About(Box::new(handshake)));
                }
            }
            Message::Extended { id, payload } => return Ok(Heard::Extension { id, payload }),
        }
        Ok(Heard::Nothing)
    }

    /// What it said, in messages that mean the same now.
    pub(crate) fn replay(
        &self,
        mut say: impl FnMut(Message<'_>) -> Result<(), PeerFault>,
    ) -> Result<(), PeerFault> {
        let said = &self.said;
        match &said.first {
            Some(First::Bitfield(bits)) => say(Message::Bitfield(bits))?,
            Some(First::All) => say(Message::HaveAll)?,
            Some(First::None) => say(Message::HaveNone)?,
            None => {}
        }
        for (at, byte) in (0..).zip(&said.haves) {
            for bit in (0..8).filter(|bit| byte >> (7 - bit) & 1 == 1) {
                say(Message::Have(at * 8 + bit))?;
            }
        }
        for piece in &said.allowed_fast {
            say(Message::AllowedFast(*piece))?;
        }
        if said.interested {
            say(Message::Interested)?;
        }
        if !said.choking {
            say(Message::Unchoke)?;
        }
        Ok(())
    }

    /// Bytes that are kept of what it said.
    pub(crate) fn bytes(&self) -> usize {
        let first = match &self.said.first {
            Some(First::Bitfield(bits)) => bits.len(),
            _ => 0,
        };
        first + self.said.haves.len()
    }
}

impl Said {
    fn has(&mut self, piece: u32) -> Result<(), PeerFault> {
        if piece >= EARLY_PIECES_MAX {
            return Err(PeerFault::BadPieceIndex);
        }
        let at = piece as usize / 8;
        if self.haves.len() <= at {
            self.haves.resize(at + 1, 0);
        }
        self.haves[at] |= 0x80 >> (piece % 8);
        Ok(())
    }
}
