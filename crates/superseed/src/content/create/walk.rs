//! Finding the files of a directory.

use std::collections::HashSet;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use superseed_proto::bencode::Limits;
use superseed_proto::metainfo::MetainfoError;

use super::error::CreateError;
use super::options::{CreateOptions, Symlinks};

/// How many files are looked for. Nobody loads a torrent of more: the tokens
/// of bencode are bounded, and a file takes at least eight.
pub const FILE_COUNT_MAX: usize = Limits::TORRENT_FILE.tokens / 8;

/// How deep directories are followed: deeper paths are refused by loading,
/// and a stack that grows with the disk is refused here.
const DEPTH_MAX: usize = 128;

/// How many links to directories are followed: a few that cross each other are
/// endlessly many paths, which need not have a file in them.
pub(super) const LINKED_DIRS_MAX: usize = 50_000;

/// The bit of a file's mode by which its owner may execute it: what libtorrent
/// looks at, too.
const EXECUTABLE: u32 = 0o100;

/// What tells that a file is still the one that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    len: u64,
    mtime: (i64, i64),
    device: u64,
    inode: u64,
}

impl Mark {
    /// Whether it is the same file, be it changed or not.
    pub(super) fn is_of(&self, metadata: &Metadata) -> bool {
        (self.device, self.inode) == (metadata.dev(), metadata.ino())
    }
}

impl From<&Metadata> for Mark {
    fn from(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Something that goes into the torrent.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The path below the directory, elements parted by `/`; empty if what was
    /// scanned is itself a file.
    pub(super) path: String,
    pub(super) kind: FoundKind,
}

#[derive(Clone, Debug)]
pub(super) enum FoundKind {
    File {
        mark: Mark,
        is_executable: bool,
    },
    /// A link that is kept, and where it leads, from the scanned directory.
    Link {
        target: String,
        /// What the link itself says.
        text: PathBuf,
    },
}

impl Found {
    /// The file's length in bytes; 0 for a link.
    pub(super) fn len(&self) -> u64 {
        match &self.kind {
            FoundKind::File { mark, .. } => mark.len,
            FoundKind::Link { .. } => 0,
        }
    }

    /// The elements of its path.
    pub(super) fn elements(&self) -> impl Iterator<Item = &str> {
        self.path.split('/')
    }
}

/// Opens a file to read it. One that became a pipe must not make us wait.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

/// Looks at one file. It is opened, so that what cannot be read is told before
/// hours of hashing and not after.
pub(super) fn look_at(path: &Path) -> Result<FoundKind, CreateError> {
    let metadata = open(path)
        .and_then(|file| file.metadata())
        .map_err(|error| CreateError::io(path, error))?;
    if !metadata.is_file() {
        return Err(CreateError::NotAFile(path.to_owned()));
    }
    Ok(FoundKind::File {
        mark: Mark::from(&metadata),
        is_executable: metadata.permissions().mode() & EXECUTABLE != 0,
    })
}

/// All files and kept links below a directory, in no order.
pub(super) fn walk(root: &Path, options: &CreateOptions) -> Result<Vec<Found>, CreateError> {
    let mut walk = Walk {
        root,
        options,
        found: Vec::new(),
        above: HashSet::new(),
        linked_dirs: 0,
    };
    walk.dir(root, &mut String::new(), 0)?;
    Ok(walk.found)
}

struct Walk<'w> {
    root: &'w Path,
    options: &'w CreateOptions,
    found: Vec<Found>,
    /// The directories that the present one is in, by device and inode. Kept
    /// only where links are followed: nothing else can lead back.
    above: HashSet<(u64, u64)>,
    /// How many links to directories were followed.
    linked_dirs: usize,
}

impl Walk<'_> {
    /// Takes what is in a directory. `path` is its path below the root, and is
    /// the same again afterwards.
    fn dir(&mut self, dir: &Path, path: &mut String, depth: usize) -> Result<(), CreateError> {
        if depth > DEPTH_MAX {
            return Err(CreateError::Unloadable {
                path: dir.to_owned(),
                reason: MetainfoError::PathTooDeep(self.found.len() + 1),
            });
        }
        let mut id = None;
        if self.options.symlinks == Symlinks::Follow {
            let metadata = fs::metadata(dir).map_err(|error| CreateError::io(dir, error))?;
            id = Some((metadata.dev(), metadata.ino()));
        }
        if let Some(id) = id
            && !self.above.insert(id)
        {
            return Err(CreateError::LinkLoop(dir.to_owned()));
        }
        let entries = fs::read_dir(dir).map_err(|error| CreateError::io(dir, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| CreateError::io(dir, error))?;
            let full = entry.path();
            let name = entry.file_name();
            let file_type = entry
                .file_type()
                .map_err(|error| CreateError::io(&full, error))?;
            let parent_len = path.len();
            if !path.is_empty() {
                path.push('/');
            }
            // What is not UTF-8 is refused when a file of such a path is chosen.
            path.push_str(&name.to_string_lossy());
            self.entry(&full, path, file_type, depth)?;
            path.truncate(parent_len);
        }
        if let Some(id) = id {
            self.above.remove(&id);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        full: &Path,
        path: &mut String,
        mut file_type: FileType,
        depth: usize,
    ) -> Result<(), CreateError> {
        if file_type.is_symlink() {
            if self.options.symlinks == Symlinks::Keep {
                return self.link(full, path);
            }
            match fs::metadata(full) {
                Ok(metadata) => file_type = metadata.file_type(),
                // A dangling link that is not chosen harms nobody.
                Err(_) if !self.is_chosen(path) => return Ok(()),
                Err(error) => return Err(CreateError::io(full, error)),
            }
            self.linked_dirs += usize::from(file_type.is_dir());
            if self.linked_dirs > LINKED_DIRS_MAX {
                return Err(CreateError::TooManyLinks(self.root.to_owned()));
            }
        }
        if file_type.is_dir() {
            return self.dir(full, path, depth + 1);
        }
        if !self.is_chosen(path) {
            return Ok(());
        }
        if is_special(file_type) {
            return Err(CreateError::NotAFile(full.to_owned()));
        }
        let kind = look_at(full)?;
        self.add(full, path, kind)
    }

    fn link(&mut self, full: &Path, path: &str) -> Result<(), CreateError> {
        if !self.is_chosen(path) {
            return Ok(());
        }
        let text = fs::read_link(full).map_err(|error| CreateError::io(full, error))?;
        let Some(target) = link_target(path, &text) else {
            return Err(CreateError::LinkOutside {
                path: full.to_owned(),
                target: text,
            });
        };
        self.add(full, path, FoundKind::Link { target, text })
    }

    fn is_chosen(&self, path: &str) -> bool {
        let filter = self.options.filter.as_ref();
        filter.is_none_or(|filter| filter(path))
    }

    fn add(&mut self, full: &Path, path: &str, kind: FoundKind) -> Result<(), CreateError> {
        // A replacement character is in no name that was not UTF-8.
        if !full.as_os_str().as_bytes().ends_with(path.as_bytes()) {
            return Err(CreateError::NotUtf8(full.to_owned()));
        }
        if self.found.len() == FILE_COUNT_MAX {
            return Err(CreateError::TooManyFiles(self.root.to_owned()));
        }
        self.found.push(Found {
            path: path.to_owned(),
            kind,
        });
        Ok(())
    }
}

/// Whether opening it could do something, or wait.
fn is_special(file_type: FileType) -> bool {
    file_type.is_fifo()
        || file_type.is_socket()
        || file_type.is_char_device()
        || file_type.is_block_device()
}

/// Where a link at `path` leads, from the scanned directory (BEP 47 counts
/// from there, the file system from the link); `None` if that is out of it.
pub(in crate::content) fn link_target(path: &str, text: &Path) -> Option<String> {
    let mut target: Vec<&str> = path.split('/').collect();
    target.pop();
    for component in text.components() {
        match component {
            Component::Normal(element) => target.push(element.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => drop(target.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(target.join("/"))
}
