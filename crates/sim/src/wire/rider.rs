//! A free rider: takes from everyone, gives to nobody.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::Time;
use superseed_proto::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::actor::{Actor, ActorIo};
use super::frame::Frame;
use crate::content::Content;

/// Requests that it keeps at each peer.
const OUTSTANDING_MAX: usize = 32;
/// BEP 3: "keepalives are generally sent once every two minutes".
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(110);

/// What a free rider has, over all its connections.
pub struct Rider {
    content: Arc<Content>,
    peer_id: [u8; 20],
    /// Blocks by piece and number: nothing, asked for, or here.
    blocks: Vec<Vec<Block>>,
    left: usize,
    /// Where it begins to look for pieces, so that riders differ.
    start: u32,
    /// It is interested in who has something for it, not in everyone always.
    choosy: bool,
    finished: Option<Time>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Missing,
    Asked,
    Here,
}

impl Rider {
    /// A rider that has nothing; its number makes it differ from others.
    pub fn new(content: &Arc<Content>, number: u8) -> Rc<RefCell<Self>> {
        let layout = content.layout();
        let blocks: Vec<Vec<Block>> = layout
            .pieces()
            .map(|piece| vec![Block::Missing; layout.block_count(piece) as usize])
            .collect();
        let mut peer_id = *b"-FR0001-000000000000";
        peer_id[19] = number;
        Rc::new(RefCell::new(Self {
            content: Arc::clone(content),
            peer_id,
            left: blocks.iter().map(Vec::len).sum(),
            start: u32::from(number) * 7919 % layout.piece_count(),
            blocks,
            choosy: false,
            finished: None,
        }))
    }

    /// The same, but it says INTERESTED and NOT INTERESTED as BEP 3 asks, so
    /// that it takes no slot from which it could take nothing.
    pub fn choosy(content: &Arc<Content>, number: u8) -> Rc<RefCell<Self>> {
        let rider = Self::new(content, number);
        rider.borrow_mut().choosy = true;
        rider
    }

    /// When it had everything.
    pub fn finished(&self) -> Option<Time> {
        self.finished
    }

    /// The next block to ask a peer for, by piece and number.
    fn missing(&self, have: &Bitfield) -> Option<(u32, usize)> {
        let count = self.content.layout().piece_count();
        let pieces = (self.start..count).chain(0..self.start);
        let mut pieces = pieces.filter(|piece| have.has(PieceIndex(*piece)));
        pieces.find_map(|piece| {
            let mut blocks = self.blocks[piece as usize].iter();
            let at = blocks.position(|block| *block == Block::Missing)?;
            Some((piece, at))
        })
    }

    /// Takes note that the next block is asked for.
    fn choose(&mut self, have: &Bitfield) -> Option<(u32, u32, u32)> {
        let (piece, at) = self.missing(have)?;
        self.blocks[piece as usize][at] = Block::Asked;
        self.content.blocks(piece).nth(at)
    }

    fn place(&mut self, piece: u32, begin: u32) -> Option<&mut Block> {
        let at = begin / superseed_proto::BLOCK_LEN;
        self.blocks.get_mut(piece as usize)?.get_mut(at as usize)
    }
}

/// One connection of a free rider.
pub struct RiderConn {
    rider: Rc<RefCell<Rider>>,
    have: Bitfield,
    asked: Vec<(u32, u32, u32)>,
    choked: bool,
    interested: bool,
}

impl RiderConn {
    /// A connection of this rider.
    pub fn new(rider: &Rc<RefCell<Rider>>) -> Self {
        let count = rider.borrow().content.layout().piece_count();
        Self {
            rider: Rc::clone(rider),
            have: Bitfield::new(count),
            asked: Vec::new(),
            choked: true,
            interested: false,
        }
    }

    /// Says whether this peer has something that nobody else was asked for.
    fn show_interest(&mut self, io: &mut ActorIo) {
        let rider = self.rider.borrow();
        let wants = !self.asked.is_empty() || rider.missing(&self.have).is_some();
        if rider.choosy && wants != self.interested {
            self.interested = wants;
            io.send(if wants {
                &Frame::Interested
            } else {
                &Frame::NotInterested
            });
        }
    }

    fn ask(&mut self, io: &mut ActorIo) {
        while !self.choked && self.asked.len() < OUTSTANDING_MAX {
            let next = self.rider.borrow_mut().choose(&self.have);
            let Some((piece, begin, len)) = next else {
                return;
            };
            self.asked.push((piece, begin, len));
            io.send(&Frame::Request(piece, begin, len));
        }
    }

    fn give_back(&mut self) {
        let mut rider = self.rider.borrow_mut();
        for (piece, begin, _) in self.asked.drain(..) {
            if let Some(block) = rider.place(piece, begin)
                && *block == Block::Asked
            {
                *block = Block::Missing;
            }
        }
    }

    fn take(&mut self, piece: u32, begin: u32, now: Time) {
        self.asked
            .retain(|asked| (asked.0, asked.1) != (piece, begin));
        let mut rider = self.rider.borrow_mut();
        if let Some(block) = rider.place(piece, begin)
            && std::mem::replace(block, Block::Here) != Block::Here
        {
            rider.left -= 1;
            if rider.left == 0 {
                rider.finished = Some(now);
            }
        }
    }
}

impl Actor for RiderConn {
    fn connected(&mut self, io: &mut ActorIo) {
        let rider = self.rider.borrow();
        io.send(&Frame::Handshake(
            [0; 8],
            rider.content.swarm().0,
            rider.peer_id,
        ));
        if !rider.choosy {
            io.send(&Frame::Interested);
        }
        io.wake_after(KEEP_ALIVE_EVERY);
    }

    /// BEP 3 drops whom it does not hear; a rider that is choked has else
    /// nothing to say.
    fn woken(&mut self, io: &mut ActorIo) {
        io.send_raw(Bytes::from_static(&[0; 4]));
        io.wake_after(KEEP_ALIVE_EVERY);
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        match frame {
            Frame::Bitfield(bits) => {
                if let Some(have) = Bitfield::from_wire(bits, self.have.len()) {
                    self.have = have;
                }
            }
            Frame::Have(piece) => {
                self.have.insert(PieceIndex(*piece));
            }
            Frame::Unchoke => self.choked = false,
            Frame::Choke => {
                self.choked = true;
                self.give_back();
            }
            Frame::Piece(piece, begin, _) => self.take(*piece, *begin, io.now()),
            _ => {}
        }
        self.ask(io);
        self.show_interest(io);
    }

    fn ended(&mut self) {
        self.give_back();
    }
}
