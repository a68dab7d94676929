//! What a host computes for its engine: for real, and as if it took a while.

use std::time::Duration;

use superseed_engine::Input;
use superseed_engine::ids::WorkKey;
use superseed_engine::work::{WorkJob, WorkResult};

use super::{Happening, HostId, World};

/// How long the engine waits for whatever it is.
const WORK_TIME: Duration = Duration::from_millis(1);

/// The answer to a job of a run of a host.
pub(super) struct WorkDone {
    host: HostId,
    run: u32,
    work: WorkKey,
    result: WorkResult,
}

impl World {
    pub(super) fn begin_work(&mut self, host: HostId, job: WorkJob) {
        let done = WorkDone {
            host,
            run: self.hosts[host.0].run,
            work: job.work,
            result: job.job.perform(),
        };
        self.queue
            .push(self.now + WORK_TIME, Happening::Worked(Box::new(done)));
    }

    pub(super) fn work_done(&mut self, done: WorkDone) {
        let WorkDone {
            host,
            run,
            work,
            result,
        } = done;
        let state = &self.hosts[host.0];
        if state.run == run && state.engine.is_some() {
            self.feed(host, Input::Worked { work, result });
        }
    }
}
