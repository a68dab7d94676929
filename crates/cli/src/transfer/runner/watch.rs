//! What is looked at every second: figures, stalls, and whether anybody ever
//! connected to us.

use std::time::{Duration, Instant};

use superseed::TorrentState;

use super::Runner;
use crate::progress::{View, why};
use crate::transfer::links;

/// How long to wait for an incoming connection before a firewall is suspected.
const FIREWALL_SUSPECTED_AFTER_S: u64 = 60;
/// Up to so many torrents all are looked at: as many as a terminal shows a line of.
const ALL_MAX: usize = 10;
/// How long a download gets nothing before the user is told why.
const STALLED_AFTER: Duration = Duration::from_secs(10);

impl Runner<'_> {
    /// Looks at the torrents and shows how far they are.
    pub(super) async fn tick(&mut self) {
        let mut views = Vec::new();
        for at in self.looked_at().await {
            let Some(mut view) = self.view(at).await else {
                continue;
            };
            // Seen here only if its event was lost.
            match view.stats.state {
                TorrentState::Seeding => self.complete(at).await,
                TorrentState::Paused => self.end(at, Ok(())).await,
                _ => (),
            }
            if let Some(idle) = self.idle_time(at) {
                self.explain_stall(at, idle, &mut view).await;
                self.check_stall_timeout(at, idle).await;
            }
            views.push(view);
        }
        self.hint_at_firewall(&views);
        let running = self.items.iter().filter(|item| item.is_running()).count();
        self.progress.update(&views, running);
    }

    /// All torrents while there are few or something may have been missed; else
    /// those that are awake: of the others nothing moves, and asking ten thousand
    /// of them every second would cost more than seeding them.
    async fn looked_at(&mut self) -> Vec<usize> {
        let all = std::mem::take(&mut self.missed_events);
        if all || self.items.len() <= ALL_MAX {
            return (0..self.items.len()).collect();
        }
        // A session that is gone has no figures; its events end the loop.
        let awake = self.session.awake().await.unwrap_or_default();
        let positions = awake.into_iter().filter_map(|key| self.position(key));
        positions.collect()
    }

    /// The present figures of a running torrent.
    pub(super) async fn view(&mut self, at: usize) -> Option<View> {
        let torrent = self.items[at].running()?.torrent.clone();
        // A torrent that is gone has no figures; its event says why.
        let stats = torrent.stats().await.ok()?;
        let (peers, web_seeds) = if self.args.peers_table {
            let peers = torrent.peers().await.unwrap_or_default();
            (peers, torrent.web_seeds().await.unwrap_or_default())
        } else {
            (Vec::new(), Vec::new())
        };
        let item = &mut self.items[at];
        item.stats = Some(stats.clone());
        Some(View {
            name: item.name().to_owned(),
            hash: item.hash().to_owned(),
            stats,
            peers,
            web_seeds,
            stalled: None,
        })
    }

    /// For how long a download has got nothing.
    fn idle_time(&mut self, at: usize) -> Option<Duration> {
        let stats = self.items[at].stats.clone()?;
        let running = self.items[at].running()?;
        let seen = (stats.session_downloaded_bytes, stats.have_bytes);
        let busy = matches!(stats.state, TorrentState::Checking | TorrentState::Opening);
        if seen != running.seen_bytes || busy || running.complete {
            running.seen_bytes = seen;
            running.seen_growing = Instant::now();
        }
        Some(running.seen_growing.elapsed())
    }

    /// Adds why a download stalls, and tells it when it is news.
    async fn explain_stall(&mut self, at: usize, idle: Duration, view: &mut View) {
        let Some(running) = self.items[at].running() else {
            return;
        };
        if idle < STALLED_AFTER {
            running.stall_told = None;
            return;
        }
        let torrent = running.torrent.clone();
        let Ok(explanation) = torrent.explain().await else {
            return;
        };
        let cause = why::code(explanation.main());
        view.stalled = Some(explanation);
        let Some(running) = self.items[at].running() else {
            return;
        };
        if running.stall_told.replace(cause) != Some(cause) {
            self.progress.stalled(view);
        }
    }

    /// `--stop-timeout`: gives up on a download that gets nothing.
    async fn check_stall_timeout(&mut self, at: usize, idle: Duration) {
        let Some(timeout) = self.order.stop_timeout.filter(|timeout| idle >= *timeout) else {
            return;
        };
        let failure = links::stalled(self.items[at].name(), timeout);
        self.end(at, Err(failure)).await;
    }

    /// Says once that nobody could connect to us, where someone should have.
    fn hint_at_firewall(&mut self, views: &[View]) {
        let long = self.started.elapsed().as_secs() >= FIREWALL_SUSPECTED_AFTER_S;
        self.incoming_seen |= views.iter().any(|view| view.stats.incoming_seen);
        if self.firewall_hinted || !long || self.incoming_seen || views.is_empty() {
            return;
        }
        self.firewall_hinted = true;
        if self.session.listen_addrs().is_empty() {
            // Nobody can, as was wished.
            return;
        }
        let ports: Vec<String> = self
            .session
            .listen_addrs()
            .iter()
            .map(ToString::to_string)
            .collect();
        self.progress.note(&format!(
            "no peer has connected to us so far; a firewall or router may block {}",
            ports.join(" and ")
        ));
    }
}
