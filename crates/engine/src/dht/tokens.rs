//! Tokens: who shows one asked us before from the same host, so that nobody can
//! announce another one's address (BEP 5).

use core::net::IpAddr;
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::hash::Sha1Hash;
use superseed_proto::krpc::NodeId;

use crate::candidates::host;
use crate::time::Time;

/// How long a secret makes tokens; those of the last one still count (BEP 5).
const ROTATION: Duration = Duration::from_secs(5 * 60);

/// The secrets of which tokens are made.
#[derive(Debug)]
pub(super) struct Tokens {
    now: [u8; 16],
    last: [u8; 16],
    rotate_at: Time,
}

impl Tokens {
    pub(super) fn new(random: &mut impl Rng, now: Time) -> Self {
        Self {
            now: secret(random),
            last: secret(random),
            rotate_at: now + ROTATION,
        }
    }

    /// Changes secrets whose time has come.
    pub(super) fn rotate(&mut self, random: &mut impl Rng, now: Time) {
        if now < self.rotate_at {
            return;
        }
        let is_long_ago = now >= self.rotate_at + ROTATION;
        self.last = match is_long_ago {
            true => secret(random),
            false => self.now,
        };
        self.now = secret(random);
        self.rotate_at = now + ROTATION;
    }

    /// The token of a host for a point.
    pub(super) fn issue(&self, ip: IpAddr, target: &NodeId) -> Vec<u8> {
        token(&self.now, ip, target).to_vec()
    }

    /// Whether a token is one that this host was given for this point, not too
    /// long ago.
    pub(super) fn is_good(&self, shown: &[u8], ip: IpAddr, target: &NodeId) -> bool {
        [&self.now, &self.last]
            .iter()
            .any(|secret| token(secret, ip, target) == shown)
    }
}

fn secret(random: &mut impl Rng) -> [u8; 16] {
    let mut secret = [0; 16];
    random.fill_bytes(&mut secret);
    secret
}

/// Four bytes, as libtorrent's (node.cpp, `write_token_size`): who guesses has
/// some chances in a minute, and room in an answer is for peers.
fn token(secret: &[u8; 16], ip: IpAddr, target: &NodeId) -> [u8; 4] {
    let ip = match host(ip) {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let Sha1Hash([a, b, c, d, ..]) = Sha1Hash::of(&[&secret[..], &ip.octets(), &target.0].concat());
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;

    #[test]
    fn a_token_is_good_for_its_host_for_ten_minutes() {
        let at = |minutes: u64| Time::START + Duration::from_secs(60 * minutes);
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let mut tokens = Tokens::new(&mut random, at(0));
        let (ip, swarm) = (IpAddr::from([93, 1, 1, 1]), NodeId([3; 20]));
        let token = tokens.issue(ip, &swarm);
        assert!(tokens.is_good(&token, ip, &swarm));
        assert!(!tokens.is_good(&token, IpAddr::from([93, 1, 1, 2]), &swarm));
        assert!(!tokens.is_good(&token, ip, &NodeId([4; 20])));
        assert!(!tokens.is_good(b"", ip, &swarm) && !tokens.is_good(&[0; 128], ip, &swarm));
        tokens.rotate(&mut random, at(9));
        assert!(tokens.is_good(&token, ip, &swarm));
        tokens.rotate(&mut random, at(14));
        assert!(!tokens.is_good(&token, ip, &swarm));
        // Nobody came for an hour: both secrets are old.
        let token = tokens.issue(ip, &swarm);
        tokens.rotate(&mut random, at(80));
        assert!(!tokens.is_good(&token, ip, &swarm));
    }
}
