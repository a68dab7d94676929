//! Files of a torrent that would be the same file on the disk.

use std::collections::BTreeMap;

use super::error::MetainfoError;
use super::info::FileEntry;
use super::limits::RENAMED_FILES_MAX;
use super::notes::{self, Note, Notes, Taken};
use super::tree::{Node, PathTree};

/// Gives each file a path of its own: of those with equal paths the first
/// keeps it, the others become `name.1.ext`, `name.2.ext` and so on. A file
/// whose path is another file's directory is renamed likewise.
///
/// ASCII case does not tell paths apart, on any system, as in libtorrent: a
/// torrent must have the same names wherever its data is carried. Padding is
/// left out, since it is on no disk.
pub(super) fn make_unique(files: &mut [FileEntry], notes: &mut Notes) -> Result<(), MetainfoError> {
    let mut tree = PathTree::default();
    let dirs: Vec<Option<u32>> = files
        .iter()
        .map(|file| {
            let parents = file.path.split_last().filter(|_| !file.padding)?.1;
            Some(tree.add_dirs(parents.iter().map(|element| element.to_ascii_lowercase())))
        })
        .collect();
    let mut renamed = 0;
    // Where to go on counting, so that many equal names cost no more than
    // many different ones.
    let mut next_suffix: BTreeMap<(u32, String), u32> = BTreeMap::new();
    for (number, dir) in dirs.into_iter().enumerate() {
        let (Some(dir), Some(name)) = (dir, files[number].path.last()) else {
            continue;
        };
        let lower = name.to_ascii_lowercase();
        let Some(there) = tree.add_file(dir, lower.clone(), number as u32) else {
            continue;
        };
        renamed += 1;
        if renamed > RENAMED_FILES_MAX {
            return Err(MetainfoError::TooManyDuplicates);
        }
        let suffix = next_suffix.entry((dir, lower)).or_insert(1);
        let candidate = loop {
            let candidate = with_suffix(name, *suffix);
            *suffix += 1;
            let lower = candidate.to_ascii_lowercase();
            if tree.add_file(dir, lower, number as u32).is_none() {
                break candidate;
            }
        };
        notes.push(Note::Renamed {
            path: notes::shown(files[number].path.join("/").as_bytes()),
            name: notes::shown(candidate.as_bytes()),
            taken: match there {
                Node::Dir(_) => Taken::Directory,
                Node::File(other) if files[other as usize].path == files[number].path => {
                    Taken::Same
                }
                Node::File(_) => Taken::Case,
            },
        });
        files[number].path.pop();
        files[number].path.push(candidate);
    }
    Ok(())
}

/// `name.ext` and 1 make `name.1.ext`.
fn with_suffix(name: &str, suffix: u32) -> String {
    match name.rfind('.') {
        Some(dot) => format!("{}.{suffix}{}", &name[..dot], &name[dot..]),
        None => format!("{name}.{suffix}"),
    }
}
