//! Which swarms are run, and with which policies.

use superseed_engine::config::{ChokerKind, ChokerPart, PickerKind, RequestKind};

use super::torrent::{LARGE_PIECES, LONG, MANY_FILES, QUICK, Torrent, USUAL};
use crate::rng::Rng;

/// A policy under test, by the name that the tables use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// What tables call it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What the client does.
    pub policy: Policy,
}

/// What an engine decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whom it serves.
    pub choker: ChokerKind,
    /// What it asks for.
    pub picker: PickerKind,
    /// How it asks.
    pub requests: RequestKind,
}

impl Policy {
    /// The engine's own but for the choker.
    pub(super) const fn of(choker: ChokerKind) -> Self {
        Self {
            choker,
            picker: PickerKind::RarestFirst,
            requests: RequestKind::Adaptive,
        }
    }
}

const fn choker(name: &'static str, about: &'static str, choker: ChokerKind) -> Arm {
    Arm {
        name,
        about,
        policy: Policy::of(choker),
    }
}

const fn without(name: &'static str, about: &'static str, part: ChokerPart) -> Arm {
    choker(name, about, ChokerKind::DefaultWithout(part))
}

const fn requests(name: &'static str, about: &'static str, requests: RequestKind) -> Arm {
    let policy = Policy {
        requests,
        ..N0.policy
    };
    Arm {
        name,
        about,
        policy,
    }
}

/// The arm that all others are compared with.
pub(super) const N0: Arm = choker(
    "N0 unchoke-all",
    "everyone who is interested, always",
    ChokerKind::UnchokeAll,
);

/// The engine's default.
pub(super) const R4: Arm = choker(
    "R4 default",
    "slots from the measured uplink, by rate; optimistic slots by the longest wait, one of them \
     for those who took much and gave nothing",
    ChokerKind::Default,
);

/// The default once more: whatever differs between it and [`R4`] is an error
/// of the bench.
pub(super) const R4_AGAIN: Arm = Arm {
    name: "R4 again (A/A)",
    about: "the default a second time: the control",
    ..R4
};

/// As an earlier client scored.
pub(super) const R3: Arm = choker(
    "R3 scored",
    "by rate, stability and trust, as an earlier client scored",
    ChokerKind::Scored { decay: false },
);

/// The chokers, the baseline first and the control last.
pub(super) const CHOKERS: [Arm; 6] = [
    N0,
    choker(
        "R1 bep3",
        "three by rate and one by chance, every ten seconds",
        ChokerKind::Bep3,
    ),
    choker(
        "R2 mainline",
        "the rules of mainline 3.4.2, seven places walked in turns",
        ChokerKind::Mainline,
    ),
    R3,
    R4,
    R4_AGAIN,
];

/// The scores, and their mend.
pub(super) const SCORES: [Arm; 2] = [
    R3,
    choker(
        "R3 scored, decay",
        "the same with trust that fades",
        ChokerKind::Scored { decay: true },
    ),
];

/// The default, and what it is without each of its parts.
pub(super) const PARTS: [Arm; 5] = [
    R4,
    without(
        "− EWMA",
        "what a peer gave since the last round counts, not its average rate",
        ChokerPart::Average,
    ),
    without(
        "− optimistic",
        "no optimistic slots",
        ChokerPart::Optimistic,
    ),
    without(
        "− events",
        "nothing happens between rounds",
        ChokerPart::Events,
    ),
    without(
        "− slot sizing",
        "eight slots whatever the uplink",
        ChokerPart::Sizing,
    ),
];

/// Naive clients: all serve everyone.
pub(super) const NAIVE: [Arm; 3] = [
    N0,
    requests(
        "N1 duplicates",
        "every block of two peers, without CANCEL: the most that a download can waste",
        RequestKind::Duplicate,
    ),
    requests(
        "N2 stop and wait",
        "one block at a time, of one peer: a curiosity",
        RequestKind::StopAndWait,
    ),
];

/// The default choker with pieces in order: the baseline of the pickers.
pub(super) const IN_ORDER: Arm = Arm {
    name: "in order",
    about: "lowest index first",
    policy: Policy {
        picker: PickerKind::InOrder,
        ..R4.policy
    },
};

/// Random first, then rarest first.
pub(super) const RAREST: Arm = Arm {
    name: "rarest first",
    about: "random for the first pieces, then rarest first",
    ..R4
};

/// Who runs the arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The tested client; the seed and all other leechers run this choker.
    Client(ChokerKind),
    /// Everyone who runs an engine.
    Everyone,
}

/// A swarm: one seed, the tested client, and leechers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// Leechers beside the tested client.
    pub leechers: usize,
    /// How many of a hundred of them give nothing.
    pub riders_percent: usize,
    /// What the tested client can send; `None` is without bound.
    pub uplink_bytes_per_s: Option<u64>,
    /// Who runs the arm.
    pub who: Who,
    /// What all want.
    pub torrent: Torrent,
}

impl Swarm {
    /// Leechers that give nothing.
    pub fn riders(&self) -> usize {
        self.leechers * self.riders_percent / 100
    }

    /// Leechers that give, at a high rate.
    pub fn fast(&self) -> usize {
        (self.leechers - self.riders()).div_ceil(2)
    }

    /// Leechers that give, at a low rate.
    pub fn slow(&self) -> usize {
        self.leechers - self.riders() - self.fast()
    }
}

/// What a table compares in its swarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The tested client's choker among remotes of a known one.
    Choker,
    /// The choker of everyone.
    ChokerOfAll,
    /// The tested client's choker where there is a slot for everyone.
    Few,
    /// The tested client's scores with and without their mend.
    Scores,
    /// The default choker of the tested client without its parts.
    Parts,
    /// The same of everyone.
    PartsOfAll,
    /// How the tested client asks.
    Naive,
    /// The picker of everyone.
    PickerOfAll,
}

impl Subject {
    /// The arms, the baseline first.
    pub fn arms(self) -> &'static [Arm] {
        match self {
            Self::Choker | Self::ChokerOfAll => &CHOKERS,
            Self::Few => &[N0, R4],
            Self::Scores => &SCORES,
            Self::Parts | Self::PartsOfAll => &PARTS,
            Self::Naive => &NAIVE,
            Self::PickerOfAll => &[IN_ORDER, RAREST],
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// The table that it is for.
    pub(super) subject: Subject,
    /// The swarm.
    pub(super) swarm: Swarm,
    /// The policy under test.
    pub(super) arm: Arm,
    /// Decides everything else.
    pub(super) seed: u64,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seeds of each swarm and arm, from zero on.
    pub seeds: u64,
    /// The swarms of each table, in the order of the document.
    pub swarms: Vec<(Subject, Swarm)>,
    /// The command that makes the document again.
    pub command: String,
}

/// The uplink of the bound regime.
pub(super) const BOUND_BYTES_PER_S: u64 = 500_000;
/// Both regimes.
const UPLINKS: [Option<u64>; 2] = [None, Some(BOUND_BYTES_PER_S)];

/// Swarms of these sizes with both uplinks, where the client runs the arm.
fn around_client(
    remotes: ChokerKind,
    torrent: Torrent,
    riders_percent: usize,
    sizes: &'static [usize],
) -> impl Iterator<Item = Swarm> {
    let with = move |uplink_bytes_per_s| {
        sizes.iter().map(move |leechers| Swarm {
            leechers: *leechers,
            riders_percent,
            uplink_bytes_per_s,
            who: Who::Client(remotes),
            torrent,
        })
    };
    UPLINKS.into_iter().flat_map(with)
}

/// Swarms of these sizes in which everyone runs the arm.
fn of_all(riders_percent: usize, sizes: &'static [usize]) -> impl Iterator<Item = Swarm> {
    sizes.iter().map(move |leechers| Swarm {
        leechers: *leechers,
        riders_percent,
        uplink_bytes_per_s: Some(BOUND_BYTES_PER_S),
        who: Who::Everyone,
        torrent: USUAL,
    })
}

impl Plan {
    /// Paired seeds that the protocol of the benchmark asks for.
    pub const SEEDS: u64 = 20;
    /// Paired seeds of the quick grid, unless told otherwise.
    pub const SEEDS_QUICK: u64 = 5;

    /// The grid that docs/results/policies.md is made of.
    pub fn full(seeds: u64) -> Self {
        const ALL: &[usize] = &[5, 8, 9, 20, 40];
        const SOME: &[usize] = &[9, 20];
        let mainline = ChokerKind::Mainline;
        let mut chokers: Vec<Swarm> = [50, 25, 0]
            .into_iter()
            .flat_map(|riders| around_client(mainline, USUAL, riders, ALL))
            .chain(around_client(ChokerKind::Bep3, USUAL, 50, SOME))
            .chain(around_client(mainline, LARGE_PIECES, 50, SOME))
            .chain(around_client(mainline, MANY_FILES, 50, &[9]))
            .chain(around_client(mainline, LONG, 50, &[9]))
            .collect();
        // One table for each torrent, choker of the remotes and uplink.
        chokers.sort_by_key(|swarm| {
            let bep3 = swarm.who == Who::Client(ChokerKind::Bep3);
            let bound = swarm.uplink_bytes_per_s.is_some();
            (swarm.torrent.order, bep3, bound)
        });
        let parts = around_client(mainline, USUAL, 50, SOME);
        let naive = around_client(mainline, USUAL, 0, SOME);
        let everyone = || [50, 0].into_iter().flat_map(|riders| of_all(riders, SOME));
        let swarms = chokers
            .into_iter()
            .map(|swarm| (Subject::Choker, swarm))
            .chain(everyone().map(|swarm| (Subject::ChokerOfAll, swarm)))
            .chain(around_client(mainline, USUAL, 0, &[4]).map(|swarm| (Subject::Few, swarm)))
            .chain(around_client(mainline, LONG, 50, &[9]).map(|swarm| (Subject::Scores, swarm)))
            .chain(parts.map(|swarm| (Subject::Parts, swarm)))
            .chain(everyone().map(|swarm| (Subject::PartsOfAll, swarm)))
            .chain(naive.map(|swarm| (Subject::Naive, swarm)))
            .chain(of_all(0, SOME).map(|swarm| (Subject::PickerOfAll, swarm)));
        Self {
            seeds,
            swarms: swarms.collect(),
            command: format!("cargo xtask policies --seeds {seeds}"),
        }
    }

    /// A few small swarms, in which the figures mean little.
    pub fn quick(seeds: u64) -> Self {
        let full = Self::full(seeds);
        let few = |(subject, swarm): &(Subject, Swarm)| match subject {
            Subject::Choker => {
                swarm.leechers == 8 && swarm.riders_percent == 50 && swarm.torrent == USUAL
            }
            Subject::Few => true,
            _ => swarm.leechers == 9 && swarm.riders_percent == 0,
        };
        let small = |(subject, swarm)| {
            let torrent = QUICK;
            (subject, Swarm { torrent, ..swarm })
        };
        Self {
            swarms: full.swarms.into_iter().filter(few).map(small).collect(),
            command: format!("cargo xtask policies --quick --seeds {seeds}"),
            ..full
        }
    }

    /// The torrents of its swarms, each once, in the order of the document.
    pub(super) fn torrents(&self) -> Vec<Torrent> {
        let mut torrents: Vec<Torrent> = self.swarms.iter().map(|(_, own)| own.torrent).collect();
        torrents.sort_by_key(|torrent| torrent.order);
        torrents.dedup();
        torrents
    }

    /// All runs, seed by seed, each seed's in an order in which the first few
    /// stand for all: the time of the whole can be told after a part.
    pub(super) fn jobs(&self) -> Vec<Job> {
        let of_seed = |seed: u64| {
            let cells = self.swarms.iter();
            let mut jobs: Vec<Job> = cells
                .flat_map(|(subject, swarm)| {
                    subject.arms().iter().map(move |arm| Job {
                        subject: *subject,
                        swarm: *swarm,
                        arm: *arm,
                        seed,
                    })
                })
                .collect();
            Rng::new(seed).shuffle(&mut jobs);
            jobs
        };
        (0..self.seeds).flat_map(of_seed).collect()
    }
}
