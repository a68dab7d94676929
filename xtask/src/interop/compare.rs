//! Whether what arrived is what was sent.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// How exact a client's result must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Every file, and no other.
    Exact,
    /// Files that the torrent does not name may be there.
    Extras,
    /// As before, and empty files may be missing.
    NoEmptyFiles,
}

/// Fails unless `dir` holds `content` (a file or a directory) byte for byte.
/// Gives the number of files compared.
pub(crate) fn same_tree(content: &Path, dir: &Path, strictness: Strictness) -> Result<usize> {
    let parent = content.parent().context("the content has no parent")?;
    let name = content.file_name().context("the content has no name")?;
    let mut expected = files_below(parent, Path::new(name))?;
    if strictness == Strictness::NoEmptyFiles {
        expected.retain(|path| fs::metadata(parent.join(path)).is_ok_and(|file| file.len() > 0));
    }
    let mut found = files_below(dir, Path::new(""))?;
    // Where superseed keeps its records of the downloads beside them.
    found.retain(|path| !path.starts_with(".superseed"));
    for path in &expected {
        ensure!(found.contains(path), "{} did not arrive", path.display());
        same_file(&parent.join(path), &dir.join(path))?;
    }
    if strictness == Strictness::Exact
        && let Some(extra) = found.difference(&expected).next()
    {
        anyhow::bail!(
            "{} is there, but the torrent has no such file",
            extra.display()
        );
    }
    Ok(expected.len())
}

fn files_below(root: &Path, path: &Path) -> Result<BTreeSet<PathBuf>> {
    let full = root.join(path);
    if !full.is_dir() {
        return Ok(BTreeSet::from([path.to_owned()]));
    }
    let mut files = BTreeSet::new();
    let entries = fs::read_dir(&full).with_context(|| format!("cannot list {}", full.display()))?;
    for entry in entries {
        files.extend(files_below(root, &path.join(entry?.file_name()))?);
    }
    Ok(files)
}

fn same_file(expected: &Path, found: &Path) -> Result<()> {
    let open =
        |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut expected_file, mut found_file) = (open(expected)?, open(found)?);
    let lens = (
        expected_file.metadata()?.len(),
        found_file.metadata()?.len(),
    );
    ensure!(
        lens.0 == lens.1,
        "{} has {} bytes, not {}",
        found.display(),
        lens.1,
        lens.0
    );
    let (mut expected_buf, mut found_buf) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    loop {
        let len = expected_file.read(&mut expected_buf)?;
        if len == 0 {
            return Ok(());
        }
        found_file.read_exact(&mut found_buf[..len])?;
        let differs = |i: &usize| expected_buf[*i] != found_buf[*i];
        if expected_buf[..len] != found_buf[..len] {
            let first = at + (0..len).find(differs).unwrap_or_default();
            anyhow::bail!("{} differs from byte {first} on", found.display());
        }
        at += len;
    }
}

/// The bytes of a file that are on the disk.
pub(super) fn allocated(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or(0, |metadata| metadata.blocks() * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(root: &Path, files: &[(&str, &str)]) -> Result<()> {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().context("a file at the root")?)?;
            fs::write(path, text)?;
        }
        Ok(())
    }

    #[test]
    fn a_wrong_a_missing_and_a_foreign_file_are_told() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (sent, came) = (dir.path().join("sent"), dir.path().join("came"));
        written(&sent, &[("t/a", "one"), ("t/b/c", "two"), ("t/empty", "")])?;
        let compare = |strictness| same_tree(&sent.join("t"), &came, strictness);

        written(&came, &[("t/a", "one"), ("t/b/c", "two")])?;
        assert!(compare(Strictness::Extras).is_err());
        assert_eq!(compare(Strictness::NoEmptyFiles)?, 2);
        written(&came, &[("t/empty", ""), (".superseed/record", "x")])?;
        assert_eq!(compare(Strictness::Exact)?, 3);
        written(&came, &[("t/foreign", "")])?;
        assert_eq!(compare(Strictness::Extras)?, 3);
        assert!(compare(Strictness::Exact).is_err());
        written(&came, &[("t/b/c", "twO")])?;
        let error = compare(Strictness::Extras).expect_err("a byte differs");
        assert!(error.to_string().ends_with("from byte 2 on"), "{error}");
        Ok(())
    }
}
