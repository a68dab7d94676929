//! The data plane: the thread that owns the engine, its sockets and its loop.
//!
//! Owns every socket to peers, neighbours and UDP trackers. It must never decide: it feeds
//! inputs and performs actions. It must never block: files are the disk
//! workers', HTTP and names the control plane's, long computations the work
//! thread's.

mod bound;
mod connect;
mod descriptors;
mod dials;
mod doorbell;
mod feed;
mod host;
mod interfaces;
pub(crate) mod listen;
mod multicast;
mod nodes;
mod perform;
mod relay;
mod streams;
mod torrents;
mod transfer;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use mio::{Poll, Token, Waker};
use superseed_engine::{Engine, Outbox};
use tokio::sync::{broadcast, mpsc, watch};

use crate::control::{Control, ControlConfig};
use crate::disk::DiskPool;
use crate::os;
use crate::session::config::Config;
use crate::session::error::StartError;
use crate::session::events::EVENTS_MAX;
use crate::session::request::{Link, Places, REQUESTS_MAX};
use crate::storage::fs::FileStorage;
use crate::work::Worker;
use bound::Watch;
use descriptors::{Descriptors, Spare};
use dials::Dials;
use doorbell::{Doorbell, wake};
use host::{Host, WAKER};
use listen::Listener;
use multicast::Multicast;
use nodes::Nodes;
use streams::Streams;
use torrents::Torrents;

/// The token of a listener's TCP socket; its UDP socket has the next.
fn tcp_token(listener: usize) -> Token {
    Token(1 + 2 * listener)
}

/// The tokens of the groups of local discovery, behind those of all listeners.
fn multicast_tokens(listeners: usize) -> [Token; 2] {
    let first = tcp_token(listeners).0;
    [Token(first), Token(first + 1)]
}

/// Binds, starts the threads of a session and returns the handles' end.
pub(crate) fn start(config: Config) -> Result<Link, StartError> {
    let mut listeners = Listener::bind_all(&config)?;
    let system = |what| move |error| StartError::System { what, error };
    let poll = Poll::new().map_err(system("epoll"))?;
    for (at, listener) in listeners.iter_mut().enumerate() {
        let tcp = tcp_token(at);
        let udp = Token(tcp.0 + 1);
        listener
            .register(poll.registry(), tcp, udp)
            .map_err(system("epoll"))?;
    }
    let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(system("a waker"))?);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| system("random numbers")(error.into()))?;

    let addrs: HashMap<_, _> = listeners.iter().map(|l| (l.id, l.addr)).collect();
    let open = listeners.iter().filter(|listener| listener.tcp.is_some());
    let listen_addrs = open.map(|listener| listener.addr).collect();
    let control = ControlConfig {
        listeners: addrs,
        port_mapping: config.port_mapping,
        route: config.route.clone(),
        user_agent: config.user_agent,
        wake: {
            let waker = Arc::clone(&waker);
            Arc::new(move || wake(&waker))
        },
    };
    let control = Control::start(control).map_err(system("a thread"))?;
    let workers = config.workers.unwrap_or_else(|| {
        thread::available_parallelism()
            .map_or(WORKERS_MIN, usize::from)
            .max(WORKERS_MIN)
    });
    let bell = Doorbell::new(Arc::clone(&waker));
    let ringer = bell.clone();
    let (disk, completions) = DiskPool::new(workers, move || ringer.ring());
    let ringer = bell.clone();
    let worker = Worker::start(move || ringer.ring()).map_err(system("a thread"))?;
    let descriptors = Descriptors(os::raise_fd_limit());
    let files = || Arc::new(FileStorage::for_fd_limit(descriptors.0));
    let storage = config.storage.unwrap_or_else(|| files());
    let mut settings = config.settings;
    descriptors.bound(&mut settings);
    config.route.restrict(&mut settings);
    let (request_sender, requests) = mpsc::channel(REQUESTS_MAX);
    let (notices, _) = broadcast::channel(EVENTS_MAX);
    let (ended, ended_seen) = watch::channel(false);
    let link = Link::new(
        request_sender,
        waker,
        notices.downgrade(),
        ended_seen,
        listen_addrs,
        Places {
            storage: Arc::clone(&storage),
            dir: config.dir,
            state_dir: config.state_dir,
        },
    );
    let host = Host {
        engine: Engine::new(settings, seed),
        out: Outbox::new(),
        began: Instant::now(),
        poll,
        listeners,
        route: config.route.clone(),
        watch: Watch::default(),
        multicast: Multicast::default(),
        relays: Vec::new(),
        dials: Dials::default(),
        streams: Streams::default(),
        waiting: HashMap::new(),
        next_ticket: 0,
        descriptors,
        spare: Spare::new(),
        connect_events: Vec::new(),
        deferred: Vec::new(),
        requests,
        requests_pending: false,
        orders: Vec::new(),
        torrents: Torrents::default(),
        nodes: Nodes::new(config.dht_state),
        opening: HashMap::new(),
        storage,
        disk,
        completions,
        bell,
        control,
        worker,
        notices,
        scratch: vec![0; transfer::READ_BYTES_PER_PEER].into_boxed_slice(),
        slices: Vec::new(),
        stop_by: None,
        finished: false,
        ended,
    };
    thread::Builder::new()
        .name("superseed-engine".to_owned())
        .spawn(move || host.run(config.blocklist))
        .map_err(system("a thread"))?;
    Ok(link)
}

/// Workers even on a machine with one core: one may wait for a disk while the
/// other hashes.
const WORKERS_MIN: usize = 2;
