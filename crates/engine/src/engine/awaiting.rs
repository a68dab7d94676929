//! Torrents that await their metadata: asked, answered, begun.

use std::sync::Arc;

use superseed_proto::metainfo::Metainfo;

use super::Engine;
use super::shared::{Cx, WorkOf};
use super::timers::Timer;
use super::torrents::Slot;
use crate::action::{AddRefusal, Outbox};
use crate::config::TorrentOptions;
use crate::ids::{TorrentKey, WorkKey};
use crate::time::Time;
use crate::torrent::Torrent;
use crate::torrent::awaiting::Awaiting;
use crate::work::{MetadataFault, WorkResult};

impl Engine {
    /// Does something to a torrent that awaits its metadata.
    pub(super) fn with_awaiting(
        &mut self,
        key: TorrentKey,
        now: Time,
        out: &mut Outbox,
        act: impl FnOnce(&mut Awaiting, &mut Cx<'_>),
    ) {
        let Some(awaiting) = self.torrents.awaiting_mut(key) else {
            return;
        };
        let mut cx = Cx {
            now,
            conns: &mut self.conns,
            shared: &mut self.shared,
            out,
        };
        act(awaiting, &mut cx);
        awaiting.tell_neighbours(&mut cx);
        if awaiting.is_gone() {
            self.remove(key, out);
        }
    }

    /// A computation ended.
    pub(super) fn worked(
        &mut self,
        work: WorkKey,
        result: WorkResult,
        now: Time,
        out: &mut Outbox,
    ) {
        let Some(of) = self.shared.work.remove(work) else {
            return;
        };
        match (of, result) {
            (WorkOf::Metadata(torrent, whole), WorkResult::Metadata(result)) => match result {
                Ok(metainfo) => self.metadata_came(torrent, metainfo, now, out),
                Err(MetadataFault::Wrong) => self.with_awaiting(torrent, now, out, |one, cx| {
                    one.wrong(cx, whole);
                }),
                Err(MetadataFault::NoTorrent(why)) => {
                    self.with_awaiting(torrent, now, out, |one, cx| one.refuse(cx, why));
                }
            },
            (WorkOf::Keys(conn), WorkResult::Keys(keys)) => self.keys_came(conn, *keys, now, out),
            (of, result) => unreachable!("the host answered {of:?} with {result:?}"),
        }
    }

    fn metadata_came(
        &mut self,
        key: TorrentKey,
        metainfo: Arc<Metainfo>,
        now: Time,
        out: &mut Outbox,
    ) {
        let Some(awaiting) = self.torrents.awaiting(key) else {
            return;
        };
        if !awaiting.wants_metadata() {
            return;
        }
        let others = metainfo.info_hashes.swarm_keys();
        let mut others = others.filter_map(|swarm| self.swarms.get(&swarm));
        if others.any(|other| other != key) {
            // A hybrid that is in the session by its other name.
            let why = AddRefusal::Duplicate(key).to_string();
            return self.with_awaiting(key, now, out, |one, cx| one.refuse(cx, why));
        }
        let before = awaiting.lasting.info_hashes;
        self.swarms.remove(before);
        // A hybrid that was known by one of its names has the other one too now.
        self.swarms.insert(metainfo.info_hashes, key);
        self.with_awaiting(key, now, out, |one, cx| one.right(cx, metainfo));
    }

    /// The host has the metadata: as if peers had sent it. What belongs to
    /// another torrent or comes a second time changes nothing.
    pub(super) fn provide_metadata(
        &mut self,
        key: TorrentKey,
        metainfo: Arc<Metainfo>,
        now: Time,
        out: &mut Outbox,
    ) {
        let Some(awaiting) = self.torrents.awaiting(key) else {
            return;
        };
        let swarms: Vec<_> = metainfo.info_hashes.swarm_keys().collect();
        let mut wanted = awaiting.lasting.info_hashes.swarm_keys();
        if wanted.all(|swarm| swarms.contains(&swarm)) && metainfo.info_hashes.v2_only().is_none() {
            self.metadata_came(key, metainfo, now, out);
        }
    }

    /// A torrent whose metadata came begins.
    pub(super) fn begin(
        &mut self,
        key: TorrentKey,
        options: TorrentOptions,
        now: Time,
        out: &mut Outbox,
    ) {
        let known = self.torrents.awaiting(key);
        let known = known.filter(|known| !known.is_leaving() && !self.shared.stopping);
        let known = known.and_then(Awaiting::metainfo);
        let Some(metainfo) = known.cloned() else {
            return;
        };
        if let Some(hash) = metainfo.info_hashes.v2_only() {
            // Its pieces have no SHA-1 to be checked by.
            let why = format!("the torrent {hash} has no version 1 half");
            return self.with_awaiting(key, now, out, |one, cx| one.refuse(cx, why));
        }
        // Its storage is opened next.
        self.shared.timers.clear(Timer::Metadata(key));
        let shared = &mut self.shared;
        self.torrents.change(key, |slot| match slot {
            Slot::AwaitingMetadata(awaiting) => {
                let begun = awaiting.into_torrent(metainfo, options, shared, now);
                Slot::Active(Box::new(begun))
            }
            other => other,
        });
        self.with_torrent(key, now, out, Torrent::open);
    }
}
