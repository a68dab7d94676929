//! Performing the engine's actions, in their order, after it has returned.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use superseed_engine::{
    Action, AddRefusal, Command, ConnKey, ConnectError, DiskJob, DiskOp, FetchKey, Input,
    ListenerId, TorrentKey, TransferError,
};

use super::connect;
use super::host::{Deferred, Host};
use super::torrents::Added;
use crate::control::Job;
use crate::session::request::{AddFailure, Found};
use crate::storage::StorageSpec;

impl Host {
    pub(super) fn perform_actions(&mut self) {
        while let Some(action) = self.out.pop() {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Added { ticket, torrent } => match self.torrents.added(ticket, torrent) {
                Some(Added::Open(spec)) => self.register(torrent, spec),
                Some(Added::Asleep(kept)) => {
                    let storage = Arc::clone(&self.storage);
                    self.disk.register_asleep(torrent, storage, &kept);
                }
                Some(Added::Known(metainfo)) => {
                    let provide = Command::ProvideMetadata(torrent, metainfo);
                    self.handle(Input::Command(provide));
                }
                None => {}
            },
            Action::AddRefused { ticket, reason } => {
                let why = match reason {
                    AddRefusal::Duplicate(_) => AddFailure::Duplicate,
                    AddRefusal::V2Only(hash) => AddFailure::V2Only(hash),
                    AddRefusal::ShuttingDown => AddFailure::Stopping,
                };
                self.torrents.refused(ticket, why);
            }
            Action::Metadata { torrent, metainfo } => {
                self.torrents.found(torrent, Found::Metadata(metainfo));
            }
            Action::Removed { torrent } => self.torrents.removed(torrent),
            Action::Accept { ticket, conn } => {
                if let Some(stream) = self.waiting.remove(&ticket) {
                    self.watch(conn, stream, false);
                }
            }
            Action::Refuse { ticket } => {
                if let Some(stream) = self.waiting.remove(&ticket) {
                    self.hang_up(stream);
                }
            }
            Action::Connect { conn, remote, from } => self.connect(conn, remote, from),
            Action::Close { conn } => self.close(conn),
            Action::WantWrite { conn } => self.streams.want_write(conn),
            Action::WantRead { conn } => self.streams.want_read(conn),
            Action::Disk(job) => self.submit(job),
            Action::HttpAnnounce(announce) => {
                let key = announce.announce;
                if self.control.submit(Job::Announce(announce)).is_err() {
                    let error = TransferError::Other("too many announces at once".to_owned());
                    self.deferred.push(Deferred::Announce(key, error));
                }
            }
            Action::Resolve { resolve, host } => {
                if self.control.submit(Job::Resolve { resolve, host }).is_err() {
                    self.deferred.push(Deferred::Resolve(resolve));
                }
            }
            Action::Fetch(job) => {
                let fetch = job.fetch;
                self.submit_fetch(fetch, Job::Fetch(job));
            }
            Action::FetchMore { fetch, bytes } => {
                self.submit_fetch(fetch, Job::FetchMore { fetch, bytes });
            }
            Action::FetchStop { fetch } => self.submit_fetch(fetch, Job::FetchStop(fetch)),
            Action::Work(job) => self.worker.submit(job),
            Action::SendDatagram {
                listener,
                to,
                bytes,
            } => self.send_datagram(listener, to, &bytes),
            Action::SendMulticast { listener, bytes } => {
                if let Some(listener) = self.listeners.iter().find(|l| l.id == listener) {
                    self.multicast.send(listener, &bytes);
                }
            }
            Action::Found { ticket, found } => self.nodes.found(ticket, *found),
            Action::Event(event) => {
                self.torrents.follow(&event);
                // Without subscribers nobody hears it.
                let _ = self.notices.send(event);
            }
            Action::ShutdownDone => self.finished = true,
        }
    }

    /// Tells the disk workers how a torrent's storage is opened.
    pub(super) fn register(&mut self, torrent: TorrentKey, spec: StorageSpec) {
        self.disk.register(torrent, Arc::clone(&self.storage), spec);
    }

    fn submit(&mut self, job: DiskJob) {
        if matches!(job.op, DiskOp::Open | DiskOp::Wake { .. }) {
            self.opening.insert(job.job, job.torrent);
        }
        self.disk.submit(job);
    }

    fn submit_fetch(&mut self, fetch: FetchKey, job: Job) {
        if self.control.submit(job).is_err() {
            self.deferred.push(Deferred::Fetch(fetch));
        }
    }

    fn connect(&mut self, conn: ConnKey, remote: SocketAddr, from: Option<ListenerId>) {
        let begun = match self.route.proxy() {
            Some(proxy) => connect::begin_by_proxy(&self.route, proxy, remote),
            None => {
                let listener = from.and_then(|id| self.listeners.iter().find(|l| l.id == id));
                let source = listener.and_then(|listener| connect::source(listener.addr, remote));
                connect::begin(&self.route, remote, source).map(|stream| (stream, None))
            }
        };
        match begun {
            Ok((stream, dial)) => {
                self.watch(conn, stream, true);
                if let Some(stream) = self.streams.get_mut(conn)
                    && dial.is_some()
                {
                    stream.dial = dial;
                    self.dials.begin(conn, Instant::now());
                }
            }
            Err(error) => self.deferred.push(Deferred::Connect(conn, error)),
        }
    }

    fn watch(&mut self, conn: ConnKey, stream: mio::net::TcpStream, connecting: bool) {
        let watched = self
            .streams
            .insert(self.poll.registry(), conn, stream, connecting);
        if let Err(error) = watched {
            tracing::warn!(%error, "cannot watch a socket");
            self.deferred.push(if connecting {
                Deferred::Connect(conn, ConnectError::LocalLimit)
            } else {
                Deferred::Stream(conn)
            });
        }
    }

    fn send_datagram(&mut self, listener: ListenerId, to: SocketAddr, bytes: &[u8]) {
        if let Some(at) = self.listeners.iter().position(|l| l.id == listener) {
            self.send_from(at, to, bytes);
        }
    }
}
