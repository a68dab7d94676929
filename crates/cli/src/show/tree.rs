//! The tree of a torrent's files with their sizes.
//!
//! Directories stand where their first file does, so that the order is the
//! torrent's. Padding is left out. Lines are handed on as they are made:
//! drawn, a tree can be hundreds of times as large as the torrent.

use std::collections::HashMap;
use std::io;

use superseed::Metainfo;

use super::Look;
use super::page::{self, Lines};
use crate::text::figures::printable;

/// "No such node."
const NONE: u32 = u32::MAX;

/// A file that is to be drawn.
pub(crate) struct Leaf<P> {
    /// The elements of its path below the root.
    pub(crate) path: P,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// What stands behind its name; printable.
    pub(crate) suffix: String,
}

/// Draws the tree of a torrent's files.
pub(super) fn draw_torrent(
    metainfo: &Metainfo,
    look: Look,
    line: &mut Lines<'_>,
) -> io::Result<()> {
    let info = &metainfo.info;
    let leaves = info.files.iter().filter(|file| !file.padding);
    let leaves = leaves.map(|file| Leaf {
        path: file.path.iter().map(String::as_str),
        len: file.len,
        suffix: page::link_target(file),
    });
    draw(info.multi_file.then_some(&info.name), leaves, look, line)
}

/// Draws a tree line by line. Without a `root` there is one file only, which
/// is in no directory.
pub(crate) fn draw<'a, P: Iterator<Item = &'a str>>(
    root: Option<&'a String>,
    leaves: impl Iterator<Item = Leaf<P>>,
    look: Look,
    line: &mut Lines<'_>,
) -> io::Result<()> {
    let nodes = nodes(root.map_or("", String::as_str), leaves);
    let width = page::size_width(nodes[0].len, look);
    let mut show = |branch: &str, node: &Node<'_>| {
        let size = page::size(node.len, look);
        line(format!("{size:>width$}  {branch}{}", name(node, look)))
    };
    if root.is_none() {
        return nodes[1..].iter().try_for_each(|node| show("", node));
    }
    show("", &nodes[0])?;
    // Nodes whose line is next, with the bytes of `prefix` before it.
    let mut stack = vec![(nodes[0].first_child, 0)];
    let mut prefix = String::new();
    while let Some((at, prefix_len)) = stack.pop() {
        let Some(node) = nodes.get(at as usize) else {
            continue;
        };
        let is_last = node.next_sibling == NONE;
        prefix.truncate(prefix_len);
        prefix.push_str(if is_last { "└── " } else { "├── " });
        show(&prefix, node)?;
        prefix.truncate(prefix_len);
        prefix.push_str(if is_last { "    " } else { "│   " });
        stack.push((node.next_sibling, prefix_len));
        stack.push((node.first_child, prefix.len()));
    }
    Ok(())
}

/// A file or a directory.
struct Node<'a> {
    name: &'a str,
    /// Its bytes, and those of all below.
    len: u64,
    /// What stands behind the name of a file; `None` for a directory.
    suffix: Option<String>,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
}

impl<'a> Node<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            len: 0,
            suffix: None,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
        }
    }
}

fn name(node: &Node<'_>, look: Look) -> String {
    let name = printable(node.name);
    match &node.suffix {
        Some(suffix) => name + suffix,
        None => look.paint.directory(&(name + "/")),
    }
}

/// The nodes; the first is the root.
fn nodes<'a, P: Iterator<Item = &'a str>>(
    root: &'a str,
    leaves: impl Iterator<Item = Leaf<P>>,
) -> Vec<Node<'a>> {
    let mut nodes = vec![Node::new(root)];
    let mut known: HashMap<(u32, &str), u32> = HashMap::new();
    for leaf in leaves {
        let mut at = 0_u32;
        nodes[0].len += leaf.len;
        for name in leaf.path {
            let next = nodes.len() as u32;
            let child = *known.entry((at, name)).or_insert(next);
            if child == next {
                nodes.push(Node::new(name));
                append(&mut nodes, at, child);
            }
            nodes[child as usize].len += leaf.len;
            at = child;
        }
        nodes[at as usize].suffix = Some(leaf.suffix);
    }
    nodes
}

fn append(nodes: &mut [Node<'_>], parent: u32, child: u32) {
    match nodes[parent as usize].last_child {
        NONE => nodes[parent as usize].first_child = child,
        last => nodes[last as usize].next_sibling = child,
    }
    nodes[parent as usize].last_child = child;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::paint::Paint;

    fn drawn(root: Option<&str>, files: &[(&str, u64)]) -> String {
        let root = root.map(str::to_owned);
        let leaves = files.iter().map(|(path, len)| Leaf {
            path: path.split('/'),
            len: *len,
            suffix: String::new(),
        });
        let look = Look {
            paint: Paint(false),
            exact: true,
        };
        let mut text = String::new();
        let mut take = |line: String| {
            text.push_str(&line);
            text.push('\n');
            Ok(())
        };
        draw(root.as_ref(), leaves, look, &mut take).unwrap();
        text
    }

    #[test]
    fn directories_stand_where_their_first_file_does_with_the_sum_of_theirs() {
        let files = [("b/x", 5), ("a", 10), ("b/c/y", 100), ("b/z", 1)];
        let tree = "\
116  top/
106  ├── b/
  5  │   ├── x
100  │   ├── c/
100  │   │   └── y
  1  │   └── z
 10  └── a
";
        assert_eq!(drawn(Some("top"), &files), tree);
    }

    #[test]
    fn a_single_file_is_in_no_directory() {
        assert_eq!(drawn(None, &[("only", 7)]), "7  only\n");
    }
}
