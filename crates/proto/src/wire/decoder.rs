//! The streaming decoder of the message stream that follows the handshake.
//!
//! Fed with slices of a scratch buffer, in whatever portions the transport
//! delivered them, it yields [`Event`]s that borrow from the input. It never
//! copies a block, and it judges a length before it keeps a byte: what is
//! buffered is at most one small message that straddles two reads.

use super::fault::WireFault;
use super::message::{Message, PIECE_HEADER_LEN, id};
use crate::BLOCK_LEN;

/// How long the messages of a peer may be. All lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderLimits {
    /// The longest block of a PIECE. We ask for [`BLOCK_LEN`] at most.
    pub block_len_max: u32,
    /// The longest bitfield while the number of pieces is unknown.
    pub bitfield_len_max: u32,
    /// The longest extended message, from its extended id on.
    pub extended_len_max: u32,
    /// The longest payload of an unknown message that is skipped.
    pub unknown_len_max: u32,
}

impl Default for DecoderLimits {
    /// Blocks of 16 KiB; bitfields of 2 Mi pieces, which is more than 31 MB of
    /// metadata (libtorrent's limit) can describe; extended messages of 64 KiB,
    /// since a metadata message is 16 KiB and a header, and the largest peer
    /// exchange seen is a few hundred addresses; 1 MiB of something unknown.
    fn default() -> Self {
        Self {
            block_len_max: BLOCK_LEN,
            bitfield_len_max: 256 * 1024,
            extended_len_max: 64 * 1024,
            unknown_len_max: 1024 * 1024,
        }
    }
}

/// What the stream says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message of length zero.
    KeepAlive,
    /// Any message but PIECE.
    Message(Message<'a>),
    /// A PIECE begins; `len` bytes of [`Event::BlockData`] follow.
    BlockStart {
        /// The piece.
        piece: u32,
        /// Where the block begins in the piece, in bytes.
        begin: u32,
        /// The length of the block in bytes, at least 1.
        len: u32,
    },
    /// The next bytes of the block, never empty, in place in the input.
    BlockData(&'a [u8]),
    /// All bytes of the block were given.
    BlockEnd,
}

/// Where in the stream the next byte of input belongs.
///
/// ```text
///        ┌────────────────── BlockEnd ───────────────────┐
///        ▼                                               │
///     Between ── head of a PIECE ──► Block { left } ─────┘
///      │   ▲
///      │   └── left = 0 ──┐
///      └── unknown id ──► Skip { left }
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of a message, or in one whose first bytes are in `straddle`.
    Between,
    /// In the block of a PIECE.
    Block { left: u32 },
    /// In the payload of a message that nobody wants.
    Skip { left: u32 },
}

/// Decodes the messages of one peer. See the module for its promises.
#[derive(Clone, Debug)]
pub struct Decoder {
    limits: DecoderLimits,
    piece_count: Option<u32>,
    state: State,
    /// The beginning of a message whose end has not arrived yet.
    straddle: Vec<u8>,
    /// The last event borrowed the straddle, which is empty from the next call on.
    straddle_is_spent: bool,
}

/// What the straddle keeps of its capacity when it is empty: room for every
/// message that a busy connection sends, and nothing that thousands of idle
/// peers would notice.
const STRADDLE_RETAINED_LEN: usize = 64;

/// What the first bytes of a message tell.
enum Frame {
    KeepAlive,
    Block { piece: u32, begin: u32, len: u32 },
    Unknown { id: u8, len: u32 },
    Whole { id: u8, total: usize },
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: DecoderLimits) -> Self {
        Self {
            limits,
            piece_count: None,
            state: State::Between,
            straddle: Vec::new(),
            straddle_is_spent: false,
        }
    }

    /// Tells how many pieces the torrent has, as soon as that is known.
    pub fn set_piece_count(&mut self, piece_count: Option<u32>) {
        self.piece_count = piece_count;
    }

    /// How many bytes are kept between two calls.
    pub fn buffered_len(&self) -> usize {
        if self.straddle_is_spent {
            0
        } else {
            self.straddle.len()
        }
    }

    /// Takes the next event from the front of `input`.
    ///
    /// `None` means that `input` is used up. Call until `None`: a
    /// [`Event::BlockEnd`] needs no further byte.
    ///
    /// # Errors
    /// The first fault ends the stream; what later calls give has no meaning.
    pub fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'a>>, WireFault> {
        if self.straddle_is_spent {
            self.empty_straddle();
        }
        match self.state {
            State::Between => {}
            State::Block { left: 0 } => {
                self.state = State::Between;
                return Ok(Some(Event::BlockEnd));
            }
            State::Block { left } => {
                let data = take_up_to(input, left);
                let left = left - data.len() as u32;
                self.state = State::Block { left };
                return Ok((!data.is_empty()).then_some(Event::BlockData(data)));
            }
            State::Skip { left } => {
                let left = left - take_up_to(input, left).len() as u32;
                if left > 0 {
                    self.state = State::Skip { left };
                    return Ok(None);
                }
                self.state = State::Between;
            }
        }
        let Some(frame) = self.peek(input)? else {
            self.straddle.extend_from_slice(input);
            *input = &[];
            return Ok(None);
        };
        match frame {
            Frame::KeepAlive => {
                self.advance(input, 4);
                Ok(Some(Event::KeepAlive))
            }
            Frame::Block { piece, begin, len } => {
                self.advance(input, PIECE_HEADER_LEN);
                self.state = State::Block { left: len };
                Ok(Some(Event::BlockStart { piece, begin, len }))
            }
            Frame::Unknown { id, len } => {
                self.advance(input, 5);
                self.state = State::Skip { left: len };
                Ok(Some(Event::Message(Message::Unknown { id, len })))
            }
            Frame::Whole { id, total } => {
                let Some(body) = self.gather(input, total) else {
                    return Ok(None);
                };
                Ok(Some(Event::Message(parse(id, body))))
            }
        }
    }

    /// Reads the head of the message at the front of straddle and input, and
    /// judges its length as soon as it can. `None` means that the head is not
    /// whole, so all of the input belongs to it.
    fn peek(&self, input: &[u8]) -> Result<Option<Frame>, WireFault> {
        let mut head = [0; PIECE_HEADER_LEN];
        let kept = self.straddle.len().min(head.len());
        let fresh = input.len().min(head.len() - kept);
        head[..kept].copy_from_slice(&self.straddle[..kept]);
        head[kept..kept + fresh].copy_from_slice(&input[..fresh]);
        let known = kept + fresh;
        if known < 4 {
            return Ok(None);
        }
        let len = word(&head, 0);
        if len == 0 {
            return Ok(Some(Frame::KeepAlive));
        }
        self.check_any_len(len)?;
        if known < 5 {
            return Ok(None);
        }
        let id = head[4];
        self.check_len(id, len)?;
        Ok(match id {
            id::PIECE if known < PIECE_HEADER_LEN => None,
            id::PIECE => Some(Frame::Block {
                piece: word(&head, 5),
                begin: word(&head, 9),
                len: len - 9,
            }),
            id if is_known(id) => Some(Frame::Whole {
                id,
                total: 4 + len as usize,
            }),
            id => Some(Frame::Unknown { id, len: len - 1 }),
        })
    }

    /// Consumes `count` bytes, of which the straddle holds the first few.
    fn advance(&mut self, input: &mut &[u8], count: usize) {
        *input = &input[count - self.straddle.len()..];
        self.empty_straddle();
    }

    /// The bytes after the id of a message of `total` bytes: in the input if it
    /// lies there in one run, else in the straddle once it is whole.
    fn gather<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8], total: usize) -> Option<&'a [u8]> {
        if self.straddle.is_empty() && input.len() >= total {
            let (message, rest) = input.split_at(total);
            *input = rest;
            return Some(&message[5..]);
        }
        let missing = total - self.straddle.len();
        self.straddle
            .extend_from_slice(take_up_to(input, missing as u32));
        if self.straddle.len() < total {
            return None;
        }
        self.straddle_is_spent = true;
        Some(&self.straddle[5..])
    }

    fn empty_straddle(&mut self) {
        self.straddle.clear();
        self.straddle.shrink_to(STRADDLE_RETAINED_LEN);
        self.straddle_is_spent = false;
    }

    /// Judges a length prefix before the id is known.
    fn check_any_len(&self, len: u32) -> Result<(), WireFault> {
        let limits = &self.limits;
        let max = (1 + limits.unknown_len_max)
            .max(1 + limits.extended_len_max)
            .max(9 + limits.block_len_max)
            .max(self.bitfield_message_len_max());
        if len > max {
            return Err(WireFault::MessageTooLong { len, max });
        }
        Ok(())
    }

    /// Judges a length prefix that is not zero by its id.
    fn check_len(&self, id: u8, len: u32) -> Result<(), WireFault> {
        let fault = if let Some(expected) = fixed_len(id) {
            (len != expected).then_some(WireFault::WrongLength { id, len, expected })
        } else if id == id::BITFIELD {
            let max = self.bitfield_message_len_max();
            match self.piece_count {
                Some(_) if len != max => {
                    Some(WireFault::WrongBitfieldLength { len, expected: max })
                }
                None if len > max => Some(WireFault::BitfieldTooLong { len, max }),
                _ => None,
            }
        } else if id == id::PIECE {
            let max = 9 + self.limits.block_len_max;
            if len <= 9 {
                Some(WireFault::EmptyBlock { len })
            } else {
                (len > max).then_some(WireFault::BlockTooLong { len, max })
            }
        } else if id == id::EXTENDED {
            let max = 1 + self.limits.extended_len_max;
            if len < 2 {
                Some(WireFault::EmptyExtended)
            } else {
                (len > max).then_some(WireFault::ExtendedTooLong { len, max })
            }
        } else {
            let max = 1 + self.limits.unknown_len_max;
            (len > max).then_some(WireFault::UnknownTooLong { id, len, max })
        };
        fault.map_or(Ok(()), Err)
    }

    fn bitfield_message_len_max(&self) -> u32 {
        1 + self
            .piece_count
            .map_or(self.limits.bitfield_len_max, |count| count.div_ceil(8))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DecoderLimits::default())
    }
}

/// The length prefix of the messages that have only one.
fn fixed_len(id: u8) -> Option<u32> {
    Some(match id {
        id::CHOKE | id::UNCHOKE | id::INTERESTED | id::NOT_INTERESTED => 1,
        id::HAVE_ALL | id::HAVE_NONE => 1,
        id::PORT => 3,
        id::HAVE | id::SUGGEST | id::ALLOWED_FAST => 5,
        id::REQUEST | id::CANCEL | id::REJECT => 13,
        _ => return None,
    })
}

fn is_known(id: u8) -> bool {
    fixed_len(id).is_some() || matches!(id, id::BITFIELD | id::EXTENDED)
}

/// Reads the body of a message whose length was judged.
fn parse(id: u8, body: &[u8]) -> Message<'_> {
    let block = || (word(body, 0), word(body, 4), word(body, 8));
    match id {
        id::CHOKE => Message::Choke,
        id::UNCHOKE => Message::Unchoke,
        id::INTERESTED => Message::Interested,
        id::NOT_INTERESTED => Message::NotInterested,
        id::HAVE => Message::Have(word(body, 0)),
        id::BITFIELD => Message::Bitfield(body),
        id::REQUEST => {
            let (piece, begin, len) = block();
            Message::Request { piece, begin, len }
        }
        id::CANCEL => {
            let (piece, begin, len) = block();
            Message::Cancel { piece, begin, len }
        }
        id::PORT => Message::Port(u16::from_be_bytes([body[0], body[1]])),
        id::SUGGEST => Message::Suggest(word(body, 0)),
        id::HAVE_ALL => Message::HaveAll,
        id::HAVE_NONE => Message::HaveNone,
        id::REJECT => {
            let (piece, begin, len) = block();
            Message::Reject { piece, begin, len }
        }
        id::ALLOWED_FAST => Message::AllowedFast(word(body, 0)),
        id::EXTENDED => Message::Extended {
            id: body[0],
            payload: &body[1..],
        },
        id => Message::Unknown {
            id,
            len: body.len() as u32,
        },
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn take_up_to<'i>(input: &mut &'i [u8], max: u32) -> &'i [u8] {
    let (taken, rest) = input.split_at(input.len().min(max as usize));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests;
