//! Torrents made of real files, read again by the parser and checked.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use superseed_proto::metainfo::{Format, Metainfo, Symlink};
use tempfile::TempDir;

use super::*;
use crate::content::{Progress, VerifyOptions, verify};

const FORMATS: [Format; 3] = [Format::V1, Format::V2, Format::Hybrid];

/// Bytes that repeat at no piece length.
fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A directory with these files.
pub(in crate::content) fn dir_of(files: &[(&str, usize)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (seed, (path, len)) in (1..).zip(files) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(*len, seed)).unwrap();
    }
    dir
}

fn options(format: Format, piece_len: u32) -> CreateOptions {
    CreateOptions {
        format,
        piece_len: Some(piece_len),
        name: Some("t".to_owned()),
        ..CreateOptions::default()
    }
}

fn create(path: &Path, options: &CreateOptions) -> Result<Metainfo, CreateError> {
    let torrent = scan(path, options)?.hash(&())?;
    Ok(Metainfo::parse(&torrent).unwrap())
}

fn paths(metainfo: &Metainfo) -> Vec<String> {
    let files = metainfo.info.files.iter().filter(|file| !file.padding);
    files.map(|file| file.path.join("/")).collect()
}

#[test]
fn what_is_made_loads_and_verifies_at_every_boundary() {
    const P: usize = 32 << 10;
    let cases: &[&[(&str, usize)]] = &[
        &[("one", 1)],
        &[("block", 16 << 10)],
        &[("piece", P)],
        &[("pieces", 3 * P)],
        &[("more", 3 * P + 1)],
        &[("less", 3 * P - 1)],
        &[("a", 2 * P), ("z", 0)],
        &[("a", 0), ("b", 0), ("z", 1)],
        &[
            ("a", 100),
            ("b", 5),
            ("c/d", 16_384),
            ("c/e", 0),
            ("f", P + 3),
        ],
        &[("a", 1), ("b", 1), ("c", 1)],
        &[("a", 5 << 20), ("b", 7), ("c", (5 << 20) + 1)],
    ];
    for files in cases {
        for format in FORMATS {
            let dir = dir_of(files);
            let metainfo = create(dir.path(), &options(format, P as u32)).unwrap();
            let expected: Vec<_> = files.iter().map(|(path, _)| *path).collect();
            assert_eq!(paths(&metainfo), expected, "{format}");
            let report = verify(&metainfo, dir.path(), &VerifyOptions::default(), &()).unwrap();
            assert!(report.is_ok(), "{files:?} {format}: {report:?}");
            assert_eq!(report.files.len(), files.len());

            if let [(name, _)] = files {
                let file = dir.path().join(name);
                let metainfo = create(&file, &CreateOptions::default()).unwrap();
                assert!(!metainfo.info.multi_file);
                for place in [&file, dir.path()] {
                    let report = verify(&metainfo, place, &VerifyOptions::default(), &()).unwrap();
                    assert!(report.is_ok(), "{files:?} {format}: {report:?}");
                }
            }
        }
    }
}

#[test]
fn the_same_files_give_the_same_bytes_with_any_number_of_threads() {
    let dir = dir_of(&[("z", 6 << 20), ("b/2", 70_000), ("b/1", 1), ("a", 12 << 20)]);
    for format in FORMATS {
        let make = |threads| {
            let options = CreateOptions {
                threads: NonZeroUsize::new(threads),
                trackers: vec![vec!["http://t.example/a".to_owned()]],
                creation_date: Some(1),
                ..options(format, 16 << 10)
            };
            scan(dir.path(), &options).unwrap().hash(&()).unwrap()
        };
        let alone = make(1);
        assert!([2, 3, 16].into_iter().all(|threads| make(threads) == alone));
    }
}

#[test]
fn only_empty_files_are_refused_in_a_sentence() {
    let dir = dir_of(&[("a", 0), ("b/c", 0)]);
    for path in [dir.path(), &dir.path().join("a"), &dir.path().join("b")] {
        let error = scan(path, &CreateOptions::default()).unwrap_err();
        assert!(matches!(error, CreateError::Empty(_)));
        assert_eq!(
            error.to_string(),
            format!(
                "{}: holds nothing to share: there is no file, or all are empty",
                path.display()
            )
        );
    }
}

#[test]
fn what_is_not_there_is_told_by_its_path() {
    let dir = dir_of(&[]);
    let path = dir.path().join("gone");
    let error = scan(&path, &CreateOptions::default()).unwrap_err();
    assert!(matches!(error, CreateError::NotFound(found) if found == path));
}

#[test]
fn a_pipe_is_refused_unless_it_is_left_out() {
    let dir = dir_of(&[("a", 10)]);
    let pipe = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for path in [dir.path(), &pipe] {
        let error = scan(path, &CreateOptions::default()).unwrap_err();
        assert!(matches!(error, CreateError::NotAFile(found) if found == pipe));
    }
    let options = CreateOptions {
        filter: Some(Arc::new(|path| path != "pipe")),
        ..CreateOptions::default()
    };
    assert_eq!(scan(dir.path(), &options).unwrap().files().len(), 1);
}

#[test]
fn a_filter_sees_paths_below_the_directory() {
    let dir = dir_of(&[("a.txt", 10), ("b/c.txt", 10), ("b/.d", 10), ("e", 10)]);
    let options = CreateOptions {
        filter: Some(Arc::new(|path| path.starts_with("b/"))),
        ..options(Format::V1, 16_384)
    };
    let metainfo = create(dir.path(), &options).unwrap();
    assert_eq!(paths(&metainfo), ["b/.d", "b/c.txt"]);
    let nothing = CreateOptions {
        filter: Some(Arc::new(|_| false)),
        ..options
    };
    assert!(matches!(
        scan(dir.path(), &nothing),
        Err(CreateError::NothingChosen(_))
    ));
}

#[test]
fn files_are_ordered_by_the_bytes_of_path_elements() {
    let files = [("Z", 1), ("a-b", 3), ("a.c/f", 2), ("a/z", 4), ("é", 1)];
    let dir = dir_of(&files);
    for format in FORMATS {
        let metainfo = create(dir.path(), &options(format, 16_384)).unwrap();
        assert_eq!(paths(&metainfo), ["Z", "a/z", "a-b", "a.c/f", "é"]);
    }
    let sorted = |order: &[SortKey], format| {
        let options = CreateOptions {
            order: order.to_vec(),
            ..options(format, 16_384)
        };
        create(dir.path(), &options).map(|metainfo| paths(&metainfo))
    };
    assert_eq!(
        sorted(&[SortKey::Size], Format::V1).unwrap(),
        ["Z", "é", "a.c/f", "a-b", "a/z"]
    );
    assert_eq!(
        sorted(
            &[SortKey::SizeDescending, SortKey::PathDescending],
            Format::V1
        )
        .unwrap(),
        ["a/z", "a-b", "a.c/f", "é", "Z"]
    );
    for format in [Format::V2, Format::Hybrid] {
        assert!(matches!(
            sorted(&[SortKey::Size], format),
            Err(CreateError::Order)
        ));
        assert!(sorted(&[SortKey::Path], format).is_ok());
    }
}

#[test]
fn names_that_loading_would_change_are_refused() {
    for name in ["a\nb", "a\u{202E}b", "a\\b", &"n".repeat(250)] {
        let dir = dir_of(&[("good", 10), (&format!("d/{name}"), 10)]);
        let error = scan(dir.path(), &CreateOptions::default()).unwrap_err();
        assert!(
            matches!(&error, CreateError::Name { name: found, .. } if found == name),
            "{name:?}: {error:?}"
        );
        assert!(!error.to_string().contains('\n'));
    }
    for name in ["", "..", "a/b", "a\0"] {
        let dir = dir_of(&[("good", 10)]);
        let options = CreateOptions {
            name: Some(name.to_owned()),
            ..CreateOptions::default()
        };
        let error = scan(dir.path(), &options).unwrap_err();
        assert!(matches!(error, CreateError::Name { .. }), "{name:?}");
    }
    let dir = dir_of(&[("readme", 10), ("README", 10)]);
    let error = scan(dir.path(), &CreateOptions::default()).unwrap_err();
    assert!(matches!(error, CreateError::Collision(_)));
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = dir_of(&[]);
    let path = dir.path().join(std::ffi::OsStr::from_bytes(b"a\xFF"));
    fs::write(&path, b"x").unwrap();
    for at in [dir.path(), &path] {
        let error = scan(at, &CreateOptions::default()).unwrap_err();
        assert!(matches!(error, CreateError::NotUtf8(found) if found == path));
    }
}

#[test]
fn kept_links_lead_to_what_is_in_the_torrent() {
    let dir = dir_of(&[("a/file", 10), ("b/other", 10)]);
    symlink("../a/file", dir.path().join("b/link")).unwrap();
    symlink("a", dir.path().join("dir")).unwrap();
    for format in FORMATS {
        let metainfo = create(dir.path(), &options(format, 16_384)).unwrap();
        assert_eq!(paths(&metainfo), ["a/file", "b/link", "b/other", "dir"]);
        let link = metainfo
            .info
            .files
            .iter()
            .find(|file| file.path == ["b", "link"]);
        let target = vec!["a".to_owned(), "file".to_owned()];
        assert_eq!(link.unwrap().symlink, Some(Symlink::Inside(target)));
        let report = verify(&metainfo, dir.path(), &VerifyOptions::default(), &()).unwrap();
        assert!(report.is_ok(), "{report:?}");
    }
}

#[test]
fn kept_links_that_lead_elsewhere_are_refused() {
    for target in ["/etc/passwd", "../../x", "nowhere", "excluded", ".", ".."] {
        let dir = dir_of(&[("a/file", 10), ("a/excluded", 10)]);
        let link = dir.path().join("a/link");
        symlink(target, &link).unwrap();
        let options = CreateOptions {
            filter: Some(Arc::new(|path| !path.ends_with("excluded"))),
            ..CreateOptions::default()
        };
        let error = scan(dir.path(), &options);
        if target == "." {
            // The directory is in the torrent.
            assert!(error.is_ok());
            continue;
        }
        let error = error.unwrap_err();
        assert!(
            matches!(&error, CreateError::LinkOutside { path, .. } if *path == link),
            "{target}: {error:?}"
        );
    }
}

#[test]
fn followed_links_are_files_and_loops_are_refused() {
    let elsewhere = dir_of(&[("song", 1000)]);
    let dir = dir_of(&[("a/file", 10)]);
    symlink(elsewhere.path(), dir.path().join("music")).unwrap();
    symlink("a/file", dir.path().join("z")).unwrap();
    let options = CreateOptions {
        symlinks: Symlinks::Follow,
        ..options(Format::V1, 16_384)
    };
    let metainfo = create(dir.path(), &options).unwrap();
    assert_eq!(paths(&metainfo), ["a/file", "music/song", "z"]);

    let up = dir.path().join("a/up");
    symlink("..", &up).unwrap();
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(matches!(error, CreateError::LinkLoop(found) if found == up));
    fs::remove_file(&up).unwrap();
    symlink("nowhere", &up).unwrap();
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(matches!(error, CreateError::NotFound(found) if found == up));
}

#[test]
fn executables_are_marked() {
    let dir = dir_of(&[("run", 10), ("text", 10)]);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir.path().join("run"), mode).unwrap();
    for format in FORMATS {
        let metainfo = create(dir.path(), &options(format, 16_384)).unwrap();
        let files = metainfo.info.files.iter().filter(|file| !file.padding);
        let marked: Vec<_> = files.map(|file| file.executable).collect();
        assert_eq!(marked, [true, false]);
    }
}

#[test]
fn more_pieces_than_others_load_are_refused_before_hashing() {
    let dir = tempfile::tempdir().unwrap();
    let file = fs::File::create(dir.path().join("sparse")).unwrap();
    file.set_len(1 << 40).unwrap();
    let options = options(Format::V1, 16_384);
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(matches!(error, CreateError::Unloadable { .. }), "{error:?}");
}

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

#[test]
fn what_was_asked_for_stands_in_the_torrent() {
    let dir = dir_of(&[("a", 10)]);
    let text = |text: &str| Some(text.to_owned());
    let options = CreateOptions {
        trackers: vec![vec!["http://a/x".to_owned()], vec!["udp://b:1/".to_owned()]],
        web_seeds: vec!["http://w/".to_owned()],
        nodes: vec![("dht.example".to_owned(), 6881)],
        private: true,
        source: text("S"),
        comment: text("C"),
        created_by: text("P"),
        creation_date: Some(7),
        ..options(Format::Hybrid, 16_384)
    };
    let metainfo = create(dir.path(), &options).unwrap();
    assert_eq!(metainfo.trackers, options.trackers);
    assert_eq!(metainfo.web_seeds, options.web_seeds);
    assert_eq!(metainfo.nodes, options.nodes);
    assert!(metainfo.info.private);
    assert_eq!(metainfo.info.source, options.source);
    assert_eq!(metainfo.comment, options.comment);
    assert_eq!(metainfo.created_by, options.created_by);
    assert_eq!(metainfo.creation_date, options.creation_date);
}
