//! Which address the world sees us at, by the word of several who do not know
//! of each other.
//!
//! It only decides an order among peers (BEP 40), so a wrong one costs nothing
//! but agreement with the others. Yet one party alone shall not choose it: a
//! host has one vote, and so have all trackers of a torrent together, since a
//! torrent can name any number of one party's.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;

use super::address::network;
use super::host;
use super::reach::is_reserved;
use crate::ids::TorrentKey;
use crate::limits::EXTERNAL_VOTES_MAX;

/// Votes for one address before it is believed.
const VOTES_MIN: usize = 3;

/// Votes of nodes; the other half of all is kept for peers and trackers.
const NODES_MAX: usize = EXTERNAL_VOTES_MAX / 2;

/// Who says which address we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voter {
    /// A peer (`yourip`, BEP 10), by its host.
    Peer(IpAddr),
    /// Some tracker of a torrent (`external ip`, BEP 24).
    Trackers(TorrentKey),
    /// A node of the DHT (`ip`, BEP 42), by its network.
    Node(IpAddr),
    /// The gateway that maps our ports.
    Gateway,
}

/// What was said of our address, the latest last.
#[derive(Debug, Default)]
pub struct ExternalVotes {
    votes: VecDeque<(Voter, IpAddr)>,
}

impl ExternalVotes {
    /// Somebody says that this is our address. A later vote replaces an
    /// earlier one of the same voter, and the oldest of too many.
    pub fn vote(&mut self, voter: Voter, ours: IpAddr) {
        let voter = match voter {
            Voter::Peer(ip) => Voter::Peer(host(ip)),
            Voter::Node(ip) => Voter::Node(network(ip).unwrap_or_else(|| host(ip))),
            other @ (Voter::Trackers(_) | Voter::Gateway) => other,
        };
        let ours = ours.to_canonical();
        if ours.is_unspecified() || ours.is_multicast() || is_reserved(ours) {
            return;
        }
        let same =
            |(known, ip): &(Voter, IpAddr)| *known == voter && ip.is_ipv4() == ours.is_ipv4();
        self.votes.retain(|vote| !same(vote));
        let is_node = |(voter, _): &(Voter, IpAddr)| matches!(voter, Voter::Node(_));
        let nodes = self.votes.iter().filter(|vote| is_node(vote)).count();
        if nodes >= NODES_MAX && is_node(&(voter, ours)) {
            // The oldest of their own: there are more nodes than peers.
            let oldest = self.votes.iter().position(is_node);
            oldest.map(|at| self.votes.remove(at));
        } else if self.votes.len() >= EXTERNAL_VOTES_MAX {
            self.votes.pop_front();
        }
        self.votes.push_back((voter, ours));
    }

    /// Our address in the family of `peer`: what more than half of those who
    /// spoke of it say, if they are enough.
    pub fn ip(&self, peer: IpAddr) -> Option<IpAddr> {
        let is_ipv4 = peer.to_canonical().is_ipv4();
        let of_family = self.votes.iter().map(|(_, ip)| *ip);
        let of_family: Vec<_> = of_family.filter(|ip| ip.is_ipv4() == is_ipv4).collect();
        let count = |ip: &IpAddr| of_family.iter().filter(|other| *other == ip).count();
        let best = of_family
            .iter()
            .copied()
            .max_by_key(|ip| (count(ip), *ip))?;
        let votes = count(&best);
        (votes >= VOTES_MIN && 2 * votes > of_family.len()).then_some(best)
    }

    /// The addresses that stand for us, one for each family that is known:
    /// by vote, or else the one that we listen on.
    pub fn addrs(&self, listening: &[SocketAddr]) -> Vec<SocketAddr> {
        let families = listening.iter().filter_map(|own| {
            let ip = self.ip(own.ip());
            let known = ip.or_else(|| Some(own.ip()).filter(|ip| !ip.is_unspecified()));
            known.map(|ip| SocketAddr::new(ip, own.port()))
        });
        families.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn peer(at: u8) -> Voter {
        Voter::Peer(IpAddr::from([10, 0, at, 1]))
    }

    #[test]
    fn three_who_agree_are_believed_and_two_are_not() {
        let mut votes = ExternalVotes::default();
        let anyone = ip("9.9.9.9");
        for at in 0..2 {
            votes.vote(peer(at), ip("1.2.3.4"));
            assert_eq!(votes.ip(anyone), None);
        }
        votes.vote(Voter::Trackers(TorrentKey::default()), ip("1.2.3.4"));
        assert_eq!(votes.ip(anyone), Some(ip("1.2.3.4")));
        assert_eq!(votes.ip(ip("2001:db8::1")), None);
    }

    #[test]
    fn an_address_that_nobody_has_is_not_ours_either() {
        let mut votes = ExternalVotes::default();
        for at in 0..9 {
            votes.vote(peer(at), ip("240.0.0.1"));
        }
        assert_eq!(votes.ip(ip("9.9.9.9")), None);
    }

    #[test]
    fn a_gateway_has_one_vote_like_everybody() {
        let mut votes = ExternalVotes::default();
        for _ in 0..9 {
            votes.vote(Voter::Gateway, ip("1.2.3.4"));
        }
        assert_eq!(votes.ip(ip("9.9.9.9")), None);
        votes.vote(peer(1), ip("1.2.3.4"));
        votes.vote(peer(2), ip("1.2.3.4"));
        assert_eq!(votes.ip(ip("9.9.9.9")), Some(ip("1.2.3.4")));
    }

    #[test]
    fn one_host_has_one_vote_however_often_it_speaks() {
        let mut votes = ExternalVotes::default();
        for at in 0..100 {
            votes.vote(Voter::Peer(ip(&format!("2001:db8::{at}"))), ip("6.6.6.6"));
            votes.vote(peer(1), ip("6.6.6.6"));
        }
        assert_eq!(votes.ip(ip("9.9.9.9")), None);
    }

    #[test]
    fn nodes_have_one_vote_for_a_network_and_half_of_all_votes() {
        let mut votes = ExternalVotes::default();
        for at in 0..100 {
            votes.vote(Voter::Node(IpAddr::from([93, 1, 1, at])), ip("6.6.6.6"));
        }
        assert_eq!(votes.ip(ip("9.9.9.9")), None);
        for at in 0..17 {
            votes.vote(peer(at), ip("1.2.3.4"));
        }
        for at in 0..100 {
            votes.vote(Voter::Node(IpAddr::from([93, at, 1, 1])), ip("6.6.6.6"));
        }
        assert_eq!(votes.votes.len(), EXTERNAL_VOTES_MAX);
        let of_peers = votes
            .votes
            .iter()
            .filter(|(_, ip)| ip.to_string() == "1.2.3.4");
        assert_eq!(of_peers.count(), 16);
    }

    #[test]
    fn a_minority_changes_nothing_and_a_new_address_is_believed_in_time() {
        let mut votes = ExternalVotes::default();
        for at in 0..10 {
            votes.vote(peer(at), ip("1.2.3.4"));
        }
        for at in 10..19 {
            votes.vote(peer(at), ip("6.6.6.6"));
        }
        assert_eq!(votes.ip(ip("9.9.9.9")), Some(ip("1.2.3.4")));
        for at in 19..60 {
            votes.vote(peer(at), ip("5.6.7.8"));
        }
        assert_eq!(votes.ip(ip("9.9.9.9")), Some(ip("5.6.7.8")));
        assert!(votes.votes.len() <= EXTERNAL_VOTES_MAX);
    }

    #[test]
    fn without_votes_the_address_that_we_listen_on_stands_for_us() {
        let mut votes = ExternalVotes::default();
        let own = [
            "10.0.0.5:6881".parse().unwrap(),
            "[::]:6881".parse().unwrap(),
        ];
        assert_eq!(votes.addrs(&own), [own[0]]);
        for at in 0..3 {
            votes.vote(peer(at), ip("1.2.3.4"));
        }
        assert_eq!(votes.addrs(&own), ["1.2.3.4:6881".parse().unwrap()]);
    }
}
