//! What peers send that break the rules, and what they may.

use super::super::keys::{Sender, cipher, masked, sync_mark};
use super::*;

fn s() -> SharedSecret {
    alices().shared(&bobs().public()).unwrap()
}

/// The third message by hand: `mark`, which torrent, and what is encrypted with
/// the key of [`SKEY`].
fn third(mark: [u8; 20], name: [u8; 20], plain: &[&[u8]]) -> Vec<u8> {
    let mut encrypted = plain.concat();
    cipher(Sender::Initiator, &s(), SKEY).apply(&mut encrypted);
    [&mark[..], &masked(&s(), name), &encrypted].concat()
}

/// What an acceptor that allows `allow` makes of a first message and `third`.
fn accepted(allow: Methods, third: &[u8]) -> Result<Caller<Acceptor>, MseFault> {
    let mut b = acceptor(allow, CryptoMethod::Rc4, Pads::default());
    b.receive(&alices().public().0)?;
    b.receive(third)?;
    Ok(b)
}

/// What an initiator that offers `provide` makes of a fourth message.
fn initiated(provide: Methods, plain: &[&[u8]]) -> Result<Caller<Initiator>, MseFault> {
    let mut a = initiator(SKEY, provide, b"", Pads::default());
    a.receive(&bobs().public().0)?;
    let mut encrypted = plain.concat();
    cipher(Sender::Acceptor, &s(), SKEY).apply(&mut encrypted);
    a.receive(&encrypted)?;
    Ok(a)
}

fn offered(allow: Methods, provide: u32) -> Result<Option<CryptoMethod>, MseFault> {
    let plain: [&[u8]; 4] = [&VC, &provide.to_be_bytes(), &[0, 0], &[0, 0]];
    let third = third(sync_mark(&s()), obfuscated(SKEY), &plain);
    Ok(accepted(allow, &third)?.done.map(|done| done.method))
}

#[test]
fn what_is_offered_is_met_with_what_is_allowed() {
    let (plain, rc4) = (Ok(Some(CryptoMethod::Plain)), Ok(Some(CryptoMethod::Rc4)));
    let cases = [
        (Methods::BOTH, 3, rc4),
        (Methods::BOTH, 1, plain),
        (Methods::PLAIN, 3, plain),
        (Methods::PLAIN, 2, Err(MseFault::NoMethod)),
        (Methods::RC4, 1, Err(MseFault::NoMethod)),
        (Methods::BOTH, 0, Err(MseFault::NoMethod)),
        (Methods::BOTH, 4, Err(MseFault::NoMethod)),
        (Methods::RC4, 0xffff_ffff, rc4),
    ];
    for (allow, provide, expected) in cases {
        assert_eq!(offered(allow, provide), expected, "{allow:?} {provide}");
    }
}

#[test]
fn an_answer_selects_one_method_that_was_offered() {
    let cases = [
        (Methods::BOTH, 1, true),
        (Methods::BOTH, 2, true),
        (Methods::RC4, 2, true),
        (Methods::RC4, 1, false),
        (Methods::PLAIN, 2, false),
        (Methods::BOTH, 0, false),
        (Methods::BOTH, 3, false),
        (Methods::BOTH, 4, false),
    ];
    for (provide, select, good) in cases {
        let answer = initiated(provide, &[&VC, &u32::to_be_bytes(select), &[0, 0]]);
        let fault = answer.map(|a| a.done.is_some());
        let expected = if good {
            Ok(true)
        } else {
            Err(MseFault::NoMethod)
        };
        assert_eq!(fault, expected, "{provide:?} {select}");
    }
}

#[test]
fn a_padding_of_513_bytes_is_a_fault_and_one_of_512_is_not() {
    for (len, expected) in [(512_u16, None), (513, Some(MseFault::PadTooLong))] {
        let (len_bytes, pad) = (len.to_be_bytes(), vec![7; len.into()]);
        let plain: [&[u8]; 5] = [&VC, &[0, 0, 0, 2], &len_bytes, &pad, &[0, 0]];
        let message = third(sync_mark(&s()), obfuscated(SKEY), &plain);
        assert_eq!(accepted(Methods::BOTH, &message).err(), expected);
        let answer = initiated(Methods::BOTH, &[&VC, &[0, 0, 0, 2], &len_bytes, &pad]);
        assert_eq!(answer.err(), expected);

        // Before the mark, whether or not the keys are there already.
        let expected = expected.map(|_| MseFault::NoSync);
        let plain: [&[u8]; 3] = [&VC, &[0, 0, 0, 2], &[0; 4]];
        let message = third(sync_mark(&s()), obfuscated(SKEY), &plain);
        let padded = [&pad[..], &message].concat();
        assert_eq!(accepted(Methods::BOTH, &padded).err(), expected);
        for early in [0, 1, 20, 300, 511, 512] {
            let mut b = Acceptor::new(&[], Methods::BOTH, CryptoMethod::Rc4, Pads::default());
            let first = [&alices().public().0, &pad[..early]].concat();
            let mut input = &first[..];
            assert!(matches!(b.read(&mut input), Ok(Step::NeedKeys(_))));
            assert!(matches!(b.read(&mut input), Ok(Step::NeedInput)));
            b.keys(&bobs().public(), s());
            let mut b = Caller::new(b, bobs(), Vec::new());
            assert_eq!(b.receive(&padded[early..]).err(), expected, "{early}");
        }
    }
}

#[test]
fn while_keys_are_computed_only_padding_is_taken() {
    let mut b = Acceptor::new(&[], Methods::BOTH, CryptoMethod::Rc4, Pads::default());
    let mut a = Initiator::new(SKEY, Methods::BOTH, Vec::new(), Pads::default());
    let key = alices().public().0;
    assert!(matches!(b.read(&mut &key[..]), Ok(Step::NeedKeys(_))));
    assert!(matches!(a.read(&mut &key[..]), Ok(Step::NeedKeys(_))));
    for _ in 0..PAD_LEN_MAX {
        assert!(matches!(b.read(&mut &[0][..]), Ok(Step::NeedInput)));
        assert!(matches!(a.read(&mut &[0][..]), Ok(Step::NeedInput)));
    }
    assert_eq!(b.read(&mut &[0][..]).err(), Some(MseFault::PadTooLong));
    assert_eq!(a.read(&mut &[0][..]).err(), Some(MseFault::PadTooLong));
}

#[test]
fn whoever_does_not_know_the_torrent_is_refused() {
    let plain: [&[u8]; 3] = [&VC, &[0, 0, 0, 2], &[0; 4]];
    let other = obfuscated(SwarmKey([1; 20]));
    let message = third(sync_mark(&s()), other, &plain);
    let refused = accepted(Methods::BOTH, &message).err();
    assert_eq!(refused, Some(MseFault::UnknownTorrent));

    // A name that was overheard does not help: the keystream needs the key.
    let wrong: [&[u8]; 3] = [&[1; 8], &[0, 0, 0, 2], &[0; 4]];
    let message = third(sync_mark(&s()), obfuscated(SKEY), &wrong);
    let refused = accepted(Methods::BOTH, &message).err();
    assert_eq!(refused, Some(MseFault::BadVerification));
}

#[test]
fn an_acceptor_that_never_answers_right_is_left_after_the_longest_padding() {
    let mut a = initiator(SKEY, Methods::BOTH, b"", Pads::default());
    assert_eq!(a.receive(&bobs().public().0), Ok(()));
    assert_eq!(a.receive(&[9; PAD_LEN_MAX + 7]), Ok(()));
    assert_eq!(a.receive(&[9]), Err(MseFault::NoSync));
}

#[test]
fn degenerate_keys_end_the_handshake() {
    let mut b = acceptor(Methods::BOTH, CryptoMethod::Rc4, Pads::default());
    assert_eq!(b.receive(&hex::<KEY_LEN>(P)), Err(MseFault::DegenerateKey));
    let mut a = initiator(SKEY, Methods::BOTH, b"", Pads::default());
    assert_eq!(a.receive(&[0; KEY_LEN]), Err(MseFault::DegenerateKey));
}

#[test]
fn after_a_fault_nothing_more_is_read() {
    let mut b = Acceptor::new(&[], Methods::BOTH, CryptoMethod::Rc4, Pads::default());
    assert!(matches!(
        b.read(&mut &[5; KEY_LEN][..]),
        Ok(Step::NeedKeys(_))
    ));
    assert!(b.read(&mut &[0; PAD_LEN_MAX + 1][..]).is_err());
    let mut input = &[0; 100][..];
    assert!(matches!(b.read(&mut input), Ok(Step::NeedInput)));
    assert_eq!(input.len(), 100);
}
