//! Exit codes, and the way from every library error to one of them.
//!
//! The numbers are a promise to scripts; where aria2 has a code of the same
//! meaning it is aria2's.

use std::fmt;
use std::io;

use superseed::content::{CreateError, VerifyError};
use superseed::{AddError, BlocklistError, DiskError, DiskErrorKind, FetchError, MetainfoError};
use superseed::{ProxyError, StartError, WaitError};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// Something that has no code of its own.
    Other = 1,
    /// The command line, an environment variable, the configuration file or a
    /// blocklist is wrong.
    Usage = 2,
    /// A file or URL does not exist.
    NotFound = 3,
    /// No payload came for as long as `--stop-timeout` allows.
    Stalled = 5,
    /// A network failure, or an address that cannot be listened on.
    Network = 6,
    /// Interrupted before the end; the same command goes on.
    Interrupted = 7,
    /// The disk has too little space.
    DiskFull = 9,
    /// A file in the way is not ours.
    Exists = 13,
    /// A file cannot be read or written, or another process works on it.
    Io = 17,
    /// A host name cannot be resolved.
    Dns = 19,
    /// The server wants a password or refuses ours.
    Auth = 24,
    /// The input is not bencode.
    Bencode = 25,
    /// The input is bencode, but no usable torrent.
    Torrent = 26,
    /// The input is a magnet link or info-hash that cannot be used.
    Magnet = 27,
    /// Data is not what the torrent says.
    Verify = 32,
    /// Interrupted twice: nothing was saved.
    Aborted = 130,
}

impl Exit {
    /// Every code with its meaning, in the order of the numbers.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Success, "all good"),
        (Self::Other, "another error"),
        (
            Self::Usage,
            "wrong command line, environment variable, configuration or blocklist",
        ),
        (Self::NotFound, "a file or URL does not exist"),
        (Self::Stalled, "no data for as long as --stop-timeout says"),
        (
            Self::Network,
            "network failure, or an address that cannot be listened on",
        ),
        (
            Self::Interrupted,
            "interrupted before the end; run it again to go on",
        ),
        (Self::DiskFull, "not enough disk space"),
        (Self::Exists, "a file in the way is not the torrent's"),
        (
            Self::Io,
            "a file cannot be read or written, or another process uses it",
        ),
        (Self::Dns, "a host name cannot be resolved"),
        (Self::Auth, "the server asks for a password"),
        (Self::Bencode, "the input is not bencode"),
        (Self::Torrent, "the input is not a usable torrent"),
        (
            Self::Magnet,
            "the input is a magnet link or info-hash that cannot be used",
        ),
        (Self::Verify, "data is not what the torrent says"),
        (Self::Aborted, "interrupted twice; nothing was saved"),
    ];

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command, or one torrent of it, did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the program ends if this is its first failure.
    pub exit: Exit,
    /// One sentence for the user. Empty where there is nobody to tell, as
    /// after a broken pipe.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: without_numbers(&message.into()),
        }
    }

    /// A wrong command line, variable or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// What opening, reading or writing `path` came to. `doing` is a verb.
    pub fn file(doing: &str, path: impl fmt::Display, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::DiskFull,
            io::ErrorKind::AlreadyExists => Exit::Exists,
            _ => Exit::Io,
        };
        Self::new(exit, format!("cannot {doing} {path}: {error}"))
    }

    /// `source` is no torrent.
    pub fn metainfo(source: impl fmt::Display, error: &MetainfoError) -> Self {
        let exit = if error.is_not_bencode() {
            Exit::Bencode
        } else {
            Exit::Torrent
        };
        Self::new(exit, format!("{source}: {error}"))
    }

    /// No torrent could be made of `source`.
    pub fn create(source: impl fmt::Display, error: &CreateError) -> Self {
        let exit = match error {
            CreateError::NotFound(_) => Exit::NotFound,
            CreateError::Io { .. } | CreateError::NotAFile(_) | CreateError::Changed(_) => Exit::Io,
            CreateError::NothingChosen(_)
            | CreateError::PieceLen(_)
            | CreateError::PieceLenV2(_)
            | CreateError::Order => Exit::Usage,
            CreateError::Cancelled => {
                let message = format!("{source}: interrupted before the torrent was made");
                return Self::new(Exit::Interrupted, message);
            }
            // What is there cannot become a torrent that others load.
            _ => Exit::Torrent,
        };
        Self::new(exit, error.to_string())
    }

    /// Nothing can be said of the data of `name`.
    pub fn verify(name: impl fmt::Display, error: &VerifyError) -> Self {
        let exit = match error {
            VerifyError::NotFound(_) => Exit::NotFound,
            VerifyError::Cancelled => {
                let message = format!("{name}: interrupted before all was checked");
                return Self::new(Exit::Interrupted, message);
            }
            _ => Exit::Io,
        };
        Self::new(exit, error.to_string())
    }

    /// `source` could not be added.
    pub fn add(source: impl fmt::Display, error: &AddError) -> Self {
        let exit = match error {
            AddError::Metainfo(error) => return Self::metainfo(source, error),
            AddError::V2Only(_) => Exit::Torrent,
            AddError::Link(_) | AddError::NoSuchFile { .. } => Exit::Magnet,
            AddError::Duplicate | AddError::InvalidPath(_) => Exit::Usage,
            AddError::Foreign(_) => Exit::Exists,
            AddError::Full(_) => Exit::DiskFull,
            AddError::Locked(_) | AddError::ReadOnly(_) | AddError::Io(_) => Exit::Io,
            AddError::Stopped => Exit::Other,
        };
        Self::new(exit, format!("{source}: {error}"))
    }

    /// The storage of `name` failed.
    pub fn disk(name: impl fmt::Display, error: &DiskError) -> Self {
        let exit = match error.kind {
            DiskErrorKind::Full => Exit::DiskFull,
            DiskErrorKind::Foreign => Exit::Exists,
            DiskErrorKind::ReadOnly | DiskErrorKind::Locked | DiskErrorKind::Io => Exit::Io,
        };
        Self::new(exit, format!("{name}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::PortBusy { .. }
            | StartError::Listen { .. }
            | StartError::InterfaceDown { .. }
            | StartError::NoFreePort { .. } => Exit::Network,
            StartError::System { .. } => Exit::Other,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        let exit = match &error {
            ProxyError::NoAddress { .. } => Exit::Dns,
            ProxyError::Stranger { .. } => Exit::Auth,
            ProxyError::Unreachable { .. } | ProxyError::NotSocks { .. } => Exit::Network,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<BlocklistError> for Failure {
    fn from(error: BlocklistError) -> Self {
        match &error {
            BlocklistError::Io { path, error } => {
                Self::file("read the blocklist", path.display(), error)
            }
            BlocklistError::Line { .. } | BlocklistError::TooMany { .. } => {
                Self::usage(error.to_string())
            }
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let exit = match &error {
            FetchError::BadUrl { .. } => Exit::Usage,
            FetchError::Status {
                status: 404 | 410, ..
            } => Exit::NotFound,
            FetchError::Status {
                status: 401 | 403 | 407,
                ..
            } => Exit::Auth,
            FetchError::TooLarge { .. } => Exit::Torrent,
            FetchError::Status { .. } | FetchError::Failed { .. } => Exit::Network,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<WaitError> for Failure {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Failed(error) => Self::disk("storage", &error),
            WaitError::Gone(gone) => Self::new(Exit::Other, gone.to_string()),
        }
    }
}

/// Writing to standard output failed. A reader that has gone away, as in
/// `superseed show x.torrent | head`, has seen what it wanted: success.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(Exit::Success, "")
        } else {
            Self::file("write", "standard output", &error)
        }
    }
}

/// Words of the system without the `(os error 2)` that Rust adds to them.
pub(crate) fn without_numbers(words: &str) -> String {
    let mut parts = words.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.parse::<i32>().is_ok() => plain += rest,
            _ => {
                plain += " (os error ";
                plain += part;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_once_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(
            codes,
            [0, 1, 2, 3, 5, 6, 7, 9, 13, 17, 19, 24, 25, 26, 27, 32, 130]
        );
    }

    #[test]
    fn a_broken_pipe_is_success_and_says_nothing() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure, Failure::new(Exit::Success, ""));
    }

    #[test]
    fn a_torrent_of_version_2_only_is_no_usable_torrent_yet() {
        let error = AddError::V2Only(superseed_proto::InfoHashV2([0xab; 32]));
        let failure = Failure::add("x.torrent", &error);
        assert_eq!(failure.exit, Exit::Torrent);
        assert_eq!(
            failure.message,
            format!(
                "x.torrent: the torrent {} is version 2 only, which cannot be downloaded or seeded yet",
                "ab".repeat(32)
            )
        );
    }

    #[test]
    fn the_systems_words_come_without_its_numbers() {
        let words = "a: no (os error 13), b (os error x): c (os error 2)";
        assert_eq!(without_numbers(words), "a: no, b (os error x): c");
        let error = io::Error::from_raw_os_error(2);
        let failure = Failure::file("read", "x.torrent", &error);
        assert_eq!(failure.exit, Exit::NotFound);
        assert_eq!(
            failure.message,
            "cannot read x.torrent: No such file or directory"
        );
    }

    #[test]
    fn a_locked_torrent_and_a_read_only_directory_are_file_errors() {
        let kinds = [
            (DiskErrorKind::Full, Exit::DiskFull),
            (DiskErrorKind::Foreign, Exit::Exists),
            (DiskErrorKind::Locked, Exit::Io),
            (DiskErrorKind::ReadOnly, Exit::Io),
            (DiskErrorKind::Io, Exit::Io),
        ];
        for (kind, exit) in kinds {
            let error = DiskError {
                kind,
                message: "words".to_owned(),
            };
            assert_eq!(Failure::disk("x", &error), Failure::new(exit, "x: words"));
            assert_eq!(Failure::add("x", &error.into()).exit, exit);
        }
    }
}
