//! `--peers-table`: every peer with its client, rates and states, and every web
//! seed with what became of it.

use superseed::{CryptoMethod, PeerSource, PeerStats, WebSeedStats, WebSeedStatus};

use super::View;
use crate::text::figures;

/// Peers shown at most; a terminal has not more lines to spare.
const SHOWN_MAX: usize = 30;

/// Lines of at most 80 columns, as the narrowest of terminals has.
const LEGEND: [&str; 3] = [
    "  D we download, U we upload, I it connected, O optimistic, S snubbed; C chokes,",
    "  I interested; known from: u user, t tracker, r resume, d DHT, x PEX, l LSD;",
    "  E encrypted, e only the handshake",
];

/// The lines of the table, the fastest peer first; none where there is nobody.
pub(super) fn table(view: &View) -> Vec<String> {
    let mut lines = of_peers(view);
    if !view.web_seeds.is_empty() {
        let head = format!("  {:<58} {:>12}  {}", "web seed", "down", "state");
        lines.push(head);
        lines.extend(view.web_seeds.iter().take(SHOWN_MAX).map(web_row));
    }
    lines
}

fn web_row(seed: &WebSeedStats) -> String {
    let url: String = figures::printable(&seed.url).chars().take(58).collect();
    let state = match &seed.status {
        WebSeedStatus::Ready if seed.connections > 0 => "sends".to_owned(),
        WebSeedStatus::Ready => "ready".to_owned(),
        WebSeedStatus::Resting(error, rest) => {
            format!("rests {}: {error}", figures::time(*rest))
        }
        WebSeedStatus::Useless(error) => error.clone(),
        WebSeedStatus::Banned => "banned".to_owned(),
    };
    format!(
        "  {url:<58} {:>12}  {}",
        figures::rate(seed.download_bytes_per_s),
        figures::printable(&state)
    )
}

fn of_peers(view: &View) -> Vec<String> {
    if view.peers.is_empty() {
        return Vec::new();
    }
    let mut peers: Vec<&PeerStats> = view.peers.iter().collect();
    peers.sort_by_key(|peer| {
        let rate = peer.download_bytes_per_s + peer.upload_bytes_per_s;
        (std::cmp::Reverse(rate), peer.addr)
    });
    let mut lines = vec![format!(
        "  {:<28} {:<20} {:<7} {:<2} {:<2} {:>12} {:>12} {:>9} {:>6}",
        "peer", "client", "flags", "we", "it", "down", "up", "requests", "pieces"
    )];
    let pieces = u64::from(view.stats.pieces);
    lines.extend(peers.iter().take(SHOWN_MAX).map(|peer| row(peer, pieces)));
    if peers.len() > SHOWN_MAX {
        lines.push(format!("  … and {} more", peers.len() - SHOWN_MAX));
    }
    lines.extend(LEGEND.map(str::to_owned));
    lines
}

fn row(peer: &PeerStats, pieces: u64) -> String {
    let client: String = figures::printable(&peer.client).chars().take(20).collect();
    format!(
        "  {:<28} {client:<20} {:<7} {:<2} {:<2} {:>12} {:>12} {:>9} {:>5.1}%",
        peer.addr.to_string(),
        flags(peer),
        letters(peer.am_choking, peer.am_interested),
        letters(peer.peer_choking, peer.peer_interested),
        figures::rate(peer.download_bytes_per_s),
        figures::rate(peer.upload_bytes_per_s),
        format!("{}/{}", peer.requests_out, peer.requests_in),
        figures::percent(u64::from(peer.pieces), pieces),
    )
}

/// The letters of the legend.
pub(super) fn flags(peer: &PeerStats) -> String {
    let from = match peer.source {
        PeerSource::Incoming => 'I',
        PeerSource::User => 'u',
        PeerSource::Tracker => 't',
        PeerSource::Resume => 'r',
        PeerSource::Dht => 'd',
        PeerSource::Pex => 'x',
        PeerSource::Lsd => 'l',
    };
    let letters = [
        ('D', peer.am_interested && !peer.peer_choking),
        ('U', peer.peer_interested && !peer.am_choking),
        ('O', peer.optimistic),
        ('S', peer.snubbed),
        ('I', peer.incoming && from != 'I'),
        (from, true),
        ('E', peer.encryption == Some(CryptoMethod::Rc4)),
        ('e', peer.encryption == Some(CryptoMethod::Plain)),
    ];
    letters
        .iter()
        .filter(|(_, set)| *set)
        .map(|(letter, _)| letter)
        .collect()
}

fn letters(choking: bool, interested: bool) -> String {
    [(choking, 'C'), (interested, 'I')]
        .map(|(set, letter)| if set { letter } else { '-' })
        .iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> PeerStats {
        PeerStats {
            addr: ([10, 0, 0, 2], port).into(),
            client: "libtorrent 2.1.1\u{7}".to_owned(),
            incoming: false,
            download_bytes_per_s: u64::from(port) << 10,
            upload_bytes_per_s: 0,
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            am_choking: true,
            am_interested: true,
            peer_choking: false,
            peer_interested: true,
            optimistic: false,
            snubbed: true,
            requests_out: 12,
            requests_in: 0,
            pieces: 14,
            source: PeerSource::Tracker,
            encryption: Some(CryptoMethod::Rc4),
        }
    }

    #[test]
    fn a_row_tells_client_flags_states_rates_and_pieces() {
        let mut view = super::super::line::tests::view();
        view.peers = vec![peer(1), peer(2)];
        let table = table(&view);
        assert_eq!(table.len(), 6);
        let fastest = table[1].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            fastest,
            "10.0.0.2:2 libtorrent 2.1.1\u{fffd} DStE CI -I 2.0 KiB/s 0 B/s 12/0 50.0%"
        );
    }

    #[test]
    fn a_web_seed_tells_its_rate_and_state() {
        let mut view = super::super::line::tests::view();
        let rest = std::time::Duration::from_secs(25);
        let seed = |connections, status| WebSeedStats {
            url: "http://w.example/f/".to_owned(),
            status,
            connections,
            download_bytes_per_s: connections as u64 * 2_048,
            downloaded_bytes: 0,
        };
        view.web_seeds = vec![
            seed(1, WebSeedStatus::Ready),
            seed(0, WebSeedStatus::Resting("timed out".to_owned(), rest)),
        ];
        let words = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let table: Vec<_> = table(&view).iter().map(words).collect();
        let expected = [
            "web seed down state",
            "http://w.example/f/ 2.0 KiB/s sends",
            "http://w.example/f/ 0 B/s rests 25s: timed out",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn a_crowd_is_cut() {
        let mut view = super::super::line::tests::view();
        view.peers = (1..=35).map(peer).collect();
        let table = table(&view);
        assert_eq!(table[SHOWN_MAX + 1], "  … and 5 more");
    }
}
