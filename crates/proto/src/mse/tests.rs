//! Both halves of a handshake against each other.

use proptest::prelude::*;

use super::*;
use crate::SwarmKey;

mod hostile;
mod vectors;

const SKEY: SwarmKey = SwarmKey([0xab; 20]);

/// The prime.
const P: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
                 020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
                 4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563";

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    bytes.try_into().unwrap()
}

/// One side of a connection as a caller drives it.
trait Side {
    fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault>;
    fn keys(&mut self, s: SharedSecret) -> Vec<u8>;
    fn torrent(&mut self, skey: Option<SwarmKey>) -> Result<(), MseFault>;
}

impl Side for Initiator {
    fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault> {
        self.read(input)
    }
    fn keys(&mut self, s: SharedSecret) -> Vec<u8> {
        self.shared(s)
    }
    fn torrent(&mut self, _: Option<SwarmKey>) -> Result<(), MseFault> {
        panic!("an initiator knows its torrent")
    }
}

impl Side for Acceptor {
    fn read(&mut self, input: &mut &[u8]) -> Result<Step, MseFault> {
        self.read(input)
    }
    fn keys(&mut self, s: SharedSecret) -> Vec<u8> {
        self.keys(&bobs().public(), s)
    }
    fn torrent(&mut self, skey: Option<SwarmKey>) -> Result<(), MseFault> {
        self.torrent(skey)
    }
}

fn alices() -> Secret {
    Secret([0xa1; 20])
}

fn bobs() -> Secret {
    Secret([0xb0; 20])
}

/// A side with its secret, what it is to send and what it has read.
struct Caller<S> {
    side: S,
    secret: Secret,
    out: Vec<u8>,
    done: Option<Established>,
    payload: Vec<u8>,
}

impl<S: Side> Caller<S> {
    fn new(side: S, secret: Secret, out: Vec<u8>) -> Self {
        Self {
            side,
            secret,
            out,
            done: None,
            payload: Vec::new(),
        }
    }

    fn receive(&mut self, mut input: &[u8]) -> Result<(), MseFault> {
        while self.done.is_none() {
            match self.side.read(&mut input)? {
                Step::NeedInput => {
                    assert!(input.is_empty(), "the input is used up");
                    return Ok(());
                }
                Step::Send(bytes) => self.out.extend(bytes),
                Step::NeedKeys(remote) => {
                    let s = self.secret.shared(&remote)?;
                    self.out.extend(self.side.keys(s));
                }
                Step::WhichTorrent(name) => {
                    let skey = (name == obfuscated(SKEY)).then_some(SKEY);
                    self.side.torrent(skey)?;
                }
                Step::Established(established) => self.done = Some(*established),
            }
        }
        let done = self.done.as_mut().unwrap();
        done.read.append(input, &mut self.payload);
        Ok(())
    }

    fn send(&mut self, payload: &[u8]) {
        let done = self.done.as_mut().unwrap();
        done.write.append(payload, &mut self.out);
    }
}

fn initiator(skey: SwarmKey, provide: Methods, initial: &[u8], pads: Pads) -> Caller<Initiator> {
    let mut side = Initiator::new(skey, provide, initial.to_vec(), pads);
    let out = side.public(&alices().public());
    Caller::new(side, alices(), out)
}

fn acceptor(allow: Methods, prefer: CryptoMethod, pads: Pads) -> Caller<Acceptor> {
    let side = Acceptor::new(&[], allow, prefer, pads);
    Caller::new(side, bobs(), Vec::new())
}

/// Carries bytes between both, in portions of the sizes of `portions` in turn,
/// until neither has anything to say.
fn carry(
    a: &mut Caller<Initiator>,
    b: &mut Caller<Acceptor>,
    portions: &[usize],
) -> Result<(), MseFault> {
    let mut portions = portions.iter().copied().cycle();
    let mut next = |out: &mut Vec<u8>| {
        let len = portions.next().unwrap_or(1).min(out.len());
        out.drain(..len).collect::<Vec<u8>>()
    };
    while !a.out.is_empty() || !b.out.is_empty() {
        let (to_b, to_a) = (next(&mut a.out), next(&mut b.out));
        b.receive(&to_b)?;
        a.receive(&to_a)?;
    }
    Ok(())
}

fn pads() -> impl Strategy<Value = Pads> {
    let len = || prop_oneof![Just(0), Just(PAD_LEN_MAX), 0..=PAD_LEN_MAX];
    (len(), len(), any::<u8>()).prop_map(|(first, second_len, seed)| Pads {
        first: (0..first).map(|at| (at as u8).wrapping_mul(seed)).collect(),
        second_len,
    })
}

fn initial() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![Just(0), Just(68), Just(INITIAL_LEN_MAX), 0..2000_usize];
    len.prop_map(|len| (0..len).map(|at| (at / 3) as u8).collect())
}

fn method() -> impl Strategy<Value = CryptoMethod> {
    prop_oneof![Just(CryptoMethod::Plain), Just(CryptoMethod::Rc4)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn both_sides_agree_and_hear_each_other(
        initial in initial(), pads_a in pads(), pads_b in pads(), method in method(), both: bool,
        portions in prop::collection::vec(prop_oneof![1..40_usize, 1..3000_usize, Just(100_000)], 1..8),
    ) {
        let only = match method { CryptoMethod::Plain => Methods::PLAIN, CryptoMethod::Rc4 => Methods::RC4 };
        let provide = if both { Methods::BOTH } else { only };
        let mut a = initiator(SKEY, provide, &initial, pads_a);
        let mut b = acceptor(Methods::BOTH, method, pads_b);
        prop_assert_eq!(carry(&mut a, &mut b, &portions), Ok(()));
        prop_assert_eq!(a.done.as_ref().map(|done| done.method), Some(method));
        prop_assert_eq!(b.done.as_ref().map(|done| done.method), Some(method));
        prop_assert_eq!(&b.payload, &initial);
        a.send(b"from the initiator");
        b.send(b"from the acceptor");
        prop_assert_eq!(a.out == b"from the initiator", method == CryptoMethod::Plain);
        a.send(&[1; 5000]);
        prop_assert_eq!(carry(&mut a, &mut b, &portions), Ok(()));
        prop_assert_eq!(&a.payload, b"from the acceptor");
        prop_assert_eq!(&b.payload[initial.len()..], [&b"from the initiator"[..], &[1; 5000]].concat());
    }

    #[test]
    fn any_secrets_agree(a: [u8; 20], b: [u8; 20]) {
        // A secret below 2 has a degenerate key, and no generator draws it.
        prop_assume!(a[..19] != [0; 19] && b[..19] != [0; 19]);
        let (a, b) = (Secret(a), Secret(b));
        prop_assert_eq!(a.shared(&b.public()).unwrap(), b.shared(&a.public()).unwrap());
    }

    #[test]
    fn noise_is_a_fault_in_time(noise in prop::collection::vec(any::<u8>(), 0..2000), first in 0..96_u8) {
        let noise: Vec<u8> = std::iter::once(first).chain(noise).collect();
        let mut b = acceptor(Methods::BOTH, CryptoMethod::Rc4, Pads::default());
        let heard = b.receive(&noise);
        prop_assert_eq!(heard.is_err(), noise.len() >= KEY_LEN + PAD_LEN_MAX + 20);
        let mut a = initiator(SKEY, Methods::BOTH, b"", Pads::default());
        let heard = a.receive(&noise);
        prop_assert_eq!(heard.is_err(), noise.len() >= KEY_LEN + PAD_LEN_MAX + 8);
    }
}

#[test]
fn a_handshake_in_single_bytes_is_understood() {
    for method in [CryptoMethod::Plain, CryptoMethod::Rc4] {
        let pads = Pads {
            first: vec![0x13; PAD_LEN_MAX],
            second_len: PAD_LEN_MAX,
        };
        let mut a = initiator(SKEY, Methods::BOTH, &[0x42; 68], pads.clone());
        let mut b = acceptor(Methods::BOTH, method, pads);
        assert_eq!(carry(&mut a, &mut b, &[1]), Ok(()));
        assert_eq!(b.payload, [0x42; 68]);
        assert_eq!(b.done.unwrap().method, method);
        assert_eq!(a.done.unwrap().method, method);
    }
}

#[test]
fn what_was_read_as_another_handshake_is_part_of_the_key() {
    let mut key = alices().public();
    key.0[..3].copy_from_slice(b"\x13Bi");
    for seen in 0..=3 {
        let mut side = Acceptor::new(
            &key.0[..seen],
            Methods::BOTH,
            CryptoMethod::Rc4,
            Pads::default(),
        );
        let Ok(Step::NeedKeys(remote)) = side.read(&mut &key.0[seen..]) else {
            panic!("the key is whole");
        };
        assert!(*remote == key);
    }
}

#[test]
fn pads_that_are_too_long_are_cut() {
    let pads = Pads {
        first: vec![1; PAD_LEN_MAX + 1],
        second_len: PAD_LEN_MAX + 1,
    };
    let mut a = initiator(SKEY, Methods::BOTH, b"", pads.clone());
    let mut b = acceptor(Methods::BOTH, CryptoMethod::Rc4, pads);
    assert_eq!(carry(&mut a, &mut b, &[usize::MAX]), Ok(()));
    assert!(a.done.is_some() && b.done.is_some());
}

#[test]
fn an_acceptor_that_reads_what_it_wants_leaves_what_follows() {
    for (first, second_len) in [(0, 0), (7, 100), (PAD_LEN_MAX, PAD_LEN_MAX)] {
        let pads = Pads {
            first: vec![0x13; first],
            second_len,
        };
        let mut a = initiator(SKEY, Methods::BOTH, &[0x42; 68], pads);
        let mut b = acceptor(Methods::BOTH, CryptoMethod::Rc4, Pads::default());
        let mut sent = std::mem::take(&mut a.out);
        while b.done.is_none() {
            if sent.is_empty() {
                a.receive(&std::mem::take(&mut b.out)).unwrap();
                sent = std::mem::take(&mut a.out);
            }
            let wanted = b.side.wanted();
            assert!(wanted > 0);
            let some: Vec<u8> = sent.drain(..wanted.min(sent.len())).collect();
            b.receive(&some).unwrap();
        }
        assert_eq!(b.payload, [0; 0]);
        assert_eq!(sent.len(), 68);
    }
}
