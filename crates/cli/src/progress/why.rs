//! Why a download stalls: one phrase for each cause, and its figures for
//! programs. What is the cause is the engine's judgement.

use std::time::Duration;

use serde_json::{Value, json};
use superseed::{BindingLimit, Cause, Explanation};

use crate::text::figures;

/// The main cause in a phrase that can stand after "stalled: ".
pub(super) fn phrase(why: &Explanation) -> String {
    figures::printable(&of_cause(why.main()))
}

/// All causes for a program: what each is called, its phrase and its figures.
pub(super) fn causes(why: &Explanation) -> Value {
    let value = |cause| {
        let mut value = figures_of(cause);
        value["cause"] = code(cause).into();
        value["message"] = of_cause(cause).into();
        value
    };
    why.causes().map(value).collect()
}

/// What a cause is called in JSON; never changes.
pub(crate) fn code(cause: &Cause) -> &'static str {
    match cause {
        Cause::AwaitingMetadata { .. } => "awaiting-metadata",
        Cause::Opening => "opening",
        Cause::Paused => "paused",
        Cause::Failed { .. } => "failed",
        Cause::Checking { .. } => "checking",
        Cause::Complete { .. } => "complete",
        Cause::DiskRefuses { .. } => "disk-refuses",
        Cause::DiskIsSlow { .. } => "disk-is-slow",
        Cause::DownloadLimit(_) => "download-limit",
        Cause::UploadLimit(_) => "upload-limit",
        Cause::NoPeers { .. } => "no-peers",
        Cause::Tracker { .. } => "tracker",
        Cause::WebSeed { .. } => "web-seed",
        Cause::NothingWeLack { .. } => "nothing-we-lack",
        Cause::Choked { .. } => "choked",
        Cause::PeersAreSlow { .. } => "peers-are-slow",
    }
}

fn of_cause(cause: &Cause) -> String {
    match cause {
        Cause::AwaitingMetadata { peers: 0, .. } => {
            "no peer is found that has its metadata".to_owned()
        }
        Cause::AwaitingMetadata {
            peers, blocks: 0, ..
        } => {
            let peers = count(*peers, "peer");
            format!("none of {peers} has sent its metadata")
        }
        Cause::AwaitingMetadata {
            peers,
            blocks_have,
            blocks,
        } => {
            let peers = count(*peers, "peer");
            format!("{blocks_have} of {blocks} parts of its metadata have come from {peers}")
        }
        Cause::Opening => "its files are being opened".to_owned(),
        Cause::Paused => "it is paused".to_owned(),
        Cause::Failed { error } => error.message.clone(),
        Cause::Checking { pieces_left } => {
            let pieces = count(*pieces_left as usize, "piece");
            format!("{pieces} on disk still to be checked")
        }
        Cause::Complete { .. } => "it is complete".to_owned(),
        Cause::DiskRefuses { error, retry_in } => match retry_in {
            Some(time) => format!("{error}; next try in {}", figures::time(*time)),
            None => error.to_string(),
        },
        Cause::DiskIsSlow { bytes, oldest, .. } => format!(
            "the disk is slow: {} wait for it, up to {}",
            figures::size(*bytes),
            figures::time(*oldest)
        ),
        Cause::DownloadLimit(limit) => by_limit(limit, "download"),
        Cause::UploadLimit(limit) => by_limit(limit, "upload"),
        Cause::NoPeers {
            candidates,
            connecting,
            next_try,
        } => nobody(*candidates, *connecting, *next_try),
        Cause::Tracker {
            url,
            announcing,
            left,
            error,
        } => tracker(url, *announcing, *left, error.as_deref()),
        Cause::WebSeed {
            url,
            error,
            retry_in,
        } => match retry_in {
            Some(time) => {
                let time = figures::time(*time);
                format!("web seed {url} failed ({error}), next try in {time}")
            }
            None => format!("web seed {url} is of no use ({error})"),
        },
        Cause::NothingWeLack { peers: 1 } => "the only peer has nothing that is missing".to_owned(),
        Cause::NothingWeLack { peers } => {
            format!("none of the {peers} peers has anything that is missing")
        }
        Cause::Choked { having: 1, .. } => "the only peer that has something chokes us".to_owned(),
        Cause::Choked { choking, having } if choking == having => {
            format!("all {having} peers that have something choke us")
        }
        Cause::Choked { choking, having } => {
            format!("{choking} of {having} peers that have something choke us")
        }
        Cause::PeersAreSlow {
            serving, snubbing, ..
        } => slow(*serving, *snubbing),
    }
}

fn by_limit(limit: &BindingLimit, which: &str) -> String {
    let whose = if limit.of_session { "overall " } else { "" };
    let rate = figures::rate(limit.bytes_per_s);
    format!("the {whose}{which} limit of {rate} is used up")
}

fn nobody(candidates: usize, connecting: usize, next_try: Option<Duration>) -> String {
    if candidates == 0 && connecting == 0 {
        return "no peer is known".to_owned();
    }
    if connecting > 0 {
        return format!("no peer has answered; trying {connecting}, {candidates} more known");
    }
    let known = count(candidates, "known peer");
    match next_try {
        Some(time) => format!(
            "none of {known} could be reached; next try in {}",
            figures::time(time)
        ),
        None => format!("none of {known} could be reached"),
    }
}

fn tracker(url: &str, announcing: bool, left: Duration, error: Option<&str>) -> String {
    let left = figures::time(left);
    match (announcing, error) {
        (true, _) => format!("no peer is known; waiting up to {left} for tracker {url}"),
        (false, Some(error)) => {
            format!("no peer is known; tracker {url} failed ({error}), next try in {left}")
        }
        (false, None) => format!("no peer is known; tracker {url} is asked in {left}"),
    }
}

fn slow(serving: usize, snubbing: usize) -> String {
    if serving == 0 {
        return "no peer serves us".to_owned();
    }
    let serving_peers = count(serving, "peer");
    if snubbing == serving {
        return format!("{serving_peers} took our requests and sent nothing");
    }
    format!("{serving_peers} serve us, slowly")
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn figures_of(cause: &Cause) -> Value {
    let seconds = |time: &Duration| time.as_secs();
    match cause {
        Cause::AwaitingMetadata {
            peers,
            blocks_have,
            blocks,
        } => json!({
            "peers": peers, "blocks_have": blocks_have, "blocks": blocks,
        }),
        Cause::Opening | Cause::Paused | Cause::Failed { .. } => {
            json!({})
        }
        Cause::Checking { pieces_left } => json!({ "pieces_left": pieces_left }),
        Cause::Complete {
            interested,
            unchoked,
        } => json!({ "interested": interested, "unchoked": unchoked }),
        Cause::DiskRefuses { retry_in, .. } => {
            json!({ "next_s": retry_in.as_ref().map(seconds) })
        }
        Cause::DiskIsSlow {
            jobs,
            bytes,
            oldest,
            memory_is_full,
        } => json!({
            "jobs": jobs,
            "bytes": bytes,
            "oldest_s": seconds(oldest),
            "memory_is_full": memory_is_full,
        }),
        Cause::DownloadLimit(limit) | Cause::UploadLimit(limit) => json!({
            "limit": limit.bytes_per_s,
            "of_session": limit.of_session,
            "since_s": seconds(&limit.since),
        }),
        Cause::NoPeers {
            candidates,
            connecting,
            next_try,
        } => json!({
            "candidates": candidates,
            "connecting": connecting,
            "next_s": next_try.as_ref().map(seconds),
        }),
        Cause::Tracker {
            url,
            announcing,
            left,
            error,
        } => json!({
            "url": url,
            "announcing": announcing,
            "next_s": seconds(left),
            "error": error,
        }),
        Cause::WebSeed {
            url,
            error,
            retry_in,
        } => json!({
            "url": url,
            "error": error,
            "next_s": retry_in.as_ref().map(seconds),
        }),
        Cause::NothingWeLack { peers } => json!({ "peers": peers }),
        Cause::Choked { choking, having } => json!({ "choking": choking, "having": having }),
        Cause::PeersAreSlow {
            serving,
            snubbing,
            bytes_per_s,
        } => json!({ "serving": serving, "snubbing": snubbing, "down": bytes_per_s }),
    }
}

#[cfg(test)]
mod tests {
    use superseed::{DiskError, DiskErrorKind};

    use super::*;

    fn says(cause: Cause) -> String {
        phrase(&Explanation::of(cause))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_choke_tells_how_many_choke() {
        let choked = |choking, having| says(Cause::Choked { choking, having });
        assert_eq!(choked(5, 5), "all 5 peers that have something choke us");
        assert_eq!(choked(9, 10), "9 of 10 peers that have something choke us");
        assert_eq!(choked(1, 1), "the only peer that has something chokes us");
    }

    #[test]
    fn a_lack_of_peers_tells_what_is_known_and_when_it_is_tried() {
        let nobody = |candidates, connecting, next: Option<u64>| {
            says(Cause::NoPeers {
                candidates,
                connecting,
                next_try: next.map(seconds),
            })
        };
        assert_eq!(nobody(0, 0, None), "no peer is known");
        assert_eq!(
            nobody(1, 0, Some(75)),
            "none of 1 known peer could be reached; next try in 1m15s"
        );
        assert_eq!(
            nobody(3, 2, Some(0)),
            "no peer has answered; trying 2, 3 more known"
        );
    }

    #[test]
    fn peers_of_no_use_are_counted() {
        let nothing = |peers| says(Cause::NothingWeLack { peers });
        assert_eq!(nothing(1), "the only peer has nothing that is missing");
        assert_eq!(
            nothing(4),
            "none of the 4 peers has anything that is missing"
        );
        let slow = |serving, snubbing| {
            says(Cause::PeersAreSlow {
                serving,
                snubbing,
                bytes_per_s: 0,
            })
        };
        assert_eq!(slow(2, 2), "2 peers took our requests and sent nothing");
        assert_eq!(slow(3, 1), "3 peers serve us, slowly");
        assert_eq!(slow(0, 0), "no peer serves us");
    }

    #[test]
    fn a_disk_tells_what_waits_or_what_it_said() {
        let slow = says(Cause::DiskIsSlow {
            jobs: 3,
            bytes: 3 << 20,
            oldest: seconds(4),
            memory_is_full: false,
        });
        assert_eq!(slow, "the disk is slow: 3.0 MiB wait for it, up to 4s");
        let error = DiskError {
            kind: DiskErrorKind::Full,
            message: "no space left for /d/x".to_owned(),
        };
        let refuses = Cause::DiskRefuses {
            error,
            retry_in: Some(seconds(20)),
        };
        assert_eq!(says(refuses), "no space left for /d/x; next try in 20s");
    }

    #[test]
    fn a_limit_tells_its_rate_and_whose_it_is() {
        let limit = |of_session| BindingLimit {
            bytes_per_s: 100 << 10,
            of_session,
            since: seconds(9),
        };
        assert_eq!(
            says(Cause::DownloadLimit(limit(true))),
            "the overall download limit of 100.0 KiB/s is used up"
        );
        assert_eq!(
            says(Cause::UploadLimit(limit(false))),
            "the upload limit of 100.0 KiB/s is used up"
        );
    }

    #[test]
    fn a_tracker_tells_what_came_and_how_long_it_may_take() {
        let tracker = |announcing, error: Option<&str>| {
            says(Cause::Tracker {
                url: "http://t.example/a".to_owned(),
                announcing,
                left: seconds(12),
                error: error.map(str::to_owned),
            })
        };
        assert_eq!(
            tracker(true, None),
            "no peer is known; waiting up to 12s for tracker http://t.example/a"
        );
        assert_eq!(
            tracker(false, Some("ti\u{1b}med out")),
            "no peer is known; tracker http://t.example/a failed (ti\u{fffd}med out), next try in 12s"
        );
    }

    #[test]
    fn a_web_seed_tells_what_came_and_when_it_is_tried() {
        let seed = |retry_in: Option<u64>| {
            says(Cause::WebSeed {
                url: "http://w.example/".to_owned(),
                error: "timed out".to_owned(),
                retry_in: retry_in.map(seconds),
            })
        };
        assert_eq!(
            seed(Some(30)),
            "web seed http://w.example/ failed (timed out), next try in 30s"
        );
        assert_eq!(
            seed(None),
            "web seed http://w.example/ is of no use (timed out)"
        );
    }

    #[test]
    fn a_program_gets_the_figures_of_all_causes() {
        let why = Explanation::of(Cause::Choked {
            choking: 2,
            having: 2,
        });
        let expected = json!([{
            "cause": "choked",
            "message": "all 2 peers that have something choke us",
            "choking": 2,
            "having": 2,
        }]);
        assert_eq!(causes(&why), expected);
    }
}
