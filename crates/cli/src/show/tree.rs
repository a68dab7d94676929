//! The tree of a torrent's files with their sizes.
//!
//! Directories stand where their first file does, so that the order is the
//! torrent's. Padding is left out. Lines are handed on as they are made:
//! drawn, a tree can be hundreds of times as large as the torrent.

use std::collections::HashMap;
use std::io;

use superseed::Metainfo;
use superseed_proto::metainfo::FileEntry;

use super::{Look, page};
use crate::text::figures::printable;

/// "No such node."
const NONE: u32 = u32::MAX;

/// A file or a directory.
struct Node<'a> {
    name: &'a str,
    /// Its bytes, and those of all below.
    len: u64,
    file: Option<&'a FileEntry>,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
}

impl<'a> Node<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            len: 0,
            file: None,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
        }
    }
}

/// Draws the tree line by line.
pub(super) fn draw(
    metainfo: &Metainfo,
    look: Look,
    line: &mut dyn FnMut(String) -> io::Result<()>,
) -> io::Result<()> {
    let nodes = nodes(metainfo);
    let width = page::size_width(nodes[0].len, look);
    let mut show = |branch: &str, node: &Node<'_>| {
        let size = page::size(node.len, look);
        line(format!("{size:>width$}  {branch}{}", name(node, look)))
    };
    if !metainfo.info.multi_file {
        // The only file is called as the torrent; there is no directory.
        return children(&nodes, 0).try_for_each(|node| show("", &nodes[node as usize]));
    }
    show("", &nodes[0])?;
    // Nodes whose line is next, with the bytes of `prefix` before it.
    let mut stack = vec![(nodes[0].first_child, 0)];
    let mut prefix = String::new();
    while let Some((at, prefix_len)) = stack.pop() {
        let Some(node) = nodes.get(at as usize) else {
            continue;
        };
        prefix.truncate(prefix_len);
        let is_last = node.next_sibling == NONE;
        let branch = if is_last { "└── " } else { "├── " };
        prefix.push_str(branch);
        show(&prefix, node)?;
        prefix.truncate(prefix_len);
        prefix.push_str(if is_last { "    " } else { "│   " });
        stack.push((node.next_sibling, prefix_len));
        stack.push((node.first_child, prefix.len()));
    }
    Ok(())
}

fn name(node: &Node<'_>, look: Look) -> String {
    let name = printable(node.name);
    match node.file {
        Some(file) => name + &page::link_target(file),
        None => look.paint.directory(&(name + "/")),
    }
}

/// The nodes; the first is the torrent's directory.
fn nodes(metainfo: &Metainfo) -> Vec<Node<'_>> {
    let mut nodes = vec![Node::new(metainfo.name())];
    let mut known: HashMap<(u32, &str), u32> = HashMap::new();
    for file in metainfo.info.files.iter().filter(|file| !file.padding) {
        let mut at = 0_u32;
        nodes[0].len += file.len;
        for name in &file.path {
            let next = nodes.len() as u32;
            let child = *known.entry((at, name)).or_insert(next);
            if child == next {
                nodes.push(Node::new(name));
                append(&mut nodes, at, child);
            }
            nodes[child as usize].len += file.len;
            at = child;
        }
        nodes[at as usize].file = Some(file);
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

fn children(nodes: &[Node<'_>], parent: u32) -> impl Iterator<Item = u32> {
    let some = |at: u32| (at != NONE).then_some(at);
    let first = some(nodes[parent as usize].first_child);
    std::iter::successors(first, move |&at| some(nodes[at as usize].next_sibling))
}
