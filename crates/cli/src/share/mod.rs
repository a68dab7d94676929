//! `superseed share`: files for other machines with one command.
//!
//! Makes the torrent in memory (or takes one), runs a tracker that knows this
//! torrent only and also hands out its file, seeds, and prints the line for
//! the other side. The torrent file lies under its info-hash, which nobody can
//! guess: who has the line may fetch, others in the network learn nothing.
//!
//! The swarm is closed: the trackers, web seeds and nodes that a given torrent
//! names are left out.

mod guests;
mod hosts;
mod offer;
mod show;
mod stand;

use std::net::SocketAddr;
use std::time::Duration;

use superseed::tracker::Tracker;
use superseed::{
    AddOptions, EventKind, Events, InfoHashes, Metainfo, Notice, SeedGoal, Session, Torrent,
    TorrentOptions, TorrentState, TorrentStats,
};
use tokio::time::MissedTickBehavior;

use crate::args::{GlobalArgs, ShareArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::interrupts::Interrupts;
use crate::magnet;
use crate::runtime::block_on;
use guests::Guests;
use offer::Offer;
use show::{Invitation, Show, Totals};
use stand::Stand;

/// How often it is looked at who fetches.
const TICK: Duration = Duration::from_secs(1);
/// How long the seeder's own announce is waited for.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command.
pub(crate) fn run(args: &ShareArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let offer = Offer::prepare(args, global, env)?;
    block_on(share(offer, args, global, env))
}

async fn share(
    offer: Offer,
    args: &ShareArgs,
    global: &GlobalArgs,
    env: &mut Env,
) -> Result<Exit, Failure> {
    let mut show = Show::new(args, global, env);
    let Offer {
        mut metainfo,
        dir,
        name,
    } = offer;
    let hashes = metainfo.info_hashes;
    let stand = Stand::open(args, hashes)?;
    close_swarm(&mut metainfo, &stand);
    let urls = publish(&metainfo, &stand)?;

    let state_dir = tempfile::Builder::new()
        .prefix("superseed-share-")
        .tempdir()
        .map_err(|error| Failure::file("make a directory in", "the temporary directory", &error))?;
    let session = stand.session(args, state_dir.path().to_owned())?;
    let events = session.subscribe();
    let invitation = Invitation {
        name: metainfo.name().to_owned(),
        info_hash: hashes.to_string(),
        size_bytes: metainfo.info.content_len(),
        magnet: magnet::link(&metainfo),
        urls,
        announce: stand.announce_urls(),
        peers: session
            .listen_addrs()
            .iter()
            .map(SocketAddr::to_string)
            .collect(),
        is_local: stand.is_local,
    };
    let options = AddOptions {
        dir: Some(dir),
        torrent: TorrentOptions {
            goal: SeedGoal {
                ratio: args.seed_ratio.filter(|ratio| *ratio > 0.0),
                time: args.seed_time.filter(|time| !time.is_zero()),
            },
            super_seed: args.super_seed,
            ..TorrentOptions::default()
        },
        name,
        ..AddOptions::default()
    };
    let torrent = session
        .add(metainfo, options)
        .await
        .map_err(|error| Failure::add(&invitation.name, &error))?;
    until_announced(&stand.tracker).await;
    show.invite(&invitation)?;
    let mut host = Host {
        tracker: &stand.tracker,
        hashes,
        torrent,
        once: args.once,
        show,
        guests: Guests::default(),
        totals: Totals::default(),
    };
    let result = host.serve(events, &mut env.interrupts).await;
    if let Ok(stats) = host.torrent.stats().await {
        host.count(&stats);
    }
    finish(&session, &mut env.interrupts).await?;
    host.show.end(host.totals);
    result
}

/// Makes the torrent one of this share alone.
fn close_swarm(metainfo: &mut Metainfo, stand: &Stand) {
    metainfo.trackers = stand
        .announce_urls()
        .into_iter()
        .map(|url| vec![url])
        .collect();
    metainfo.web_seeds.clear();
    metainfo.nodes.clear();
}

/// Hands out the torrent file; gives its URLs.
fn publish(metainfo: &Metainfo, stand: &Stand) -> Result<Vec<String>, Failure> {
    let path = format!("/{}.torrent", metainfo.info_hashes);
    stand
        .tracker
        .serve_torrent(&path, metainfo.encode())
        .map_err(|error| {
            Failure::new(
                Exit::Torrent,
                format!("cannot share {}: {error}", metainfo.name()),
            )
        })?;
    let urls = stand.places.iter();
    Ok(urls.map(|place| format!("http://{place}{path}")).collect())
}

/// Waits until the tracker knows of this seeder: who asks it before that has
/// to ask again much later.
async fn until_announced(tracker: &Tracker) {
    let announced = async {
        while tracker.stats().peers == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Without an announce the share still works for those who connect to it.
    let _ = tokio::time::timeout(ANNOUNCE_PATIENCE, announced).await;
}

/// Tells the tracker and saves; a second interrupt ends it at once.
async fn finish(session: &Session, interrupts: &mut Interrupts) -> Result<(), Failure> {
    tokio::select! {
        () = session.stop() => Ok(()),
        () = interrupts.next() => Err(Failure::new(Exit::Aborted, "interrupted twice")),
    }
}

/// The running share.
struct Host<'a> {
    tracker: &'a Tracker,
    hashes: InfoHashes,
    torrent: Torrent,
    /// End when everybody who came is done.
    once: bool,
    show: Show,
    guests: Guests,
    totals: Totals,
}

impl Host<'_> {
    /// Until interrupted, a goal is reached, or the data turns out to be wrong.
    async fn serve(
        &mut self,
        mut events: Events,
        interrupts: &mut Interrupts,
    ) -> Result<Exit, Failure> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Interrupts first: a flood of events must not delay them.
                biased;
                () = interrupts.next() => return Ok(Exit::Success),
                notice = events.next() => match notice {
                    Some(Notice::Event(event)) => if self.event(event.kind)? {
                        return Ok(Exit::Success);
                    },
                    // What was lost shows in the figures of the next tick.
                    Some(Notice::Lagged(_)) => (),
                    None => return Err(Failure::new(Exit::Other, "the session has stopped")),
                },
                _ = tick.tick() => if self.look().await? {
                    return Ok(Exit::Success);
                },
            }
        }
    }

    /// Follows an event; `true` means that the share is over.
    fn event(&self, event: EventKind) -> Result<bool, Failure> {
        match event {
            EventKind::GoalReached => Ok(true),
            EventKind::Failed(error) => Err(Failure::disk(self.torrent.name(), &error)),
            EventKind::TrackerFailed { url, error } => {
                self.show.say(&format!("tracker {url}: {error}"));
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Looks at who is there and shows it; `true` means that the share is over.
    async fn look(&mut self) -> Result<bool, Failure> {
        // A torrent that is gone has no figures; its event says why.
        let (Ok(stats), Ok(peers)) = (self.torrent.stats().await, self.torrent.peers().await)
        else {
            return Ok(false);
        };
        match stats.state {
            TorrentState::Paused => return Ok(true),
            TorrentState::Downloading | TorrentState::DiskWaits => {
                return Err(incomplete(self.torrent.name(), &stats));
            }
            _ => {}
        }
        for change in self.guests.look(&peers, stats.pieces) {
            self.show.change(&change, stats.pieces)?;
        }
        self.count(&stats);
        let guests = self.guests.present();
        self.show.update(&guests, self.totals)?;
        Ok(self.once && self.totals.complete > 0 && guests.is_empty())
    }

    /// Takes the figures of this moment.
    fn count(&mut self, stats: &TorrentStats) {
        let swarms = self.hashes.swarm_keys();
        let complete = swarms.map(|key| self.tracker.swarm(key).downloaded).sum();
        self.totals = Totals {
            pieces: stats.pieces,
            upload_bytes_per_s: stats.upload_bytes_per_s,
            uploaded_bytes: stats.session_uploaded_bytes,
            complete,
        };
    }
}

/// A share has everything, or it is none.
fn incomplete(name: &str, stats: &TorrentStats) -> Failure {
    let missing = stats.pieces.saturating_sub(stats.pieces_have);
    Failure::new(
        Exit::Verify,
        format!(
            "cannot share {name}: {missing} of its {} pieces are missing or damaged",
            stats.pieces
        ),
    )
}
