//! Symbolic links of a torrent (BEP 47), confined to the torrent.

use super::info::{FileEntry, Symlink};
use super::tree::{Node, PathTree};

/// How many links may be on the way of one, as in Linux.
const HOPS_MAX: usize = 40;

/// How many elements are followed for all links of a torrent together, so that
/// links through links cost no more than a second; then links are refused.
const STEPS_MAX: usize = 4_000_000;

/// Refuses each link that does not lead to a file or directory of the torrent.
///
/// A target is read from the torrent's directory, as BEP 47 says, or else from
/// the link's own, as some creators mean it; then it is rewritten.
pub(super) fn confine(files: &mut [FileEntry]) {
    if files.iter().all(|file| file.symlink.is_none()) {
        return;
    }
    let tree = tree(files);
    let mut steps = 0;
    // A link through another whose target is rewritten is found right only
    // after that one, which may come later in the list.
    for last_pass in [false, true] {
        for at in 0..files.len() {
            let Some(Symlink::Inside(target)) = &files[at].symlink else {
                continue;
            };
            if leads_inside(&tree, files, target, &mut steps) {
                continue;
            }
            let parent = &files[at].path[..files[at].path.len() - 1];
            let from_parent: Vec<String> = parent.iter().chain(target).cloned().collect();
            if !target.is_empty() && leads_inside(&tree, files, &from_parent, &mut steps) {
                files[at].symlink = Some(Symlink::Inside(from_parent));
            } else if last_pass {
                files[at].symlink = Some(Symlink::Refused);
            }
        }
    }
}

fn tree(files: &[FileEntry]) -> PathTree {
    let mut tree = PathTree::default();
    for (number, file) in files.iter().enumerate().filter(|(_, file)| !file.padding) {
        if let Some((name, parents)) = file.path.split_last() {
            let dir = tree.add_dirs(parents.iter().cloned());
            tree.add_file(dir, name.clone(), number as u32);
        }
    }
    tree
}

/// Follows a path from the torrent's directory, through links on the way. The
/// directory itself is no target: everything would be in it twice.
fn leads_inside(tree: &PathTree, files: &[FileEntry], path: &[String], steps: &mut usize) -> bool {
    // The elements still to come, the next one last.
    let mut rest: Vec<&String> = path.iter().rev().collect();
    let mut dir = PathTree::ROOT;
    let mut hops = 0;
    while let Some(element) = rest.pop() {
        *steps += 1;
        if *steps > STEPS_MAX {
            return false;
        }
        match tree.find(dir, element) {
            Some(Node::Dir(next)) => dir = next,
            Some(Node::File(number)) => match &files[number as usize].symlink {
                None => return rest.is_empty(),
                Some(Symlink::Refused) => return false,
                Some(Symlink::Inside(target)) => {
                    hops += 1;
                    if hops > HOPS_MAX {
                        return false;
                    }
                    rest.extend(target.iter().rev());
                    dir = PathTree::ROOT;
                }
            },
            None => return false,
        }
    }
    dir != PathTree::ROOT
}
