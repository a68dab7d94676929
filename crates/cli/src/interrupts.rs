//! SIGINT and SIGTERM as a stream: the first asks to end in order, the second
//! to end at once.

use tokio::sync::mpsc;

/// Where interrupts come from.
#[derive(Debug)]
pub struct Interrupts {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Process(Option<Signals>),
    Channel(mpsc::UnboundedReceiver<()>),
}

impl Interrupts {
    /// The signals of this process. They keep their default action until
    /// [`Interrupts::next`] is called for the first time.
    pub fn of_process() -> Self {
        Self {
            source: Source::Process(None),
        }
    }

    /// Interrupts that someone else sends; none ever come once the sender is gone.
    pub fn of_channel(channel: mpsc::UnboundedReceiver<()>) -> Self {
        Self {
            source: Source::Channel(channel),
        }
    }

    /// Waits for the next one. Cancel-safe; needs a tokio runtime.
    pub async fn next(&mut self) {
        match &mut self.source {
            Source::Channel(channel) => {
                if channel.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            }
            Source::Process(signals) => {
                if signals.is_none() {
                    *signals = Signals::install().ok();
                }
                match signals {
                    Some(signals) => signals.next().await,
                    // Without handlers the default action ends the process.
                    None => std::future::pending().await,
                }
            }
        }
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            Some(()) = self.interrupt.recv() => (),
            Some(()) = self.terminate.recv() => (),
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
