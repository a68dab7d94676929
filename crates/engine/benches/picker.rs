//! What a choice of the picker costs, and a HAVE.
//!
//! ```text
//! cargo bench -p superseed-engine --bench picker
//! ```
//!
//! A whole download is played: peers with random bitfields (one in ten is fast)
//! have up to eight blocks outstanding each; one after the other is asked for
//! one more block and brings its oldest. Pieces are verified when they are
//! whole, and HAVEs come in until the peers have all they lack. So every phase
//! is in the average, from the first piece to the last, with as many started
//! pieces as it has; beside it stands the dearest of a hundred phases. The
//! larger torrent has ten times as many pieces and peers: what grows with
//! either shows as a ratio of ten.

use std::collections::VecDeque;
use std::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rustix::time::{ClockId, clock_gettime};
use slotmap::KeyData;
use superseed_engine::ConnKey;
use superseed_engine::config::PickerKind;
use superseed_engine::picker::{PickPeer, Picker, Receipt};
use superseed_proto::Bitfield;
use superseed_proto::layout::{BLOCK_LEN, Block, Layout, PieceIndex};

/// What is promised for 50,000 pieces and 2,000 peers.
const PICK_MAX_NS: f64 = 2_000.0;
const HAVE_MAX_NS: f64 = 200.0;

const OUTSTANDING: usize = 8;
/// Peers whose choices are timed together, so that the clock costs nothing.
const BATCH: usize = 64;
const PHASES: u64 = 100;

fn main() {
    println!("blocks/piece  pieces   peers  pick ns (dearest phase)  HAVE ns (dearest phase)");
    let mut kept = true;
    for (blocks, kind) in [
        (16, PickerKind::RarestFirst),
        (2, PickerKind::RarestFirst),
        (16, PickerKind::InOrder),
    ] {
        for (pieces, peers) in [(5_000, 200), (50_000, 2_000)] {
            let cost = Scene::new(pieces, peers, blocks, kind).play();
            println!(
                "{blocks:>12}  {pieces:>6}  {peers:>6}  {:>7.0} ({:>6.0})         {:>7.0} ({:>6.0})  {kind:?}",
                cost.pick.mean(),
                cost.pick.dearest(),
                cost.have.mean(),
                cost.have.dearest(),
            );
            let counts = blocks == 16 && kind == PickerKind::RarestFirst;
            kept &= !counts || cost.pick.mean() <= PICK_MAX_NS && cost.have.mean() <= HAVE_MAX_NS;
        }
    }
    println!("wanted: at most {PICK_MAX_NS} ns per pick and {HAVE_MAX_NS} ns per HAVE");
    if !kept {
        std::process::exit(1);
    }
}

/// Time spent, by phase of the download.
#[derive(Default)]
struct Cost {
    phases: Vec<(Duration, u64)>,
}

impl Cost {
    fn add(&mut self, phase: usize, time: Duration, count: u64) {
        self.phases
            .resize(self.phases.len().max(phase + 1), Default::default());
        self.phases[phase].0 += time;
        self.phases[phase].1 += count;
    }

    fn mean(&self) -> f64 {
        let time: Duration = self.phases.iter().map(|phase| phase.0).sum();
        let count: u64 = self.phases.iter().map(|phase| phase.1).sum();
        time.as_nanos() as f64 / count.max(1) as f64
    }

    /// Of the phases with enough in them to be measured.
    fn dearest(&self) -> f64 {
        let enough = self.phases.iter().filter(|phase| phase.1 >= 500);
        enough
            .map(|phase| phase.0.as_nanos() as f64 / phase.1 as f64)
            .fold(0.0, f64::max)
    }
}

#[derive(Default)]
struct Costs {
    pick: Cost,
    have: Cost,
}

struct Peer {
    conn: ConnKey,
    have: Bitfield,
    fast: bool,
    /// What it lacks, in the order in which it gets it.
    lacks: Vec<PieceIndex>,
    asked: VecDeque<Block>,
}

struct Scene {
    picker: Picker,
    layout: Layout,
    peers: Vec<Peer>,
    rng: Xoshiro256PlusPlus,
}

/// What this thread has had of the processor: others that run beside it count
/// for nothing but what they take of its caches.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no time before zero")
}

fn below(rng: &mut impl Rng, end: usize) -> usize {
    (rng.next_u64() % end as u64) as usize
}

impl Scene {
    fn new(pieces: u32, peers: usize, blocks: u32, kind: PickerKind) -> Self {
        let piece_len = blocks * BLOCK_LEN;
        let layout = Layout::new(u64::from(pieces) * u64::from(piece_len), piece_len)
            .expect("a layout of whole pieces");
        let mut picker = Picker::new(layout, kind);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let peers = (0..peers).map(|number| {
            let mut have = Bitfield::new(pieces);
            let mut lacks = Vec::new();
            for piece in layout.pieces() {
                if rng.next_u32() & 1 == 0 {
                    have.insert(piece);
                } else {
                    lacks.push(piece);
                }
            }
            for at in (1..lacks.len()).rev() {
                lacks.swap(at, below(&mut rng, at + 1));
            }
            picker.peer_joined(&have);
            Peer {
                conn: KeyData::from_ffi((1 << 32) | (number as u64 + 1)).into(),
                have,
                fast: number % 10 == 0,
                lacks,
                asked: VecDeque::with_capacity(OUTSTANDING + 1),
            }
        });
        let peers = peers.collect();
        Self {
            picker,
            layout,
            peers,
            rng,
        }
    }

    fn play(mut self) -> Costs {
        let mut costs = Costs::default();
        let mut picked = Vec::new();
        let (all, mut whole) = (u64::from(self.layout.piece_count()), 0);
        // So many that the last peer gets its last piece with our last block.
        let lacking: usize = self.peers.iter().map(|peer| peer.lacks.len()).sum();
        let blocks = self.layout.total_len() / u64::from(BLOCK_LEN);
        let haves_per_batch = (lacking * BATCH) as u64 / blocks;
        while whole < all {
            let phase = (whole * PHASES / all) as usize;
            let batch: Vec<usize> = (0..BATCH)
                .map(|_| below(&mut self.rng, self.peers.len()))
                .collect();
            let begun = cpu_time();
            for &at in &batch {
                let peer = &self.peers[at];
                let of = PickPeer {
                    conn: peer.conn,
                    have: &peer.have,
                    fast: peer.fast,
                    snubbed: false,
                    on_parole: false,
                    retries: false,
                };
                self.picker.pick(&of, 1, true, &mut self.rng, &mut picked);
                if let Some(block) = picked.pop() {
                    self.peers[at].asked.push_back(block);
                }
            }
            costs.pick.add(phase, cpu_time() - begun, BATCH as u64);
            // In the end nothing is left to ask for, and who was asked brings it.
            let idle = self.picker.endgame();
            let takers = if idle { 0..self.peers.len() } else { 0..0 };
            for at in batch.into_iter().chain(takers) {
                if self.peers[at].asked.len() > OUTSTANDING || idle {
                    whole += self.bring(at);
                }
            }
            let haves: Vec<_> = (0..haves_per_batch)
                .filter_map(|_| {
                    let at = below(&mut self.rng, self.peers.len());
                    self.peers[at].lacks.pop().map(|piece| (at, piece))
                })
                .collect();
            let begun = cpu_time();
            for &(at, piece) in &haves {
                self.peers[at].have.insert(piece);
                self.picker.peer_has(piece);
            }
            costs
                .have
                .add(phase, cpu_time() - begun, haves.len() as u64);
        }
        costs
    }

    /// A peer brings its oldest block; gives how many pieces that made whole.
    fn bring(&mut self, at: usize) -> u64 {
        let peer = &mut self.peers[at];
        let Some(block) = peer.asked.pop_front() else {
            return 0;
        };
        let receipt = self.picker.received(peer.conn, block);
        let Receipt::First { piece_complete, .. } = receipt else {
            panic!("{receipt:?}");
        };
        if piece_complete {
            self.picker.piece_verified(block.piece);
        }
        u64::from(piece_complete)
    }
}
