//! Symbolic links of a torrent (BEP 47), confined to the torrent.

use super::info::{FileEntry, Symlink};
use super::tree::{Node, PathTree};

/// How many links may be on the way of one, as in Linux.
const HOPS_MAX: usize = 40;

/// Refuses each link that does not lead to a file or directory of the torrent.
///
/// A target is read from the torrent's directory, as BEP 47 says, or else from
/// the link's own, as some creators mean it; then it is rewritten.
pub(super) fn confine(files: &mut [FileEntry]) {
    if files.iter().all(|file| file.symlink.is_none()) {
        return;
    }
    let tree = tree(files);
    // A link through another whose target is rewritten is found right only
    // after that one, which may come later in the list.
    for last_pass in [false, true] {
        for at in 0..files.len() {
            let Some(Symlink::Inside(target)) = &files[at].symlink else {
                continue;
            };
            let parent = &files[at].path[..files[at].path.len() - 1];
            let from_parent: Vec<String> = parent.iter().chain(target).cloned().collect();
            if leads_inside(&tree, files, target) {
                continue;
            }
            if leads_inside(&tree, files, &from_parent) {
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

/// Follows a path from the torrent's directory, through links on the way.
fn leads_inside(tree: &PathTree, files: &[FileEntry], path: &[String]) -> bool {
    // The elements still to come, the next one last.
    let mut rest: Vec<&String> = path.iter().rev().collect();
    let mut dir = PathTree::ROOT;
    let mut hops = 0;
    while let Some(element) = rest.pop() {
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
    true
}
