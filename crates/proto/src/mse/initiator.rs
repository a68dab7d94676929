//! The side that opens the connection, and knows the torrent.

use super::keys::{Ciphers, Sender, masked, obfuscated, sync_mark};
use super::parts::{Field, KeyExchange, Search, pad_len};
use super::{
    CryptoMethod, INITIAL_LEN_MAX, Methods, MseFault, Pads, PublicKey, SharedSecret, Step, VC,
};
use crate::SwarmKey;

/// The initiator's half of a handshake.
///
/// [`public`](Self::public) gives the first bytes to send. After
/// [`Step::NeedKeys`] it wants [`shared`](Self::shared), whose bytes are sent,
/// too; the initial payload is among them.
#[derive(Clone, Debug)]
pub struct Initiator {
    skey: SwarmKey,
    provide: Methods,
    initial: Vec<u8>,
    pads: Pads,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    /// The acceptor's public key is coming, or the secret is being computed.
    Keying(KeyExchange),
    /// We have sent everything; the verification constant ends the padding.
    Keyed {
        verification: Search<8>,
        ciphers: Box<Ciphers>,
    },
    /// What was selected, and how long the second padding is.
    Selecting {
        field: Field<6>,
        ciphers: Box<Ciphers>,
    },
    /// The second padding.
    Selected {
        method: CryptoMethod,
        pad_left: usize,
        ciphers: Box<Ciphers>,
    },
    /// The caller has it all.
    Over,
}

impl Initiator {
    /// Begins for the swarm `skey`, whose acceptor may select one of `provide`.
    /// `initial` is the beginning of the payload: the peer handshake, so that
    /// it costs no round trip of its own.
    ///
    /// # Panics
    /// If `initial` is longer than [`INITIAL_LEN_MAX`].
    pub fn new(skey: SwarmKey, provide: Methods, initial: Vec<u8>, pads: Pads) -> Self {
        assert!(initial.len() <= INITIAL_LEN_MAX, "its length has 16 bits");
        Self {
            skey,
            provide,
            initial,
            pads,
            phase: Phase::Keying(KeyExchange::new()),
        }
    }

    /// The bytes to send first, with our public key.
    pub fn public(&mut self, ours: &PublicKey) -> Vec<u8> {
        [&ours.0, self.pads.first()].concat()
    }

    /// Takes the secret that we share with the key of [`Step::NeedKeys`], once;
    /// gives the bytes to send then.
    pub fn shared(&mut self, s: SharedSecret) -> Vec<u8> {
        let Phase::Keying(KeyExchange::Computing { pad_len }) = self.phase else {
            debug_assert!(false, "it was not asked for");
            return Vec::new();
        };
        let mut ciphers = Ciphers::of(Sender::Initiator, &s, self.skey);

        let mut out = sync_mark(&s).to_vec();
        out.extend(masked(&s, obfuscated(self.skey)));
        let begin = out.len();
        out.extend(VC);
        out.extend(self.provide.0.to_be_bytes());
        self.pads.push_second(&mut out);
        out.extend((self.initial.len() as u16).to_be_bytes());
        out.append(&mut self.initial);
        ciphers.write.apply(&mut out[begin..]);

        let mut verification = VC;
        ciphers.read.apply(&mut verification);
        self.phase = Phase::Keyed {
            verification: Search::new(verification, pad_len),
            ciphers: Box::new(ciphers),
        };
        out
    }

    /// Reads on. Bytes behind the handshake stay in `input`.
    ///
    /// # Errors
    /// What the acceptor did wrong. The handshake is over then.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault> {
        loop {
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Keying(mut exchange) => {
                    let step = exchange.read(input)?;
                    self.phase = Phase::Keying(exchange);
                    return Ok(step);
                }
                Phase::Keyed {
                    mut verification,
                    ciphers,
                } => {
                    if !verification.read(input)? {
                        self.phase = Phase::Keyed {
                            verification,
                            ciphers,
                        };
                        return Ok(Step::NeedInput);
                    }
                    self.phase = Phase::Selecting {
                        field: Field::new(),
                        ciphers,
                    };
                }
                Phase::Selecting {
                    mut field,
                    mut ciphers,
                } => {
                    let Some(mut bytes) = field.read(input) else {
                        self.phase = Phase::Selecting { field, ciphers };
                        return Ok(Step::NeedInput);
                    };
                    ciphers.read.apply(&mut bytes);
                    let [a, b, c, d, high, low] = bytes;
                    self.phase = Phase::Selected {
                        method: self.provide.selected([a, b, c, d])?,
                        pad_left: pad_len([high, low])?.into(),
                        ciphers,
                    };
                }
                Phase::Selected {
                    method,
                    mut pad_left,
                    mut ciphers,
                } => {
                    ciphers.skip_padding(&mut pad_left, input);
                    if pad_left > 0 {
                        self.phase = Phase::Selected {
                            method,
                            pad_left,
                            ciphers,
                        };
                        return Ok(Step::NeedInput);
                    }
                    return Ok(Step::Established(ciphers.established(method, 0)));
                }
                Phase::Over => return Ok(Step::NeedInput),
            }
        }
    }
}
