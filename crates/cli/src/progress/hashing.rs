//! Long work on one's own files: hashing for `create` and `verify`.
//!
//! The work runs on a thread of its own; this one draws how far it is and
//! listens for interrupts. The first asks the work to end, the second leaves
//! it behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use superseed::content;
use tokio::sync::oneshot;

use super::bars::{REDRAWS_PER_S, style};
use super::line::cut;
use super::terminal::Terminal;
use crate::args::GlobalArgs;
use crate::env::{Env, Stream};
use crate::exit::{Exit, Failure};
use crate::runtime::block_on;
use crate::text::figures;

/// How often the work is looked at.
const TICK: Duration = Duration::from_millis(200);
/// How often a line is said where nothing can be redrawn.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Columns of a name.
const NAME_WIDTH: usize = 30;

/// What is to be shown of some work.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// What it does: `hashing`, `checking`.
    pub(crate) verb: &'static str,
    /// What it does it to.
    pub(crate) name: String,
    /// How many bytes there are to read.
    pub(crate) bytes: u64,
}

/// How far the work is, and whether it is still wanted.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    done_bytes: AtomicU64,
    cancelled: AtomicBool,
}

impl content::Progress for Meter {
    fn advance(&self, bytes: u64) {
        // Only shown: nothing else depends on its order.
        self.done_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Does `work` while showing how far it is.
///
/// # Errors
///
/// `Aborted` after a second interrupt. After the first, `work` sees it in its
/// meter and says itself that it was interrupted.
pub(crate) fn run<T: Send + 'static>(
    task: Task,
    global: &GlobalArgs,
    env: &mut Env,
    work: impl FnOnce(&Meter) -> T + Send + 'static,
) -> Result<T, Failure> {
    let meter = Arc::new(Meter::default());
    let mut display = Display::new(task, global, &env.stderr);
    let (sender, receiver) = oneshot::channel();
    let theirs = Arc::clone(&meter);
    thread::Builder::new()
        .name("hashing".to_owned())
        // Nobody waits for the result after a second interrupt.
        .spawn(move || sender.send(work(&theirs)))
        .map_err(|error| Failure::new(Exit::Other, format!("cannot start a thread: {error}")))?;
    let result = block_on(wait(receiver, &meter, &mut display, env));
    display.clear();
    result
}

async fn wait<T>(
    mut result: oneshot::Receiver<T>,
    meter: &Meter,
    display: &mut Display,
    env: &mut Env,
) -> Result<T, Failure> {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            result = &mut result => {
                return result.map_err(|_| Failure::new(Exit::Other, "hashing ended without a result"));
            }
            () = env.interrupts.next() => {
                if meter.cancelled.swap(true, Ordering::Relaxed) {
                    return Err(Failure::new(Exit::Aborted, "interrupted twice"));
                }
            }
            _ = tick.tick() => display.update(meter.done_bytes.load(Ordering::Relaxed)),
        }
    }
}

/// A bar on a terminal, a line now and then elsewhere, or nothing.
struct Display {
    task: Task,
    began: Instant,
    way: Way,
}

enum Way {
    Bar(ProgressBar),
    Lines { stderr: Stream, last: Instant },
    Nothing,
}

impl Display {
    fn new(task: Task, global: &GlobalArgs, stderr: &Stream) -> Self {
        let began = Instant::now();
        let name = figures::printable(&task.name);
        let way = if global.quiet {
            Way::Nothing
        } else if stderr.is_terminal() && global.verbose == 0 {
            let terminal = Box::new(Terminal(stderr.clone()));
            let target = ProgressDrawTarget::term_like_with_hz(terminal, REDRAWS_PER_S);
            let bar = ProgressBar::with_draw_target(Some(1000), target)
                .with_style(style("{prefix} [{bar:20}] {wide_msg}").progress_chars("##."));
            bar.set_prefix(cut(&name, NAME_WIDTH));
            Way::Bar(bar)
        } else if global.json {
            Way::Nothing
        } else {
            stderr.say(format!(
                "{name}: {} {}",
                task.verb,
                figures::size(task.bytes)
            ));
            Way::Lines {
                stderr: stderr.clone(),
                last: began,
            }
        };
        Self { task, began, way }
    }

    fn update(&mut self, done_bytes: u64) {
        let words = self.words(done_bytes);
        match &mut self.way {
            Way::Bar(bar) => {
                bar.set_message(words);
                let percent = figures::percent(done_bytes, self.task.bytes);
                bar.set_position((percent * 10.0) as u64);
            }
            Way::Lines { stderr, last } if last.elapsed() >= LINE_INTERVAL => {
                *last = Instant::now();
                stderr.say(format!("{}: {words}", figures::printable(&self.task.name)));
            }
            Way::Lines { .. } | Way::Nothing => (),
        }
    }

    fn words(&self, done_bytes: u64) -> String {
        let Task { verb, bytes, .. } = self.task;
        let elapsed = self.began.elapsed().as_secs_f64();
        let bytes_per_s = (done_bytes as f64 / elapsed.max(0.001)) as u64;
        let percent = figures::percent(done_bytes, bytes);
        let mut words = format!(
            "{percent:>5.1}%  {verb}  {}/{}  {}",
            figures::size(done_bytes),
            figures::size(bytes),
            figures::rate(bytes_per_s),
        );
        if let Some(seconds) = bytes.saturating_sub(done_bytes).checked_div(bytes_per_s) {
            words += &format!("  ETA {}", figures::time(Duration::from_secs(seconds)));
        }
        words
    }

    fn clear(&self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}
