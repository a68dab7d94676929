//! Who sent a wrong block of metadata: the blame of blocks in small.

use core::net::IpAddr;
use std::collections::{BTreeSet, VecDeque};

use superseed_proto::hash::Sha1Hash;
use superseed_proto::wire::METADATA_BLOCK_LEN;

use super::assembly::Assembly;
use crate::limits::METADATA_ROUNDS_MAX;

/// What a host sent for a block.
#[derive(Clone, Copy, Debug)]
struct Claim {
    host: IpAddr,
    block: u32,
    digest: Sha1Hash,
}

/// The blocks of those wholes that hashed wrong, as digests.
#[derive(Clone, Debug, Default)]
pub(super) struct Blame {
    rounds: VecDeque<Vec<Claim>>,
}

impl Blame {
    /// A whole hashed wrong.
    pub(super) fn note(&mut self, wrong: &Assembly) {
        let claims = wrong.got().map(|(block, got)| Claim {
            host: got.from,
            block,
            digest: Sha1Hash::of(&got.bytes),
        });
        self.rounds.push_back(claims.collect());
        while self.rounds.len() > METADATA_ROUNDS_MAX {
            self.rounds.pop_front();
        }
    }

    /// Who sent something else than what turned out to be right.
    pub(super) fn liars(&self, right: &[u8]) -> BTreeSet<IpAddr> {
        let blocks = right.chunks(METADATA_BLOCK_LEN as usize);
        let right: Vec<_> = blocks.map(Sha1Hash::of).collect();
        let wrong = |claim: &&Claim| right.get(claim.block as usize) != Some(&claim.digest);
        let claims = self.rounds.iter().flatten();
        claims.filter(wrong).map(|claim| claim.host).collect()
    }

    /// Digests that are remembered.
    pub(super) fn len(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }
}
