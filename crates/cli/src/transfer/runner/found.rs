//! From a link to a torrent.

use std::sync::Arc;
use std::time::Instant;

use superseed::{AddError, LinkError, Magnet, Metainfo};

use super::{Runner, has_data};
use crate::exit::Failure;
use crate::transfer::item::{Handle, Running, Stage};
use crate::transfer::links;
use crate::transfer::waiting::Ready;

impl Runner<'_> {
    /// Asks peers what a link stands for.
    pub(super) async fn look_for(&mut self, at: usize, magnet: Magnet) {
        let options = links::options(&self.session, &magnet, &self.peers, self.args).await;
        match self.session.add_link(magnet, options).await {
            Ok(link) => {
                let link = Arc::new(link);
                self.positions.insert(link.key(), at);
                let waits = Arc::clone(&link);
                self.links
                    .spawn(async move { (at, waits.metainfo().await) });
                let running = Running::new(Handle::Link(link), Instant::now());
                self.items[at].stage = Stage::Running(Box::new(running));
                if let Some(view) = self.view(at).await {
                    self.progress.added(&view);
                }
            }
            Err(error) => self.refused(at, &error).await,
        }
    }

    async fn refused(&mut self, at: usize, error: &AddError) {
        let failure = Failure::add(self.items[at].name(), error);
        self.end(at, Err(failure)).await;
    }

    /// It is known what a link stands for, or never will be.
    pub(super) async fn found(&mut self, at: usize, found: Result<Arc<Metainfo>, LinkError>) {
        let metainfo = match found {
            Ok(metainfo) => metainfo,
            Err(error) => return self.refused(at, &error.into()).await,
        };
        let Some(running) = self.items[at].running() else {
            return;
        };
        let Handle::Link(link) = running.torrent.clone() else {
            return;
        };
        if self.order.metadata_only {
            let saved = links::save(&metainfo, self.args);
            let saved = saved.map(|path| self.items[at].lies_at(path));
            return self.end(at, saved).await;
        }
        let name = self.items[at].name().to_owned();
        let ready = Ready::new(&name, metainfo, self.args, self.order);
        let ready = ready.and_then(|ready| {
            self.items[at].found(&ready.metainfo, &ready.options);
            match self.order.is_seed {
                true => has_data(&self.items[at], &ready).map(|()| ready),
                false => Ok(ready),
            }
        });
        let ready = match ready {
            Ok(ready) => ready,
            Err(failure) => return self.end(at, Err(failure)).await,
        };
        let files = ready.metainfo.info.files.len();
        match link.begin(ready.options).await {
            Ok(torrent) => {
                if let Some(running) = self.items[at].running() {
                    running.torrent = Handle::Torrent(torrent);
                    running.seen_growing = Instant::now();
                }
                if let Some(view) = self.view(at).await {
                    self.progress.found(&view, files);
                }
            }
            Err(error) => self.refused(at, &error).await,
        }
    }
}
