//! Requests to web seeds and their answers.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::stats::WebSeedStats;
use superseed_engine::{Fetch, FetchEnd, FetchKey, FetchPart, Input};

use super::{Happening, HostId, World};
use crate::content::Content;
use crate::web::{Asker, Reception, WebSeed, WebSeedMood, WebSeedSpec};

/// A web seed of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WebSeedId(usize);

/// Something that is on its way to a web seed or back.
pub(super) struct WebEvent {
    seed: WebSeedId,
    who: Asker,
    what: Errand,
}

enum Errand {
    Asked(Box<Fetch>),
    Written,
    Arrived(Vec<u8>),
    Ended(FetchEnd),
    /// The reader may take more.
    Lent,
}

impl World {
    /// Adds a web seed that has a torrent, and returns its number and its URL.
    pub fn add_web_seed(
        &mut self,
        spec: WebSeedSpec,
        content: &Arc<Content>,
    ) -> (WebSeedId, String) {
        let id = WebSeedId(self.web_seeds.len());
        let rng = self.rng.fork();
        self.web_seeds
            .push(WebSeed::new(spec, Arc::clone(content), rng));
        (id, format!("http://web-{}.sim/", id.0))
    }

    /// Changes what a web seed does from its next answer on.
    pub fn set_web_seed_mood(&mut self, seed: WebSeedId, mood: WebSeedMood) {
        self.web_seeds[seed.0].spec.mood = mood;
    }

    /// Bytes that a web seed's clients took from it.
    pub fn web_seed_brought(&self, seed: WebSeedId) -> u64 {
        self.web_seeds[seed.0].brought
    }

    /// Requests that a web seed got.
    pub fn web_seed_requests(&self, seed: WebSeedId) -> u64 {
        self.web_seeds[seed.0].requests
    }

    /// The engine's statistics of a torrent's web seeds.
    pub fn web_seed_stats(&self, id: HostId, content: &Arc<Content>) -> Vec<WebSeedStats> {
        let key = self.torrent_key(id, content);
        let engine = self.hosts[id.0].engine.as_ref();
        let stats = engine.and_then(|engine| engine.web_seed_stats(key, self.now));
        stats.unwrap_or_default()
    }

    fn send(&mut self, seed: WebSeedId, who: Asker, after: Duration, what: Errand) {
        let event = WebEvent { seed, who, what };
        self.queue
            .push(self.now + after, Happening::Web(Box::new(event)));
    }

    fn web_delay(&self, host: HostId, seed: WebSeedId) -> Duration {
        self.net.latency(self.hosts[host.0].node) + self.web_seeds[seed.0].spec.latency
    }

    pub(super) fn fetch(&mut self, host: HostId, fetch: Box<Fetch>) {
        let who = (host, self.hosts[host.0].run, fetch.fetch);
        let name = fetch.url.strip_prefix("http://web-");
        let number = name.and_then(|name| name.split('.').next()?.parse().ok());
        let known = number.filter(|number| *number < self.web_seeds.len());
        let Some(seed) = known.map(WebSeedId) else {
            self.fail(&format!("there is no web seed at {}", fetch.url));
        };
        self.hosts[host.0].fetching.insert(fetch.fetch, (seed, 0));
        let there = self.web_delay(host, seed);
        self.send(seed, who, there, Errand::Asked(fetch));
    }

    pub(super) fn fetch_more(&mut self, host: HostId, fetch: FetchKey, bytes: u64) {
        let run = self.hosts[host.0].run;
        let Some((seed, waiting)) = self.hosts[host.0].fetching.get_mut(&fetch) else {
            return;
        };
        *waiting += bytes;
        let seed = *seed;
        self.send(seed, (host, run, fetch), Duration::ZERO, Errand::Lent);
    }

    pub(super) fn fetch_stop(&mut self, host: HostId, fetch: FetchKey) {
        let run = self.hosts[host.0].run;
        if let Some((seed, _)) = self.hosts[host.0].fetching.remove(&fetch) {
            self.web_seeds[seed.0].stopped((host, run, fetch));
        }
    }

    pub(super) fn web_event(&mut self, event: WebEvent) {
        let WebEvent { seed, who, what } = event;
        let (id, run, fetch) = who;
        let host = &self.hosts[id.0];
        let stale = host.run != run || host.engine.is_none();
        if stale || !host.fetching.contains_key(&fetch) {
            return self.web_seeds[seed.0].stopped(who);
        }
        match what {
            Errand::Asked(asked) => self.web_asked(seed, who, &asked),
            Errand::Written => {
                if let Some(bytes) = self.web_seeds[seed.0].wrote(who) {
                    let back = self.web_delay(id, seed);
                    self.send(seed, who, back, Errand::Arrived(bytes));
                    self.write_more(seed, who);
                }
            }
            Errand::Arrived(bytes) => {
                self.web_seeds[seed.0].arrived(who, &bytes);
                self.pass_on(seed, who);
            }
            Errand::Lent => self.pass_on(seed, who),
            Errand::Ended(end) => self.end_fetch(who, end),
        }
    }

    fn web_asked(&mut self, seed: WebSeedId, who: Asker, asked: &Fetch) {
        let server = &mut self.web_seeds[seed.0];
        let end = match server.asked(who, &asked.url, asked.bytes.clone()) {
            Reception::Answers => return self.write_more(seed, who),
            Reception::NeverAnswers => return,
            Reception::Lacks => FetchEnd::Absent("HTTP status 404".to_owned()),
            Reception::Busy(time) => FetchEnd::Busy(Some(time)),
            Reception::Nowhere => FetchEnd::Broke("connection refused".to_owned()),
        };
        let back = self.web_delay(who.0, seed);
        self.send(seed, who, back, Errand::Ended(end));
    }

    fn write_more(&mut self, seed: WebSeedId, who: Asker) {
        let now = self.now;
        if let Some(at) = self.web_seeds[seed.0].write(who, now) {
            self.send(seed, who, at.since(now), Errand::Written);
        }
    }

    /// Gives an engine what it may take of what is there.
    fn pass_on(&mut self, seed: WebSeedId, who: Asker) {
        let (id, _, fetch) = who;
        if let Some((_, waiting)) = self.hosts[id.0].fetching.get_mut(&fetch) {
            let lent = std::mem::take(waiting);
            // Before the answer begins it waits with the request.
            if !self.web_seeds[seed.0].lent(who, lent) {
                *waiting = lent;
            }
        }
        if let Some(bytes) = self.web_seeds[seed.0].pass_on(who) {
            let part = FetchPart::Bytes(&bytes);
            self.feed(id, Input::Fetched { fetch, part });
        }
        self.write_more(seed, who);
        match self.web_seeds[seed.0].take_ended(who) {
            Some(true) => self.end_fetch(who, FetchEnd::Broke("the answer is short".to_owned())),
            Some(false) => drop(self.hosts[id.0].fetching.remove(&fetch)),
            None => {}
        }
    }

    fn end_fetch(&mut self, (id, _, fetch): Asker, end: FetchEnd) {
        self.hosts[id.0].fetching.remove(&fetch);
        let part = FetchPart::Ended(end);
        self.feed(id, Input::Fetched { fetch, part });
    }
}
