//! What happens in a mixed world, and the calm after it.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Command, DiskErrorKind, Priority, RateLimits, TorrentKey};
use superseed_proto::layout::FileIndex;

use super::{Leecher, Presence};
use crate::content::Content;
use crate::disk::CrashLoss;
use crate::scenario::hostile::Kind;
use crate::world::{HostId, ScriptId, World};

/// How long a machine may take to stop in order.
const STOP: Duration = Duration::from_secs(10);

/// A swarm to which things happen.
pub(super) struct Storm {
    pub(super) content: Arc<Content>,
    pub(super) leechers: Vec<Leecher>,
    pub(super) hostile: Vec<(Kind, ScriptId)>,
    /// How long things go wrong.
    pub(super) endures: Duration,
}

impl Storm {
    /// Everything goes wrong.
    pub(super) fn rage(&mut self, world: &mut World) {
        let end = world.now() + self.endures;
        self.each(|storm, leecher| {
            if leecher.is_here() {
                leecher.begin(storm, world);
            }
        });
        while world.now() < end {
            let pause = world.rng().up_to(Duration::from_secs(10));
            world.run_for(pause);
            let at = world.rng().below(self.leechers.len() as u64) as usize;
            match self.leechers[at].there {
                Presence::Awaited => self.with(at, |storm, leecher| leecher.begin(storm, world)),
                Presence::Here => self.strike(world, at),
                Presence::Gone => {}
            }
        }
    }

    /// Does something with a leecher that needs the rest as well.
    fn with(&mut self, at: usize, act: impl FnOnce(&Self, &mut Leecher)) {
        let mut leecher = self.leechers.remove(at);
        act(self, &mut leecher);
        self.leechers.insert(at, leecher);
    }

    fn each(&mut self, mut act: impl FnMut(&Self, &mut Leecher)) {
        for at in 0..self.leechers.len() {
            self.with(at, &mut act);
        }
    }

    /// Something happens to a machine that takes part.
    fn strike(&mut self, world: &mut World, at: usize) {
        let host = self.leechers[at].host;
        let key = world.torrent_key(host, &self.content);
        match world.rng().below(14) {
            0 => world.command(host, Command::Pause(key)),
            1 | 2 => world.command(host, Command::Resume(key)),
            3 => world.command(host, Command::Recheck(key)),
            4 => world.cut(host),
            5 | 6 => self.crash(world, at),
            7 => self.break_disk(world, host),
            8 => {
                let rate = world.rng().between(1_000, 500_000);
                let limits = RateLimits {
                    upload_bytes_per_s: world.rng().chance(0.5).then_some(rate),
                    download_bytes_per_s: world.rng().chance(0.5).then_some(rate),
                };
                world.command(host, Command::SetLimits(key, limits));
            }
            9 => world.command(host, Command::Reannounce(key)),
            10 => {
                let sequential = world.rng().chance(0.5);
                world.command(host, Command::SetSequential(key, sequential));
            }
            11 => {
                world.command(host, Command::Remove(key));
                world.run_for(Duration::from_secs(10));
                self.with(at, |storm, leecher| leecher.begin(storm, world));
            }
            12 => self.leave(world, at),
            _ => self.choose_file(world, host, key),
        }
    }

    /// A machine dies and starts again a little later.
    fn crash(&mut self, world: &mut World, at: usize) {
        let host = self.leechers[at].host;
        let loss = if world.rng().chance(0.5) {
            CrashLoss::Unsynced
        } else {
            CrashLoss::Nothing
        };
        world.crash(host, loss);
        let pause = world.rng().up_to(Duration::from_secs(20));
        world.run_for(pause);
        world.restart(host);
        self.with(at, |storm, leecher| leecher.begin(storm, world));
    }

    /// A disk fails for a while.
    fn break_disk(&self, world: &mut World, host: HostId) {
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

    /// A machine leaves for good, with or without a word.
    fn leave(&mut self, world: &mut World, at: usize) {
        let host = self.leechers[at].host;
        if world.rng().chance(0.5) {
            world.shut_down(host, STOP);
        }
        world.crash(host, CrashLoss::Nothing);
        self.leechers[at].there = Presence::Gone;
    }

    fn choose_file(&self, world: &mut World, host: HostId, key: TorrentKey) {
        let files = self.content.metainfo().info.files.len() as u64;
        let file = FileIndex(world.rng().below(files) as u32);
        let priority = if world.rng().chance(0.5) {
            Priority::Skip
        } else {
            Priority::Normal
        };
        world.command(host, Command::SetPriorities(key, vec![(file, priority)]));
    }

    /// Nothing stands in the way any more, but the hostile.
    pub(super) fn calm(&mut self, world: &mut World) {
        let files = 0..self.content.metainfo().info.files.len() as u32;
        self.each(|storm, leecher| {
            if leecher.there == Presence::Awaited {
                leecher.begin(storm, world);
            }
            if !leecher.is_here() {
                return;
            }
            let (host, all) = (leecher.host, files.clone());
            let all = all.map(|file| (FileIndex(file), Priority::Normal));
            let key = world.torrent_key(host, &storm.content);
            world.command(host, Command::SetPriorities(key, all.collect()));
            world.command(host, Command::SetLimits(key, RateLimits::default()));
            world.command(host, Command::Resume(key));
        });
    }

    /// Every honest leecher that is there must finish; gives how many did.
    pub(super) fn finish(&self, world: &mut World, patience: Duration) -> u32 {
        let here: Vec<_> = self.leechers.iter().filter(|one| one.is_here()).collect();
        let end = world.now() + patience;
        while let Some(late) = here.iter().find(|one| !one.is_done(self, world)) {
            if world.now() > end {
                let stats = world.stats(late.host, &self.content);
                let peers = world.peers(late.host, &self.content);
                let why = world.explain(late.host, &self.content);
                let kinds: Vec<_> = self.hostile.iter().map(|(kind, _)| kind).collect();
                world.fail(&format!(
                    "{:?} did not finish among {kinds:?}: {stats:?}\n{peers:#?}\n{why:?}",
                    late.host
                ));
            }
            world.run_for(Duration::from_secs(1));
        }
        for leecher in &here {
            if world.pieces_on_disk(leecher.host, &self.content) != self.pieces() {
                world.fail(&format!("{:?} has a wrong disk", leecher.host));
            }
            self.check_bans(world, leecher.host);
        }
        here.len() as u32
    }

    /// Nobody is banned but who lied about data.
    fn check_bans(&self, world: &World, host: HostId) {
        let liars = self.hostile.iter().filter(|(kind, _)| *kind == Kind::Liar);
        let liars: Vec<_> = liars
            .map(|(_, script)| world.script_addr(*script).ip())
            .collect();
        let banned = &world.progress(host, &self.content).banned;
        if let Some(other) = banned.iter().find(|addr| !liars.contains(&addr.ip())) {
            world.fail(&format!("{host:?} banned {other}, who sent no wrong data"));
        }
    }

    /// Everyone stops in order, and has everything on record.
    pub(super) fn stop(&self, world: &mut World) {
        for leecher in self.leechers.iter().filter(|one| one.is_here()) {
            let host = leecher.host;
            if !world.shut_down(host, STOP) {
                world.fail(&format!("{host:?} did not shut down"));
            }
            let recorded = world.recorded_pieces(host, &self.content);
            if recorded != self.pieces() {
                world.fail(&format!(
                    "{host:?} stopped complete and recorded {recorded} pieces"
                ));
            }
        }
    }

    fn pieces(&self) -> u32 {
        self.content.layout().piece_count()
    }
}
