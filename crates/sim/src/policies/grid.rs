//! Which swarms are run, and with which policies.

use superseed_engine::config::{ChokerKind, PickerKind};

use crate::rng::Rng;

/// A policy under test, by the name that the tables use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// What tables call it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whom the client serves.
    pub choker: ChokerKind,
    /// What it asks for.
    pub picker: PickerKind,
}

const fn choker(name: &'static str, about: &'static str, choker: ChokerKind) -> Arm {
    Arm {
        name,
        about,
        choker,
        picker: PickerKind::RarestFirst,
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
    "slots from the measured uplink, by rate, optimistic slots by the longest wait",
    ChokerKind::Default,
);

/// The default once more: whatever differs between it and [`R4`] is an error
/// of the bench.
pub(super) const R4_AGAIN: Arm = Arm {
    name: "R4 again (A/A)",
    about: "the default a second time: the control",
    ..R4
};

/// The chokers, the baseline first and the control last.
pub(super) const CHOKERS: [Arm; 7] = [
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
    choker(
        "R3 scored",
        "by rate, stability and trust, as an earlier client scored",
        ChokerKind::Scored { decay: false },
    ),
    choker(
        "R3 scored, decay",
        "the same with trust that fades",
        ChokerKind::Scored { decay: true },
    ),
    R4,
    R4_AGAIN,
];

/// The default choker with pieces in order: the baseline of the pickers.
pub(super) const IN_ORDER: Arm = Arm {
    name: "in order",
    about: "lowest index first",
    picker: PickerKind::InOrder,
    ..R4
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
    /// The picker of everyone.
    PickerOfAll,
}

impl Subject {
    /// The arms, the baseline first.
    pub fn arms(self) -> &'static [Arm] {
        match self {
            Self::Choker | Self::ChokerOfAll => &CHOKERS,
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
    /// The length of the torrent.
    pub len_bytes: usize,
    /// The length of a piece.
    pub piece_len: u32,
    /// Seeds of each swarm and arm, from zero on.
    pub seeds: u64,
    /// The swarms of each table, in the order of the document.
    pub swarms: Vec<(Subject, Swarm)>,
    /// The command that makes the document again.
    pub command: String,
}

/// The uplink of the bound regime.
pub(super) const BOUND_BYTES_PER_S: u64 = 500_000;

impl Plan {
    /// The grid that docs/results/policies.md is made of.
    pub fn full(seeds: u64) -> Self {
        let mut swarms = Vec::new();
        let all: &[usize] = &[5, 8, 9, 20, 40];
        for (remotes, riders_percent, leechers) in [
            (ChokerKind::Mainline, 50, all),
            (ChokerKind::Mainline, 25, &[8, 20]),
            (ChokerKind::Mainline, 0, &[8, 20]),
            (ChokerKind::Bep3, 50, &[8, 20]),
        ] {
            for leechers in leechers.iter().copied() {
                for uplink_bytes_per_s in [None, Some(BOUND_BYTES_PER_S)] {
                    let swarm = Swarm {
                        leechers,
                        riders_percent,
                        uplink_bytes_per_s,
                        who: Who::Client(remotes),
                    };
                    swarms.push((Subject::Choker, swarm));
                }
            }
        }
        // One table for each choker of the remotes and each uplink.
        swarms.sort_by_key(|(_, swarm): &(Subject, Swarm)| {
            let bep3 = swarm.who == Who::Client(ChokerKind::Bep3);
            (bep3, swarm.uplink_bytes_per_s.is_some())
        });
        let everyone = |leechers, riders_percent| Swarm {
            leechers,
            riders_percent,
            uplink_bytes_per_s: Some(BOUND_BYTES_PER_S),
            who: Who::Everyone,
        };
        for (riders, leechers) in [(50, 9), (50, 20), (0, 9), (0, 20)] {
            swarms.push((Subject::ChokerOfAll, everyone(leechers, riders)));
        }
        for leechers in [9, 20] {
            swarms.push((Subject::PickerOfAll, everyone(leechers, 0)));
        }
        Self {
            len_bytes: 16 << 20,
            piece_len: 256 << 10,
            seeds,
            swarms,
            command: format!("cargo xtask policies --seeds {seeds}"),
        }
    }

    /// A few small swarms, in which the figures mean little.
    pub fn quick(seeds: u64) -> Self {
        let full = Self::full(seeds);
        let few = |(subject, swarm): &(Subject, Swarm)| match subject {
            Subject::Choker => {
                swarm.leechers == 8
                    && swarm.riders_percent == 50
                    && swarm.who == Who::Client(ChokerKind::Mainline)
            }
            _ => swarm.leechers == 9 && swarm.riders_percent == 0,
        };
        Self {
            len_bytes: 4 << 20,
            swarms: full.swarms.into_iter().filter(few).collect(),
            command: format!("cargo xtask policies --quick --seeds {seeds}"),
            ..full
        }
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
