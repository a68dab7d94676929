//! The thread for what takes too long on the engine thread and is not the
//! disk's: keys of encrypted handshakes.
//!
//! One after the other, in the order in which the engine asked. Apart from the
//! disk's threads, so that a device that hangs keeps no peer from shaking hands.

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};
use superseed_engine::ids::WorkKey;
use superseed_engine::work::{WorkJob, WorkResult};

/// The engine thread's end. Dropping it ends the thread after what it is at.
pub(crate) struct Worker {
    jobs: Option<Sender<Box<WorkJob>>>,
    done: Receiver<(WorkKey, WorkResult)>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. `wake` is called on it after each answer was queued;
    /// it must not block.
    pub(crate) fn start(wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        // How much waits in them is bounded by the engine.
        let (jobs, queue) = crossbeam_channel::unbounded::<Box<WorkJob>>();
        let (answers, done) = crossbeam_channel::unbounded();
        let thread = thread::Builder::new()
            .name("superseed-work".to_owned())
            .spawn(move || {
                for WorkJob { work, job } in queue.into_iter().map(|job| *job) {
                    if answers.send((work, job.perform())).is_err() {
                        return;
                    }
                    wake();
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            done,
            thread: Some(thread),
        })
    }

    /// Hands a job over.
    pub(crate) fn submit(&self, job: Box<WorkJob>) {
        if let Some(jobs) = &self.jobs
            && jobs.send(job).is_err()
        {
            tracing::error!("the work thread is gone");
        }
    }

    /// The next answer, if there is one.
    pub(crate) fn answer(&self) -> Option<(WorkKey, WorkResult)> {
        self.done.try_recv().ok()
    }

    /// Whether answers wait.
    pub(crate) fn has_answers(&self) -> bool {
        !self.done.is_empty()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The thread finds nobody to answer, or no more to do.
        self.jobs = None;
        self.done = crossbeam_channel::never();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the work thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use slotmap::SlotMap;
    use superseed_engine::work::Work;
    use superseed_proto::mse::Secret;

    use super::*;

    #[test]
    fn jobs_are_answered_in_their_order_and_each_answer_rings() {
        let (ring, rung) = mpsc::channel();
        let worker = Worker::start(move || ring.send(()).unwrap()).unwrap();
        let mut keys = SlotMap::<WorkKey, u8>::with_key();
        let asked: Vec<_> = (1..=5)
            .map(|secret| {
                let work = keys.insert(secret);
                let job = Work::Keys {
                    secret: Secret([secret; 20]),
                    public: true,
                    remote: None,
                };
                worker.submit(Box::new(WorkJob { work, job }));
                work
            })
            .collect();
        for work in asked {
            rung.recv_timeout(Duration::from_secs(20)).unwrap();
            assert!(worker.has_answers());
            let (answered, result) = worker.answer().unwrap();
            let WorkResult::Keys(result) = result else {
                panic!("keys were asked for");
            };
            assert_eq!(answered, work);
            let public = Secret([keys[work]; 20]).public();
            assert!(result.public == Some(public));
        }
        assert!(!worker.has_answers());
    }

    #[test]
    fn who_leaves_does_not_wait_for_all_that_was_asked() {
        let answered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answered);
        let worker = Worker::start(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let worker = worker.unwrap();
        let mut keys = SlotMap::<WorkKey, ()>::with_key();
        for _ in 0..10_000 {
            let work = keys.insert(());
            let job = Work::Keys {
                secret: Secret([9; 20]),
                public: true,
                remote: None,
            };
            worker.submit(Box::new(WorkJob { work, job }));
        }
        drop(worker);
        assert!(answered.load(Ordering::Relaxed) < 10_000);
    }
}
