//! Feeding the engine with what others queued: handles, disk workers, the
//! control plane, the work thread, peers that knock, streams that come up, datagrams.

use std::io;
use std::time::Instant;

use superseed_engine::disk::DiskResult;
use superseed_engine::{
    AddTorrent, Command, FetchEnd, FetchPart, Input, StreamEnd, Ticket, TorrentKey, TorrentOptions,
    TorrentSource,
};
use tokio::sync::mpsc::error::TryRecvError;

use super::connect;
use super::descriptors::TurnedAway;
use super::host::{Deferred, Host};
use crate::control::webseed::Part;
use crate::control::{Answer, Job};
use crate::portmap::Mapped;
use crate::session::error::Gone;
use crate::session::request::{ReadRefusal, Request};

/// Requests of handles per turn.
const REQUESTS_PER_TURN: usize = 128;
/// Completions of the disk per turn.
const COMPLETIONS_PER_TURN: usize = 256;
/// Peers accepted per listener and turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Datagrams per listener and turn.
const DATAGRAMS_PER_TURN: usize = 64;

impl Host {
    pub(super) fn take_requests(&mut self) {
        for _ in 0..REQUESTS_PER_TURN {
            match self.requests.try_recv() {
                Ok(request) => self.take_request(request),
                Err(TryRecvError::Empty) => {
                    self.requests_pending = false;
                    return;
                }
                Err(TryRecvError::Disconnected) => {
                    self.requests_pending = false;
                    return self.stop(true);
                }
            }
        }
        self.requests_pending = true;
    }

    fn take_request(&mut self, request: Request) {
        match request {
            Request::Add(request) => {
                let source = TorrentSource::Metainfo(request.metainfo.clone());
                let options = request.options.clone();
                let ticket = self.torrents.ask(request);
                let add = AddTorrent {
                    ticket,
                    source,
                    options,
                };
                self.handle(Input::Command(Command::Add(Box::new(add))));
            }
            Request::AddLink(request) => {
                let source = TorrentSource::InfoHashes(request.info_hashes);
                let options = request.options.clone();
                let ticket = self.torrents.ask_link(request);
                let add = AddTorrent {
                    ticket,
                    source,
                    options,
                };
                self.handle(Input::Command(Command::Add(Box::new(add))));
                // What was kept of it must be known before any timer lets it be
                // named to somebody: it may be private.
                self.perform_actions();
            }
            Request::Begin { torrent, request } => {
                let options = request.options.clone();
                if let Some(spec) = self.torrents.begin(torrent, *request) {
                    self.register(torrent, spec);
                    let begin = Command::Begin(torrent, Box::new(options));
                    self.handle(Input::Command(begin));
                }
            }
            Request::Restore(requests) => {
                for (summary, request) in requests {
                    let ticket = self.torrents.ask_restored(request);
                    let add = AddTorrent {
                        ticket,
                        source: TorrentSource::Kept(summary),
                        options: TorrentOptions::default(),
                    };
                    self.handle(Input::Command(Command::Add(Box::new(add))));
                }
            }
            Request::Wake { torrent, reply } => {
                self.torrents.waking(torrent, reply);
                self.handle(Input::Command(Command::Wake(torrent)));
                self.answer_woken(torrent);
            }
            Request::Order {
                command,
                torrent,
                reply,
            } => {
                if torrent.is_some_and(|torrent| !self.torrents.has(torrent)) {
                    // A dropped receiver means that nobody waits any more.
                    let _ = reply.send(Err(Gone::Torrent));
                    return;
                }
                match &command {
                    Command::Recheck(torrent) => self.torrents.will_check(*torrent),
                    Command::Resume(torrent) => self.torrents.will_resume(*torrent),
                    _ => {}
                }
                match command {
                    Command::Configure(mut settings) => {
                        self.route.restrict(&mut settings);
                        self.descriptors.bound(&mut settings);
                        self.handle(Input::Command(Command::Configure(settings)));
                    }
                    Command::SetFilter(filter) => self.set_filter(filter),
                    command => self.handle(Input::Command(command)),
                }
                self.orders.push(reply);
            }
            Request::Remove { torrent, reply } => {
                self.torrents.removing(torrent, reply);
                self.handle(Input::Command(Command::Remove(torrent)));
            }
            Request::LookUp { goal, reply } => self.look_up(goal, reply),
            Request::Resolve { host, reply } => {
                // Given back, it is dropped, and so is who is to be answered.
                let _ = self.control.submit(Job::ResolveForUser { host, reply });
            }
            Request::Ask(question) => question(&self.engine, self.now()),
            Request::Torrents(reply) => {
                let _ = reply.send(self.torrents.list());
            }
            Request::Read {
                torrent,
                piece,
                bytes,
                offset,
                reply,
            } => {
                let len = u64::from(bytes.end - bytes.start);
                if !self.engine.has_bytes(torrent, offset..offset + len) {
                    let _ = reply.send(Err(ReadRefusal::Missing));
                } else if let Some(job) = self.torrents.read(torrent, piece, bytes, reply) {
                    self.disk.submit(job);
                }
            }
            Request::Stop => self.stop(false),
        }
    }

    pub(super) fn take_completions(&mut self) {
        for _ in 0..COMPLETIONS_PER_TURN {
            let Ok((job, result)) = self.completions.try_recv() else {
                return;
            };
            let Some(result) = self.torrents.read_done(job, result) else {
                continue;
            };
            let opened = match &result {
                DiskResult::Opened(opened) => self.opening.remove(&job).map(|torrent| {
                    (
                        torrent,
                        self.torrents.opened(torrent, opened.as_ref().err()),
                    )
                }),
                _ => None,
            };
            let woken = match &result {
                DiskResult::Woken(_) => self.opening.remove(&job),
                _ => None,
            };
            self.handle(Input::DiskDone { job, result });
            if let Some(torrent) = woken {
                // Its events come before those who wait for it go on.
                self.perform_actions();
                self.answer_woken(torrent);
            }
            if let Some((torrent, true)) = opened {
                self.handle(Input::Command(Command::Remove(torrent)));
            }
        }
    }

    /// Answers those who wait for a torrent to wake, if it has or has failed to.
    fn answer_woken(&mut self, torrent: TorrentKey) {
        let metainfo = self.engine.metainfo(torrent).cloned();
        let failure = || self.torrents.failure(torrent);
        if let Some(result) = metainfo.map(Ok).or_else(|| failure().map(Err)) {
            self.torrents.woken(torrent, &result);
        }
    }

    pub(super) fn take_answers(&mut self) {
        for deferred in std::mem::take(&mut self.deferred) {
            match deferred {
                Deferred::Connect(conn, error) => {
                    self.handle(Input::ConnectFailed { conn, error });
                }
                Deferred::Stream(conn) => {
                    self.handle(Input::Closed {
                        conn,
                        end: StreamEnd::Reset,
                    });
                }
                Deferred::Announce(announce, error) => {
                    self.handle(Input::AnnounceDone {
                        announce,
                        result: Err(error),
                    });
                }
                Deferred::Fetch(fetch) => {
                    let why = "too many requests at once".to_owned();
                    let part = FetchPart::Ended(FetchEnd::Broke(why));
                    self.handle(Input::Fetched { fetch, part });
                }
                Deferred::Resolve(resolve) => {
                    self.handle(Input::Resolved {
                        resolve,
                        addrs: Vec::new(),
                    });
                }
            }
        }
        while let Some((work, result)) = self.worker.answer() {
            self.handle(Input::Worked { work, result });
        }
        while let Some(answer) = self.control.answer() {
            match answer {
                Answer::Announced { announce, result } => {
                    let result = result.as_deref().map_err(Clone::clone);
                    self.handle(Input::AnnounceDone { announce, result });
                }
                Answer::Resolved { resolve, addrs } => {
                    self.handle(Input::Resolved { resolve, addrs });
                }
                Answer::Fetched { fetch, part } => {
                    let part = match &part {
                        Part::Bytes(bytes) => FetchPart::Bytes(bytes),
                        Part::Ended(end) => FetchPart::Ended(end.clone()),
                    };
                    self.handle(Input::Fetched { fetch, part });
                }
                Answer::Mapped(Mapped { listener, external }) => {
                    self.handle(Input::Mapped { listener, external });
                }
            }
        }
    }

    pub(super) fn take_connections(&mut self) {
        for conn in std::mem::take(&mut self.connect_events) {
            self.finish_connect(conn);
        }
        let now = Instant::now();
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_PER_TURN {
                if !self.listeners[at].may_accept(now) {
                    break;
                }
                self.accept_one(at, now);
                // Who is refused goes at once, and holds no descriptor that the
                // next one needs.
                self.perform_actions();
            }
        }
    }

    fn finish_connect(&mut self, conn: superseed_engine::ConnKey) {
        let Some(stream) = self.streams.get_mut(conn) else {
            return;
        };
        if !stream.connecting {
            return;
        }
        match connect::progress(stream) {
            None => {}
            Some(Ok(())) => {
                self.streams.is_up(conn);
                self.handle(Input::Connected { conn });
            }
            Some(Err(error)) => {
                self.streams.remove(self.poll.registry(), conn);
                self.handle(Input::ConnectFailed { conn, error });
            }
        }
    }

    fn accept_one(&mut self, at: usize, now: Instant) {
        let listener = &mut self.listeners[at];
        let Some(tcp) = &listener.tcp else {
            listener.tcp_ready = false;
            return;
        };
        match tcp.accept() {
            Ok((stream, remote)) => {
                self.spare.has_let_in();
                // Without it the stream is slower, not wrong.
                let _ = stream.set_nodelay(true);
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                let listener = listener.id;
                self.waiting.insert(ticket, stream);
                self.handle(Input::Incoming {
                    ticket,
                    remote,
                    listener,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.tcp_ready = false,
            Err(error) if connect::is_local_limit(&error) => match self.spare.turn_away(tcp) {
                TurnedAway::One => {}
                TurnedAway::Nobody => listener.tcp_ready = false,
                TurnedAway::NoDescriptor => {
                    tracing::warn!(%error, "cannot accept peers for a moment");
                    listener.rest(now);
                }
            },
            // The peer went away before it was accepted, or the network
            // reports an error of the new stream here (accept(2)).
            Err(error) => tracing::debug!(%error, "a peer was lost before it was accepted"),
        }
    }

    /// Listens to neighbours if the settings say so.
    pub(super) fn tend_multicast(&mut self) {
        let wanted = self.engine.settings().lsd && !self.is_gone();
        let tokens = super::multicast_tokens(self.listeners.len());
        let registry = self.poll.registry();
        self.multicast
            .tend(wanted, &self.route, &self.listeners, registry, tokens);
    }

    fn take_multicasts(&mut self) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some((len, from, near)) = self.multicast.receive(&mut self.scratch) else {
                return;
            };
            let now = self.now();
            let bytes = &self.scratch[..len];
            let input = Input::Multicast { near, from, bytes };
            self.engine.handle(input, now, &mut self.out);
        }
    }

    pub(super) fn take_datagrams(&mut self) {
        self.take_multicasts();
        for at in 0..self.listeners.len() {
            for _ in 0..DATAGRAMS_PER_TURN {
                let listener = &mut self.listeners[at];
                if !listener.udp_ready {
                    break;
                }
                let Some(udp) = &listener.udp else {
                    listener.udp_ready = false;
                    break;
                };
                match udp.recv_from(&mut self.scratch) {
                    Ok((len, from)) => {
                        let listener = listener.id;
                        let now = self.now();
                        let Some((from, begin)) = self.sender(at, from, len) else {
                            continue;
                        };
                        let bytes = &self.scratch[begin..len];
                        let input = Input::Datagram {
                            listener,
                            from,
                            bytes,
                        };
                        self.engine.handle(input, now, &mut self.out);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        listener.udp_ready = false;
                    }
                    // ICMP errors of earlier datagrams come out here.
                    Err(error) => tracing::debug!(%error, "a datagram could not be received"),
                }
            }
        }
    }
}
