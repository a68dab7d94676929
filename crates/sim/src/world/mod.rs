//! The world: virtual time, machines, and the loop that lets things happen.
//!
//! It *is* the host of every engine in it: it performs their actions and feeds
//! their inputs, one at a time, and draws everything else from its seed. It
//! costs something only when something happens.

mod check;
mod datagrams;
mod drive;
mod host;
mod memory;
mod near;
mod said;
mod scripts;
mod services;
mod tally;
mod web_seeds;
mod work;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use superseed_engine::{DiskJob, Settings, Time};

use crate::disk::{Disk, DiskSpec};
use crate::journal::Journal;
use crate::net::{ByteLedger, LinkSpec, Net, NetEvent, NodeId, Notice};
use crate::queue::Queue;
use crate::rng::Rng;
use crate::tracker::Tracker;
use crate::web::WebSeed;
use crate::wire::ScriptNode;
pub use datagrams::{DatagramParty, Sent};
pub use host::{HostId, Progress};
pub use said::{Message, Said, Way};
pub use scripts::{ScriptId, Wire};
pub use services::TrackerId;
pub use tally::{Protocol, Tally};
pub use web_seeds::WebSeedId;

use check::Watch;
use datagrams::Datagrams;
use host::Host;
use services::ServiceEvent;
use web_seeds::WebEvent;
use work::WorkDone;

/// The port that every machine listens on.
const PORT: u16 = 6881;

/// How the bytes of a stream are cut into reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// As they come.
    Whole,
    /// Each gets a random number of bytes, from one up to this.
    UpTo(usize),
}

/// A machine with an engine.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Its engine's settings.
    pub settings: Settings,
    /// Its link.
    pub link: LinkSpec,
    /// Its disk.
    pub disk: DiskSpec,
    /// How its reads are cut.
    pub split: Split,
    /// Where it stands: what it multicasts is heard by the machines of its site.
    /// Without one it is alone.
    pub site: Option<u32>,
    /// How its writes are cut.
    pub writes: Split,
}

impl Default for HostSpec {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            link: LinkSpec::default(),
            disk: DiskSpec::default(),
            split: Split::Whole,
            site: None,
            writes: Split::Whole,
        }
    }
}

/// Everything that is scheduled.
enum Happening {
    Net(NetEvent),
    /// The engine of a host wants a tick; stale if the number differs.
    Wake(HostId, u32),
    /// A disk job of the given run of a host ends.
    DiskDone(HostId, u32, Box<DiskJob>),
    Service(Box<ServiceEvent>),
    Web(Box<WebEvent>),
    Worked(Box<WorkDone>),
    /// From whom, to whom, what.
    Datagram(Box<Sent>),
    ScriptWake(ScriptId, usize),
    Plan(Box<dyn FnOnce(&mut World)>),
}

enum Place {
    Host(HostId),
    Script(ScriptId),
}

/// A virtual world.
pub struct World {
    now: Time,
    queue: Queue<Happening>,
    rng: Rng,
    net: Net,
    /// Who runs on each node, by its number.
    places: Vec<Place>,
    hosts: Vec<Host>,
    scripts: Vec<ScriptNode>,
    script_nodes: Vec<NodeId>,
    trackers: Vec<Tracker>,
    tracker_names: HashMap<String, TrackerId>,
    web_seeds: Vec<WebSeed>,
    journal: Journal,
    watch: Watch,
    /// What a failure says to run again.
    replay: String,
    /// What a read copies into, the same for all.
    scratch: Vec<u8>,
    datagrams: Datagrams,
    next_ip: u32,
    ipv6: bool,
    public: bool,
    said: Option<Vec<Said>>,
    blocks: u64,
}

impl World {
    /// An empty world. `replay` is what a failure says about running it again;
    /// with `SIM_TRACE` in the environment it is traced then.
    pub fn new(seed: u64, replay: impl Into<String>) -> Self {
        Self::traced(seed, replay, std::env::var_os("SIM_TRACE").is_some())
    }

    /// The same; with `trace`, every input and action goes to standard error.
    pub fn traced(seed: u64, replay: impl Into<String>, trace: bool) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            now: Time::START,
            queue: Queue::new(),
            net: Net::new(rng.fork()),
            places: Vec::new(),
            hosts: Vec::new(),
            scripts: Vec::new(),
            script_nodes: Vec::new(),
            trackers: Vec::new(),
            tracker_names: HashMap::new(),
            web_seeds: Vec::new(),
            journal: Journal::new(trace),
            watch: Watch::default(),
            replay: replay.into(),
            scratch: Vec::new(),
            datagrams: Datagrams::default(),
            next_ip: 1,
            ipv6: false,
            public: false,
            said: None,
            blocks: 0,
            rng,
        }
    }

    /// The present moment.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Virtual time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.now.since(Time::START)
    }

    /// The dice of the scenario.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// A number that stands for all actions of all engines so far.
    pub fn digest(&self) -> u64 {
        self.journal.digest()
    }

    /// How many actions the engines took so far.
    pub fn action_count(&self) -> u64 {
        self.journal.entries()
    }

    /// How many blocks were given to disks so far: each is one that an engine
    /// asked for, got from a peer and keeps.
    pub fn block_count(&self) -> u64 {
        self.blocks
    }

    /// An address that no machine has: whoever connects there gets no answer.
    pub fn nowhere(&mut self) -> SocketAddr {
        SocketAddr::new(self.next_ip(), PORT)
    }

    /// Machines that are added from now on have IPv6 addresses. The two
    /// families do not reach each other.
    pub fn use_ipv6(&mut self) {
        self.ipv6 = true;
    }

    /// Machines that are added from now on have IPv4 addresses that the whole
    /// world can reach.
    pub fn use_public_ips(&mut self) {
        self.public = true;
    }

    fn next_ip(&mut self) -> IpAddr {
        let number = self.next_ip;
        self.next_ip += 1;
        if self.ipv6 {
            // A /64 each.
            let bits = 0x2001_0db8 << 96 | u128::from(number) << 64 | 1;
            return IpAddr::V6(Ipv6Addr::from_bits(bits));
        }
        // A /24 each: no two machines look like neighbours.
        let first = if self.public {
            0x5d00_0001
        } else {
            0x0a00_0001
        };
        IpAddr::V4(Ipv4Addr::from(first + (number << 8)))
    }

    fn add_node(&mut self, link: LinkSpec, place: Place) -> NodeId {
        let ip = self.next_ip();
        self.add_node_at(ip, link, place)
    }

    fn add_node_at(&mut self, ip: IpAddr, link: LinkSpec, place: Place) -> NodeId {
        let node = self.net.add_node(ip, PORT, link);
        self.places.push(place);
        node
    }

    /// Adds a machine with an engine that knows nothing yet.
    pub fn add_host(&mut self, spec: HostSpec) -> HostId {
        let ip = self.next_ip();
        self.add_host_at(ip, spec)
    }

    /// The same, at an address that no other machine has.
    pub fn add_host_at(&mut self, ip: IpAddr, spec: HostSpec) -> HostId {
        let id = HostId(self.hosts.len());
        let node = self.add_node_at(ip, spec.link.clone(), Place::Host(id));
        let disk = Disk::new(spec.disk.clone(), self.rng.fork());
        let rng = self.rng.fork();
        self.hosts.push(Host::new(node, spec, disk, rng));
        self.boot(id);
        id
    }

    /// The address at which a host listens.
    pub fn addr(&self, host: HostId) -> SocketAddr {
        self.net.addr(self.hosts[host.0].node)
    }

    /// Does something at a later moment.
    pub fn plan(&mut self, after: Duration, what: impl FnOnce(&mut World) + 'static) {
        self.queue
            .push(self.now + after, Happening::Plan(Box::new(what)));
    }

    /// Runs until `done` or until `limit` has passed; tells whether it was done.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&World) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if self.queue.next_at().is_none_or(|at| at > end) {
                self.now = end;
                return false;
            }
            self.step();
        }
    }

    /// Runs for a while.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Lets the next thing happen.
    fn step(&mut self) {
        let Some((at, happening)) = self.queue.pop() else {
            return;
        };
        self.now = at;
        if let Err(why) = self.watch.event(at) {
            self.fail(&why);
        }
        match happening {
            Happening::Net(event) => self.net.handle(event, at),
            Happening::Wake(host, number) => self.wake(host, number),
            Happening::DiskDone(host, run, job) => self.disk_done(host, run, *job),
            Happening::Service(event) => self.serve(*event),
            Happening::Web(event) => self.web_event(*event),
            Happening::Worked(done) => self.work_done(*done),
            Happening::Datagram(datagram) => self.datagram_arrives(*datagram),
            Happening::ScriptWake(script, conn) => self.wake_script(script, conn),
            Happening::Plan(what) => what(self),
        }
        self.settle_net();
        if self.watch.audit_due() {
            self.audit();
        }
    }

    /// Schedules what the network wants and passes its notices on.
    fn settle_net(&mut self) {
        loop {
            for (at, event) in self.net.due.drain(..) {
                self.queue.push(at, Happening::Net(event));
            }
            let Some(notice) = self.net.notices.pop_front() else {
                return;
            };
            let node = match notice {
                Notice::Incoming { node, .. } => node,
                Notice::Connected(of)
                | Notice::ConnectFailed(of, _)
                | Notice::Readable(of)
                | Notice::Writable(of)
                | Notice::Reset(of) => of.node,
            };
            match self.places[node.0 as usize] {
                Place::Host(host) => self.notify_host(host, notice),
                Place::Script(script) => self.notify_script(script, notice),
            }
        }
    }

    /// Looks at everything that must always hold; fails if it does not.
    pub fn check(&self) {
        self.audit();
    }

    /// Where all bytes of all streams are.
    pub fn ledger(&self) -> ByteLedger {
        match self.net.check_ledger() {
            Ok(ledger) => ledger,
            Err(why) => self.fail(&why),
        }
    }

    /// Ends the run with everything that is needed to see it again.
    ///
    /// # Panics
    ///
    /// Always: that is how a test fails.
    pub fn fail(&self, why: &str) -> ! {
        panic!("at {:?}: {why}\nreplay: {}", self.now, self.replay);
    }
}
