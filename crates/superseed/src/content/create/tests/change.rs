//! Files that change while they are hashed, and progress.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::content::Progress;

/// Does something at the first call.
struct Once<F: Fn()> {
    done: AtomicBool,
    act: F,
}

impl<F: Fn() + Send + Sync> Progress for Once<F> {
    fn advance(&self, _bytes: u64) {
        if !self.done.swap(true, Ordering::SeqCst) {
            (self.act)();
        }
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("longer", |path| {
            let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
            std::io::Write::write_all(&mut file, b"x").unwrap();
        }),
        ("shorter", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(5).unwrap();
        }),
        ("replaced", |path| {
            let other = path.with_extension("new");
            fs::write(&other, fs::read(path).unwrap()).unwrap();
            fs::rename(&other, path).unwrap();
        }),
        ("removed", |path| fs::remove_file(path).unwrap()),
    ];
    for (what, change) in changes {
        for victim in ["a", "b"] {
            for format in FORMATS {
                let dir = dir_of(&[("a", 9 << 20), ("b", 5 << 20)]);
                let path = dir.path().join(victim);
                let scan = scan(dir.path(), &options(format, 16_384)).unwrap();
                let progress = Once {
                    done: AtomicBool::new(false),
                    act: || change(&path),
                };
                let error = scan.hash(&progress).unwrap_err();
                assert!(
                    matches!(&error, CreateError::Changed(found) if *found == path),
                    "{victim} {what}: {error:?}"
                );
            }
        }
    }
}

#[test]
fn a_file_that_changes_between_scan_and_hash_is_an_error() {
    let dir = dir_of(&[("a", 100_000)]);
    let path = dir.path().join("a");
    let scan = scan(dir.path(), &CreateOptions::default()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let touched = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    file.set_modified(touched).unwrap();
    assert!(matches!(scan.hash(&()), Err(CreateError::Changed(found)) if found == path));
}

#[test]
fn a_link_that_changes_while_files_are_read_is_an_error() {
    use std::os::unix::fs::symlink;
    let dir = dir_of(&[("a", 100_000), ("b", 10)]);
    let link = dir.path().join("link");
    symlink("a", &link).unwrap();
    for target in [Some("b"), None] {
        let scan = scan(dir.path(), &CreateOptions::default()).unwrap();
        let progress = Once {
            done: AtomicBool::new(false),
            act: || {
                fs::remove_file(&link).unwrap();
                target
                    .map_or(Ok(()), |target| symlink(target, &link))
                    .unwrap();
            },
        };
        let error = scan.hash(&progress).unwrap_err();
        assert!(matches!(error, CreateError::Changed(found) if found == link));
    }
}

#[derive(Default)]
struct Sum {
    bytes: AtomicU64,
    cancel_at: Option<u64>,
}

impl Progress for Sum {
    fn advance(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.cancel_at.is_some_and(|at| bytes >= at)
    }
}

#[test]
fn progress_adds_up_to_all_files_and_can_cancel() {
    let dir = dir_of(&[("a", 9 << 20), ("b", 5), ("c", 100_000)]);
    for format in FORMATS {
        let scanned = scan(dir.path(), &options(format, 32_768)).unwrap();
        let total_len = scanned.total_len();
        let progress = Sum::default();
        let torrent = scanned.hash(&progress).unwrap();
        assert_eq!(progress.bytes.into_inner(), total_len);

        let metainfo = Metainfo::parse(&torrent).unwrap();
        assert_eq!(metainfo.info.content_len(), total_len);
        fs::rename(dir.path().join("b"), dir.path().join("moved")).unwrap();
        let progress = Sum::default();
        verify(&metainfo, dir.path(), &VerifyOptions::default(), &progress).unwrap();
        assert_eq!(progress.bytes.into_inner(), total_len);
        fs::rename(dir.path().join("moved"), dir.path().join("b")).unwrap();

        let progress = Sum {
            cancel_at: Some(1 << 20),
            ..Sum::default()
        };
        let scanned = scan(dir.path(), &options(format, 32_768)).unwrap();
        assert!(matches!(
            scanned.hash(&progress),
            Err(CreateError::Cancelled)
        ));
    }
}
