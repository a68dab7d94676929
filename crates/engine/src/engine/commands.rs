//! What the user asks for.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::timers::Timer;
use super::torrents::Slot;
use crate::action::{Action, AddRefusal, Outbox};
use crate::config::Settings;
use crate::filter::Filter;
use crate::ids::TorrentKey;
use crate::input::{AddTorrent, Command, TorrentSource};
use crate::peer::Conn;
use crate::stats::PeerSource;
use crate::time::Time;
use crate::torrent::Torrent;
use crate::torrent::awaiting::Awaiting;
use crate::torrent::lasting::Lasting;

/// The most a session may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    pub(super) fn command(&mut self, command: Command, now: Time, out: &mut Outbox) {
        // A name is looked up alike for all torrents.
        let is_name = matches!(command, Command::AddPeerName(..));
        let dormant = command
            .torrent()
            .filter(|key| self.is_dormant(*key) && !is_name);
        if let Some(key) = dormant {
            return self.with_dormant(key, now, out, |dormant, cx| dormant.command(cx, command));
        }
        match command {
            Command::ProvideMetadata(key, metainfo) => {
                return self.provide_metadata(key, metainfo, now, out);
            }
            Command::Begin(key, options) => return self.begin(key, *options, now, out),
            _ => {}
        }
        let awaiting = command
            .torrent()
            .filter(|key| self.torrents.is_awaiting(*key));
        if let Some(key) = awaiting {
            return self.with_awaiting(key, now, out, |one, cx| one.command(cx, command));
        }
        match command {
            Command::Add(add) => self.add(*add, now, out),
            // Of torrents that are not known any more, or have begun.
            Command::ProvideMetadata(..) | Command::Begin(..) => {}
            Command::Remove(key) => self.leave(key, now, out),
            Command::Pause(key) => self.with_torrent(key, now, out, Torrent::pause),
            Command::Resume(key) => self.with_torrent(key, now, out, Torrent::resume),
            Command::Recheck(key) => self.with_torrent(key, now, out, Torrent::recheck),
            Command::Reannounce(key) => self.with_torrent(key, now, out, |torrent, cx| {
                torrent.lasting.trackers.reannounce(now);
                torrent.announce(cx);
            }),
            Command::AddPeer(key, addr) => self.with_torrent(key, now, out, |torrent, cx| {
                torrent.learn(cx, addr, PeerSource::User);
                torrent.connect_more(cx);
            }),
            Command::AddPeerName(key, host, port) => {
                self.add_peer_name(key, host, port, now, out);
            }
            Command::AddTracker(key, url) => self.with_torrent(key, now, out, |torrent, cx| {
                torrent.lasting.add_tracker(cx, &url);
                torrent.terms_changed();
                torrent.announce(cx);
            }),
            Command::SetLimits(key, limits) => self.with_torrent(key, now, out, |torrent, cx| {
                torrent.lasting.options.limits = limits;
                torrent.terms_changed();
                torrent.upload.set_rate(limits.upload_bytes_per_s, now);
                torrent.download.set_rate(limits.download_bytes_per_s, now);
                cx.timer(Timer::UploadQuota, now);
                cx.timer(Timer::DownloadQuota, now);
            }),
            Command::SetPriorities(key, changes) => {
                self.with_torrent(key, now, out, |torrent, cx| {
                    torrent.set_priorities(cx, &changes);
                });
            }
            Command::SetSequential(key, sequential) => {
                self.with_torrent(key, now, out, |torrent, cx| {
                    torrent.set_sequential(cx, sequential);
                });
            }
            Command::SetSuperSeed(key, super_seed) => {
                self.with_torrent(key, now, out, |torrent, _| {
                    torrent.lasting.options.super_seed = super_seed;
                    torrent.terms_changed();
                });
            }
            Command::SetDeadline(key, piece, within) => {
                self.with_torrent(key, now, out, |torrent, cx| {
                    torrent.set_deadline(cx, piece, within);
                });
            }
            Command::Wake(key) => self.with_torrent(key, now, out, Torrent::stir),
            Command::AddNode(host, port) => {
                self.shared.dht.hint_name(&host, port, now);
                self.drive_dht(now, out);
            }
            Command::RestoreNodes(snapshot) => {
                self.shared.dht.restore(*snapshot, now);
                self.drive_dht(now, out);
            }
            Command::LookUp(ticket, goal) => {
                self.shared.dht.look_up(ticket, *goal, now);
                self.drive_dht(now, out);
            }
            Command::Configure(settings) => self.configure(*settings, now, out),
            Command::SetFilter(filter) => self.set_filter(filter, now, out),
            Command::Shutdown => self.shutdown(now, out),
        }
    }

    fn add(&mut self, add: AddTorrent, now: Time, out: &mut Outbox) {
        let AddTorrent {
            ticket,
            source,
            options,
        } = add;
        let info_hashes = source.info_hashes();
        let twin = info_hashes
            .swarm_keys()
            .find_map(|swarm| self.swarms.get(&swarm));
        let refusal = match twin {
            _ if self.shared.stopping => Some(AddRefusal::ShuttingDown),
            Some(twin) => Some(AddRefusal::Duplicate(twin)),
            None => match &source {
                // Its pieces have no SHA-1 to be checked by.
                TorrentSource::Metainfo(metainfo) => {
                    metainfo.info_hashes.v2_only().map(AddRefusal::V2Only)
                }
                TorrentSource::Kept(summary) => {
                    summary.info_hashes.v2_only().map(AddRefusal::V2Only)
                }
                // The hash of a hybrid looks the same until its metadata is here.
                TorrentSource::InfoHashes(_) => None,
            },
        };
        if let Some(reason) = refusal {
            return out.push(Action::AddRefused { ticket, reason });
        }
        let key = self.torrents.reserve();
        self.swarms.insert(info_hashes, key);
        out.push(Action::Added {
            ticket,
            torrent: key,
        });
        match source {
            TorrentSource::Metainfo(metainfo) => {
                let torrent = Torrent::new(key, metainfo, options, &mut self.shared, now);
                self.torrents.fill(key, Slot::Active(Box::new(torrent)));
                self.with_torrent(key, now, out, Torrent::open);
            }
            TorrentSource::Kept(summary) => {
                let layout = summary.layout;
                let lasting = Lasting::of_summary(key, *summary, &mut self.shared);
                self.add_dormant(key, lasting, layout, now, out);
            }
            TorrentSource::InfoHashes(_) => {
                let lasting = Lasting::of_names(key, info_hashes, options, &mut self.shared);
                let awaiting = Slot::AwaitingMetadata(Box::new(Awaiting::new(lasting)));
                self.torrents.fill(key, awaiting);
                self.with_awaiting(key, now, out, Awaiting::begin);
            }
        }
    }

    fn leave(&mut self, key: TorrentKey, now: Time, out: &mut Outbox) {
        self.with_any(key, now, out, |form, cx| form.leave(cx));
    }

    fn configure(&mut self, settings: Settings, now: Time, out: &mut Outbox) {
        let before = std::mem::replace(&mut self.shared.settings, settings);
        let settings = self.shared.settings.clone();
        self.shared
            .upload
            .set_rate(settings.limits.upload_bytes_per_s, now);
        self.shared
            .download
            .set_rate(settings.limits.download_bytes_per_s, now);
        self.shared
            .connect
            .set_half_open_max(settings.half_open_max);
        let other_nodes = self.shared.dht.configure(&settings.dht, now);
        self.wake_uploads(now, out);
        self.wake_downloads(now, out);
        for key in self.torrents.keys() {
            self.with_torrent(key, now, out, |torrent, cx| {
                torrent.reconfigured(cx, before.choker != settings.choker);
            });
            // Neighbours may be told from now on, or no more.
            self.with_dormant(key, now, out, |_, _| ());
            self.with_awaiting(key, now, out, |_, _| ());
            if other_nodes {
                self.with_any(key, now, out, |form, cx| form.listeners_changed(cx));
            }
        }
        self.drive_dht(now, out);
    }

    /// Others than before are blocked.
    fn set_filter(&mut self, filter: Arc<Filter>, now: Time, out: &mut Outbox) {
        self.shared.udp.set_filter(&filter);
        self.shared.timers.set(Timer::UdpTrackers, now);
        self.shared.filter = filter;
        let filter = &self.shared.filter;
        let blocked = |conn: &&Conn| conn.torrent.is_none() && filter.blocks(conn.remote.ip());
        let strangers = self.conns.iter().filter(|(_, conn)| blocked(conn));
        for key in strangers.map(|(key, _)| key).collect::<Vec<_>>() {
            self.refuse_stranger(key, out);
        }
        for key in self.torrents.keys() {
            self.with_any(key, now, out, |form, cx| form.filter_changed(cx));
        }
    }

    /// Begins the end. Torrents leave side by side; the last one ends it.
    fn shutdown(&mut self, now: Time, out: &mut Outbox) {
        self.shared.stopping = true;
        // Who has not announced yet has nobody to take leave of.
        self.shared.pace.drop_reservations(now);
        self.shared
            .timers
            .set(Timer::Shutdown, now + SHUTDOWN_TIMEOUT);
        let strangers = self.conns.iter().filter(|(_, conn)| conn.torrent.is_none());
        for key in strangers.map(|(key, _)| key).collect::<Vec<_>>() {
            self.refuse_stranger(key, out);
        }
        for key in self.torrents.keys() {
            self.leave(key, now, out);
        }
        self.end_if_done(out);
    }

    pub(super) fn end_if_done(&mut self, out: &mut Outbox) {
        if self.shared.stopping
            && self.torrents.is_empty()
            && self.shared.timers.deadline(Timer::Shutdown).is_some()
        {
            self.shared.timers.clear(Timer::Shutdown);
            out.push(Action::ShutdownDone);
        }
    }
}
