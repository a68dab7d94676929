//! What every engine was told and what it asked for: a digest of the whole
//! run, and a trace of it on demand.
//!
//! Two runs of one seed must have one digest. The digest covers every action
//! in its `Debug` form with host and time, and every byte that was sent; what
//! lies in a source stands there by its place.

use std::fmt::{self, Write as _};
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::SocketAddr;

use foldhash::fast::{FixedState, FoldHasher};
use slotmap::Key as _;
use superseed_engine::{Action, ConnKey, Time};

/// How much of an input a trace shows.
const TRACED_MAX: usize = 300;

/// The digest of a run.
pub(crate) struct Journal {
    digest: FoldHasher<'static>,
    entries: u64,
    trace: bool,
}

impl Journal {
    pub(crate) fn new(trace: bool) -> Self {
        Self {
            digest: FixedState::with_seed(0).build_hasher(),
            entries: 0,
            trace,
        }
    }

    /// Notes something that must be the same in every run of this seed.
    pub(crate) fn action(&mut self, now: Time, host: usize, action: &impl fmt::Debug) {
        self.entries += 1;
        self.digest.write_u64(now.as_micros());
        self.digest.write_u64(host as u64);
        write!(Sink(&mut self.digest), "{action:?}").expect("a hasher takes everything");
        if self.trace {
            eprintln!("{now:?} host {host} -> {action:?}");
        }
    }

    /// Notes a datagram of the DHT without the cost of a text.
    pub(crate) fn datagram(&mut self, now: Time, host: usize, to: SocketAddr, bytes: &[u8]) {
        self.entries += 1;
        self.digest.write_u64(now.as_micros());
        self.digest.write_u64(host as u64);
        self.digest.write(bytes);
        if self.trace {
            eprintln!("{now:?} host {host} -> {to} {}", bytes.escape_ascii());
        }
    }

    /// Notes the most frequent action of all without the cost of a text.
    pub(crate) fn want_write(&mut self, now: Time, host: usize, conn: ConnKey) {
        self.entries += 1;
        self.digest.write_u64(now.as_micros());
        self.digest.write_u64(host as u64);
        self.digest.write_u64(conn.data().as_ffi());
        if self.trace {
            eprintln!("{now:?} host {host} -> {:?}", Action::WantWrite { conn });
        }
    }

    /// Notes bytes that an engine sent.
    pub(crate) fn sent(&mut self, host: usize, bytes: &[u8]) {
        self.digest.write_u64(host as u64);
        self.digest.write(bytes);
    }

    /// Notes bytes of a source that an engine sent.
    pub(crate) fn sent_source(&mut self, host: usize, offset: usize, len: usize) {
        self.digest.write_u64(host as u64);
        self.digest.write_u64((offset as u64) << 24 | len as u64);
    }

    /// Shows an input in a trace; inputs follow from actions and are not hashed.
    pub(crate) fn input(&self, now: Time, host: usize, input: &impl fmt::Debug) {
        if self.trace {
            let mut text = Beginning(String::new());
            // An error only says that the text is long enough.
            let _ = write!(text, "{input:?}");
            eprintln!("{now:?} host {host} <- {}", text.0);
        }
    }

    /// The digest so far.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// How many actions were noted.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }
}

/// The beginning of a text: inputs hold whole blocks.
struct Beginning(String);

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.len() < TRACED_MAX {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

struct Sink<'a>(&'a mut FoldHasher<'static>);

impl fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
