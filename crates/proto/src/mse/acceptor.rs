//! The side that is connected to, and must be told which torrent it is about.

use super::keys::{Ciphers, Sender, masked, sync_mark};
use super::parts::{Field, KeyExchange, Search, pad_len};
use super::{
    CryptoMethod, Established, KEY_LEN, Methods, MseFault, Pads, PublicKey, SharedSecret, Step, VC,
};
use crate::SwarmKey;

/// The acceptor's half of a handshake.
///
/// After [`Step::NeedKeys`] it wants [`keys`](Self::keys), whose bytes are
/// sent; after [`Step::WhichTorrent`] it wants [`torrent`](Self::torrent).
#[derive(Clone, Debug)]
pub struct Acceptor {
    allow: Methods,
    prefer: CryptoMethod,
    pads: Pads,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    /// The initiator's public key is coming, or the secret is being computed.
    Keying(KeyExchange),
    /// The mark ends the padding.
    Keyed { mark: Search<20>, s: SharedSecret },
    /// Which torrent it is about.
    Naming { name: Field<20>, s: SharedSecret },
    /// The caller is looking for the torrent.
    Named { name: [u8; 20], s: SharedSecret },
    /// The verification constant, what is offered, the length of the padding.
    Offering {
        field: Field<14>,
        ciphers: Box<Ciphers>,
    },
    /// The padding that follows, and then the length of the initial payload.
    Offered {
        method: CryptoMethod,
        pad_left: usize,
        initial_len: Field<2>,
        ciphers: Box<Ciphers>,
    },
    /// We have answered.
    Answered(Box<Established>),
    /// The caller has it all.
    Over,
}

impl Acceptor {
    /// Begins with the bytes `seen` that were already taken from the stream,
    /// because they might have been those of another handshake: 96 at most.
    /// Of what the initiator offers and we `allow`, `prefer` is selected, or
    /// else the other method.
    pub fn new(mut seen: &[u8], allow: Methods, prefer: CryptoMethod, pads: Pads) -> Self {
        debug_assert!(seen.len() <= KEY_LEN, "more than the key");
        let mut key = Field::new();
        key.read(&mut seen);
        Self {
            allow,
            prefer,
            pads,
            phase: Phase::Keying(KeyExchange::Coming(key)),
        }
    }

    /// Takes our public key, and the secret that we share with the key of
    /// [`Step::NeedKeys`], once; gives the bytes to send then.
    pub fn keys(&mut self, ours: &PublicKey, s: SharedSecret) -> Vec<u8> {
        let Phase::Keying(KeyExchange::Computing { pad_len }) = self.phase else {
            debug_assert!(false, "they were not asked for");
            return Vec::new();
        };
        self.phase = Phase::Keyed {
            mark: Search::new(sync_mark(&s), pad_len),
            s,
        };
        [&ours.0, self.pads.first()].concat()
    }

    /// Takes the swarm key that [`Step::WhichTorrent`] asked for, or that there
    /// is none.
    ///
    /// # Errors
    /// [`MseFault::UnknownTorrent`] without a torrent. The handshake is over then.
    pub fn torrent(&mut self, skey: Option<SwarmKey>) -> Result<(), MseFault> {
        let Phase::Named { s, .. } = &self.phase else {
            debug_assert!(false, "it was not asked for");
            return Ok(());
        };
        let ciphers = skey.map(|skey| Ciphers::of(Sender::Acceptor, s, skey));
        self.phase = Phase::Over;
        self.phase = Phase::Offering {
            field: Field::new(),
            ciphers: Box::new(ciphers.ok_or(MseFault::UnknownTorrent)?),
        };
        Ok(())
    }

    /// Reads on. Bytes behind the handshake, of which the initial payload is
    /// the first part, stay in `input`.
    ///
    /// # Errors
    /// What the initiator did wrong. The handshake is over then.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault> {
        loop {
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Keying(mut exchange) => {
                    let step = exchange.read(input)?;
                    self.phase = Phase::Keying(exchange);
                    return Ok(step);
                }
                Phase::Keyed { mut mark, s } => {
                    if !mark.read(input)? {
                        self.phase = Phase::Keyed { mark, s };
                        return Ok(Step::NeedInput);
                    }
                    self.phase = Phase::Naming {
                        name: Field::new(),
                        s,
                    };
                }
                Phase::Naming { mut name, s } => {
                    let Some(bytes) = name.read(input) else {
                        self.phase = Phase::Naming { name, s };
                        return Ok(Step::NeedInput);
                    };
                    self.phase = Phase::Named {
                        name: masked(&s, bytes),
                        s,
                    };
                }
                Phase::Named { name, s } => {
                    self.phase = Phase::Named { name, s };
                    return Ok(Step::WhichTorrent(name));
                }
                Phase::Offering {
                    mut field,
                    mut ciphers,
                } => {
                    let Some(mut bytes) = field.read(input) else {
                        self.phase = Phase::Offering { field, ciphers };
                        return Ok(Step::NeedInput);
                    };
                    ciphers.read.apply(&mut bytes);
                    let [vc @ .., a, b, c, d, high, low] = bytes;
                    if vc != VC {
                        return Err(MseFault::BadVerification);
                    }
                    self.phase = Phase::Offered {
                        method: self.allow.choose([a, b, c, d], self.prefer)?,
                        pad_left: pad_len([high, low])?.into(),
                        initial_len: Field::new(),
                        ciphers,
                    };
                }
                Phase::Offered {
                    method,
                    mut pad_left,
                    mut initial_len,
                    mut ciphers,
                } => {
                    ciphers.skip_padding(&mut pad_left, input);
                    let Some(mut bytes) = initial_len.read(input) else {
                        self.phase = Phase::Offered {
                            method,
                            pad_left,
                            initial_len,
                            ciphers,
                        };
                        return Ok(Step::NeedInput);
                    };
                    ciphers.read.apply(&mut bytes);
                    return Ok(self.answer(method, u16::from_be_bytes(bytes), *ciphers));
                }
                Phase::Answered(established) => return Ok(Step::Established(established)),
                Phase::Over => return Ok(Step::NeedInput),
            }
        }
    }

    /// How many bytes the handshake takes from here on at the least. Whoever
    /// reads no more at a time leaves all that comes behind it in its stream.
    pub fn wanted(&self) -> usize {
        /// The mark, of which the most may have come already.
        const MARK: usize = 1;
        const NAME: usize = 20;
        const OFFER: usize = 14;
        const INITIAL_LEN: usize = 2;
        match &self.phase {
            Phase::Keying(exchange) => exchange.missing() + 20 + NAME + OFFER + INITIAL_LEN,
            Phase::Keyed { .. } => MARK + NAME + OFFER + INITIAL_LEN,
            Phase::Naming { name, .. } => name.missing() + OFFER + INITIAL_LEN,
            Phase::Named { .. } => OFFER + INITIAL_LEN,
            Phase::Offering { field, .. } => field.missing() + INITIAL_LEN,
            Phase::Offered {
                pad_left,
                initial_len,
                ..
            } => pad_left + initial_len.missing(),
            Phase::Answered(_) | Phase::Over => 0,
        }
    }

    fn answer(&mut self, method: CryptoMethod, initial_len: u16, mut ciphers: Ciphers) -> Step {
        let mut out = VC.to_vec();
        out.extend((method as u32).to_be_bytes());
        self.pads.push_second(&mut out);
        ciphers.write.apply(&mut out);
        self.phase = Phase::Answered(ciphers.established(method, initial_len));
        Step::Send(out)
    }
}
