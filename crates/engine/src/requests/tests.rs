//! The window against a simulated link, and the time-outs.

use std::collections::VecDeque;

use super::*;

fn at(ms: u64) -> Time {
    Time::from_micros(ms * 1_000)
}

/// A peer behind a link: serves requests in order at a rate, each block
/// arrives one round trip after it was asked for at the earliest.
struct Link {
    rtt_us: u64,
    /// Time the link needs for a block.
    block_us: u64,
}

impl Link {
    fn new(rate_bytes_per_s: u64, rtt_ms: u64) -> Self {
        Self {
            rtt_us: rtt_ms * 1_000,
            block_us: u64::from(BLOCK_LEN) * 1_000_000 / rate_bytes_per_s,
        }
    }

    /// Runs the window for some seconds; gives the depth at the end, the
    /// bytes of the last second and the deepest window of all.
    fn run(
        &self,
        window: &mut RequestWindow,
        from_s: u64,
        seconds: u64,
        reqq: usize,
    ) -> (usize, u64, usize) {
        let end = Time::from_micros((from_s + seconds) * 1_000_000);
        let mut now = Time::from_micros(from_s * 1_000_000);
        let (mut busy_until, mut deepest, mut last_second) = (0, 0, 0);
        let mut on_way: VecDeque<(Time, Time)> = VecDeque::new();
        while now < end {
            let depth = window.depth(now, reqq);
            deepest = deepest.max(depth);
            while on_way.len() < depth {
                busy_until = (now.as_micros() + self.rtt_us).max(busy_until) + self.block_us;
                on_way.push_back((Time::from_micros(busy_until), now));
            }
            window.on_requests(now);
            let (arrives, asked_at) = on_way.pop_front().unwrap();
            now = arrives;
            window.on_block(BLOCK_LEN, asked_at, QUEUE_MAX, now);
            if now + Duration::from_secs(1) > end {
                last_second += u64::from(BLOCK_LEN);
            }
        }
        (window.depth(now, reqq), last_second, deepest)
    }
}

#[test]
fn one_peer_fills_a_gigabit_at_a_hundred_milliseconds_within_two_seconds() {
    let mut window = RequestWindow::new(None, at(0));
    let (depth, bytes, _) = Link::new(125_000_000, 100).run(&mut window, 0, 2, 2_000);
    assert!(depth >= 763, "{depth}");
    assert!(bytes >= 123_000_000, "{bytes}");
}

#[test]
fn the_window_settles_at_delay_and_a_second_of_rate_and_a_few_requests() {
    for (rate, rtt_ms) in [
        (1_000_000, 50),
        (500_000, 400),
        (3_000_000, 10),
        (60_000, 100),
    ] {
        let mut window = RequestWindow::new(None, at(0));
        let (depth, bytes, deepest) = Link::new(rate, rtt_ms).run(&mut window, 0, 40, 2_000);
        let want = rate as f64 * (1.0 + rtt_ms as f64 / 1e3) / f64::from(BLOCK_LEN);
        assert!(
            (depth as f64) > want * 0.8 - 1.0,
            "{rate}: {depth} of {want}"
        );
        assert!(
            (depth as f64) < want * 1.3 + 3.0 + EXTRA_MAX as f64,
            "{rate}: {depth} of {want}"
        );
        assert!(
            (deepest as f64) < (want * 2.2 + 8.0),
            "{rate}: {deepest} of {want}"
        );
        assert!(bytes as f64 >= rate as f64 * 0.72, "{rate}: {bytes}");
    }
}

#[test]
fn a_slow_peer_is_not_flooded() {
    let mut window = RequestWindow::new(None, at(0));
    let (depth, _, deepest) = Link::new(4_000, 50).run(&mut window, 0, 60, 2_000);
    assert_eq!(depth, 2);
    assert!(deepest <= DEPTH_INITIAL + 2, "{deepest}");
}

#[test]
fn a_peer_that_becomes_faster_gets_more() {
    let mut window = RequestWindow::new(None, at(0));
    let (before, ..) = Link::new(50_000, 50).run(&mut window, 0, 30, 2_000);
    let (after, bytes, _) = Link::new(5_000_000, 50).run(&mut window, 30, 30, 2_000);
    assert!(before < 20 && after > 240, "{before} {after}");
    assert!(bytes > 4_800_000, "{bytes}");
}

#[test]
fn the_window_starts_small_and_doubles_per_round_trip() {
    let mut window = RequestWindow::new(None, at(0));
    assert_eq!(window.depth(at(0), 2_000), 8);
    window.on_requests(at(0));
    for _ in 0..8 {
        window.on_block(BLOCK_LEN, at(0), QUEUE_MAX, at(100));
    }
    assert_eq!(window.depth(at(100), 2_000), 16);
    for _ in 0..16 {
        window.on_block(BLOCK_LEN, at(100), QUEUE_MAX, at(200));
    }
    assert_eq!(window.depth(at(200), 2_000), 32);
}

#[test]
fn a_window_begins_with_what_a_middling_peer_sends_in_the_round_trip_of_its_handshake() {
    for (took_ms, depth) in [(0, 8), (10, 8), (50, 32), (100, 64), (3_000, 64)] {
        let mut window = RequestWindow::new(Some(Duration::from_millis(took_ms)), at(0));
        assert_eq!(window.depth(at(0), 2_000), depth, "{took_ms}");
        window.on_block(BLOCK_LEN, at(0), QUEUE_MAX, at(100));
        window.on_choked(at(100));
        assert_eq!(window.depth(at(100), 2_000), depth, "{took_ms}");
    }
}

#[test]
fn the_peers_own_limit_and_ours_hold() {
    let mut window = RequestWindow::new(None, at(0));
    let (depth, ..) = Link::new(1 << 30, 100).run(&mut window, 0, 2, 100);
    assert_eq!(depth, 100);
    window.depth = 1 << 20;
    window.on_block(BLOCK_LEN, at(1_990), QUEUE_MAX, at(2_000));
    assert_eq!(
        window.depth(at(9_000), usize::MAX),
        REQUESTS_OUTSTANDING_MAX
    );
    assert_eq!(window.depth(at(9_000), 0), 1);
}

#[test]
fn the_queue_is_a_second_or_what_half_of_the_memory_holds() {
    let memory = 32 << 20;
    for (rate, millis) in [
        (0, 1_000),
        (16 << 20, 1_000),
        (32 << 20, 500),
        (128 << 20, 125),
        (8 << 30, 50),
    ] {
        assert_eq!(queue_time(memory, rate), Duration::from_millis(millis));
    }
}

#[test]
fn a_choke_starts_the_window_again() {
    let mut window = RequestWindow::new(None, at(0));
    Link::new(1 << 30, 100).run(&mut window, 0, 2, 2_000);
    window.on_choked(at(2_000));
    assert_eq!(window.depth(at(2_000), 2_000), 8);
}

#[test]
fn a_fresh_peer_is_not_snubbed_before_it_owed_a_block_for_twenty_seconds() {
    let mut window = RequestWindow::new(None, at(0));
    assert!(!window.is_snubbed());
    assert_eq!(window.timeout_at(at(500_000)), at(520_000));
    window.on_requests(at(500_000));
    window.on_timeout(at(520_000));
    assert!(window.is_snubbed());
    assert_eq!(window.depth(at(520_000), 100), 1);
    assert_eq!(window.timeout_at(at(500_000)), at(580_000));
}

#[test]
fn data_ends_the_snub() {
    let mut window = RequestWindow::new(None, at(0));
    window.on_timeout(at(20_000));
    window.on_choked(at(20_000));
    assert!(window.is_snubbed());
    window.on_block(BLOCK_LEN, at(0), QUEUE_MAX, at(30_000));
    assert!(!window.is_snubbed());
    assert!(window.depth(at(30_000), 100) >= 2);
}

#[test]
fn a_fast_peer_is_overdue_after_eight_seconds_and_snubbed_after_twenty() {
    let mut window = RequestWindow::new(None, at(0));
    for ms in 1..100u64 {
        window.on_block(BLOCK_LEN, at(ms - 1), QUEUE_MAX, at(ms * 10));
    }
    let last = at(990);
    assert_eq!(window.timeout_at(at(900)), last + TIMEOUT);
    // The oldest request is younger than the last block: only it is owed.
    assert_eq!(window.timeout_at(at(5_000)), at(13_000));
    window.on_timeout(last + TIMEOUT);
    assert!(!window.is_snubbed());
    assert_eq!(window.depth(at(9_000), 100), 1);
    assert_eq!(window.timeout_at(at(900)), last + Duration::from_secs(20));
    window.on_timeout(last + Duration::from_secs(20));
    assert!(window.is_snubbed());
}

const TIMEOUT: Duration = Duration::from_secs(8);

#[test]
fn a_slow_but_steady_peer_is_given_its_time() {
    let mut window = RequestWindow::new(None, at(0));
    for block in 1..=50u64 {
        window.on_block(BLOCK_LEN, at(0), QUEUE_MAX, at(block * 12_000));
    }
    let patience = window.timeout_at(at(0)).since(at(600_000));
    assert!(
        patience > Duration::from_secs(12) && patience < Duration::from_secs(15),
        "{patience:?}"
    );
}

#[test]
fn an_overdue_peer_that_chokes_owes_nothing() {
    let mut window = RequestWindow::new(None, at(0));
    window.on_block(BLOCK_LEN, at(0), QUEUE_MAX, at(10));
    window.on_timeout(at(8_010));
    window.on_choked(at(8_020));
    assert_eq!(window.depth(at(8_020), 100), 8);
    assert_eq!(window.timeout_at(at(60_000)), at(68_000));
    // A Fast peer may keep a request of before: its silence begins anew.
    assert_eq!(window.timeout_at(at(5)), at(16_020));
}
