//! The key exchange: Diffie-Hellman over a prime of 768 bits.
//!
//! Owns the group. Secrets are given, since this crate draws no random numbers.
//! An exponentiation takes as long whatever the secret is, and some hundred
//! microseconds: not for a thread that others wait for.

use std::fmt;

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U192, U768, const_monty_params};
use thiserror::Error;

/// The length of a public key and of a shared secret in bytes.
pub const KEY_LEN: usize = 96;

/// The length of a secret in bytes: 160 bits, which the protocol recommends;
/// longer ones gain nothing with this prime.
pub const SECRET_LEN: usize = 20;

const_monty_params!(
    Prime,
    U768,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
     020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
     4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    "The prime of the protocol."
);

type Residue = ConstMontyForm<Prime, { U768::LIMBS }>;

/// The exponent of one side, drawn anew for each connection.
#[derive(Clone)]
pub struct Secret(pub [u8; SECRET_LEN]);

/// What a side tells the other: 2 to the power of its secret, big-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; KEY_LEN]);

/// What both sides then know, big-endian with its leading zeroes.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(pub [u8; KEY_LEN]);

/// A public key outside of 2 to p − 2: the shared secret would be known to
/// everyone, or the number is none of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the public key is degenerate")]
pub struct DegenerateKey;

impl Secret {
    /// The public key that belongs to this secret.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.power_of(&U768::from(2_u8)))
    }

    /// What we share with the holder of `remote`.
    ///
    /// # Errors
    /// [`DegenerateKey`] unless `remote` is from 2 to p − 2.
    pub fn shared(&self, remote: &PublicKey) -> Result<SharedSecret, DegenerateKey> {
        let base = U768::from_be_slice(&remote.0);
        let (least, end) = (U768::from(2_u8), Residue::MODULUS.wrapping_sub(&U768::ONE));
        if base < least || base >= end {
            return Err(DegenerateKey);
        }
        Ok(SharedSecret(self.power_of(&base)))
    }

    fn power_of(&self, base: &U768) -> [u8; KEY_LEN] {
        let mut exponent = [0; 24];
        exponent[24 - SECRET_LEN..].copy_from_slice(&self.0);
        let exponent = U192::from_be_slice(&exponent);
        let power = Residue::new(base).pow_bounded_exp(&exponent, 8 * SECRET_LEN as u32);
        let mut bytes = [0; KEY_LEN];
        bytes.copy_from_slice(power.retrieve().to_be_bytes().as_ref());
        bytes
    }
}

// What must not be seen is not printed by accident either.

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey")
    }
}
