//! Checks that run beside everything that happens, cheap enough to be always on.

use superseed_engine::config::ChokerKind;
use superseed_engine::engine::Reason;
use superseed_engine::limits::REQUESTS_IN_QUEUE_MAX;
use superseed_engine::stats::PeerLoad;
use superseed_engine::{Settings, Time};

use super::{HostId, World};

/// So many events at one moment mean that time stands still.
const EVENTS_PER_MOMENT_MAX: u32 = 5_000_000;
/// So many ticks of one engine at one moment mean that it does not clear what
/// it was woken for.
const TICKS_PER_MOMENT_MAX: u32 = 1_000;
/// The peers of a host are looked at once in so many of its inputs, and after
/// every round of its choker.
const INPUTS_PER_LOOK: u64 = 512;
/// Everything is looked at once in so many events, and at the end of a run.
const EVENTS_PER_AUDIT: u64 = 1 << 17;

/// A tick that is about to be given.
#[derive(Clone, Copy, Debug)]
pub(super) struct WakeCheck {
    pub(super) host: usize,
    pub(super) deadline: Time,
    pub(super) reason: Reason,
}

/// Notices that time stands still.
#[derive(Default)]
pub(super) struct Watch {
    moment: Time,
    events: u32,
    events_in_all: u64,
    ticks: Vec<Ticks>,
}

/// What is known of the ticks of a host.
#[derive(Clone, Default)]
struct Ticks {
    moment: Time,
    count: u32,
    /// The reasons whose last deadline was in the past already when it was set:
    /// a timer that its tick does not clear has such deadlines only.
    late: Vec<Reason>,
}

impl Watch {
    pub(super) fn event(&mut self, at: Time) -> Result<(), String> {
        if at < self.moment {
            return Err(format!("an event of {at:?} comes after {:?}", self.moment));
        }
        if at > self.moment {
            self.moment = at;
            self.events = 0;
        }
        self.events += 1;
        self.events_in_all += 1;
        if self.events > EVENTS_PER_MOMENT_MAX {
            return Err("time stands still: events beget events".to_owned());
        }
        Ok(())
    }

    /// Whether everything is to be looked at now.
    pub(super) fn audit_due(&self) -> bool {
        self.events_in_all.is_multiple_of(EVENTS_PER_AUDIT)
    }

    pub(super) fn tick(&mut self, now: Time, tick: WakeCheck) -> Result<(), String> {
        if self.ticks.len() <= tick.host {
            self.ticks.resize(tick.host + 1, Ticks::default());
        }
        let ticks = &mut self.ticks[tick.host];
        if ticks.moment != now {
            (ticks.moment, ticks.count) = (now, 0);
        }
        ticks.count += 1;
        let before = ticks.late.contains(&tick.reason);
        ticks.late.retain(|reason| *reason != tick.reason);
        if tick.deadline < now {
            if before {
                return Err(format!("a deadline in the past fires twice: {tick:?}"));
            }
            ticks.late.push(tick.reason);
        }
        if ticks.count > TICKS_PER_MOMENT_MAX {
            return Err(format!("the engine does not clear its deadline: {tick:?}"));
        }
        Ok(())
    }
}

impl World {
    /// Looks at a host's peers now and then.
    pub(super) fn check_host(&self, id: HostId) {
        if self.hosts[id.0].inputs.is_multiple_of(INPUTS_PER_LOOK) {
            self.check_peers_of(id);
        }
    }

    /// Looks at everything: bytes in pipes, peers, and what engines claim.
    pub(super) fn audit(&self) {
        self.ledger();
        for id in (0..self.hosts.len()).map(HostId) {
            self.check_peers_of(id);
            self.check_claims_of(id);
        }
    }

    /// Every piece that an engine calls verified is on its disk as in the
    /// source, unless the disk rotted since.
    fn check_claims_of(&self, id: HostId) {
        let host = &self.hosts[id.0];
        let Some(engine) = &host.engine else { return };
        for torrent in &host.torrents {
            let (Some(key), Some(store)) = (torrent.key, host.disk.known(&torrent.content)) else {
                continue;
            };
            let layout = torrent.content.layout();
            let claimed = layout.pieces().filter(|piece| {
                let start = layout.piece_offset(*piece);
                let end = start + u64::from(layout.piece_len(*piece));
                engine.has_bytes(key, start..end)
            });
            for piece in claimed {
                if !store.may_be_claimed(piece) {
                    self.fail(&format!(
                        "{id:?} has {piece:?}, but its disk says otherwise"
                    ));
                }
            }
        }
    }

    pub(super) fn check_peers_of(&self, id: HostId) {
        let host = &self.hosts[id.0];
        let Some(engine) = &host.engine else { return };
        for torrent in host.torrents.iter().filter_map(|torrent| torrent.key) {
            let places = engine.upload_places(torrent);
            let found = check_places(places, engine.settings())
                .and_then(|()| check_peers(places, engine.peer_loads(torrent)));
            if let Err(why) = found {
                self.fail(&format!("{id:?}: {why}"));
            }
        }
    }
}

/// The default choker has as many places as are set, and one optimistic one for
/// each five of them, or one.
fn check_places(places: Option<usize>, settings: &Settings) -> Result<(), String> {
    match (places, settings.upload_slots, settings.choker) {
        (Some(places), Some(slots), ChokerKind::Default) if places > slots + (slots / 5).max(1) => {
            Err(format!("{places} places where {slots} are set"))
        }
        _ => Ok(()),
    }
}

/// Nobody has more requests than it takes, or of ours than we take, and no more
/// are served than there are `places` (`None`: for everyone).
fn check_peers(places: Option<usize>, peers: impl Iterator<Item = PeerLoad>) -> Result<(), String> {
    let mut served = 0;
    for peer in peers {
        served += usize::from(peer.is_served);
        if peer.requests_out > peer.requests_out_max {
            let (had, max) = (peer.requests_out, peer.requests_out_max);
            return Err(format!(
                "{had} requests at {}, which takes {max}",
                peer.addr
            ));
        }
        if peer.requests_in > REQUESTS_IN_QUEUE_MAX {
            return Err(format!(
                "{} requests of {} wait",
                peer.requests_in, peer.addr
            ));
        }
    }
    match places {
        Some(places) if served > places => {
            Err(format!("{served} peers are served in {places} places"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
