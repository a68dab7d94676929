//! The DHT's part of the loop: what handles look up, and the nodes that are kept
//! for the next session.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use superseed_engine::dht::{DhtSnapshot, Found, Goal};
use superseed_engine::{Command, Input, Ticket};
use tokio::sync::oneshot;

use super::host::Host;
use crate::control::Job;
use crate::nodes::NodesFile;

/// How often the nodes that are known are kept, beside at the end.
const KEEP_EVERY: Duration = Duration::from_secs(10 * 60);

/// What the loop remembers of the DHT.
pub(super) struct Nodes {
    /// Handles that wait for what they look up.
    looking: HashMap<Ticket, oneshot::Sender<Found>>,
    tickets: u64,
    /// Where nodes are kept.
    file: Option<Arc<NodesFile>>,
    keep_at: Instant,
}

impl Nodes {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self {
            looking: HashMap::new(),
            tickets: 0,
            file: file.map(|path| Arc::new(NodesFile::new(path))),
            keep_at: Instant::now() + KEEP_EVERY,
        }
    }

    /// A look-up ended.
    pub(super) fn found(&mut self, ticket: Ticket, found: Found) {
        if let Some(reply) = self.looking.remove(&ticket) {
            // A dropped receiver means that nobody waits any more.
            let _ = reply.send(found);
        }
    }

    /// When nodes are kept next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.file.is_some().then_some(self.keep_at)
    }
}

impl Host {
    pub(super) fn look_up(&mut self, goal: Box<Goal>, reply: oneshot::Sender<Found>) {
        self.nodes.tickets += 1;
        let ticket = Ticket(self.nodes.tickets);
        self.nodes.looking.insert(ticket, reply);
        self.handle(Input::Command(Command::LookUp(ticket, goal)));
    }

    /// Begins with the nodes that an earlier session kept.
    pub(super) fn recall_nodes(&mut self) {
        if let Some(file) = &self.nodes.file {
            let snapshot = Box::new(self.shared_of(file.read()));
            self.handle(Input::Command(Command::RestoreNodes(snapshot)));
        }
    }

    /// Has the nodes kept that are known, if it is time.
    pub(super) fn keep_nodes(&mut self) {
        let Some(file) = &self.nodes.file else { return };
        if self.nodes.keep_at <= Instant::now() {
            let snapshot = self.shared_of(self.engine.dht_snapshot(self.now()));
            let job = Job::KeepNodes(file.clone(), snapshot);
            // Should the queue be full, the next time will do.
            let _ = self.control.submit(job);
            self.nodes.keep_at = Instant::now() + KEEP_EVERY;
        }
    }

    /// Keeps the nodes that are known at the end of the loop, which may block.
    pub(super) fn keep_nodes_at_end(&self) {
        if let Some(file) = &self.nodes.file {
            file.write(&self.shared_of(self.engine.dht_snapshot(self.now())));
        }
    }

    /// What sessions of other ways may have of this one, and it of them: no ids.
    fn shared_of(&self, mut snapshot: DhtSnapshot) -> DhtSnapshot {
        if !self.route.shares_names() {
            for node in &mut snapshot.nodes {
                node.id = None;
            }
        }
        snapshot
    }
}
