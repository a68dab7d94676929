//! The control plane: what needs a library that waits rather than a readiness
//! loop. One thread with one tokio runtime does HTTP announces, requests to web
//! seeds and name look-ups, and talks to gateways; the engine thread gives it
//! [`Job`]s and takes [`Answer`]s, both
//! through bounded queues. It decides nothing: what to ask, when, how long to
//! wait and what an answer means is the engine's.

pub(crate) mod announce;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod fetch;
mod hops;
pub(crate) mod webseed;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use superseed_engine::dht::DhtSnapshot;
use superseed_engine::filter::Filter;
use superseed_engine::{
    AnnounceKey, Fetch, FetchKey, HttpAnnounce, ListenerId, ResolveKey, TransferError,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::nodes::NodesFile;
use crate::portmap::{Mapped, PortMaps};
use crate::route::{Route, What};
use client::Clients;

#[cfg(test)]
mod tests;

/// How many jobs wait for the control thread before new ones fail at once: as
/// many as thousands of torrents have announces when a session starts.
const JOBS_MAX: usize = 16_384;
/// How many announces are on their way at the same time; others wait, so that
/// trackers leave descriptors to peers.
const ANNOUNCES_MAX: usize = 256;
/// How many look-ups are in the system's resolver at the same time, each on a
/// thread of its own.
const LOOKUPS_MAX: usize = 32;
/// How many answers wait for the engine thread before the tasks do.
const ANSWERS_MAX: usize = 256;
/// How long a name look-up may take; the system's resolver may try for longer.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(20);

/// What the engine thread asks for.
#[derive(Debug)]
pub(crate) enum Job {
    /// An HTTP(S) announce.
    Announce(Box<HttpAnnounce>),
    /// A name look-up.
    Resolve {
        /// Names the answer.
        resolve: ResolveKey,
        /// The name.
        host: String,
    },
    /// A name look-up for the user.
    ResolveForUser {
        /// The name.
        host: String,
        /// Whom to answer.
        reply: oneshot::Sender<Vec<IpAddr>>,
    },
    /// A request to a web seed.
    Fetch(Box<Fetch>),
    /// More of its body may come.
    FetchMore {
        /// Which.
        fetch: FetchKey,
        /// Bytes.
        bytes: u64,
    },
    /// Nobody wants it any more.
    FetchStop(FetchKey),
    /// Keep nodes of the DHT in a file; not answered.
    KeepNodes(Arc<NodesFile>, DhtSnapshot),
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Of [`Job::Announce`].
    Announced {
        /// Which.
        announce: AnnounceKey,
        /// The body, or why there is none.
        result: Result<Vec<u8>, TransferError>,
    },
    /// Of [`Job::Resolve`].
    Resolved {
        /// Which.
        resolve: ResolveKey,
        /// The addresses; empty if there are none.
        addrs: Vec<IpAddr>,
    },
    /// Of [`Job::Fetch`], any number.
    Fetched {
        /// Which.
        fetch: FetchKey,
        /// What came.
        part: webseed::Part,
    },
    /// The gateway lets others call a listener, or does so no more.
    Mapped(Mapped),
}

/// The way of answers to the engine thread.
#[derive(Clone)]
struct Answers {
    queue: mpsc::Sender<Answer>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Answers {
    /// Waits for room.
    async fn give(&self, answer: Answer) {
        if self.queue.send(answer).await.is_ok() {
            (self.wake)();
        }
    }
}

/// A request to a web seed that is out.
struct Fetching {
    lends: mpsc::UnboundedSender<u64>,
    task: AbortHandle,
}

/// The engine thread's end of the control plane.
///
/// Dropping it ends the thread and whatever it still does.
pub(crate) struct Control {
    jobs: Option<mpsc::Sender<Job>>,
    answers: mpsc::Receiver<Answer>,
    clients: Arc<Clients>,
    /// Says that the session ends.
    ending: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// How the control plane is set up.
pub(crate) struct ControlConfig {
    /// The listeners and their addresses: announces leave from these.
    pub(crate) listeners: HashMap<ListenerId, SocketAddr>,
    /// Whether gateways are asked to let peers in.
    pub(crate) port_mapping: bool,
    /// By what way announces and look-ups leave.
    pub(crate) route: Route,
    /// The `User-Agent` of announces.
    pub(crate) user_agent: String,
    /// Called after an answer was queued.
    pub(crate) wake: Arc<dyn Fn() + Send + Sync>,
}

impl Control {
    /// Starts the thread.
    pub(crate) fn start(config: ControlConfig) -> io::Result<Self> {
        let (jobs, job_queue) = mpsc::channel(JOBS_MAX);
        let (answer_queue, answers) = mpsc::channel(ANSWERS_MAX);
        let (ending, ended) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKUPS_MAX)
            .build()?;
        let ControlConfig {
            listeners,
            port_mapping,
            route,
            user_agent,
            wake,
        } = config;
        let maps_ports = port_mapping && route.allows(What::PortMapping);
        let mapped = maps_ports.then(|| listeners.clone());
        let clients = Arc::new(Clients::new(listeners, route, user_agent));
        let shared = Arc::clone(&clients);
        let thread = std::thread::Builder::new()
            .name("superseed-control".into())
            .spawn(move || {
                let answers = Answers {
                    queue: answer_queue,
                    wake,
                };
                runtime.block_on(async move {
                    let maps = mapped.map(|listeners| {
                        let (tell, told) = mpsc::channel(ANSWERS_MAX);
                        tokio::spawn(pass_on(told, answers.clone()));
                        PortMaps::start(&listeners, &tell, &ended)
                    });
                    serve(shared, job_queue, answers).await;
                    if let Some(maps) = maps {
                        maps.ended().await;
                    }
                });
                // A look-up in the system's resolver cannot be cancelled and must
                // not hold up the end.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            clients,
            ending,
            thread: Some(thread),
        })
    }

    /// Announces leave from other addresses than before.
    pub(crate) fn set_listeners(&self, listeners: HashMap<ListenerId, SocketAddr>) {
        self.clients.set_listeners(listeners);
    }

    /// Asks nobody from now on whom the filter blocks.
    pub(crate) fn set_filter(&self, filter: Arc<Filter>) {
        self.clients.set_filter(filter);
    }

    /// Hands a job over; gives it back if too many wait.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Job> {
        let Some(jobs) = &self.jobs else {
            return Err(job);
        };
        jobs.try_send(job)
            .map_err(mpsc::error::TrySendError::into_inner)
    }

    /// The session ends: gateways need let nobody in any more. They have a second
    /// to say so, while the session says its farewell to trackers.
    pub(crate) fn release_ports(&self) {
        self.ending.send_replace(true);
    }

    /// The next answer, if there is one.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.jobs = None;
        self.answers.close();
        self.release_ports();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
    }
}

async fn serve(clients: Arc<Clients>, mut jobs: mpsc::Receiver<Job>, answers: Answers) {
    let mut fetches: HashMap<FetchKey, Fetching> = HashMap::new();
    while let Some(job) = jobs.recv().await {
        let (clients, answers) = (Arc::clone(&clients), answers.clone());
        match job {
            Job::Announce(job) => {
                tokio::spawn(async move { answers.give(announce(*job, &clients).await).await });
            }
            Job::Resolve { resolve, host } => {
                tokio::spawn(async move {
                    let addrs = addrs_of(&clients, &host).await;
                    answers.give(Answer::Resolved { resolve, addrs }).await;
                });
            }
            Job::ResolveForUser { host, reply } => {
                // A dropped receiver means that nobody waits any more.
                let task = async move { drop(reply.send(addrs_of(&clients, &host).await)) };
                tokio::spawn(task);
            }
            Job::Fetch(job) => {
                fetches.retain(|_, fetching| !fetching.task.is_finished());
                let (lends, lent) = mpsc::unbounded_channel();
                let fetch = job.fetch;
                let task = async move { webseed::fetch(&clients, *job, lent, answers).await };
                let task = tokio::spawn(task).abort_handle();
                fetches.insert(fetch, Fetching { lends, task });
            }
            Job::FetchMore { fetch, bytes } => {
                if let Some(fetching) = fetches.get(&fetch) {
                    // One that has ended borrows no more.
                    let _ = fetching.lends.send(bytes);
                }
            }
            Job::FetchStop(fetch) => {
                if let Some(fetching) = fetches.remove(&fetch) {
                    fetching.task.abort();
                }
            }
            Job::KeepNodes(file, snapshot) => {
                tokio::task::spawn_blocking(move || file.write(&snapshot));
            }
        }
    }
}

async fn announce(job: HttpAnnounce, clients: &Clients) -> Answer {
    let HttpAnnounce {
        announce,
        url,
        from,
        timeout,
    } = job;
    // The semaphore is never closed, so that there is always a permit.
    let _permit = clients.permits.acquire().await;
    let exchange = announce::announce(clients, &url, from);
    let result = tokio::time::timeout(timeout, exchange)
        .await
        .unwrap_or(Err(TransferError::TimedOut));
    Answer::Announced { announce, result }
}

/// The addresses of a name; none if it has none or they are not told in time.
async fn addrs_of(clients: &Clients, host: &str) -> Vec<IpAddr> {
    let lookup = clients.route().look_up(host);
    match tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::debug!(host, %error, "no address");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// Tells the engine where the gateway lets others call us.
async fn pass_on(mut told: mpsc::Receiver<Mapped>, answers: Answers) {
    while let Some(mapped) = told.recv().await {
        answers.give(Answer::Mapped(mapped)).await;
    }
}
