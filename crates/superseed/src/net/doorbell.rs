//! Waking the engine thread, but only if it sleeps.
//!
//! A wake-up is a system call for who wakes and another for who is woken, and
//! a busy disk has thousands of answers a second for a thread that looks at
//! its queue in every turn anyway.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use mio::Waker;

/// Rung by others after they put something into a queue of the engine thread.
#[derive(Clone)]
pub(super) struct Doorbell(Arc<Inner>);

struct Inner {
    waker: Arc<Waker>,
    asleep: AtomicBool,
}

impl Doorbell {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        let asleep = AtomicBool::new(false);
        Self(Arc::new(Inner { waker, asleep }))
    }

    /// The engine thread is about to look at the queue for the last time
    /// before it sleeps: what comes after that look wakes it.
    pub(super) fn before_last_look(&self) {
        self.0.asleep.store(true, Ordering::SeqCst);
        // The look must not come before the word. Its counterpart is in `ring`.
        fence(Ordering::SeqCst);
    }

    /// The engine thread is awake, and will look before it sleeps.
    pub(super) fn awake(&self) {
        self.0.asleep.store(false, Ordering::SeqCst);
    }

    /// Something was put into the queue.
    pub(super) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.0.asleep.swap(false, Ordering::SeqCst) {
            wake(&self.0.waker);
        }
    }
}

/// Wakes the engine thread, asleep or not.
pub(super) fn wake(waker: &Waker) {
    if let Err(error) = waker.wake()
        && error.kind() != io::ErrorKind::WouldBlock
    {
        tracing::error!(%error, "cannot wake the engine thread");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;

    fn poll_with_bell() -> (Poll, Doorbell) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        (poll, Doorbell::new(Arc::new(waker)))
    }

    fn wakes(poll: &mut Poll, within: Duration) -> bool {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(within)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn a_thread_that_is_awake_is_left_alone() {
        let (mut poll, bell) = poll_with_bell();
        bell.ring();
        assert!(!wakes(&mut poll, Duration::ZERO));
        bell.before_last_look();
        bell.ring();
        assert!(wakes(&mut poll, Duration::ZERO));
        // One wake-up is enough until it sleeps again.
        bell.ring();
        assert!(!wakes(&mut poll, Duration::ZERO));
        bell.before_last_look();
        bell.awake();
        bell.ring();
        assert!(!wakes(&mut poll, Duration::ZERO));
    }

    #[test]
    fn nothing_that_is_queued_is_slept_through() {
        const COUNT: u32 = 20_000;
        let (mut poll, bell) = poll_with_bell();
        let (sender, queue) = crossbeam_channel::unbounded();
        let ringer = bell.clone();
        let sending = thread::spawn(move || {
            for number in 0..COUNT {
                sender.send(number).unwrap();
                ringer.ring();
                // Now and then the other one gets to sleep.
                if number % 64 == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut seen = 0;
        while seen < COUNT {
            bell.before_last_look();
            if queue.is_empty() {
                assert!(wakes(&mut poll, Duration::from_secs(20)), "slept on");
            }
            bell.awake();
            while queue.try_recv().is_ok() {
                seen += 1;
            }
        }
        sending.join().unwrap();
    }
}
