//! From files to the bytes of a torrent.

use std::fs::{self, File};
use std::io;

use superseed_proto::metainfo::{BuildFile, Format, TorrentBuilder};

use super::error::CreateError;
use super::options::CreateOptions;
use super::scan::Scan;
use super::walk::{self, Found, FoundKind, Mark};
use crate::content::Progress;
use crate::content::hash::{self, Algorithms, Content, Plan, root_of_nodes};

/// A torrent but for its hashes.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) piece_len: u32,
    pub(super) format: Format,
    pub(super) builder: TorrentBuilder,
}

impl Draft {
    pub(super) fn new(
        name: String,
        piece_len: u32,
        is_dir: bool,
        found: &[Found],
        options: &CreateOptions,
    ) -> Self {
        let format = options.format;
        let mut builder = TorrentBuilder::new(&name, piece_len)
            .format(format)
            .private(options.private);
        for found in found {
            let file = build_file(found);
            builder = match is_dir {
                true => builder.add(file),
                false => builder.single(file),
            };
        }
        Self {
            name,
            piece_len,
            format,
            builder: describe(builder, options),
        }
    }
}

/// Adds what stands around the files.
fn describe(mut builder: TorrentBuilder, options: &CreateOptions) -> TorrentBuilder {
    for tier in &options.trackers {
        builder = builder.tier(tier);
    }
    for url in &options.web_seeds {
        builder = builder.web_seed(url);
    }
    for (host, port) in &options.nodes {
        builder = builder.node(host, *port);
    }
    if let Some(source) = &options.source {
        builder = builder.source(source);
    }
    if let Some(comment) = &options.comment {
        builder = builder.comment(comment);
    }
    if let Some(program) = &options.created_by {
        builder = builder.created_by(program);
    }
    if let Some(seconds) = options.creation_date {
        builder = builder.creation_date(seconds);
    }
    builder
}

fn build_file(found: &Found) -> BuildFile {
    let file = BuildFile::new(found.elements(), found.len());
    match &found.kind {
        FoundKind::File { is_executable, .. } => BuildFile {
            executable: *is_executable,
            ..file
        },
        FoundKind::Link { target, .. } => BuildFile {
            // Unix lets anyone execute a link; libtorrent writes that down.
            executable: true,
            symlink: Some(target.split('/').map(str::to_owned).collect()),
            ..file
        },
    }
}

/// Hashes what was scanned and makes the torrent.
pub(super) fn hash(scan: Scan, progress: &dyn Progress) -> Result<Vec<u8>, CreateError> {
    let format = scan.draft.format;
    let algorithms = Algorithms {
        sha1: format.has_v1(),
        merkle: format.has_v2(),
    };
    let plan = Plan::new(&scan.info, algorithms);
    let numbers = scan.found_of_files();
    let content = Scanned {
        scan: &scan,
        numbers: &numbers,
    };
    let digests = hash::hash(&plan, &content, scan.options.threads, progress)?;
    content.check_unchanged()?;
    let (info, mut builder) = (&scan.info, scan.draft.builder);
    if format.has_v1() {
        builder = builder.piece_hashes(digests.sha1);
    }
    if format.has_v2() {
        for (file, entry) in info.files_indexed() {
            let Some(at) = numbers[file.0 as usize].filter(|_| entry.len > 0) else {
                continue;
            };
            let pieces = info.file_pieces(file);
            let nodes = &digests.nodes[pieces.start as usize..pieces.end as usize];
            builder = builder
                .pieces_root(at, root_of_nodes(nodes, scan.draft.piece_len))
                .piece_layer(at, nodes.iter().copied());
        }
    }
    Ok(builder.build())
}

/// The files as they were scanned.
struct Scanned<'s> {
    scan: &'s Scan,
    /// The number in `scan` of each file of the torrent.
    numbers: &'s [Option<usize>],
}

impl Scanned<'_> {
    fn found(&self, file: u32) -> usize {
        self.numbers[file as usize].expect("padding is not read")
    }

    /// Looks at all files again: one may have changed after its last byte was
    /// read, or before its first.
    fn check_unchanged(&self) -> Result<(), CreateError> {
        for at in 0..self.scan.found.len() {
            let path = self.scan.full_path(at);
            let is_same = match &self.scan.found[at].kind {
                FoundKind::File { mark, .. } => {
                    fs::metadata(&path).is_ok_and(|metadata| Mark::from(&metadata) == *mark)
                }
                FoundKind::Link { text, .. } => fs::read_link(&path).is_ok_and(|now| now == *text),
            };
            if !is_same {
                return Err(CreateError::Changed(path));
            }
        }
        Ok(())
    }
}

impl Content for Scanned<'_> {
    type Stop = CreateError;

    fn open(&self, file: u32) -> Result<Option<File>, CreateError> {
        let at = self.found(file);
        let path = self.scan.full_path(at);
        let opened = walk::open(&path).and_then(|file| Ok((Mark::from(&file.metadata()?), file)));
        let kind = &self.scan.found[at].kind;
        let is_marked = |now| matches!(kind, FoundKind::File { mark, .. } if *mark == now);
        match opened {
            Ok((now, file)) if is_marked(now) => Ok(Some(file)),
            Ok(_) => Err(CreateError::Changed(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(CreateError::Changed(path))
            }
            Err(error) => Err(CreateError::io(path, error)),
        }
    }

    fn unreadable(&self, file: u32, error: io::Error) -> Result<(), CreateError> {
        let path = self.scan.full_path(self.found(file));
        Err(match error.kind() {
            io::ErrorKind::UnexpectedEof => CreateError::Changed(path),
            _ => CreateError::io(path, error),
        })
    }
}
