//! What is kept of a torrent that sleeps: its torrent file and where its files
//! are, beside the resume record; and in the record what must be known of it
//! while it sleeps.
//!
//! Like a record, what is kept is used only if its checksum is right, and it is
//! replaced as a whole. What is damaged costs the user an error that says which
//! file it is, and never more than that.

use std::path::{Path, PathBuf};

use superseed_engine::config::{RateLimits, SeedGoal};
use superseed_engine::disk::{Summary, Terms};
use superseed_engine::{Priority, TorrentOptions};
use superseed_proto::bencode::{self, Dict, DictEncoder, Encoder, Limits, Mode};
use superseed_proto::hash::{InfoHashV1, InfoHashV2, InfoHashes};
use superseed_proto::layout::Layout;
use superseed_proto::metainfo::Metainfo;

use super::error::{Attempt, error, failed};
use super::record;
use crate::os;
use crate::storage::{DiskError, DiskErrorKind, RecordTotals, StorageFile, StorageSpec};

/// The format that this program writes, and the only one it reads.
const VERSION: i64 = 1;

/// What ends the name of a kept torrent, where that of its record ends with
/// `resume`.
const EXTENSION: &str = "kept";

/// What a record says of a torrent that can sleep.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    info_hashes: InfoHashes,
    name: String,
    private: bool,
    layout: Layout,
    terms: Terms,
}

impl Kept {
    pub(super) fn new(metainfo: &Metainfo, terms: Terms) -> Self {
        Self {
            info_hashes: metainfo.info_hashes,
            name: metainfo.info.name.clone(),
            private: metainfo.info.private,
            layout: metainfo.info.layout,
            terms,
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn summary(self, totals: RecordTotals) -> Summary {
        Summary {
            info_hashes: self.info_hashes,
            name: self.name,
            private: self.private,
            layout: self.layout,
            totals,
            terms: self.terms,
        }
    }

    pub(super) fn into_terms(self) -> Terms {
        self.terms
    }

    pub(super) fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    pub(super) fn write(&self, dict: &mut DictEncoder<'_>) {
        if let Some(v1) = self.info_hashes.v1() {
            dict.bytes("v1", v1.0);
        }
        if let Some(v2) = self.info_hashes.v2() {
            dict.bytes("v2", v2.0);
        }
        dict.bytes("name", &self.name);
        dict.int("private", i64::from(self.private));
        dict.int("length", record::clamp(self.layout.total_len()));
        dict.int("piece length", i64::from(self.layout.piece_len_nominal()));
        dict.list("trackers", |tiers| {
            for tier in &self.terms.trackers {
                tiers.list(|urls| tier.iter().for_each(|url| urls.bytes(url)));
            }
        });
        write_options(dict, &self.terms.options);
    }

    /// `None` if anything is not as it should be.
    pub(super) fn read(dict: Dict<'_>) -> Option<Self> {
        let v1 = dict.bytes("v1").map(<[u8; 20]>::try_from).transpose();
        let v2 = dict.bytes("v2").map(<[u8; 32]>::try_from).transpose();
        let (v1, v2) = (v1.ok()?.map(InfoHashV1), v2.ok()?.map(InfoHashV2));
        let mut trackers = Vec::new();
        for tier in dict.list("trackers")?.iter() {
            let urls = tier.as_list()?.iter();
            trackers.push(
                urls.map(|url| Some(url.as_str()?.to_owned()))
                    .collect::<Option<_>>()?,
            );
        }
        let piece_len = u32::try_from(dict.int("piece length")?).ok()?;
        Some(Self {
            info_hashes: match (v1, v2) {
                (Some(v1), None) => InfoHashes::V1(v1),
                (None, Some(v2)) => InfoHashes::V2(v2),
                (Some(v1), Some(v2)) => InfoHashes::Hybrid(v1, v2),
                (None, None) => return None,
            },
            name: dict.str("name")?.to_owned(),
            private: dict.int("private")? != 0,
            layout: Layout::new(u64::try_from(dict.int("length")?).ok()?, piece_len)?,
            terms: Terms {
                trackers,
                options: read_options(dict)?,
            },
        })
    }
}

fn write_options(dict: &mut DictEncoder<'_>, options: &TorrentOptions) {
    let TorrentOptions {
        priorities,
        sequential,
        limits,
        goal,
        paused,
        super_seed,
        // Of one start only.
        peers: _,
        trackers: _,
        allow_overwrite: _,
        recheck: _,
        web_seeds: _,
    } = options;
    let byte = |priority: &Priority| match priority {
        Priority::Skip => 0,
        Priority::Low => 1,
        Priority::Normal => 2,
        Priority::High => 3,
    };
    dict.bytes(
        "priorities",
        priorities.iter().map(byte).collect::<Vec<u8>>(),
    );
    dict.int("sequential", i64::from(*sequential));
    dict.int("paused", i64::from(*paused));
    dict.int("super seed", i64::from(*super_seed));
    let counts = [
        ("upload limit", limits.upload_bytes_per_s),
        ("download limit", limits.download_bytes_per_s),
        ("goal seconds", goal.time.map(|time| time.as_secs())),
        ("goal ratio bits", goal.ratio.map(f64::to_bits)),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            dict.bytes(key, count.to_be_bytes());
        }
    }
}

fn read_options(dict: Dict<'_>) -> Option<TorrentOptions> {
    let priority = |byte: &u8| {
        Some(match byte {
            0 => Priority::Skip,
            1 => Priority::Low,
            2 => Priority::Normal,
            3 => Priority::High,
            _ => return None,
        })
    };
    let count = |key: &str| match dict.bytes(key) {
        None => Some(None),
        Some(bytes) => Some(Some(u64::from_be_bytes(bytes.try_into().ok()?))),
    };
    let priorities = dict.bytes("priorities")?.iter().map(priority);
    Some(TorrentOptions {
        priorities: priorities.collect::<Option<_>>()?,
        sequential: dict.int("sequential")? != 0,
        paused: dict.int("paused")? != 0,
        super_seed: dict.int("super seed")? != 0,
        limits: RateLimits {
            upload_bytes_per_s: count("upload limit")?,
            download_bytes_per_s: count("download limit")?,
        },
        goal: SeedGoal {
            ratio: count("goal ratio bits")?.map(f64::from_bits),
            time: count("goal seconds")?.map(std::time::Duration::from_secs),
        },
        ..TorrentOptions::default()
    })
}

/// Where a torrent is kept whose record is this.
fn path_of(record: &Path) -> PathBuf {
    record.with_extension(EXTENSION)
}

/// Keeps a torrent beside its record.
pub(super) fn save(
    record: &Path,
    metainfo: &Metainfo,
    spec: &StorageSpec,
) -> Result<(), DiskError> {
    let path = path_of(record);
    let plain = StorageSpec::new(metainfo, "", "");
    let dir =
        std::path::absolute(&spec.dir).map_err(|error| failed(Attempt::Open, &spec.dir, &error))?;
    let body = Encoder::dict(|dict| {
        dict.bytes("torrent", metainfo.encode());
        dict.bytes("dir", os::path_bytes(&dir));
        dict.int("preallocate", i64::from(spec.preallocate));
        dict.list("renamed", |list| {
            for (at, (file, plain)) in spec.files.iter().zip(&plain.files).enumerate() {
                if (&file.path, &file.link) != (&plain.path, &plain.link) {
                    list.dict(|dict| {
                        dict.int("file", at as i64);
                        dict.bytes("path", os::path_bytes(&file.path));
                        dict.int("link", i64::from(file.link.is_some()));
                    });
                }
            }
        });
    });
    record::replace(&path, &record::seal("superseed torrent", VERSION, &body))
        .map_err(|error| failed(Attempt::Write, &path, &error))
}

/// Reads what was kept of a torrent, and where its files are.
pub(super) fn load(record: &Path) -> Result<(Metainfo, StorageSpec), DiskError> {
    let path = path_of(record);
    let bytes = std::fs::read(&path).map_err(|error| failed(Attempt::Open, &path, &error))?;
    let damaged = || {
        let message = format!(
            "{}, which was kept of a torrent, is damaged: add the torrent again",
            path.display()
        );
        error(DiskErrorKind::Io, message)
    };
    let body = record::unseal("superseed torrent", VERSION, &bytes).ok_or_else(damaged)?;
    read_body(&body, record).ok_or_else(damaged)
}

fn read_body(body: &[u8], record: &Path) -> Option<(Metainfo, StorageSpec)> {
    let body = bencode::decode(body, &Limits::OWN_RECORD, Mode::Strict).ok()?;
    let body = body.root().as_dict()?;
    let metainfo = Metainfo::parse(body.bytes("torrent")?).ok()?;
    let dir = os::path_of_bytes(body.bytes("dir")?);
    let mut spec = StorageSpec::new(&metainfo, dir, record.parent()?);
    spec.preallocate = body.int("preallocate")? != 0;
    for renamed in body.list("renamed")?.iter() {
        let renamed = renamed.as_dict()?;
        let at = usize::try_from(renamed.int("file")?).ok()?;
        let file: &mut StorageFile = spec.files.get_mut(at)?;
        file.path = os::path_of_bytes(renamed.bytes("path")?);
        if renamed.int("link")? == 0 {
            file.link = None;
        }
    }
    Some((metainfo, spec))
}
