//! What a storage must know of a torrent to keep it.

use std::path::{Component, Path, PathBuf};

use superseed_engine::disk::OpenReport;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::{FileIndex, Layout};
use superseed_proto::metainfo::{FileEntry, Metainfo, Symlink};

/// One file of a torrent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageFile {
    /// Where it is, below [`StorageSpec::dir`]; relative, without `.` or `..`.
    pub path: PathBuf,
    /// Its length in bytes.
    pub len: u64,
    /// Zeroes that only align the next file (BEP 47), or a link: never kept,
    /// never asked for.
    pub padding: bool,
    /// What a symbolic link at this place says (BEP 47): a path from the
    /// link's own directory that does not leave the torrent's.
    pub link: Option<PathBuf>,
    /// Its owner may execute it (BEP 47).
    pub executable: bool,
}

/// One torrent as its storage sees it.
#[derive(Clone, Debug)]
pub struct StorageSpec {
    /// Which torrent this is.
    pub info_hashes: InfoHashes,
    /// How it is cut into pieces.
    pub layout: Layout,
    /// Its files in the order of their bytes.
    pub files: Vec<StorageFile>,
    /// Which files are wanted; files beyond the end are.
    pub wanted: Vec<bool>,
    /// The download directory; it may be reached through links.
    pub dir: PathBuf,
    /// Where resume records are kept.
    pub state_dir: PathBuf,
    /// Reserve the disk for wanted files at once.
    pub preallocate: bool,
    /// A longer file in the way is cut to length instead of refused.
    pub allow_overwrite: bool,
    /// Trust no resume record.
    pub recheck: bool,
}

/// A path that would leave the download directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} does not name a file inside the download directory", .0.display())]
pub struct InvalidPath(pub PathBuf);

impl StorageSpec {
    /// A torrent with all files wanted, below `dir`.
    ///
    /// Links that the metainfo refused (BEP 47) are not made.
    pub fn new(
        metainfo: &Metainfo,
        dir: impl Into<PathBuf>,
        state_dir: impl Into<PathBuf>,
    ) -> Self {
        let files = metainfo
            .info
            .files_indexed()
            .map(|(index, file)| StorageFile {
                path: metainfo.info.file_path(index),
                len: file.len,
                padding: file.padding || file.symlink.is_some(),
                link: link_text(file),
                executable: file.executable,
            });
        Self {
            info_hashes: metainfo.info_hashes,
            layout: metainfo.info.layout,
            files: files.collect(),
            wanted: Vec::new(),
            dir: dir.into(),
            state_dir: state_dir.into(),
            preallocate: false,
            allow_overwrite: false,
            recheck: false,
        }
    }

    /// Whether a file is wanted.
    pub fn is_wanted(&self, file: usize) -> bool {
        self.wanted.get(file).copied().unwrap_or(true)
    }

    /// Gives the torrent another name: that of its only file, or that of the
    /// directory all its files are in.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] if the name is not relative or leads upwards.
    pub fn rename_root(&mut self, name: &Path) -> Result<(), InvalidPath> {
        check_path(name)?;
        for file in &mut self.files {
            let rest: PathBuf = file.path.components().skip(1).collect();
            file.path = if rest.as_os_str().is_empty() {
                name.to_owned()
            } else {
                name.join(rest)
            };
        }
        Ok(())
    }

    /// Puts one file elsewhere below the download directory. An index that
    /// the torrent does not have is ignored. A link would lead elsewhere from
    /// there and is not made.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] if the path is not relative or leads upwards.
    pub fn rename_file(&mut self, file: FileIndex, path: &Path) -> Result<(), InvalidPath> {
        check_path(path)?;
        if let Some(file) = self.files.get_mut(file.0 as usize) {
            file.path = path.to_owned();
            file.link = None;
        }
        Ok(())
    }

    /// The report of a storage that has nothing of the torrent yet.
    pub fn nothing_found(&self) -> OpenReport {
        let none = Bitfield::new(self.layout.piece_count());
        OpenReport {
            trusted: none.clone(),
            unchecked: none,
            record: None,
            device: 0,
        }
    }
}

/// What a link of the torrent says: up to the torrent's directory, and from
/// there to its target, which the metainfo has found to be inside.
fn link_text(file: &FileEntry) -> Option<PathBuf> {
    let Some(Symlink::Inside(target)) = &file.symlink else {
        return None;
    };
    let ups = std::iter::repeat_n("..", file.path.len().saturating_sub(1));
    Some(ups.chain(target.iter().map(String::as_str)).collect())
}

/// Refuses what is not a plain path downwards.
pub(super) fn check_path(path: &Path) -> Result<(), InvalidPath> {
    let plain = path
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if plain && path.file_name().is_some() {
        Ok(())
    } else {
        Err(InvalidPath(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use superseed_proto::metainfo::{BuildFile, TorrentBuilder};

    use super::*;

    #[test]
    fn a_link_leads_to_its_target_from_its_own_directory() {
        let torrent = TorrentBuilder::new("t", 16_384)
            .add(BuildFile::new(["a", "b"], 3))
            .add(BuildFile::link(["near"], ["a", "b"]))
            .add(BuildFile::link(["x", "y", "far"], ["a"]))
            .hash_content(b"abc")
            .build();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        let mut spec = StorageSpec::new(&metainfo, "here", "state");
        let text = |spec: &StorageSpec, at: usize| spec.files[at].link.clone();
        assert_eq!(text(&spec, 0), None);
        assert_eq!(text(&spec, 1), Some("a/b".into()));
        assert_eq!(text(&spec, 2), Some("../../a".into()));
        spec.rename_root(Path::new("other/name")).unwrap();
        assert_eq!(text(&spec, 2), Some("../../a".into()));
        spec.rename_file(FileIndex(2), Path::new("else")).unwrap();
        assert_eq!(text(&spec, 2), None);
    }
}
