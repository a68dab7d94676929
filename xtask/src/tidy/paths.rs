//! The paths that the documents name are there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::docs::quoted;

/// Documents that say where things are.
const DOCUMENTS: [&str; 4] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/bep.md",
    "docs/interop.md",
];

/// Checks each path, below the root or below `crates`.
pub(super) fn check(root: &Path, offences: &mut Vec<String>) -> Result<()> {
    for document in DOCUMENTS {
        let path = root.join(document);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for named in quoted(&text)
            .flat_map(expanded)
            .filter(|path| is_path(path))
        {
            let is_there = |below: &Path| {
                let path = below.join(&named);
                path.exists() || path.with_extension("rs").exists()
            };
            if !is_there(root) && !is_there(&root.join("crates")) {
                offences.push(format!("{document}: there is no {named}"));
            }
        }
    }
    Ok(())
}

/// Whether it is the path of a source. Commands and patterns have signs that
/// such a path has not.
fn is_path(words: &str) -> bool {
    let signs = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    let is_source = ["/src", "/tests/", "/benches/"].iter();
    words.bytes().all(signs) && is_source.into_iter().any(|part| words.contains(part))
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn expanded(words: &str) -> Vec<String> {
    let braces = words.split_once('{');
    let braces = braces.and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (choices, after))) = braces else {
        return vec![words.to_owned()];
    };
    let each = choices.split(',');
    each.flat_map(|one| expanded(&format!("{before}{one}{after}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_several_paths_and_commands_for_none() {
        assert_eq!(
            expanded("{a,b}/src/{c,d}.rs"),
            ["a/src/c.rs", "a/src/d.rs", "b/src/c.rs", "b/src/d.rs"]
        );
        assert!(is_path("proto/src/magnet"));
        for other in [
            "cargo test -p x/src",
            "engine::query",
            "lsd-from-*",
            "docs/bep.md",
        ] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_an_offence() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs")).unwrap();
        fs::create_dir_all(root.path().join("crates/a/src/dir")).unwrap();
        fs::write(root.path().join("crates/a/src/b.rs"), "").unwrap();
        for document in DOCUMENTS {
            fs::write(root.path().join(document), "").unwrap();
        }
        let text = "`a/src/b.rs`, `a/src/{b,dir}`, `crates/a/src`, `a/src/c.rs`";
        fs::write(root.path().join(DOCUMENTS[0]), text).unwrap();
        let mut offences = Vec::new();
        check(root.path(), &mut offences).unwrap();
        assert_eq!(offences, ["ARCHITECTURE.md: there is no a/src/c.rs"]);
    }
}
