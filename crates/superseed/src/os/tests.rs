use super::*;
use std::os::unix::fs::symlink;

/// Both ways down: the one of this system and the walk.
type Open = fn(BorrowedFd<'_>, &Path, Access) -> Result<File, BeneathError>;
const WAYS: [Open; 2] = [imp::open_beneath, unix::open_beneath];

fn dir() -> (tempfile::TempDir, File) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let opened = open_dir(&root).unwrap();
    (temp, opened)
}

#[test]
fn files_are_made_and_found_below_the_root() {
    for open in WAYS {
        let (temp, root) = dir();
        let path = Path::new("a/b/c");
        make_parents(root.as_fd(), path).unwrap();
        open(root.as_fd(), path, Access::Create).unwrap();
        open(root.as_fd(), path, Access::Read).unwrap();
        assert!(temp.path().join("root/a/b/c").exists());
        sync_dir_beneath(root.as_fd(), Path::new("a/b")).unwrap();
        sync_dir_beneath(root.as_fd(), Path::new("")).unwrap();
        remove_beneath(root.as_fd(), path).unwrap();
        assert!(stat_beneath(root.as_fd(), path).unwrap().is_none());
    }
}

#[test]
fn a_link_on_the_way_is_named() {
    for open in WAYS {
        let (temp, root) = dir();
        std::fs::create_dir(temp.path().join("outside")).unwrap();
        std::fs::create_dir(temp.path().join("root/a")).unwrap();
        symlink("../../outside", temp.path().join("root/a/link")).unwrap();
        symlink("../a", temp.path().join("root/a/inside")).unwrap();
        for (path, link) in [
            ("a/link/x", "a/link"),
            ("a/link", "a/link"),
            ("a/inside/x", "a/inside"),
        ] {
            match open(root.as_fd(), Path::new(path), Access::Create) {
                Err(BeneathError::Link(named)) => assert_eq!(named, Path::new(link)),
                other => panic!("{path}: {other:?}"),
            }
        }
        assert!(
            std::fs::read_dir(temp.path().join("outside"))
                .unwrap()
                .next()
                .is_none()
        );
    }
}

#[test]
fn no_path_leads_upwards_or_to_the_root_of_the_system() {
    for open in WAYS {
        let (temp, root) = dir();
        std::fs::write(temp.path().join("x"), b"").unwrap();
        for path in ["../x", "/etc/hostname", ".."] {
            assert!(
                open(root.as_fd(), Path::new(path), Access::Read).is_err(),
                "{path}"
            );
        }
    }
}

#[test]
fn a_file_in_the_place_of_a_directory_is_named() {
    let (temp, root) = dir();
    std::fs::write(temp.path().join("root/a"), b"").unwrap();
    for open in WAYS {
        match open(root.as_fd(), Path::new("a/b/c"), Access::Read) {
            Err(BeneathError::NotADirectory(named)) => assert_eq!(named, Path::new("a")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_pipe_does_not_make_the_open_wait() {
    let (_temp, root) = dir();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(&root, "pipe", rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for open in WAYS {
        let pipe = open(root.as_fd(), Path::new("pipe"), Access::Read).unwrap();
        assert_eq!(stat(&pipe).unwrap().kind, FileKind::Other);
    }
}

#[test]
fn a_link_is_seen_as_a_link() {
    let (temp, root) = dir();
    symlink("nowhere", temp.path().join("root/link")).unwrap();
    let stat = stat_beneath(root.as_fd(), Path::new("link"))
        .unwrap()
        .unwrap();
    assert_eq!(stat.kind, FileKind::Link);
}

#[test]
fn more_buffers_than_one_call_takes_are_all_written() {
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..5000u32).map(|at| at as u8).collect();
    let mut bufs: Vec<_> = bytes.chunks(2).map(io::IoSlice::new).collect();
    bufs.insert(7, io::IoSlice::new(&[]));
    write_all_at(&file, &mut bufs, 10).unwrap();
    let mut read = Vec::new();
    io::Read::read_to_end(&mut file, &mut read).unwrap();
    assert_eq!(read[10..], bytes);
}

#[test]
fn the_limit_of_open_files_never_falls() {
    let first = raise_fd_limit();
    assert!(first > 0);
    assert_eq!(raise_fd_limit(), first);
}
