//! Magnet links: what is read is bounded, and written again says the same.

use superseed_proto::magnet::{
    FILE_NUMBER_MAX, Magnet, MagnetPeer, NAME_LEN_MAX, PEERS_MAX, SelectOnly, TRACKERS_MAX,
    URL_LEN_MAX, WEB_SEEDS_MAX,
};

/// Checks one input: as a link, as what follows an info-hash, and as each of
/// the parts of a link that can stand alone.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    link(&text);
    link(&format!("magnet:?xt=urn:btih:{}&{text}", "ab".repeat(20)));
    if let Ok(magnet) = Magnet::from_info_hash(&text) {
        assert_eq!(Magnet::parse(&magnet.to_string()), Ok(magnet));
    }
    if let Some(peer) = MagnetPeer::parse(&text) {
        assert_eq!(MagnetPeer::parse(&peer.to_string()), Some(peer));
    }
    if let Ok(selection) = text.parse::<SelectOnly>() {
        check_selection(&selection);
        assert_eq!(selection.to_string().parse(), Ok(selection));
    }
}

fn link(text: &str) {
    let magnet = match Magnet::parse(text) {
        Ok(magnet) => magnet,
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() < 1000, "{sentence}");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
            return;
        }
    };
    assert!(
        magnet
            .name
            .as_ref()
            .is_none_or(|name| !name.is_empty() && name.len() <= NAME_LEN_MAX)
    );
    assert!(magnet.trackers.len() <= TRACKERS_MAX);
    assert!(magnet.web_seeds.len() <= WEB_SEEDS_MAX);
    assert!(magnet.peers.len() <= PEERS_MAX);
    for url in magnet.trackers.iter().chain(&magnet.web_seeds) {
        assert!(url.len() <= URL_LEN_MAX && url.contains("://"));
        assert!(!url.contains(|c: char| c.is_control() || c.is_whitespace()));
    }
    check_selection(&magnet.select_only);
    let written = magnet.to_string();
    assert!(
        written.bytes().all(|byte| byte.is_ascii_graphic()),
        "{written:?}"
    );
    assert_eq!(Magnet::parse(&written), Ok(magnet));
}

fn check_selection(selection: &SelectOnly) {
    let ranges = selection.ranges();
    assert!(
        ranges
            .iter()
            .all(|range| !range.is_empty() && *range.end() <= FILE_NUMBER_MAX)
    );
    assert!(
        ranges
            .windows(2)
            .all(|pair| pair[0].end() + 1 < *pair[1].start())
    );
}
