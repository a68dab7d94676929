//! What an encrypted stream costs: RC4, and the key exchange before it.
//!
//! ```text
//! cargo bench -p superseed-proto --bench rc4
//! ```
//!
//! Fails if a core encrypts less than a line of 1 Gbit/s needs in both
//! directions, or if an exponentiation takes longer than promised. RC4 stands
//! beside other ways to do it and beside a copy of the same bytes, so that
//! figures of different machines can be compared (docs/decisions/051).

use std::hint::black_box;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::BytesCount;
use rc4::{KeyInit, StreamCipher};
use superseed_proto::mse::rc4::Rc4;
use superseed_proto::mse::{PublicKey, Secret};

/// What one core must encrypt at least, in bytes per second.
const RATE_MIN: f64 = 250e6;

/// The longest that an exponentiation may take.
const EXPONENTIATION_MAX: Duration = Duration::from_micros(300);

/// Bytes that are encrypted at a time: a block, and what a read brings.
const LENGTHS: [usize; 2] = [16 << 10, 512 << 10];

const KEY: [u8; 20] = *b"twenty bytes of key.";

fn main() {
    check();
    divan::main();
}

/// The best of some runs is what the machine can do; others may be using it.
fn check() {
    let mut bytes = content(1 << 20);
    let mut rc4 = Rc4::new(&KEY);
    let best = best_of(10, || rc4.apply(&mut bytes));
    let rate = bytes.len() as f64 / best.as_secs_f64();
    let exponentiation = best_of(20, || {
        black_box(secret().public());
    });
    println!(
        "RC4 {:.0} MB/s, exponentiation {exponentiation:.0?}",
        rate / 1e6
    );
    assert!(rate >= RATE_MIN, "RC4 must not be the bottleneck");
    assert!(
        exponentiation <= EXPONENTIATION_MAX,
        "a handshake is too dear"
    );
}

#[allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn best_of(runs: u32, mut run: impl FnMut()) -> Duration {
    let time = |()| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    (0..runs)
        .map(|_| ())
        .map(time)
        .min()
        .expect("there are runs")
}

#[divan::bench(args = LENGTHS)]
fn ours(bencher: Bencher<'_, '_>, len: usize) {
    let mut rc4 = Rc4::new(&KEY);
    apply(bencher, len, |bytes| rc4.apply(bytes));
}

/// As ours, with a state of words.
#[divan::bench(args = LENGTHS)]
fn words(bencher: Bencher<'_, '_>, len: usize) {
    let mut rc4 = Words::new(&KEY);
    apply(bencher, len, |bytes| rc4.apply(bytes));
}

/// The crate `rc4`.
#[divan::bench(args = LENGTHS)]
fn rustcrypto(bencher: Bencher<'_, '_>, len: usize) {
    let mut rc4 = rc4::Rc4::new_from_slice(&KEY).expect("a key of 20 bytes");
    apply(bencher, len, |bytes| rc4.apply_keystream(bytes));
}

#[divan::bench(args = LENGTHS)]
fn copy(bencher: Bencher<'_, '_>, len: usize) {
    let from = content(len);
    apply(bencher, len, |bytes| bytes.copy_from_slice(&from));
}

fn apply(bencher: Bencher<'_, '_>, len: usize, mut cipher: impl FnMut(&mut [u8])) {
    let mut bytes = content(len);
    let bencher = bencher.counter(BytesCount::of_slice(&bytes));
    bencher.bench_local(|| cipher(black_box(&mut bytes)));
}

/// The key and the 1,024 bytes that are thrown away, for each direction.
#[divan::bench]
fn begin() -> Rc4 {
    let mut rc4 = Rc4::new(black_box(&KEY));
    rc4.skip(1024);
    rc4
}

#[divan::bench]
fn dh_public() -> PublicKey {
    black_box(secret()).public()
}

#[divan::bench]
fn dh_shared(bencher: Bencher<'_, '_>) {
    let remote = Secret([7; 20]).public();
    bencher.bench_local(|| black_box(secret()).shared(black_box(&remote)));
}

fn secret() -> Secret {
    Secret(KEY)
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at * at) >> 7) as u8).collect()
}

struct Words {
    state: [u32; 256],
    i: u8,
    j: u8,
}

impl Words {
    fn new(key: &[u8]) -> Self {
        let mut state: [u32; 256] = std::array::from_fn(|at| at as u32);
        let mut j = 0_u8;
        for at in 0..256 {
            j = j
                .wrapping_add(state[at] as u8)
                .wrapping_add(key[at % key.len()]);
            state.swap(at, usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    fn apply(&mut self, bytes: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        for byte in bytes {
            i = i.wrapping_add(1);
            let x = self.state[usize::from(i)];
            j = j.wrapping_add(x as u8);
            let y = self.state[usize::from(j)];
            self.state[usize::from(i)] = y;
            self.state[usize::from(j)] = x;
            *byte ^= self.state[usize::from((x as u8).wrapping_add(y as u8))] as u8;
        }
        (self.i, self.j) = (i, j);
    }
}
