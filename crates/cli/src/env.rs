//! The world that a command runs in: arguments, variables, streams, signals.
//!
//! Commands touch the process through this value only, so that tests run the
//! whole program in-process. It must never decide what a command does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::interrupts::Interrupts;
use crate::os;

/// What the program gets from the process that runs it.
pub struct Env {
    /// The command line; the first is the program's name.
    pub args: Vec<OsString>,
    /// The environment variables.
    pub vars: BTreeMap<String, OsString>,
    /// Where `-` reads from.
    pub stdin: Box<dyn Read + Send>,
    /// For results: paths, tables, JSON.
    pub stdout: Stream,
    /// For talk: progress, hints, failures.
    pub stderr: Stream,
    /// SIGINT and SIGTERM.
    pub interrupts: Interrupts,
    /// Where the configuration of the whole machine lies.
    pub etc: PathBuf,
}

impl Env {
    /// The environment of this process.
    pub fn of_process() -> Self {
        let vars: BTreeMap<String, OsString> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        // A dumb terminal can show text but neither colour nor movement, so
        // it is treated as a pipe.
        let dumb = vars.get("TERM").is_some_and(|term| term == "dumb");
        let no_colour = vars.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let stream = |to: Box<dyn Write + Send>, terminal: bool| {
            let terminal = (terminal && !dumb).then_some(os::terminal_width as fn() -> u16);
            Stream::new(to, terminal, !no_colour)
        };
        Self {
            args: std::env::args_os().collect(),
            stdin: Box::new(io::stdin()),
            stdout: stream(Box::new(io::stdout()), io::stdout().is_terminal()),
            stderr: stream(Box::new(io::stderr()), io::stderr().is_terminal()),
            interrupts: Interrupts::of_process(),
            etc: PathBuf::from("/etc"),
            vars,
        }
    }

    /// An environment variable that is set, not empty and valid Unicode.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }
}

/// When to use colour (`--color`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// In a pipe too.
    Always,
    /// Never.
    Never,
}

/// An output stream, shared by all who write to it.
#[derive(Clone)]
pub struct Stream {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    /// How wide the terminal is, if it is one that can move its cursor.
    terminal: Option<fn() -> u16>,
    colour_welcome: bool,
}

impl Stream {
    /// A stream; `terminal` tells the width of a terminal that can move its
    /// cursor, `colour_welcome` that nobody asked for text without colour.
    pub fn new(
        to: Box<dyn Write + Send>,
        terminal: Option<fn() -> u16>,
        colour_welcome: bool,
    ) -> Self {
        Self {
            to: Arc::new(Mutex::new(to)),
            terminal,
            colour_welcome,
        }
    }

    /// Whether lines may be redrawn in place.
    pub fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Columns of the terminal; 80 where there is none.
    pub fn width(&self) -> u16 {
        self.terminal.map_or(80, |width| width())
    }

    /// Whether to use colour, as the user chose.
    pub fn colour(&self, choice: Colour) -> bool {
        match choice {
            Colour::Auto => self.is_terminal() && self.colour_welcome,
            Colour::Always => true,
            Colour::Never => false,
        }
    }

    /// Writes all of `text` at once and flushes.
    pub fn write(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        // A writer that panicked half-way has lost its own text, not ours.
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(text.as_ref())?;
        to.flush()
    }

    /// Writes a line.
    pub fn line(&self, text: impl AsRef<str>) -> io::Result<()> {
        self.write(format!("{}\n", text.as_ref()))
    }

    /// Writes a line of talk. Nobody reading it is no reason to stop.
    pub fn say(&self, text: impl AsRef<str>) {
        let _ = self.line(text);
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream(terminal: {})", self.is_terminal())
    }
}
