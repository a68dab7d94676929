//! One worker: reads pieces and hashes them.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use sha1::{Digest, Sha1};
use superseed_proto::hash::{Sha1Hash, Sha256Hash};
use superseed_proto::merkle::MerkleHasher;

use super::plan::{Plan, Stretch};
use super::read::Reader;
use super::{Cancelled, Content};
use crate::content::Progress;

/// What zero bytes are fed from.
static ZEROES: [u8; 64 << 10] = [0; 64 << 10];

/// The digests of one piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct PieceDigest {
    pub(super) sha1: Option<Sha1Hash>,
    pub(super) node: Option<Sha256Hash>,
}

/// See the module. Holds one buffer and at most one open file.
pub(super) struct Worker<'c, C: Content> {
    plan: &'c Plan,
    progress: &'c dyn Progress,
    stopping: &'c AtomicBool,
    reader: Reader<'c, C>,
    /// The digest of a piece of zeroes, by what it depends on.
    zeroes: Option<(Shape, PieceDigest)>,
}

/// What the digest of a piece depends on beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    /// Bytes of files and padding.
    len: u64,
    /// Bytes of files alone: BEP 52 hashes no padding.
    in_files: u64,
    /// Whether the piece is one of several of its file, so that its tree is
    /// as high as that of a full piece.
    is_part_of_file: bool,
}

impl<'c, C: Content> Worker<'c, C> {
    pub(super) fn new(
        plan: &'c Plan,
        content: &'c C,
        progress: &'c dyn Progress,
        stopping: &'c AtomicBool,
    ) -> Self {
        Self {
            plan,
            progress,
            stopping,
            reader: Reader::new(content),
            zeroes: None,
        }
    }

    /// Hashes pieces that follow each other.
    pub(super) fn hash_job(
        &mut self,
        pieces: Range<u32>,
        digests: &mut Vec<(u32, PieceDigest)>,
    ) -> Result<(), C::Stop> {
        let job_end = u64::from(pieces.end) * u64::from(self.plan.piece_len);
        for piece in pieces {
            if let Some(digest) = self.hash_piece(piece, job_end)? {
                digests.push((piece, digest));
            }
        }
        Ok(())
    }

    /// Hashes a piece; `None` if some of its bytes cannot be read.
    fn hash_piece(&mut self, piece: u32, job_end: u64) -> Result<Option<PieceDigest>, C::Stop> {
        let plan = self.plan;
        let mut shape = Shape::default();
        let mut is_zero = true;
        for part in plan.parts(piece..piece + 1) {
            shape.len += part.len;
            if let Some(file) = part.file {
                shape.in_files += part.len;
                shape.is_part_of_file = part.file_len > u64::from(plan.piece_len);
                is_zero = is_zero && self.reader.is_hole(file, part.file_offset, part.len)?;
            }
        }
        if is_zero {
            self.check_cancelled()?;
            self.progress.advance(shape.in_files);
            return Ok(Some(self.zero_piece(shape)));
        }
        let mut hasher = Hasher::new(plan);
        let mut left = shape.in_files;
        for part in plan.parts(piece..piece + 1) {
            let Some(file) = part.file else {
                hasher.pad(part.len);
                continue;
            };
            if !self.feed(file, &part, job_end, &mut hasher, &mut left)? {
                self.progress.advance(left);
                return Ok(None);
            }
        }
        Ok(Some(hasher.finish(shape)))
    }

    /// Feeds the bytes of a part; `false` if they cannot be read.
    fn feed(
        &mut self,
        file: u32,
        part: &Stretch,
        job_end: u64,
        hasher: &mut Hasher,
        left: &mut u64,
    ) -> Result<bool, C::Stop> {
        let range = part.file_range();
        // The job goes on in this file as far as this.
        let file_start = part.start - part.file_offset;
        let read_end = part.file_len.min(job_end - file_start);
        let mut at = range.start;
        while at < range.end {
            self.check_cancelled()?;
            let Some(bytes) = self.reader.bytes(file, at, range.end - at, read_end)? else {
                return Ok(false);
            };
            hasher.update(bytes);
            let fed = bytes.len() as u64;
            at += fed;
            *left -= fed;
            self.progress.advance(fed);
        }
        Ok(true)
    }

    fn check_cancelled(&self) -> Result<(), C::Stop> {
        if self.stopping.load(Ordering::Relaxed) || self.progress.cancelled() {
            return Err(Cancelled.into());
        }
        Ok(())
    }

    fn zero_piece(&mut self, shape: Shape) -> PieceDigest {
        if let Some((known, digest)) = &self.zeroes
            && *known == shape
        {
            return *digest;
        }
        let mut hasher = Hasher::new(self.plan);
        each_zeroes(shape.in_files, |zeroes| hasher.update(zeroes));
        hasher.pad(shape.len - shape.in_files);
        let digest = hasher.finish(shape);
        self.zeroes = Some((shape, digest));
        digest
    }
}

/// The hash states of one piece.
struct Hasher {
    sha1: Option<Sha1>,
    merkle: Option<MerkleHasher>,
    piece_len: u32,
}

impl Hasher {
    fn new(plan: &Plan) -> Self {
        Self {
            sha1: plan.algorithms.sha1.then(Sha1::new),
            merkle: plan.algorithms.merkle.then(MerkleHasher::new),
            piece_len: plan.piece_len,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(merkle) = &mut self.merkle {
            merkle.update(bytes);
        }
    }

    /// Takes padding, which only v1 hashes.
    fn pad(&mut self, len: u64) {
        if let Some(sha1) = &mut self.sha1 {
            each_zeroes(len, |zeroes| sha1.update(zeroes));
        }
    }

    fn finish(self, shape: Shape) -> PieceDigest {
        PieceDigest {
            sha1: self.sha1.map(|sha1| Sha1Hash(sha1.finalize().into())),
            node: self.merkle.map(|merkle| match shape.is_part_of_file {
                true => merkle.finish_piece(self.piece_len),
                false => merkle.finish(),
            }),
        }
    }
}

/// Calls with so many zeroes, in portions.
fn each_zeroes(mut len: u64, mut take: impl FnMut(&[u8])) {
    while len > 0 {
        let portion = usize::try_from(len).map_or(ZEROES.len(), |len| len.min(ZEROES.len()));
        take(&ZEROES[..portion]);
        len -= portion as u64;
    }
}
