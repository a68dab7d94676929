//! The tests that the documents name are there.
//!
//! docs/parity.md says `crate/path.rs::test`, and `::test` for a further one of
//! the same file; docs/bep.md says `test` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A name of so many words is that of a test: tests are sentences.
const WORDS_MIN: usize = 5;

/// Checks both documents against the sources, which are known by their paths.
pub(super) fn check(
    root: &Path,
    sources: &BTreeMap<String, String>,
    offences: &mut Vec<String>,
) -> Result<()> {
    let read = |name: &str| {
        let path = root.join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let tests = sources
        .iter()
        .map(|(path, text)| (path.as_str(), tests_of(text)));
    let tests: BTreeMap<&str, BTreeSet<&str>> = tests.collect();
    let parity = read("docs/parity.md")?;
    for (file, test) in named_with_file(&parity) {
        let of_file = tests.get(format!("crates/{file}").as_str());
        if !of_file.is_some_and(|of_file| of_file.contains(test)) {
            offences.push(format!("docs/parity.md: {file} has no test {test}"));
        }
    }
    let all: BTreeSet<&str> = tests.values().flatten().copied().collect();
    let bep = read("docs/bep.md")?;
    for test in named_alone(&bep).filter(|test| !all.contains(*test)) {
        offences.push(format!("docs/bep.md: there is no test {test}"));
    }
    Ok(())
}

/// What stands between backquotes.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines();
    lines.flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Tests that are named with their file, or after one of the same file.
fn named_with_file(text: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut found = Vec::new();
    for (path, test) in quoted(text).filter_map(|words| words.split_once("::")) {
        if path.ends_with(".rs") {
            file = path;
        } else if !path.is_empty() || file.is_empty() {
            continue;
        }
        found.push((file, test));
    }
    found
}

/// Tests that are named by themselves.
fn named_alone(text: &str) -> impl Iterator<Item = &str> {
    let is_test = |words: &&str| {
        let of_a_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        words.bytes().all(of_a_name) && words.split('_').count() >= WORDS_MIN
    };
    quoted(text).filter(is_test)
}

/// The names of the test functions of a file.
fn tests_of(text: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        let words = line.strip_prefix("async ").unwrap_or(line);
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = words.strip_prefix("fn ")
            && std::mem::take(&mut is_test)
        {
            tests.extend(name.split('(').next());
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_with_its_file_after_one_of_it_or_alone() {
        let text = "`::name` | `a/b.rs::one`, `::two`; `Torrent::learn` | `c.rs::three` |\n`::four` `d.rs`\n";
        let found = named_with_file(text);
        let wanted = [
            ("a/b.rs", "one"),
            ("a/b.rs", "two"),
            ("c.rs", "three"),
            ("c.rs", "four"),
        ];
        assert_eq!(found, wanted);
        let text = "`engine/src` `url-list` `take_rechoke_due` `a_name_of_five_words`";
        assert_eq!(
            named_alone(text).collect::<Vec<_>>(),
            ["a_name_of_five_words"]
        );
    }

    #[test]
    fn only_functions_that_are_tests_count() {
        let text = "#[test]\n#[should_panic]\nfn one() {}\n    fn helper() {}\n\
                    #[tokio::test]\n    async fn two() {}\n// fn three()\n";
        assert_eq!(tests_of(text), BTreeSet::from(["one", "two"]));
    }
}
