//! Encrypted streams: whole swarms, single bytes, every pair of policies.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, 2)
}

#[test]
fn a_swarm_that_requires_encryption_is_served_like_any_other() {
    runs("encrypted", 6);
}

#[test]
fn streams_that_carry_one_byte_at_a_time_are_encrypted_and_read() {
    runs("encrypted-split", 2);
}

#[test]
fn every_pair_of_policies_connects_or_refuses_as_it_should() {
    runs("encrypted-mixed", 4);
}
