//! Downloads from scripted peers that choke, hang up, fall silent or lie.
//!
//! The bar: the download completes, only missing blocks are fetched
//! again, and a bad block costs its piece and no other.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::case::{Case, Group};
use super::clients::{Client, Job};
use super::compare::{self, Strictness};
use super::fixture::Set;
use super::install::Tool;
use super::namespace::host;
use super::scripted::{Content, Log, Script, ScriptedPeer, Seen, Sin};
use super::stage::Stage;

const LIMIT: Duration = Duration::from_secs(90);

/// The sinner has a companion that is honest and slow, unless it is to be
/// alone. The companion's rate leaves time for the sin.
const COMPANION_BYTES_PER_S: u64 = 12 << 20;

/// Blocks that strict endgame may fetch twice: each idle peer duplicates one
/// at a time, and CANCEL takes a moment.
const ENDGAME_BLOCKS_MAX: usize = 32;
/// What a banned peer sent of pieces without a verdict comes again, block by
/// block (docs/decisions/003): so many pieces are under way between the two.
const UNVERIFIED_PIECES_MAX: usize = 2;

/// One case per sin.
pub(super) fn cases() -> Vec<Case> {
    let chokes = Sin::Chokes {
        every_blocks: 700,
        pause: Duration::from_millis(400),
    };
    let ours = [
        ("bar4-chokes-in-mid-piece", chokes, false, false),
        ("bar4-chokes-in-mid-piece-fast", chokes, true, false),
        (
            "bar4-hangs-up-in-mid-block",
            Sin::HangsUp { after_blocks: 101 },
            false,
            true,
        ),
        ("bar4-sends-nothing", Sin::Silent, false, true),
        ("bar4-sends-nothing-fast", Sin::Silent, true, true),
        ("bar4-one-bad-block", Sin::BadBlock { at: 40 }, false, true),
    ];
    let ours = ours.map(|(name, sin, fast, has_companion)| {
        (
            name,
            Group::Default,
            Client::Superseed,
            sin,
            fast,
            has_companion,
        )
    });
    // The scripted peers must be good enough for a client that is known to work.
    let baseline = [(
        "libtorrent-one-bad-block",
        Group::Baseline,
        Client::Libtorrent,
        Sin::BadBlock { at: 40 },
        true,
        true,
    )];
    ours.into_iter()
        .chain(baseline)
        .map(|(name, group, client, sin, fast, has_companion)| Case {
            name: name.to_owned(),
            group,
            shares: false,
            needs: vec![Tool::Iproute, Tool::Libtorrent],
            sets: vec![Set::Single],
            limit: LIMIT + Duration::from_secs(10),
            run: Box::new(move |stage| run(stage, client, sin, fast, has_companion)),
        })
        .collect()
}

fn run(stage: &Stage, client: Client, sin: Sin, fast: bool, has_companion: bool) -> Result<String> {
    let fixture = Set::Single.fixture()?;
    let piece_len = usize::try_from(fixture.piece_len)?;
    let content = Content::of(fs::read(&fixture.content)?, piece_len);
    let log = Log::default();
    let script = Script {
        content: content.clone(),
        info_hash: fixture.info_hash,
        fast,
        rate_bytes_per_s: has_companion.then_some(COMPANION_BYTES_PER_S),
        sin,
    };
    let mut peers: Vec<SocketAddr> = Vec::new();
    peers.push(ScriptedPeer::start(host(11), script.clone(), log.clone())?.addr);
    if has_companion {
        let honest = Script {
            sin: Sin::None,
            ..script
        };
        peers.push(ScriptedPeer::start(host(12), honest, log.clone())?.addr);
    }
    let dir = stage.data("leech")?;
    let job = Job {
        torrent: &fixture.torrent,
        dir: &dir,
        ip: host(3),
        peers: &peers,
        upload_limit: None,
    };
    let start = std::time::Instant::now();
    client.download(stage, &job)?.wait_complete(LIMIT)?;
    let seconds = start.elapsed().as_secs_f64();
    compare::same_tree(&fixture.content, &dir, Strictness::Exact)?;

    let deliveries = log.deliveries();
    let again: usize = deliveries.values().map(|count| count - 1).sum();
    let blocks = content.block_count();
    ensure!(
        deliveries.len() == blocks,
        "{} of {blocks} blocks were served",
        deliveries.len()
    );
    let sins = log.count(|seen| matches!(seen, Seen::Sinned | Seen::Spoilt(_)));
    let figures = format!(
        "{blocks} blocks, {again} of them fetched again, {} requests, {sins} sins, {seconds:.1} s",
        log.count(|seen| matches!(seen, Seen::Requested(_))),
    );
    ensure!(
        sins > 0 || sin == Sin::Silent,
        "the peer never got to its sin: {figures}"
    );
    if !matches!(sin, Sin::BadBlock { .. }) {
        let endgame = if has_companion { ENDGAME_BLOCKS_MAX } else { 0 };
        ensure!(
            again <= endgame,
            "blocks that were not missing were fetched again: {figures}"
        );
        return Ok(figures);
    }
    let blocks_per_piece = piece_len >> 14;
    let mut fetched_twice = std::collections::BTreeMap::<u32, usize>::new();
    for ((piece, _), _) in deliveries.iter().filter(|(_, count)| **count > 1) {
        *fetched_twice.entry(*piece).or_default() += 1;
    }
    let whole = fetched_twice
        .values()
        .filter(|count| **count == blocks_per_piece)
        .count();
    let spoilt = log.count(|seen| matches!(seen, Seen::Spoilt(_)));
    let others = again.saturating_sub(blocks_per_piece * whole);
    let others_max = ENDGAME_BLOCKS_MAX + UNVERIFIED_PIECES_MAX * blocks_per_piece;
    ensure!(
        whole == spoilt && others <= others_max,
        "{whole} pieces and {others} other blocks were fetched twice: {figures}"
    );
    Ok(format!("{figures}; {whole} piece fetched twice"))
}
