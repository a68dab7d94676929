//! The words for one torrent.

use superseed::{TorrentState, TorrentStats};

use super::{View, why};
use crate::text::figures;

/// Name and percentage: what stands before the bar.
pub(super) fn head(view: &View, name_width: usize) -> String {
    let name = cut(&figures::printable(&view.name), name_width);
    format!("{name}  {:>5.1}%", percent(&view.stats))
}

/// Sizes, rates, time left, peers, and why it stalls: what stands after the bar.
pub(super) fn tail(view: &View) -> String {
    let stats = &view.stats;
    let mut parts = Vec::new();
    if let Some(word) = unusual(stats.state) {
        parts.push(word.to_owned());
    }
    parts.push(format!(
        "{}/{}",
        figures::size(done_bytes(stats)),
        figures::size(stats.wanted_bytes)
    ));
    parts.push(format!(
        "{} down",
        figures::rate(stats.download_bytes_per_s)
    ));
    parts.push(format!("{} up", figures::rate(stats.upload_bytes_per_s)));
    if let Some(eta) = stats.eta {
        parts.push(format!("ETA {}", figures::time(eta)));
    }
    parts.push(format!(
        "{}/{} peers",
        stats.peers,
        stats.peers + stats.candidates
    ));
    if let Some(stalled) = &view.stalled {
        parts.push(format!("stalled: {}", why::phrase(stalled)));
    }
    parts.join("  ")
}

/// All of it on one line.
pub(super) fn whole(view: &View) -> String {
    format!("{}  {}", head(view, usize::MAX), tail(view))
}

/// The line for all torrents together, of which those move that are shown.
pub(super) fn total(views: &[View], running: usize) -> String {
    let sum = |of: fn(&View) -> u64| figures::rate(views.iter().map(of).sum());
    format!(
        "{running} torrents  {} down  {} up",
        sum(|view| view.stats.download_bytes_per_s),
        sum(|view| view.stats.upload_bytes_per_s),
    )
}

/// How much of what is wanted is there; while existing data is checked, how
/// much of the torrent was looked at.
pub(super) fn percent(stats: &TorrentStats) -> f64 {
    if stats.state == TorrentState::Checking {
        let checked = stats.pieces.saturating_sub(stats.pieces_unchecked);
        figures::percent(u64::from(checked), u64::from(stats.pieces))
    } else {
        figures::percent(done_bytes(stats), stats.wanted_bytes)
    }
}

/// Verified bytes of what is wanted.
pub(super) fn done_bytes(stats: &TorrentStats) -> u64 {
    stats.wanted_bytes.saturating_sub(stats.left_bytes)
}

/// The word for a state.
pub(super) fn word(state: TorrentState) -> &'static str {
    match state {
        TorrentState::AwaitingMetadata => "waiting for metadata",
        TorrentState::Opening => "opening",
        TorrentState::Checking => "checking",
        TorrentState::Downloading => "downloading",
        TorrentState::DiskWaits => "waiting for the disk",
        TorrentState::Seeding => "seeding",
        TorrentState::Paused => "paused",
        TorrentState::Failed => "failed",
    }
}

/// The word for a state that the figures do not show by themselves.
fn unusual(state: TorrentState) -> Option<&'static str> {
    (state != TorrentState::Downloading).then(|| word(state))
}

pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Duration;
    use superseed::{Cause, Explanation, InfoHashes, TorrentKey};
    use superseed_proto::hash::InfoHashV1;

    /// A torrent half-way.
    pub(in crate::progress) fn view() -> View {
        let stats = TorrentStats {
            torrent: TorrentKey::default(),
            info_hashes: InfoHashes::V1(InfoHashV1([1; 20])),
            state: TorrentState::Downloading,
            total_bytes: 28 << 20,
            wanted_bytes: 28 << 20,
            have_bytes: 12 << 20,
            left_bytes: 16 << 20,
            pieces: 28,
            pieces_have: 12,
            pieces_unchecked: 0,
            downloaded_bytes: 12 << 20,
            uploaded_bytes: 0,
            session_downloaded_bytes: 12 << 20,
            session_uploaded_bytes: 0,
            wasted_bytes: 0,
            download_bytes_per_s: 12 << 20,
            upload_bytes_per_s: 0,
            peers: 5,
            seeds: 1,
            candidates: 7,
            eta: Some(Duration::from_secs(1)),
            incoming_seen: false,
            error: None,
            seeding: Duration::ZERO,
        };
        View {
            name: "ubuntu.iso".to_owned(),
            hash: "01".repeat(20),
            stats,
            peers: Vec::new(),
            web_seeds: Vec::new(),
            stalled: None,
        }
    }

    #[test]
    fn a_line_tells_percent_rates_time_and_peers() {
        assert_eq!(
            whole(&view()),
            "ubuntu.iso   42.8%  12.0 MiB/28.0 MiB  12.0 MiB/s down  0 B/s up  ETA 1s  5/12 peers"
        );
    }

    #[test]
    fn a_download_that_stalls_says_why_at_the_end_of_its_line() {
        let mut view = view();
        view.stalled = Some(Explanation::of(Cause::NothingWeLack { peers: 5 }));
        let line = whole(&view);
        assert!(
            line.ends_with("peers  stalled: none of the 5 peers has anything that is missing"),
            "{line}"
        );
    }

    #[test]
    fn a_check_shows_how_much_was_looked_at() {
        let mut view = view();
        view.stats.state = TorrentState::Checking;
        view.stats.pieces_unchecked = 7;
        assert_eq!(percent(&view.stats), 75.0);
        assert!(whole(&view).contains("checking"));
    }

    #[test]
    fn a_long_name_is_cut_and_a_hostile_one_defused() {
        let mut view = view();
        view.name = "a\u{1b}bcdefgh".to_owned();
        assert!(head(&view, 5).starts_with("a\u{fffd}bc…  "));
    }
}
