//! What an input made due is done once, at its end.

use crate::engine::shared::Cx;
use crate::lsd::Turn;
use crate::torrent::Torrent;

impl Torrent {
    /// Does what the input that just happened made due.
    ///
    /// To choke may take requests back, to fill may fail nothing: the order
    /// below settles in one pass.
    pub(crate) fn finish(&mut self, cx: &mut Cx<'_>) {
        if self.take_rechoke_due() {
            self.rechoke(cx);
        }
        self.super_seed(cx);
        if self.take_refill_due() {
            self.fill_all(cx);
        }
        self.fill_some(cx);
        if self.take_connect_due() {
            self.connect_more(cx);
            // Who lost a peer may want others.
            self.announce(cx);
        }
        if self.web_seeds.is_some() {
            self.drive_web_seeds(cx);
        }
        self.watch_idleness(cx);
    }

    /// Counts what its device holds now, and whether something is downloaded to
    /// it; tells neighbours if it came to run, or ceased to.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>) {
        let committed = cx.shared.block_bytes_committed();
        cx.shared.memory.settle(self.device, committed);
        let downloads = self.may_download() && self.suppliers().next().is_some();
        if self.counts_as_download != downloads {
            self.counts_as_download = downloads;
            cx.shared.memory.count_download(self.device, downloads);
        }
        let turn = self.is_running().then_some(Turn::Awake);
        self.lasting.tell_neighbours(cx, turn);
        if self.lasting.join_dht(cx, turn) {
            for (host, port) in &self.metainfo.nodes {
                cx.shared.dht.hint_name(host, *port, cx.now);
            }
        }
    }
}
