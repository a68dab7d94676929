//! Bytes that were computed apart, by other implementations.

use super::super::rc4::Rc4;
use super::*;

fn counting(from: u8, len: u8) -> Vec<u8> {
    (from..from + len).collect()
}

#[test]
fn keystreams_are_those_of_rfc_6229() {
    let rows = [
        (
            5,
            "30abbcc7c20b01609f23ee2d5f6bb7df",
            "ff25b58995996707e51fbdf08b34d875",
        ),
        (
            16,
            "bdf0324e6083dcc6d3cedd3ca8c53c16",
            "a36a4c301ae8ac13610ccbc12256cacc",
        ),
        (
            32,
            "7fec5bfd9f9b89ce6548309092d7e958",
            "f3e4c0a2e02d1d01f7f0a74618af2b48",
        ),
    ];
    for (key_len, at_1024, at_4096) in rows {
        let key = counting(1, key_len);
        for (skipped, expected) in [(1024, at_1024), (4096, at_4096)] {
            for split in 0..=16 {
                let mut rc4 = Rc4::new(&key);
                rc4.skip(skipped - 100);
                rc4.skip(100);
                let mut bytes = [0; 16];
                let (head, tail) = bytes.split_at_mut(split);
                rc4.apply(head);
                rc4.apply(tail);
                assert_eq!(bytes, hex(expected));
            }
        }
    }
}

#[test]
fn a_known_text_is_encrypted_as_everywhere() {
    let mut bytes = *b"Plaintext";
    Rc4::new(b"Key").apply(&mut bytes);
    assert_eq!(bytes, hex("bbf316e8d940af0ad3"));
    Rc4::new(b"Key").apply(&mut bytes);
    assert_eq!(&bytes, b"Plaintext");
    Rc4::new(b"").apply(&mut bytes);
    Rc4::new(&[0]).apply(&mut bytes);
    assert_eq!(&bytes, b"Plaintext");
}

/// Values that another implementation of powers computed.
#[test]
fn keys_are_those_that_were_computed_apart() {
    let (a, b) = (
        Secret(counting(1, 20).try_into().unwrap()),
        Secret(counting(101, 20).try_into().unwrap()),
    );
    let public_a = hex(
        "96e112dab29e8c5272accb9b17b26887ce54a144a4e3b697c7d159b7a817e556\
         b0918db2b4c658e02a87f7e5fb14b18a553e084cbf3dad2d30f16596ccb982d4\
         06258c61b30c5c1dae2ddc60bdbd48d79896312aad63238c39e1a633821eb693",
    );
    let public_b = hex(
        "d32ae8cedd0de9ca4fe67e35626bb8c7cdb0966727d899f6a62fdb2b68817f9d\
         dc4b684e3eb34030b8dba4e028b7cff3264020340cb4eab61923cdc4e4216ba8\
         73368d83f0a38e497f1f6b4e3d2012eb91a3ee6056f966f9eae732089b6fa46e",
    );
    let shared = hex(
        "d05ed96a95215a89b44073afe5d0b1626289ac01cff7849392948b2470b34654\
         7e944d7562a897ae86976bc389999083ec09572dbdc8ed7f6a0a86a1aa42a3ca\
         04209b72d8239890360435640643b76479ed7836f1857963fcc7cb72084c3ab4",
    );
    assert_eq!(a.public().0, public_a);
    assert_eq!(b.public().0, public_b);
    assert_eq!(a.shared(&b.public()), Ok(SharedSecret(shared)));
    assert_eq!(b.shared(&a.public()), Ok(SharedSecret(shared)));
}

#[test]
fn degenerate_keys_are_refused() {
    let near_p = |less: i8| {
        let mut key: [u8; KEY_LEN] = hex(P);
        key[KEY_LEN - 1] = key[KEY_LEN - 1].wrapping_add_signed(less);
        PublicKey(key)
    };
    let small = |value| {
        let mut key = [0; KEY_LEN];
        key[KEY_LEN - 1] = value;
        PublicKey(key)
    };
    let secret = Secret([9; 20]);
    let refused = [small(0), small(1), near_p(-1), near_p(0), near_p(1)];
    for key in refused.into_iter().chain([PublicKey([0xff; KEY_LEN])]) {
        assert_eq!(secret.shared(&key), Err(DegenerateKey));
    }
    assert!(secret.shared(&small(2)).is_ok());
    assert!(secret.shared(&near_p(-2)).is_ok());
}

/// The third and fourth message and what follows, of the secrets above.
#[test]
fn messages_are_those_that_were_computed_apart() {
    let secrets = [1, 101].map(|from| Secret(counting(from, 20).try_into().unwrap()));
    let [public_a, public_b] = secrets.each_ref().map(Secret::public);
    let s = secrets[0].shared(&public_b).unwrap();
    let pads = |first: &[u8], second_len| Pads {
        first: first.to_vec(),
        second_len,
    };

    let mut a = Initiator::new(SKEY, Methods::BOTH, b"IA".to_vec(), pads(b"pad", 3));
    assert_eq!(a.public(&public_a), [&public_a.0[..], b"pad"].concat());
    assert!(matches!(a.read(&mut &public_b.0[..]), Ok(Step::NeedKeys(key)) if *key == public_b));
    let third = hex::<61>(
        "78fffb0f23055a793ff7609f359e04e383ec3505e5fbae2f45ff1faeeb3b4df7\
         0d17236225f91856797d6a1321ba40078573efd74dd20e2cafe381b383",
    );
    assert_eq!(a.shared(s.clone()), third);

    let mut b = Acceptor::new(&[], Methods::BOTH, CryptoMethod::Rc4, pads(b"", 1));
    assert!(matches!(b.read(&mut &public_a.0[..]), Ok(Step::NeedKeys(key)) if *key == public_a));
    assert_eq!(b.keys(&public_b, s), public_b.0);
    let mut input = &third[..];
    let name = hex("debcbb002ca1ef763a10a40caaeab1f00a565dbe");
    assert!(matches!(b.read(&mut input), Ok(Step::WhichTorrent(asked)) if asked == name));
    assert_eq!(b.torrent(Some(SKEY)), Ok(()));
    let fourth = hex::<15>("7e728a8530bb77a2a6ca8d36f525b1");
    assert!(matches!(b.read(&mut input), Ok(Step::Send(bytes)) if bytes == fourth));

    let Ok(Step::Established(mut b)) = b.read(&mut input) else {
        panic!("the acceptor has answered");
    };
    let mut initial = input.to_vec();
    b.read.apply(&mut initial);
    assert_eq!(initial, b"IA");
    let Ok(Step::Established(mut a)) = a.read(&mut &fourth[..]) else {
        panic!("the initiator has its answer");
    };
    let (mut from_a, mut from_b) = (*b"from a", *b"from b");
    a.write.apply(&mut from_a);
    b.write.apply(&mut from_b);
    assert_eq!(from_a, hex("bdd10386c375"));
    assert_eq!(from_b, hex("55b773f44a29"));
}
