//! How the file descriptors that the process may have are shared out.
//!
//! Open files get an eighth (`storage::fs`), peers five eighths. A quarter is for
//! what is neither: locks, part files and directories of torrents, listeners,
//! connections to trackers, and whatever else the program opens. One is kept for
//! who knocks when there is no other all the same.

use std::fmt::{self, Display};
use std::io;
use std::os::unix::net::UnixDatagram;

use mio::net::TcpListener;

use superseed_engine::Settings;
use superseed_engine::limits::INCOMING_SLACK;

use super::connect::is_local_limit;

/// The part of the descriptors that connections to peers may take.
const CONNECTIONS_PARTS: (u64, u64) = (5, 8);

/// How many descriptors the process may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptors(pub(super) u64);

impl Descriptors {
    /// The most connections that there may be.
    fn connections_max(self) -> usize {
        let (parts, of) = CONNECTIONS_PARTS;
        let share = usize::try_from(self.0 / of * parts).unwrap_or(usize::MAX);
        share.saturating_sub(INCOMING_SLACK).max(1)
    }

    /// Makes do with the connections that there may be, and says so where these
    /// are fewer than the user wants.
    pub(super) fn bound(self, settings: &mut Settings) {
        let most = self.connections_max();
        if settings.connections_max > most {
            tracing::warn!(
                "at most {most} connections to peers, not {}: {self}",
                settings.connections_max
            );
            settings.connections_max = most;
        }
    }
}

impl Display for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process may open {} files (ulimit -n)", self.0)
    }
}

/// What came of turning somebody away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// One is gone.
    One,
    /// Nobody knocks any more.
    Nobody,
    /// Others were faster with the last descriptor.
    NoDescriptor,
}

/// A descriptor for who knocks when there is no other: without it nobody could
/// be turned away, and all would wait in the backlog until they gave up.
pub(super) struct Spare {
    kept: Option<UnixDatagram>,
    /// The user was told since somebody was last let in.
    is_told: bool,
}

impl Spare {
    pub(super) fn new() -> Self {
        Self {
            kept: Self::open(),
            is_told: false,
        }
    }

    fn open() -> Option<UnixDatagram> {
        UnixDatagram::unbound().ok()
    }

    /// Somebody was let in: there are descriptors.
    pub(super) fn has_let_in(&mut self) {
        self.is_told = false;
        if self.kept.is_none() {
            self.kept = Self::open();
        }
    }

    /// Turns away who knocks. The system says that no descriptor is left whether
    /// somebody knocks or not.
    pub(super) fn turn_away(&mut self, listener: &TcpListener) -> TurnedAway {
        drop(self.kept.take());
        let accepted = listener.accept();
        let turned_away = match &accepted {
            Ok(_) => TurnedAway::One,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => TurnedAway::Nobody,
            Err(error) if is_local_limit(error) => TurnedAway::NoDescriptor,
            // It went away by itself.
            Err(_) => TurnedAway::One,
        };
        drop(accepted);
        self.kept = Self::open();
        if turned_away != TurnedAway::Nobody && !self.is_told {
            self.is_told = true;
            tracing::warn!("peers are turned away: no file descriptor is left");
        }
        turned_away
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn connections_leave_descriptors_to_files_and_to_all_else() {
        for limit in [256, 1024, 4096] {
            let connections = Descriptors(limit).connections_max() as u64;
            let files = limit / 8;
            assert!(connections + INCOMING_SLACK as u64 + files + limit / 4 <= limit);
            assert!(connections >= limit / 2);
        }
        assert_eq!(Descriptors(0).connections_max(), 1);
    }

    #[test]
    fn settings_are_bounded_only_where_they_want_more() {
        let mut settings = Settings::default();
        let wanted = settings.connections_max;
        Descriptors(1024).bound(&mut settings);
        assert_eq!(settings.connections_max, wanted);
        Descriptors(256).bound(&mut settings);
        assert_eq!(settings.connections_max, 150);
    }

    #[test]
    fn who_is_turned_away_hears_it_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut spare = Spare::new();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(spare.turn_away(&listener), TurnedAway::One);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert_eq!(spare.turn_away(&listener), TurnedAway::Nobody);
    }
}
