//! Who has a place in a table, and who is told of.

use core::net::Ipv4Addr;
use std::time::Duration;

use superseed_proto::krpc::{NodeAddr, NodeId};

use super::super::table::{K, Table};
use crate::limits::{DHT_CONTACTS_MAX, DHT_REPLACEMENTS_MAX};
use crate::time::Time;

const HOME: NodeId = NodeId([0; 20]);
const QUICK: Duration = Duration::from_millis(50);

fn at(minutes: u64) -> Time {
    Time::START + Duration::from_secs(60 * minutes)
}

/// A node that shares `bits` bits with ours, its id made for no address.
fn node(bits: u32, number: u8, ip: [u8; 4]) -> NodeAddr {
    let mut id = [0; 20];
    id[bits as usize / 8] = 0x80 >> (bits % 8);
    id[15] = number;
    NodeAddr {
        id: NodeId(id),
        addr: (ip, 6881).into(),
    }
}

#[test]
fn a_full_bucket_keeps_those_who_answer() {
    let mut table = Table::new(HOME);
    let old = |number: u8| node(9, number, [93, number, 1, 1]);
    for number in 0..8 {
        table.answered(old(number), QUICK, at(0));
    }
    let new = node(9, 100, [94, 1, 1, 1]);
    table.answered(new, QUICK, at(1));
    assert_eq!((table.len(), table.waiting()), (K, 1));
    // One fails once, which happens, and twice, which is too much.
    assert_eq!(table.failed(&old(3)), None);
    assert!(table.get(&new.id).is_none());
    table.failed(&old(3));
    assert!(table.get(&new.id).is_some() && table.get(&old(3).id).is_none());
    assert!((0..8).all(|n| n == 3 || table.get(&old(n).id).is_some()));
    // With nobody to take its place it stays for long: our line may be down.
    for _ in 0..19 {
        assert_eq!(table.failed(&old(4)), None);
    }
    assert!(table.get(&old(4).id).is_some());
    table.failed(&old(4));
    assert!(table.get(&old(4).id).is_none());
}

#[test]
fn who_fits_its_address_goes_before_who_does_not_and_the_quick_before_the_slow() {
    let mut table = Table::new(HOME);
    let old = |number: u8| node(9, number, [93, number, 1, 1]);
    let slow = Duration::from_millis(500);
    for number in 0..8 {
        let took = if number == 5 { slow } else { QUICK };
        table.answered(old(number), took, at(0));
    }
    let quick = node(9, 100, [94, 1, 1, 1]);
    table.answered(quick, QUICK, at(1));
    assert!(table.get(&quick.id).is_some() && table.get(&old(5).id).is_none());
    // An address of a private network may have any id.
    let fitting = node(9, 101, [10, 1, 1, 1]);
    table.answered(fitting, slow, at(1));
    assert!(table.get(&fitting.id).is_some());
    assert_eq!(table.len(), K);
}

#[test]
fn who_never_answered_is_not_handed_on() {
    let mut table = Table::new(HOME);
    let (asker, saved) = (node(1, 1, [93, 1, 1, 1]), node(1, 2, [93, 2, 1, 1]));
    assert!(table.asked_us(asker, at(0)));
    table.restore(saved);
    assert!(table.told(&HOME, K).is_empty());
    assert_eq!(table.closest(&HOME, K).len(), 1);
    table.answered(asker, QUICK, at(1));
    table.answered(saved, QUICK, at(1));
    assert_eq!(table.told(&HOME, K).len(), 2);
    table.failed(&asker);
    assert_eq!(table.told(&HOME, K), [saved]);
    // One of an earlier run that does not answer is gone at once.
    let gone = node(1, 3, [93, 3, 1, 1]);
    table.restore(gone);
    table.failed(&gone);
    assert!(table.get(&gone.id).is_none());
}

#[test]
fn one_address_has_one_place_whatever_ids_it_claims() {
    let mut table = Table::new(HOME);
    for bits in 0..8 {
        table.asked_us(node(bits, 1, [93, 1, 1, 1]), at(0));
        table.answered(node(bits, 1, [93, 1, 1, 1]), QUICK, at(0));
    }
    assert_eq!(table.len(), 1);
    // Nor does it get a second one by another port, while the first is good.
    let mut other = node(9, 1, [93, 1, 1, 1]);
    other.addr.set_port(1);
    table.answered(other, QUICK, at(1));
    assert_eq!(table.len(), 1);
    // A name is one address's.
    let mut thief = node(7, 1, [94, 1, 1, 1]);
    table.answered(thief, QUICK, at(1));
    thief.id = node(7, 1, [0; 4]).id;
    let owner = table.get(&thief.id).unwrap().addr;
    assert_eq!(owner.ip(), Ipv4Addr::new(93, 1, 1, 1));
}

#[test]
fn a_hundred_of_one_network_have_one_place_a_bucket() {
    let mut table = Table::new(HOME);
    let honest = node(0, 200, [94, 1, 1, 1]);
    table.answered(honest, QUICK, at(0));
    for number in 1..=100 {
        for bits in [0, 9] {
            let one = node(bits, number, [93, 1, 1 + bits as u8, number]);
            table.asked_us(one, at(0));
            table.answered(one, QUICK, at(0));
        }
    }
    assert_eq!(table.len(), 3);
    assert!(table.waiting() <= 2);
    assert!(table.get(&honest.id).is_some());
}

#[test]
fn private_networks_are_exempt() {
    let mut table = Table::new(HOME);
    for number in 1..=100 {
        table.answered(node(0, number, [192, 168, 1, number]), QUICK, at(0));
        let mut ports = node(1, number, [127, 0, 0, 1]);
        ports.addr.set_port(u16::from(number));
        table.answered(ports, QUICK, at(0));
    }
    assert_eq!(table.len(), 100 + 64);
}

#[test]
fn a_table_is_bounded_whatever_answers() {
    let mut table = Table::new(HOME);
    for number in 0..20_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let mut one = node(number % 150, a, [11, b, c, 1]);
        one.id.0[18..].copy_from_slice(&[b, c]);
        table.answered(one, QUICK, at(0));
    }
    assert_eq!(table.len(), DHT_CONTACTS_MAX);
    assert!(table.waiting() <= 160 * DHT_REPLACEMENTS_MAX);
    let mut id = HOME;
    id.0[0] = 0xff;
    table.rehome(id);
    assert!(table.len() > 0 && table.len() <= DHT_CONTACTS_MAX);
    assert!(table.contacts().all(|contact| contact.id != id));
}

#[test]
fn who_was_silent_longest_is_asked_first() {
    let mut table = Table::new(HOME);
    let (first, second) = (node(0, 1, [93, 1, 1, 1]), node(0, 2, [93, 2, 1, 1]));
    table.answered(first, QUICK, at(0));
    table.answered(second, QUICK, at(5));
    assert_eq!(table.next_check(), Some((at(15), first)));
    table.asking(&first.id, at(15));
    table.answered(first, QUICK, at(15));
    assert_eq!(table.next_check(), Some((at(20), second)));
}
