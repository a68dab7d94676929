//! Encrypted handshakes: however a stream is cut, a side hears the same; and
//! only what was offered is agreed upon.

use superseed_proto::SwarmKey;
use superseed_proto::mse::dh::KEY_LEN;
use superseed_proto::mse::{
    Acceptor, CryptoMethod, Established, Initiator, Methods, MseFault, PAD_LEN_MAX, Pads,
    PublicKey, SharedSecret, Step, obfuscated,
};

const SKEY: SwarmKey = SwarmKey([0x5a; 20]);
const INITIAL: &[u8] = b"the initial payload";

/// Checks one input: six bytes of how both sides are made and how the stream is
/// cut, and then what is laid over the bytes of an honest remote. Without
/// anything laid over them they are understood; since RC4 is an exclusive or,
/// whatever lies over them arrives behind the decryption as it is.
pub fn check(bytes: &[u8]) {
    let (head, mask) = bytes.split_at(bytes.len().min(6));
    let mut plan = [0; 6];
    plan[..head.len()].copy_from_slice(head);
    let [flags, portion, pads @ ..] = plan;
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let [first, second_len] =
        [[pads[0], pads[1]], [pads[2], pads[3]]].map(|len| pad_len(u16::from_le_bytes(len)));
    let pads = Pads {
        first: vec![portion; first],
        second_len,
    };
    let made = Made {
        accepts: !flag(0),
        methods: if flag(2) { Methods::BOTH } else { Methods::RC4 },
        prefer: if flag(1) && flag(2) {
            CryptoMethod::Plain
        } else {
            CryptoMethod::Rc4
        },
    };

    let (mut stream, encrypted_from) = made.honest(&pads);
    let from = if flag(3) { 0 } else { encrypted_from };
    stream.resize(stream.len().max(from + mask.len()), 0);
    let laid_over = stream[from..].iter_mut().zip(mask);
    laid_over.for_each(|(byte, mask)| *byte ^= mask);

    let whole = made.hear(&stream, stream.len());
    assert_eq!(whole, made.hear(&stream, usize::from(portion).max(1)));
    if let Some(method) = whole.method {
        assert!(made.methods.contains(method));
        assert_eq!(whole.fault, None);
        assert!(whole.payload.len() < stream.len());
    }
    if mask.iter().all(|&byte| byte == 0) {
        assert_eq!(whole.fault, None);
        assert_eq!(whole.method, Some(made.prefer));
        assert!(!made.accepts || whole.payload.starts_with(INITIAL));
    }
}

fn pad_len(number: u16) -> usize {
    usize::from(number) % (PAD_LEN_MAX + 1)
}

/// How the side that is tested is made, and its remote.
struct Made {
    accepts: bool,
    methods: Methods,
    prefer: CryptoMethod,
}

/// What a side has come to hear and say.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    sent: Vec<u8>,
    names: Vec<[u8; 20]>,
    method: Option<CryptoMethod>,
    payload: Vec<u8>,
    fault: Option<MseFault>,
}

impl Made {
    fn initiator(&self, pads: Pads) -> Side {
        let initial = INITIAL.to_vec();
        Side::Initiator(Initiator::new(SKEY, self.methods, initial, pads))
    }

    fn acceptor(&self, pads: Pads) -> Side {
        Side::Acceptor(Acceptor::new(&[], self.methods, self.prefer, pads))
    }

    /// What an honest remote sends, and where its encrypted part begins.
    fn honest(&self, pads: &Pads) -> (Vec<u8>, usize) {
        let first_len = KEY_LEN + pads.first.len();
        let mut first = Side::key().0.to_vec();
        first.extend(&pads.first);
        let mut initiator = self.initiator(pads.clone());
        let mut heard = Heard::default();
        initiator.read(&mut &Side::key().0[..], &mut heard);
        first.append(&mut heard.sent);
        if self.accepts {
            return (first, first_len + 40);
        }
        self.acceptor(pads.clone())
            .read(&mut &first[..], &mut heard);
        (heard.sent, first_len)
    }

    /// What the tested side makes of `stream` in portions of `portion` bytes.
    fn hear(&self, stream: &[u8], portion: usize) -> Heard {
        let mut side = if self.accepts {
            self.acceptor(Pads::default())
        } else {
            self.initiator(Pads::default())
        };
        let mut heard = Heard::default();
        let mut established: Option<Box<Established>> = None;
        for mut part in stream.chunks(portion) {
            if established.is_none() {
                established = side.read(&mut part, &mut heard);
            }
            match &mut established {
                Some(established) => {
                    heard.method = Some(established.method);
                    established.read.append(part, &mut heard.payload);
                }
                None if heard.fault.is_some() => break,
                None => assert!(part.is_empty(), "{} bytes were left", part.len()),
            }
        }
        heard
    }
}

enum Side {
    Initiator(Initiator),
    Acceptor(Acceptor),
}

impl Side {
    fn key() -> PublicKey {
        PublicKey([0x21; KEY_LEN])
    }

    /// Reads `input` and does what is wanted meanwhile; no power is computed,
    /// since the halves take the shared secret from their callers.
    fn read(&mut self, input: &mut &[u8], heard: &mut Heard) -> Option<Box<Established>> {
        loop {
            let step = match self {
                Self::Initiator(side) => side.read(input),
                Self::Acceptor(side) => side.read(input),
            };
            match step {
                Ok(Step::NeedInput) => return None,
                Ok(Step::Send(bytes)) => heard.sent.extend(bytes),
                Ok(Step::NeedKeys(_)) => {
                    let s = SharedSecret([0x77; KEY_LEN]);
                    heard.sent.extend(match self {
                        Self::Initiator(side) => side.shared(s),
                        Self::Acceptor(side) => side.keys(&Self::key(), s),
                    });
                }
                Ok(Step::WhichTorrent(name)) => {
                    heard.names.push(name);
                    let Self::Acceptor(side) = self else {
                        panic!("an initiator knows its torrent");
                    };
                    let skey = (name == obfuscated(SKEY)).then_some(SKEY);
                    if let Err(fault) = side.torrent(skey) {
                        heard.fault = Some(fault);
                        return None;
                    }
                }
                Ok(Step::Established(established)) => return Some(established),
                Err(fault) => {
                    heard.fault = Some(fault);
                    return None;
                }
            }
        }
    }
}
