//! The directories and files of a torrent as one tree.

use std::collections::BTreeMap;

/// What a path element leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A directory, by its number in the tree.
    Dir(u32),
    /// A file, by the number its maker gave it.
    File(u32),
}

/// A tree of path elements.
///
/// Each element is kept once for its directory, so the tree is never larger
/// than the torrent it is made of, however deep the paths are.
#[derive(Debug, Default)]
pub(super) struct PathTree {
    nodes: BTreeMap<(u32, String), Node>,
    dirs: u32,
}

impl PathTree {
    /// The directory that all paths begin in.
    pub(super) const ROOT: u32 = 0;

    /// Finds an element of a directory.
    pub(super) fn find(&self, dir: u32, element: &str) -> Option<Node> {
        self.nodes.get(&(dir, element.to_owned())).copied()
    }

    /// Adds a file where nothing is, or tells what is there.
    pub(super) fn add_file(&mut self, dir: u32, element: String, file: u32) -> Option<Node> {
        match self.nodes.entry((dir, element)) {
            std::collections::btree_map::Entry::Occupied(there) => Some(*there.get()),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Node::File(file));
                None
            }
        }
    }

    /// The directory of these elements, made if needed. A file in the way, if
    /// files were added before directories, gives way.
    pub(super) fn add_dirs(&mut self, elements: impl Iterator<Item = String>) -> u32 {
        let mut dir = Self::ROOT;
        for element in elements {
            let node = self
                .nodes
                .entry((dir, element))
                .or_insert(Node::Dir(self.dirs + 1));
            if let Node::File(_) = node {
                *node = Node::Dir(self.dirs + 1);
            }
            if let Node::Dir(number) = *node {
                self.dirs = self.dirs.max(number);
                dir = number;
            }
        }
        dir
    }
}
