//! Who fetches: the peers from one look to the next. Plain data; shows nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use superseed::PeerStats;

/// Somebody who fetches, or has fetched.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Guest {
    /// Where it is.
    pub(super) addr: SocketAddr,
    /// Its client; empty until it has said.
    pub(super) client: String,
    /// Payload rate to it.
    pub(super) upload_bytes_per_s: u64,
    /// Payload to it.
    pub(super) uploaded_bytes: u64,
    /// Pieces it has, from whomever.
    pub(super) pieces: u32,
}

/// Something that happened between two looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// It has come.
    Came(Guest),
    /// It has every piece.
    Complete(Guest),
    /// It is gone: as it was seen last.
    Left(Guest),
}

/// Those who are there.
#[derive(Debug, Default)]
pub(super) struct Guests {
    present: BTreeMap<SocketAddr, Guest>,
}

impl Guests {
    /// Takes the peers of this moment; tells what is new. `pieces` is how many
    /// the torrent has.
    pub(super) fn look(&mut self, peers: &[PeerStats], pieces: u32) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.present);
        let mut changes = Vec::new();
        // A connection without a client's name is a handshake, or nobody.
        for peer in peers.iter().filter(|peer| !peer.client.is_empty()) {
            let guest = Guest {
                addr: peer.addr,
                client: peer.client.clone(),
                upload_bytes_per_s: peer.upload_bytes_per_s,
                uploaded_bytes: peer.uploaded_bytes,
                pieces: peer.pieces,
            };
            let known = before.remove(&peer.addr);
            let had = known.as_ref().map_or(0, |known| known.pieces);
            if known.is_none() {
                changes.push(Change::Came(guest.clone()));
            }
            if had < pieces && guest.pieces >= pieces {
                changes.push(Change::Complete(guest.clone()));
            }
            self.present.insert(guest.addr, guest);
        }
        changes.extend(before.into_values().map(Change::Left));
        changes
    }

    /// Those who are there, the fastest first.
    pub(super) fn present(&self) -> Vec<&Guest> {
        let mut present: Vec<&Guest> = self.present.values().collect();
        present.sort_by_key(|guest| (std::cmp::Reverse(guest.upload_bytes_per_s), guest.addr));
        present
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use superseed::PeerSource;

    fn peer(port: u16, pieces: u32) -> PeerStats {
        PeerStats {
            addr: ([10, 0, 0, 2], port).into(),
            client: "superseed 0.1.0".to_owned(),
            incoming: true,
            download_bytes_per_s: 0,
            upload_bytes_per_s: u64::from(port),
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            am_choking: false,
            am_interested: false,
            peer_choking: true,
            peer_interested: true,
            optimistic: false,
            snubbed: false,
            requests_out: 0,
            requests_in: 0,
            pieces,
            source: PeerSource::Incoming,
            encryption: None,
        }
    }

    fn words(changes: &[Change]) -> Vec<String> {
        let word = |change: &Change| match change {
            Change::Came(guest) => format!("{} came", guest.addr.port()),
            Change::Complete(guest) => format!("{} complete", guest.addr.port()),
            Change::Left(guest) => format!("{} left with {}", guest.addr.port(), guest.pieces),
        };
        changes.iter().map(word).collect()
    }

    #[test]
    fn coming_completing_and_leaving_are_told_once_each() {
        let mut guests = Guests::default();
        let mut look = |peers: &[PeerStats]| words(&guests.look(peers, 10));
        assert_eq!(look(&[peer(1, 0)]), ["1 came"]);
        assert_eq!(look(&[peer(1, 9), peer(2, 10)]), ["2 came", "2 complete"]);
        assert_eq!(look(&[peer(1, 10), peer(2, 10)]), ["1 complete"]);
        assert_eq!(look(&[peer(2, 10)]), ["1 left with 10"]);
        assert!(look(&[peer(2, 10)]).is_empty());
    }

    #[test]
    fn the_fastest_stands_first_and_a_handshake_is_nobody() {
        let mut guests = Guests::default();
        let silent = PeerStats {
            client: String::new(),
            ..peer(9, 0)
        };
        guests.look(&[peer(1, 0), peer(5, 0), silent], 10);
        let ports: Vec<u16> = guests
            .present()
            .iter()
            .map(|guest| guest.addr.port())
            .collect();
        assert_eq!(ports, [5, 1]);
    }
}
