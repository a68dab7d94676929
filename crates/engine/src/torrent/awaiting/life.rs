//! What users do to a torrent that awaits its metadata, and how it ends.

use super::{Awaiting, Stage};
use crate::candidates::CloseKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::input::Command;
use crate::stats::PeerSource;
use crate::torrent::life::FAREWELL;

impl Awaiting {
    pub(crate) fn command(&mut self, cx: &mut Cx<'_>, command: Command) {
        match command {
            Command::Pause(_) => self.pause(cx),
            Command::Resume(_) => self.resume(cx),
            Command::Remove(_) => self.end(cx),
            Command::Reannounce(_) => {
                self.lasting.trackers.reannounce(cx.now);
                self.announce(cx);
            }
            Command::AddPeer(_, addr) => {
                self.lasting.learn(addr, PeerSource::User, cx.now);
                self.connect_more(cx);
            }
            Command::AddTracker(_, url) => {
                self.lasting.add_tracker(cx, &url);
                self.announce(cx);
            }
            Command::SetLimits(_, limits) => self.lasting.options.limits = limits,
            Command::SetSequential(_, sequential) => self.lasting.options.sequential = sequential,
            Command::SetSuperSeed(_, super_seed) => self.lasting.options.super_seed = super_seed,
            // There are no pieces and no files to which the others could apply,
            // and a beginning is the engine's.
            _ => {}
        }
    }

    pub(super) fn start(&mut self, cx: &mut Cx<'_>) {
        self.lasting.set_listeners(cx);
        self.lasting.trackers.start(cx.now);
        self.lasting.candidates.wake(cx.now);
        self.say_state(cx);
        self.announce(cx);
        self.connect_more(cx);
    }

    /// Ends all traffic.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>) {
        for key in self.peers.clone() {
            self.disconnect(cx, key, CloseKind::Ours, None);
        }
        self.lasting.trackers.stop(cx.now);
        self.announce(cx);
    }

    fn pause(&mut self, cx: &mut Cx<'_>) {
        let runs = self.runs();
        self.lasting.options.paused = true;
        if runs {
            self.stop(cx);
            self.let_go(cx);
            self.connect_more(cx);
            self.ask(cx);
            self.say_state(cx);
        }
    }

    fn resume(&mut self, cx: &mut Cx<'_>) {
        let was_paused = std::mem::take(&mut self.lasting.options.paused);
        if was_paused && self.runs() {
            self.start(cx);
        }
    }

    /// Begins its end: trackers hear `stopped`.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>) {
        if self.leaving.is_some() {
            return;
        }
        let runs = self.runs();
        cx.shared.timers.clear_torrent(self.lasting.key);
        self.leaving = Some(!runs);
        if runs {
            self.stop(cx);
            cx.timer(Timer::Farewell(self.lasting.key), cx.now + FAREWELL);
        }
        self.let_go(cx);
        self.heard_farewell();
    }

    /// Notes that no announce is out any more.
    pub(super) fn heard_farewell(&mut self) {
        let all_stopped = self.lasting.trackers.all_stopped();
        if let Some(over) = &mut self.leaving {
            *over |= all_stopped;
        }
    }

    pub(super) fn farewell_ends(&mut self) {
        if let Some(over) = &mut self.leaving {
            *over = true;
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.leaving == Some(true)
    }

    /// A candidate may be tried, or an announce is due: what became due since.
    pub(super) fn tracker_answered(&mut self, cx: &mut Cx<'_>) {
        self.heard_farewell();
        if matches!(self.stage, Stage::Fetching) {
            self.connect_more(cx);
        }
        self.announce(cx);
    }

    /// Blocks are to be asked for again.
    pub(crate) fn metadata_due(&mut self, cx: &mut Cx<'_>) {
        self.ask(cx);
        self.connect_more(cx);
    }
}
