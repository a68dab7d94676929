//! Encrypted streams with real clients: every pair of what we want and what
//! they want connects or refuses as it should, whoever connects.
//!
//! What is expected is a table here, and not what happens to happen.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::case::{Case, Group};
use super::clients::{Client, Job, Running, Theirs, superseed_encrypting};
use super::compare;
use super::fixture::Set;
use super::install::Tool;
use super::metainfo::with_trackers;
use super::namespace::host;
use super::stage::Stage;
use super::tracker::Via;

/// How long a transfer may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How long nothing may come of connections that are to be refused: time for
/// both ways of beginning one.
const REFUSED_FOR: Duration = Duration::from_secs(8);

/// What we are told to want, of both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    Off,
    Allow,
    Prefer,
    Require,
}

impl Ours {
    fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }
}

const OURS: [Ours; 4] = [Ours::Off, Ours::Allow, Ours::Prefer, Ours::Require];
const THEIRS: [Theirs; 3] = [Theirs::Plain, Theirs::Prefer, Theirs::Require];
const CLIENTS: [Client; 2] = [Client::Libtorrent, Client::Transmission];

/// Who opens the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opener {
    We,
    They,
}

/// What a stream is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Refused,
    Plain,
    /// Encrypted up to the end of its handshake.
    Handshake,
    Rc4,
}

/// What two sides are to end up with.
///
/// libtorrent (as it is shipped: `allowed_enc_level` both, `prefer_rc4` off)
/// selects a plain payload where it is offered, and offers both. Transmission
/// (libtransmission/handshake.c) selects and offers what it prefers; there is
/// none that refuses encryption, so "plain" is that it is not preferred.
fn expected(opener: Opener, ours: Ours, client: Client, theirs: Theirs) -> Stream {
    use {Ours as O, Theirs as T};
    let libtorrent = client == Client::Libtorrent;
    match opener {
        Opener::We => match (ours, theirs) {
            (O::Off, T::Require) => Stream::Refused,
            (O::Require, T::Plain) if libtorrent => Stream::Refused,
            (O::Off | O::Allow, T::Plain | T::Prefer) => Stream::Plain,
            // Transmission selects a plain payload, and reads our handshake so, which
            // is encrypted in any case: it fails, and the stream is made in plain.
            (O::Prefer, T::Plain) => Stream::Plain,
            (O::Require, _) => Stream::Rc4,
            // We offer both, and they choose.
            (O::Allow, T::Require) | (O::Prefer, T::Prefer | T::Require) => match libtorrent {
                true => Stream::Handshake,
                false => Stream::Rc4,
            },
        },
        Opener::They => match (ours, theirs) {
            (O::Off, T::Require) | (O::Require, T::Plain) => Stream::Refused,
            (_, T::Plain) | (O::Off, T::Prefer) => Stream::Plain,
            // libtorrent offers both, Transmission RC4 alone, and we choose.
            (O::Allow, T::Prefer | T::Require) if libtorrent => Stream::Handshake,
            (O::Allow | O::Prefer | O::Require, T::Prefer | T::Require) => Stream::Rc4,
        },
    }
}

/// Every pair, and either side as the one that opens the stream.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for ours in OURS {
        for client in CLIENTS {
            for theirs in THEIRS {
                for opener in [Opener::We, Opener::They] {
                    cases.push(case(opener, ours, client, theirs));
                }
            }
        }
    }
    cases
}

fn case(opener: Opener, ours: Ours, client: Client, theirs: Theirs) -> Case {
    let direction = match opener {
        Opener::We => "out",
        Opener::They => "in",
    };
    let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
    needs.extend(client.tool());
    Case {
        name: format!(
            "encryption-{}-{}-{}-{direction}",
            ours.name(),
            client.name(),
            theirs.name()
        ),
        group: Group::Default,
        shares: true,
        needs,
        sets: vec![Set::Scripts],
        limit: LIMIT + Duration::from_secs(30),
        run: Box::new(move |stage| {
            let stream = expected(opener, ours, client, theirs);
            run(stage, opener, ours, (client, theirs), stream)
        }),
    }
}

/// Who downloads opens the stream.
fn run(
    stage: &Stage,
    opener: Opener,
    ours: Ours,
    (client, theirs): (Client, Theirs),
    stream: Stream,
) -> Result<String> {
    let fixture = Set::Scripts.fixture()?;
    let mut tracker = Via::SuperseedHttp.start(stage, fixture.info_hash)?;
    let urls = [tracker.url.clone()];
    let torrent = with_trackers(&fixture, &urls, &stage.path("torrent"))?;
    let (seed_dir, leech_dir) = (stage.data("seed")?, stage.data("leech")?);
    fixture.link_into(&seed_dir)?;
    let (seeder_ip, leecher_ip) = (host(2), host(3));
    let job = Job {
        torrent: &torrent,
        dir: &seed_dir,
        ip: seeder_ip,
        peers: &[],
        upload_limit: None,
    };
    let start = |job: &Job<'_>, is_seed: bool| match (opener, is_seed) {
        (Opener::We, true) | (Opener::They, false) => {
            client.start_encrypting(stage, job, is_seed, theirs)
        }
        (Opener::We, false) | (Opener::They, true) => {
            superseed_encrypting(stage, job, is_seed, ours.name())
        }
    };
    let seeder = start(&job, true)?;
    tracker.wait_for_peer()?;
    let began = Instant::now();
    let seeder_addr = [job.listen()];
    let job = Job {
        dir: &leech_dir,
        ip: leecher_ip,
        // Transmission is told by the tracker alone, and nobody else asks it.
        torrent: match client {
            Client::Transmission if opener == Opener::They => &torrent,
            _ => &fixture.torrent,
        },
        peers: &seeder_addr,
        ..job
    };
    let accepted = streams_accepted()?;
    let mut leecher = start(&job, false)?;
    if stream == Stream::Refused {
        return refused(opener, client, &seeder, &mut leecher, accepted);
    }
    leecher.wait_complete(LIMIT)?;
    let seconds = began.elapsed().as_secs_f64();
    let us = match opener {
        Opener::We => &leecher,
        Opener::They => &seeder,
    };
    let seen = seen(us)?;
    ensure!(seen == stream, "the stream is {seen:?} and not {stream:?}");
    let strictness = match opener {
        Opener::We => compare::Strictness::Exact,
        Opener::They => client.strictness(),
    };
    drop((leecher, seeder));
    compare::same_tree(&fixture.content, &leech_dir, strictness)?;
    Ok(format!("{stream:?}, {seconds:.1} s"))
}

/// What our table of peers says of the stream.
fn seen(us: &Running) -> Result<Stream> {
    let output = us.process.output()?;
    let mut found = None;
    for line in output.lines() {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        for peer in event["peers_table"].as_array().into_iter().flatten() {
            let stream = match peer["encryption"].as_str() {
                None => Stream::Plain,
                Some("handshake") => Stream::Handshake,
                Some("rc4") => Stream::Rc4,
                Some(other) => bail!("{other} is no kind of encryption"),
            };
            ensure!(
                found.is_none_or(|found| found == stream),
                "the streams are of several kinds"
            );
            found = Some(stream);
        }
    }
    found.map_or_else(|| bail!("no peer was seen"), Ok)
}

/// Nothing comes of it, although the one has called the other; `accepted`
/// streams were taken before.
fn refused(
    opener: Opener,
    client: Client,
    seeder: &Running,
    leecher: &mut Running,
    accepted: u64,
) -> Result<String> {
    let end = Instant::now() + REFUSED_FOR;
    while Instant::now() < end {
        ensure!(!leecher.is_complete()?, "it was not refused");
        std::thread::sleep(Duration::from_millis(200));
    }
    let (us, them) = match opener {
        Opener::We => (&*leecher, seeder),
        Opener::They => (seeder, &*leecher),
    };
    let theirs = them.process.errors()?;
    let called = match (client, opener) {
        (Client::Libtorrent, _) => theirs.contains("peer_disconnected_alert"),
        // Transmission says nothing of peers, but something of the first socket
        // that it makes for one. It is told by the tracker, which takes streams, too.
        (_, Opener::They) => theirs.contains("SO_SNDBUF size"),
        (_, Opener::We) => streams_accepted()? > accepted,
    };
    ensure!(called, "nobody called");
    let ours = us.process.output()?;
    let moved = ["\"downloaded\":", "\"uploaded\":"];
    for figure in moved.iter().flat_map(|word| ours.split(word).skip(1)) {
        let digits = figure.split([',', '}']).next();
        ensure!(digits == Some("0"), "payload was moved: {figure:.40}");
    }
    Ok("refused".to_owned())
}

/// Streams that were accepted in this namespace so far.
fn streams_accepted() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/net/snmp")?;
    let mut rows = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (rows.next(), rows.next());
    let mut pairs = names
        .into_iter()
        .flat_map(str::split_whitespace)
        .zip(values.into_iter().flat_map(str::split_whitespace));
    let found = pairs.find(|(name, _)| *name == "PassiveOpens");
    let (_, value) = found.context("the kernel counts no streams")?;
    Ok(value.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_require_and_plain_or_off_refuse_each_other() {
        for opener in [Opener::We, Opener::They] {
            for ours in OURS {
                for client in CLIENTS {
                    for theirs in THEIRS {
                        let refused = expected(opener, ours, client, theirs) == Stream::Refused;
                        let strict = matches!(
                            (ours, theirs),
                            (Ours::Off, Theirs::Require) | (Ours::Require, Theirs::Plain)
                        );
                        // Transmission takes what it does not prefer.
                        let lenient = client == Client::Transmission
                            && (opener, ours) == (Opener::We, Ours::Require);
                        assert_eq!(
                            refused,
                            strict && !lenient,
                            "{opener:?} {ours:?} {client:?} {theirs:?}"
                        );
                    }
                }
            }
        }
    }
}
