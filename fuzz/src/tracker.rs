//! Trackers: what their answers hold is bounded, and answers, requests and
//! queries say the same when they are written again.

use superseed_proto::tracker::udp::{self, Request, Response};
use superseed_proto::tracker::{
    AddressFamily, AnnounceResponse, PEERS_MAX, TEXT_CHARS_MAX, TRACKER_ID_LEN_MAX, TrackerError,
    http, server,
};

/// Checks one input as each of the things that trackers and their clients read.
pub fn check(bytes: &[u8]) {
    announce(bytes);
    scrape(bytes);
    queries(bytes);
    for family in [AddressFamily::V4, AddressFamily::V6] {
        response(bytes, family);
    }
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
}

fn announce(body: &[u8]) {
    let response = match http::parse_announce(body) {
        Ok(response) => response,
        Err(fault) => return refusal(&fault),
    };
    assert!(response.peers.len() <= PEERS_MAX);
    assert!(response.peers.iter().all(|peer| peer.addr.port() != 0));
    assert_ne!(response.interval_s, Some(0));
    assert_ne!(response.min_interval_s, Some(0));
    let id = response.tracker_id.as_ref();
    assert!(id.is_none_or(|id| id.len() <= TRACKER_ID_LEN_MAX));
    response.warning.as_deref().into_iter().for_each(shown);
    let form = server::PeerForm::Dictionaries {
        with_peer_ids: true,
    };
    let again = http::parse_announce(&server::encode_announce(&response, form));
    let expected = AnnounceResponse {
        peers_refused: 0,
        ..response
    };
    assert_eq!(again, Ok(expected));
}

fn scrape(body: &[u8]) {
    const SWARMS_MAX: usize = 3;
    let mut swarms = match http::parse_scrape(body, SWARMS_MAX) {
        Ok(swarms) => swarms,
        Err(fault) => return refusal(&fault),
    };
    assert!(swarms.len() <= SWARMS_MAX);
    swarms.sort_by_key(|(swarm, _)| *swarm);
    swarms.dedup_by_key(|(swarm, _)| *swarm);
    let again = http::parse_scrape(&server::encode_scrape(&swarms), SWARMS_MAX);
    assert_eq!(again, Ok(swarms));
}

fn refusal(fault: &TrackerError) {
    if let TrackerError::Failure { reason, .. } = fault {
        shown(reason);
    }
}

/// What is shown to people is short and moves no cursor.
fn shown(text: &str) {
    assert!(text.chars().count() <= TEXT_CHARS_MAX);
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn queries(query: &[u8]) {
    if let Ok(swarms) = server::parse_scrape_query(query) {
        assert!(swarms.len() <= server::SCRAPE_SWARMS_MAX);
        let url = http::scrape_url("http://t.example/announce", &swarms).expect("it has a scrape");
        assert_eq!(server::parse_scrape_query(after_question(&url)), Ok(swarms));
    }
    if let Ok(read) = server::parse_announce_query(query) {
        let url = http::announce_url("http://t.example/announce", &read.announce);
        let again = server::parse_announce_query(after_question(&url));
        let again = again.map(|again| again.announce);
        assert_eq!(again, Ok(read.announce));
    }
}

fn after_question(url: &str) -> &[u8] {
    let (_, query) = url.split_once('?').expect("it has a query");
    query.as_bytes()
}

fn response(datagram: &[u8], family: AddressFamily) {
    let Ok(response) = Response::decode(datagram, family) else {
        return;
    };
    match &response {
        Response::Announce { peers, .. } => {
            assert!(peers.len() <= PEERS_MAX);
            assert!(peers.iter().all(|peer| peer.port() != 0));
        }
        Response::Scrape { stats, .. } => assert!(stats.len() <= udp::SCRAPE_SWARMS_MAX),
        Response::Error { message, .. } => shown(message),
        Response::Connect { .. } => {}
    }
    let written = response.encode(family);
    assert!(udp::is_response(&written));
    assert_eq!(Response::decode(&written, family), Ok(response));
}
