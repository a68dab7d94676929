//! Staged troubles: does the engine name the one that is there?
//!
//! Each scenario stages one cause among decoys (dead addresses, a tracker that
//! hangs, limits that do not bind, peers that are of no use) and looks at some
//! moments. It does not fail when a name is wrong: it tells in `named` whether
//! it was right at each of them, so that a test can count.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Cause, RateLimits, TorrentOptions};
use superseed_proto::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::disk::DiskSpec;
use crate::net::{Inbound, LinkSpec};
use crate::tracker::{TrackerMood, TrackerSpec};
use crate::wire::FakeSeed;
use crate::world::{HostId, HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "why-choked",
        about: "all, or nine of ten, who have something choke us",
        run: choked,
    },
    Scenario {
        name: "why-nobody",
        about: "no tracker knows anybody, and no known address answers",
        run: nobody,
    },
    Scenario {
        name: "why-nothing",
        about: "peers have nothing that is lacking, or nothing any more",
        run: nothing,
    },
    Scenario {
        name: "why-disk",
        about: "the disk is slower than the peers, or hangs",
        run: disk,
    },
    Scenario {
        name: "why-limit",
        about: "a limit of the torrent or the session decides a download or a seed",
        run: limit,
    },
    Scenario {
        name: "why-tracker",
        about: "nobody is known and every tracker hangs or fails",
        run: tracker,
    },
    Scenario {
        name: "why-slow",
        about: "nothing is wrong but that the peers' lines are narrow",
        run: slow,
    },
];

const PIECE_LEN: u32 = 128 << 10;
/// How often each run looks.
const LOOKS: usize = 3;

/// A world in the making.
struct Stage {
    world: World,
    seed: u64,
    trace: bool,
    spec: ContentSpec,
    host: HostSpec,
    peers: Vec<std::net::SocketAddr>,
}

impl Stage {
    fn new(run: &Run, len: usize) -> Self {
        let mut world = run.world();
        let host = HostSpec {
            link: line(&mut world, None),
            ..HostSpec::default()
        };
        Self {
            world,
            seed: run.seed,
            trace: run.trace,
            spec: ContentSpec::new(len, PIECE_LEN),
            host,
            peers: Vec::new(),
        }
    }

    fn dice(&mut self, low: u64, high: u64) -> u64 {
        self.world.rng().between(low, high)
    }

    /// Some addresses at which nobody answers, or somebody refuses.
    fn dead_addresses(&mut self, count: u64) {
        for _ in 0..count {
            let addr = if self.world.rng().chance(0.5) {
                self.world.nowhere()
            } else {
                let script = self.world.add_script(LinkSpec::default());
                self.world.set_script_inbound(script, Inbound::Refused);
                self.world.script_addr(script)
            };
            self.peers.push(addr);
        }
    }

    /// A tracker over HTTP or UDP, a tier of its own.
    fn tracker(&mut self, mood: TrackerMood, extra_peers: Vec<std::net::SocketAddr>) {
        let latency = self.world.rng().up_to(Duration::from_millis(200));
        let (id, http) = self.world.add_tracker(TrackerSpec {
            mood,
            latency,
            extra_peers,
            ..TrackerSpec::default()
        });
        let over_udp = self.world.rng().chance(0.3);
        let url = if over_udp {
            self.world.udp_url(id)
        } else {
            http
        };
        self.spec.tiers.push(vec![url]);
    }

    /// Things that are no cause.
    fn decoys(&mut self) {
        let dead = self.dice(0, 4);
        self.dead_addresses(dead);
        if self.world.rng().chance(0.3) {
            self.tracker(TrackerMood::Hangs, Vec::new());
        }
        if self.world.rng().chance(0.3) {
            self.host.settings.limits = RateLimits {
                upload_bytes_per_s: Some(16 << 20),
                download_bytes_per_s: Some(16 << 20),
            };
        }
    }

    fn content(&mut self) -> Arc<Content> {
        self.spec.clone().make(self.seed)
    }

    fn peer(&mut self, up_bytes_per_s: Option<u64>, peer: FakeSeed) {
        let link = line(&mut self.world, up_bytes_per_s);
        let script = self.world.add_fake_seed(link, peer);
        let addr = self.world.script_addr(script);
        self.peers.push(addr);
    }

    /// Peers with nothing, or that choke us.
    fn useless_peers(&mut self, content: &Arc<Content>, count: u64, choke: bool) {
        for _ in 0..count {
            let number = self.peers.len() as u8;
            let mut peer = FakeSeed::new(content, number);
            peer.keeps_choking = choke;
            if !choke {
                peer.has = Some(Bitfield::new(content.layout().piece_count()));
            }
            self.peer(None, peer);
        }
    }

    fn leech(&mut self, content: &Arc<Content>, limits: RateLimits) -> HostId {
        let host = self.world.add_host(self.host.clone());
        let mut peers = std::mem::take(&mut self.peers);
        self.world.rng().shuffle(&mut peers);
        let options = TorrentOptions {
            peers,
            limits,
            ..TorrentOptions::default()
        };
        self.world.add_torrent(host, content, options);
        host
    }

    /// Looks at random moments between these, in seconds from now.
    fn look(
        mut self,
        host: HostId,
        content: &Arc<Content>,
        between: (u64, u64),
        is_staged: impl Fn(&Cause) -> bool,
    ) -> Outcome {
        let (from, to) = (between.0 * 1_000, between.1 * 1_000);
        let mut moments: Vec<u64> = (0..LOOKS).map(|_| self.dice(from, to)).collect();
        moments.sort_unstable();
        let (begun, mut named) = (self.world.now(), true);
        for moment in moments {
            let at = begun + Duration::from_millis(moment);
            let wait = at.since(self.world.now());
            self.world.run_for(wait);
            let why = self.world.explain(host, content);
            if !is_staged(why.main()) {
                named = false;
                if self.trace {
                    eprintln!("{:?} not as staged: {why:?}", self.world.now());
                }
            }
        }
        Outcome::of(&self.world, vec![("named", f64::from(u8::from(named)))])
    }
}

/// A line with a delay by the dice.
fn line(world: &mut World, up_bytes_per_s: Option<u64>) -> LinkSpec {
    let latency = Duration::from_millis(world.rng().between(2, 80));
    let jitter = world.rng().up_to(Duration::from_millis(10));
    LinkSpec {
        up_bytes_per_s,
        latency,
        jitter,
        ..LinkSpec::default()
    }
}

fn choked(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 2 << 20);
    stage.decoys();
    let content = stage.content();
    let choking = stage.dice(1, 20);
    stage.useless_peers(&content, choking, true);
    let of_no_use = stage.dice(0, 3);
    stage.useless_peers(&content, of_no_use, false);
    if choking >= 9 && stage.world.rng().chance(0.5) {
        // One of ten or more serves, a little.
        let mut giver = FakeSeed::new(&content, 200);
        giver.block_every = Duration::from_secs(stage.dice(2, 5));
        stage.peer(None, giver);
    }
    let host = stage.leech(&content, RateLimits::default());
    stage.look(host, &content, (3, 120), |cause| {
        matches!(cause, Cause::Choked { .. })
    })
}

fn nobody(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 1 << 20);
    let known = stage.dice(0, 12);
    stage.dead_addresses(known);
    let named = stage.dice(0, 3);
    if named > 0 {
        let dead = (1..named).map(|_| stage.world.nowhere()).collect();
        stage.tracker(TrackerMood::Works, dead);
        if stage.world.rng().chance(0.5) {
            stage.tracker(TrackerMood::Hangs, Vec::new());
        }
    }
    let content = stage.content();
    let host = stage.leech(&content, RateLimits::default());
    stage.look(host, &content, (2, 900), |cause| {
        matches!(cause, Cause::NoPeers { .. })
    })
}

fn nothing(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 2 << 20);
    stage.decoys();
    let content = stage.content();
    let pieces = content.layout().piece_count();
    // What somebody has, and we have soon; it is never all.
    let known = stage.dice(0, u64::from(pieces) - 1) as u32;
    let peers = stage.dice(1, 8);
    for number in 0..peers {
        let mut peer = FakeSeed::new(&content, 100 + number as u8);
        let mut has = Bitfield::new(pieces);
        for piece in 0..known {
            if number == 0 || stage.world.rng().chance(0.5) {
                has.insert(PieceIndex(piece));
            }
        }
        peer.has = Some(has);
        let rate = stage.dice(200 << 10, 2 << 20);
        stage.peer(Some(rate), peer);
    }
    let host = stage.leech(&content, RateLimits::default());
    let all = |world: &World| world.progress(host, &content).pieces == known;
    if !stage.world.run_until(Duration::from_secs(120), all) {
        stage.world.fail("what peers have was not fetched");
    }
    stage.look(host, &content, (2, 60), |cause| {
        matches!(cause, Cause::NothingWeLack { .. })
    })
}

fn disk(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 8 << 20);
    stage.decoys();
    let hangs = stage.world.rng().chance(0.3);
    let rate = stage.dice(128 << 10, 640 << 10);
    stage.host.disk = DiskSpec {
        latency: Duration::from_millis(if hangs { 40_000 } else { 5 }),
        jitter: stage.world.rng().up_to(Duration::from_millis(20)),
        bytes_per_s: Some(rate),
        ..DiskSpec::default()
    };
    stage.host.settings.piece_budget_bytes = 1 << stage.dice(20, 25);
    stage.spec.piece_len = PIECE_LEN << stage.dice(0, 4);
    let content = stage.content();
    let choking = stage.dice(0, 3);
    stage.useless_peers(&content, choking, true);
    for number in 0..stage.dice(1, 4) {
        let rate = stage.dice(2 << 20, 8 << 20);
        let peer = FakeSeed::new(&content, 100 + number as u8);
        stage.peer(Some(rate), peer);
    }
    let host = stage.leech(&content, RateLimits::default());
    // The storage is opened by the same disk.
    let opened = |world: &World| world.stats(host, &content).session_downloaded_bytes > 0;
    if !stage.world.run_until(Duration::from_secs(120), opened) {
        stage.world.fail("the download did not begin");
    }
    stage.look(host, &content, (5, 10), |cause| {
        matches!(cause, Cause::DiskIsSlow { .. })
    })
}

fn limit(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 8 << 20);
    stage.decoys();
    let rate = Some(stage.dice(8 << 10, 360 << 10));
    let (seeds, of_session) = (stage.world.rng().chance(0.3), stage.world.rng().chance(0.5));
    let limits = RateLimits {
        upload_bytes_per_s: rate.filter(|_| seeds),
        download_bytes_per_s: rate.filter(|_| !seeds),
    };
    let mut own = RateLimits::default();
    *(if of_session {
        &mut stage.host.settings.limits
    } else {
        &mut own
    }) = limits;
    let content = stage.content();
    if seeds {
        return upload_limit(stage, &content, own);
    }
    let choking = stage.dice(0, 3);
    stage.useless_peers(&content, choking, true);
    for number in 0..stage.dice(1, 6) {
        let rate = stage.dice(1 << 20, 8 << 20);
        let peer = FakeSeed::new(&content, 100 + number as u8);
        stage.peer(Some(rate), peer);
    }
    let host = stage.leech(&content, own);
    stage.look(host, &content, (6, 18), |cause| {
        matches!(cause, Cause::DownloadLimit(_))
    })
}

fn upload_limit(mut stage: Stage, content: &Arc<Content>, limits: RateLimits) -> Outcome {
    let host = stage.world.add_host(stage.host.clone());
    let options = TorrentOptions {
        limits,
        ..TorrentOptions::default()
    };
    stage.world.add_seed(host, content, options);
    let addr = stage.world.addr(host);
    for _ in 0..stage.dice(1, 4) {
        let link = line(&mut stage.world, None);
        let leecher = stage.world.add_host(HostSpec {
            link,
            ..HostSpec::default()
        });
        stage.world.add_leech(leecher, content, vec![addr]);
    }
    stage.look(host, content, (6, 18), |cause| {
        matches!(cause, Cause::UploadLimit(_))
    })
}

fn tracker(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 1 << 20);
    stage.tracker(TrackerMood::Hangs, Vec::new());
    for _ in 0..stage.dice(0, 4) {
        let mood = match stage.dice(0, 3) {
            0 => TrackerMood::Hangs,
            1 => TrackerMood::Dead,
            2 => TrackerMood::Refuses("not registered here".to_owned()),
            _ => TrackerMood::Babbles,
        };
        stage.tracker(mood, Vec::new());
    }
    stage.world.rng().shuffle(&mut stage.spec.tiers);
    let content = stage.content();
    let host = stage.leech(&content, RateLimits::default());
    stage.look(host, &content, (1, 600), |cause| {
        matches!(cause, Cause::Tracker { .. })
    })
}

/// The control: no trouble may be named where there is none.
fn slow(run: &Run) -> Outcome {
    let mut stage = Stage::new(run, 8 << 20);
    stage.decoys();
    let content = stage.content();
    let choking = stage.dice(0, 3);
    stage.useless_peers(&content, choking, true);
    let serving = stage.dice(1, 6);
    for number in 0..serving {
        let rate = stage.dice(4 << 10, (400 << 10) / serving);
        let peer = FakeSeed::new(&content, 100 + number as u8);
        stage.peer(Some(rate), peer);
    }
    let host = stage.leech(&content, RateLimits::default());
    stage.look(host, &content, (3, 18), |cause| {
        matches!(cause, Cause::PeersAreSlow { .. })
    })
}
