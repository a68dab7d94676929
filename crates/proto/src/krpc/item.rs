//! Items that the DHT stores (BEP 44): where they are, what may be one, and who
//! signed it.

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use thiserror::Error;

use super::fault::ErrorCode;
use super::node_id::NodeId;
use crate::bencode::{self, DecodeErrorKind, Encoder, Limits, Mode};
use crate::hash::{Sha1Hash, hex_display};

/// The longest value of an item, in bytes of bencode. Nodes may refuse to store
/// what is longer, so nobody can rely on it.
pub const VALUE_LEN_MAX: usize = 1_000;

/// The longest salt of a mutable item, in bytes.
pub const SALT_LEN_MAX: usize = 64;

/// The ed25519 key by which a mutable item is found and verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MutableKey(pub [u8; 32]);

/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 64]);

/// A stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Bencode that lies where its hash says, and so can never change.
    Immutable(Vec<u8>),
    /// Bencode that lies where a key says, and can be replaced by its owner.
    Mutable(MutableItem),
}

/// An item that its owner can replace by another with a greater number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutableItem {
    /// Whose it is.
    pub key: MutableKey,
    /// What tells several items of one key apart; most have only one, whose salt
    /// is empty. At most [`SALT_LEN_MAX`] bytes.
    pub salt: Vec<u8>,
    /// The greater, the newer; never negative.
    pub seq: i64,
    /// Canonical bencode of at most [`VALUE_LEN_MAX`] bytes.
    pub value: Vec<u8>,
    /// The owner's signature of [`signed_bytes`].
    pub signature: Signature,
}

/// Why an item may not be stored or believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ItemFault {
    /// The value is longer than [`VALUE_LEN_MAX`].
    #[error("the value is longer than 1000 bytes")]
    ValueTooLong,
    /// The value is not canonical bencode, so not everybody would read it alike;
    /// or a packet that holds it would have more values, or deeper ones, than
    /// [`Limits::KRPC`] allows, so nobody could fetch it.
    #[error("the value is not canonical bencode within bounds")]
    ValueMalformed,
    /// The salt is longer than [`SALT_LEN_MAX`].
    #[error("the salt is longer than 64 bytes")]
    SaltTooLong,
    /// The sequence number is negative or beyond 63 bits.
    #[error("the sequence number is out of range")]
    SeqOutOfRange,
    /// It is not what the owner of the key signed.
    #[error("the signature is wrong")]
    SignatureWrong,
}

impl ItemFault {
    /// The number that tells a node so.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ValueTooLong => ErrorCode::VALUE_TOO_LONG,
            Self::ValueMalformed | Self::SeqOutOfRange => ErrorCode::PROTOCOL,
            Self::SaltTooLong => ErrorCode::SALT_TOO_LONG,
            Self::SignatureWrong => ErrorCode::SIGNATURE_WRONG,
        }
    }
}

impl Item {
    /// Where it lies.
    pub fn target(&self) -> NodeId {
        match self {
            Self::Immutable(value) => target_of_value(value),
            Self::Mutable(item) => target_of(&item.key, &item.salt),
        }
    }

    /// Its value as bencode.
    pub fn value(&self) -> &[u8] {
        match self {
            Self::Immutable(value) => value,
            Self::Mutable(item) => &item.value,
        }
    }

    /// Checks everything that can be wrong with it, the signature last.
    ///
    /// # Errors
    /// The first fault. That an immutable item is the one that was looked for
    /// shows in its [target](Item::target) alone.
    pub fn check(&self) -> Result<(), ItemFault> {
        match self {
            Self::Immutable(value) => check_value(value),
            Self::Mutable(item) => item.check(),
        }
    }
}

impl MutableItem {
    /// Makes an item and signs it. `secret` is the private key as RFC 8032 has
    /// it, 32 bytes that must be kept as such.
    ///
    /// # Errors
    /// If there can be no such item.
    pub fn sign(
        secret: &[u8; 32],
        salt: &[u8],
        seq: i64,
        value: Vec<u8>,
    ) -> Result<Self, ItemFault> {
        check_parts(salt, seq, &value)?;
        let owner = SigningKey::from_bytes(secret);
        let signature = owner.sign(&signed_bytes(salt, seq, &value)).to_bytes();
        Ok(Self {
            key: MutableKey(owner.verifying_key().to_bytes()),
            salt: salt.to_vec(),
            seq,
            value,
            signature: Signature(signature),
        })
    }

    /// As [`Item::check`].
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), ItemFault> {
        check_parts(&self.salt, self.seq, &self.value)?;
        let signed = signed_bytes(&self.salt, self.seq, &self.value);
        let signature = ed25519_dalek::Signature::from_bytes(&self.signature.0);
        // Strictly: under a key of small order anybody could sign anything.
        VerifyingKey::from_bytes(&self.key.0)
            .and_then(|key| key.verify_strict(&signed, &signature))
            .map_err(|_| ItemFault::SignatureWrong)
    }
}

/// Where a mutable item lies.
pub fn target_of(key: &MutableKey, salt: &[u8]) -> NodeId {
    NodeId(Sha1Hash::of(&[&key.0[..], salt].concat()).0)
}

/// Where an immutable item lies.
pub fn target_of_value(value: &[u8]) -> NodeId {
    NodeId(Sha1Hash::of(value).0)
}

/// What is signed of a mutable item: the entries of a dictionary, without what
/// would make them one (BEP 44, "Signature Verification").
pub fn signed_bytes(salt: &[u8], seq: i64, value: &[u8]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(salt.len() + value.len() + 48);
    if !salt.is_empty() {
        signed.extend_from_slice(b"4:salt");
        signed.extend_from_slice(&Encoder::bytes(salt));
    }
    signed.extend_from_slice(b"3:seq");
    signed.extend_from_slice(&Encoder::int(seq));
    signed.extend_from_slice(b"1:v");
    signed.extend_from_slice(value);
    signed
}

/// Checks that bytes can be the value of an item.
///
/// # Errors
/// If they are too many or not one canonical bencoded value.
pub fn check_value(value: &[u8]) -> Result<(), ItemFault> {
    // In a packet it lies two levels deep, among some thirty other values.
    const LIMITS: Limits = Limits {
        bytes: VALUE_LEN_MAX,
        depth: Limits::KRPC.depth - 2,
        tokens: Limits::KRPC.tokens - 100,
    };
    match bencode::decode(value, &LIMITS, Mode::Strict) {
        Ok(_) => Ok(()),
        Err(error) if error.kind == DecodeErrorKind::TooLong => Err(ItemFault::ValueTooLong),
        Err(_) => Err(ItemFault::ValueMalformed),
    }
}

fn check_parts(salt: &[u8], seq: i64, value: &[u8]) -> Result<(), ItemFault> {
    check_value(value)?;
    if salt.len() > SALT_LEN_MAX {
        return Err(ItemFault::SaltTooLong);
    }
    if seq < 0 {
        return Err(ItemFault::SeqOutOfRange);
    }
    Ok(())
}

hex_display!(MutableKey, Signature);

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
    use proptest::prelude::*;

    const VALUE: &[u8] = b"12:Hello World!";
    const KEY: &str = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";
    const EXPANDED_SECRET: &str = "\
        e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d\
        b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d";

    fn hex<const N: usize>(digits: &str) -> [u8; N] {
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap();
        bytes.try_into().unwrap()
    }

    #[test]
    fn items_are_those_of_bep_44() {
        let cases = [
            (
                "",
                "3:seqi1e1:v12:Hello World!",
                "4a533d47ec9c7d95b1ad75f576cffc641853b750",
                "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff\
                 1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
            ),
            (
                "foobar",
                "4:salt6:foobar3:seqi1e1:v12:Hello World!",
                "411eba73b6f087ca51a3795d9c8c938d365e32c1",
                "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d\
                 df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
            ),
        ];
        for (salt, signed, target, signature) in cases {
            let item = MutableItem {
                key: MutableKey(hex(KEY)),
                salt: salt.into(),
                seq: 1,
                value: VALUE.to_vec(),
                signature: Signature(hex(signature)),
            };
            let bytes = signed_bytes(&item.salt, item.seq, &item.value);
            assert_eq!(bytes.escape_ascii().to_string(), signed);
            assert_eq!(item.check(), Ok(()));
            let secret = ExpandedSecretKey::from_bytes(&hex(EXPANDED_SECRET));
            let owner = VerifyingKey::from_bytes(&item.key.0).unwrap();
            let again = raw_sign::<sha2::Sha512>(&secret, &bytes, &owner).to_bytes();
            assert_eq!(Signature(again), item.signature);
            assert_eq!(Item::Mutable(item).target(), NodeId(hex(target)));
        }
        let target = NodeId(hex("e5f96f6f38320f0f33959cb4d3d656452117aadb"));
        assert_eq!(Item::Immutable(VALUE.to_vec()).target(), target);
    }

    #[test]
    fn the_signature_is_the_one_of_rfc_8032() {
        // Section 7.1, test 1: only its key is of use, since what is signed here
        // is never empty.
        let secret = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let item = MutableItem::sign(&secret, b"", 0, VALUE.to_vec()).unwrap();
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(item.key, MutableKey(hex(key)));
        assert_eq!(item.check(), Ok(()));
    }

    #[test]
    fn a_key_under_which_anybody_can_sign_is_refused() {
        // The neutral element, with a signature that holds for every message.
        let mut key = [0; 32];
        key[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let item = MutableItem {
            key: MutableKey(key),
            salt: Vec::new(),
            seq: 1,
            value: VALUE.to_vec(),
            signature: Signature(signature),
        };
        assert_eq!(item.check(), Err(ItemFault::SignatureWrong));
    }

    #[test]
    fn what_is_too_long_or_not_canonical_is_no_item() {
        let string = |len: usize| Encoder::bytes(vec![b'x'; len]);
        assert_eq!(check_value(&string(VALUE_LEN_MAX - 4)), Ok(()));
        assert_eq!(
            check_value(&string(VALUE_LEN_MAX - 3)),
            Err(ItemFault::ValueTooLong)
        );
        for malformed in [
            &b""[..],
            b"d1:b0:1:a0:e",
            b"i01e",
            b"1:ab",
            b"5:abc",
            b"llllllllleeeeeeeee",
        ] {
            let fault = check_value(malformed);
            assert_eq!(
                fault,
                Err(ItemFault::ValueMalformed),
                "{}",
                malformed.escape_ascii()
            );
        }
        let sign = |salt: &[u8], seq| MutableItem::sign(&[1; 32], salt, seq, VALUE.to_vec());
        assert!(sign(&[0; SALT_LEN_MAX], 0).is_ok());
        assert_eq!(sign(&[0; SALT_LEN_MAX + 1], 0), Err(ItemFault::SaltTooLong));
        assert_eq!(sign(b"", -1), Err(ItemFault::SeqOutOfRange));
    }

    proptest! {
        #[test]
        fn what_was_signed_is_verified_and_nothing_else(
            secret: [u8; 32],
            salt in prop::collection::vec(any::<u8>(), 0..=SALT_LEN_MAX),
            seq in 0_i64..i64::MAX,
            content in prop::collection::vec(any::<u8>(), 0..100),
            bit in 0_usize..512,
        ) {
            let value = Encoder::bytes(content);
            let item = MutableItem::sign(&secret, &salt, seq, value.clone()).unwrap();
            prop_assert_eq!(item.check(), Ok(()));
            let mut other = item.clone();
            other.signature.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(other.check(), Err(ItemFault::SignatureWrong));
            let mut other = item.clone();
            other.key.0[bit / 8 % 32] ^= 1 << (bit % 8);
            prop_assert_eq!(other.check(), Err(ItemFault::SignatureWrong));
            let other = MutableItem { seq: seq + 1, ..item.clone() };
            prop_assert_eq!(other.check(), Err(ItemFault::SignatureWrong));
            let other = MutableItem { salt: [&salt[1.min(salt.len())..], b"x"].concat(), ..item.clone() };
            prop_assert_eq!(other.check().is_ok(), other.salt == salt && other.salt.len() <= SALT_LEN_MAX);
            let other = MutableItem { value: Encoder::list(|list| list.raw(&value)), ..item };
            prop_assert_eq!(other.check(), Err(ItemFault::SignatureWrong));
        }
    }
}
