//! Everything that can go wrong, at random; then a calm in which everyone
//! must finish.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::config::PickerKind;
use superseed_engine::event::TorrentState;
use superseed_engine::{Command, DiskErrorKind, Priority, RateLimits, Settings, TorrentOptions};
use superseed_proto::layout::FileIndex;

use super::swarms::random_host;
use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::disk::CrashLoss;
use crate::net::LinkSpec;
use crate::tracker::TrackerSpec;
use crate::wire::FakeSeed;
use crate::world::{HostId, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "chaos",
    about: "pauses, crashes, cuts, full disks, limits and liars, then calm",
    run: chaos,
}];

/// How long things go wrong.
const STORM: Duration = Duration::from_secs(180);
/// How long the calm may take.
const CALM: Duration = Duration::from_secs(7_200);

struct Storm {
    content: Arc<Content>,
    leechers: Vec<HostId>,
    options: TorrentOptions,
}

fn chaos(run: &Run) -> Outcome {
    let mut world = run.world();
    let (_, url) = world.add_tracker(TrackerSpec {
        interval_s: 60,
        ..TrackerSpec::default()
    });
    let content = random_content(&mut world).tracker(url).make(run.seed);
    let spec = random_host(&mut world);
    let seed = world.add_host(spec);
    world.add_seed(seed, &content, TorrentOptions::default());
    let options = TorrentOptions {
        peers: random_fakes(&mut world, &content),
        ..TorrentOptions::default()
    };
    let mut storm = Storm {
        leechers: Vec::new(),
        content,
        options,
    };
    for _ in 0..world.rng().between(1, 6) {
        let mut spec = random_host(&mut world);
        spec.settings = random_settings(&mut world, spec.settings);
        let host = world.add_host(spec);
        storm.leechers.push(host);
        storm.add(&mut world, host);
    }
    let end = world.now() + STORM;
    while world.now() < end {
        let pause = world.rng().up_to(Duration::from_secs(10));
        world.run_for(pause);
        let at = world.rng().below(storm.leechers.len() as u64) as usize;
        let host = storm.leechers[at];
        storm.strike(&mut world, host);
    }
    storm.calm(&mut world);
    let figures = vec![("time_s", world.elapsed().as_secs_f64())];
    for host in &storm.leechers {
        storm.stop(&mut world, *host);
    }
    Outcome::of(&world, figures)
}

fn random_content(world: &mut World) -> ContentSpec {
    let rng = world.rng();
    let piece_len = 16_384 << rng.below(9);
    let len = rng.between(1, 6 << 20);
    let mut spec = ContentSpec::new(len as usize, piece_len);
    if rng.chance(0.5) {
        let mut left = len;
        while left > 0 && spec.files.len() < 20 {
            let file = rng.below(left / 2 + 2).min(left);
            spec.files.push(file);
            left -= file;
        }
        spec.files.push(left);
    }
    spec
}

fn random_fakes(world: &mut World, content: &Arc<Content>) -> Vec<std::net::SocketAddr> {
    let count = world.rng().below(4) as u8;
    let fakes = (0..count).map(|number| {
        let rng = world.rng();
        let mut fake = FakeSeed::new(content, number);
        fake.block_every = rng.up_to(Duration::from_millis(300));
        let after = rng.below(20) as u32;
        match rng.below(5) {
            0 => fake.spoils_every = Some(after + 1),
            1 => fake.chokes_after = Some(after),
            2 => fake.closes_in_block = Some(after),
            3 => fake.silent_after = Some(after),
            _ => {}
        }
        let script = world.add_fake_seed(LinkSpec::default(), fake);
        world.script_addr(script)
    });
    fakes.collect()
}

fn random_settings(world: &mut World, settings: Settings) -> Settings {
    let rng = world.rng();
    let in_order = rng.chance(0.2);
    Settings {
        piece_budget_bytes: if rng.chance(0.5) {
            128 << 10 << rng.below(4)
        } else {
            32 << 20
        },
        read_cache_bytes: if rng.chance(0.3) { 0 } else { 16 << 20 },
        connections_max: rng.between(2, 50) as usize,
        half_open_max: rng.between(1, 50) as usize,
        picker: if in_order {
            PickerKind::InOrder
        } else {
            PickerKind::RarestFirst
        },
        endgame: rng.chance(0.8),
        ..settings
    }
}

impl Storm {
    fn add(&self, world: &mut World, host: HostId) {
        let files = self.content.metainfo().info.files.len();
        let skips = world.rng().chance(0.3);
        let mut options = self.options.clone();
        options.sequential = world.rng().chance(0.2);
        if skips {
            let choice = [
                Priority::Skip,
                Priority::Low,
                Priority::Normal,
                Priority::High,
            ];
            options.priorities = (0..files)
                .map(|_| choice[world.rng().below(4) as usize])
                .collect();
        }
        world.add_torrent(host, &self.content, options);
    }

    /// Something happens to a host.
    fn strike(&self, world: &mut World, host: HostId) {
        let key = world.torrent_key(host, &self.content);
        match world.rng().below(12) {
            0 => world.command(host, Command::Pause(key)),
            1 | 2 => world.command(host, Command::Resume(key)),
            3 => world.command(host, Command::Recheck(key)),
            4 => world.cut(host),
            5 => {
                let loss = if world.rng().chance(0.5) {
                    CrashLoss::Unsynced
                } else {
                    CrashLoss::Nothing
                };
                world.crash(host, loss);
                let pause = world.rng().up_to(Duration::from_secs(20));
                world.run_for(pause);
                world.restart(host);
                self.add(world, host);
            }
            6 => {
                let kinds = [
                    DiskErrorKind::Full,
                    DiskErrorKind::ReadOnly,
                    DiskErrorKind::Io,
                ];
                let kind = kinds[world.rng().below(3) as usize];
                world.set_disk_fault(host, &self.content, Some(kind));
                let pause = world.rng().up_to(Duration::from_secs(20));
                world.run_for(pause);
                world.set_disk_fault(host, &self.content, None);
            }
            7 => {
                let rate = world.rng().between(1_000, 500_000);
                let limits = RateLimits {
                    upload_bytes_per_s: world.rng().chance(0.5).then_some(rate),
                    download_bytes_per_s: world.rng().chance(0.5).then_some(rate),
                };
                world.command(host, Command::SetLimits(key, limits));
            }
            8 => world.command(host, Command::Reannounce(key)),
            9 => {
                let sequential = world.rng().chance(0.5);
                world.command(host, Command::SetSequential(key, sequential));
            }
            10 => {
                world.command(host, Command::Remove(key));
                world.run_for(Duration::from_secs(10));
                self.add(world, host);
            }
            _ => {
                let file = world
                    .rng()
                    .below(self.content.metainfo().info.files.len() as u64);
                let skip = world.rng().chance(0.5);
                let priority = if skip {
                    Priority::Skip
                } else {
                    Priority::Normal
                };
                let change = vec![(FileIndex(file as u32), priority)];
                world.command(host, Command::SetPriorities(key, change));
            }
        }
    }

    /// Nothing stands in the way any more: everyone must finish.
    fn calm(&self, world: &mut World) {
        let files = 0..self.content.metainfo().info.files.len() as u32;
        for host in &self.leechers {
            let key = world.torrent_key(*host, &self.content);
            let all = files
                .clone()
                .map(|file| (FileIndex(file), Priority::Normal))
                .collect();
            world.command(*host, Command::SetPriorities(key, all));
            world.command(*host, Command::SetLimits(key, RateLimits::default()));
            world.command(*host, Command::Resume(key));
        }
        let done = |world: &World, host: &HostId| {
            let stats = world.stats(*host, &self.content);
            stats.state == TorrentState::Seeding && stats.pieces_have == stats.pieces
        };
        let begun = world.now();
        while !self.leechers.iter().all(|host| done(world, host)) {
            if world.now().since(begun) > CALM {
                let left = self.leechers.iter().find(|host| !done(world, host));
                let stats = left.map(|host| world.stats(*host, &self.content));
                let peers = left.map(|host| world.peers(*host, &self.content));
                world.fail(&format!("{left:?} did not finish: {stats:?}\n{peers:?}"));
            }
            world.run_for(Duration::from_secs(1));
        }
        for host in &self.leechers {
            if world.pieces_on_disk(*host, &self.content) != self.content.layout().piece_count() {
                world.fail(&format!("{host:?} finished, but its disk is not right"));
            }
        }
    }

    fn stop(&self, world: &mut World, host: HostId) {
        if !world.shut_down(host, Duration::from_secs(10)) {
            world.fail(&format!("{host:?} did not shut down"));
        }
        let recorded = world.recorded_pieces(host, &self.content);
        if recorded != self.content.layout().piece_count() {
            world.fail(&format!(
                "{host:?} stopped complete and recorded {recorded} pieces"
            ));
        }
    }
}
