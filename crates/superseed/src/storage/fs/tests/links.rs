use super::*;
use std::os::unix::fs::symlink;

/// A directory outside, which must stay as it is.
fn outside(bench: &Bench) -> PathBuf {
    let outside = bench.temp.path().join("outside");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::create_dir_all(bench.dir()).unwrap();
    outside
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_linked_directory_inside_is_refused_by_its_path() {
    let bench = Bench::new(&[16, 16]);
    let outside = outside(&bench);
    symlink(&outside, bench.dir().join("a")).unwrap();
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    let named = bench.dir().join("a").display().to_string();
    assert!(error.message.starts_with(&named), "{error}");
    assert!(error.message.contains("symbolic link"), "{error}");
    assert!(is_empty(&outside));
}

#[test]
fn a_linked_file_is_refused_wherever_it_leads() {
    for target in ["../../outside/x", "/etc/hostname", "nowhere", "1"] {
        let mut bench = Bench::new(&[16, 16]);
        let outside = outside(&bench);
        std::fs::create_dir(bench.dir().join("a")).unwrap();
        symlink(target, bench.path(0)).unwrap();
        for allow in [false, true] {
            bench.spec.allow_overwrite = allow;
            let error = bench.refusal();
            assert_eq!(error.kind, DiskErrorKind::Foreign);
            assert!(error.message.contains("a/0 is a symbolic link"), "{error}");
        }
        assert!(is_empty(&outside));
    }
}

#[test]
fn a_link_that_appears_while_the_torrent_is_open_is_refused() {
    let bench = Bench::new(&[16, 16]);
    let outside = outside(&bench);
    let (torrent, _) = bench.open();
    symlink(&outside, bench.dir().join("a")).unwrap();
    let error = torrent.write(0, &[IoSlice::new(&[1; 16])]).unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    assert!(is_empty(&outside));
}

#[test]
fn the_download_directory_itself_may_be_a_link() {
    let mut bench = Bench::new(&[16]);
    let outside = outside(&bench);
    bench.spec.dir = bench.temp.path().join("link");
    symlink(&outside, &bench.spec.dir).unwrap();
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &[1; 16]);
    assert!(outside.join("a/0").exists());
}

#[test]
fn paths_that_lead_upwards_or_away_are_refused() {
    for path in ["../x", "a/../../x", "/x", "", ".", "./x", ".."] {
        let mut bench = Bench::new(&[16]);
        bench.spec.files[0].path = PathBuf::from(path);
        assert_eq!(bench.refusal().kind, DiskErrorKind::Foreign, "{path}");
        assert!(bench.spec.rename_root(Path::new(path)).is_err(), "{path}");
    }
}

#[test]
fn two_files_in_one_place_are_refused() {
    let mut bench = Bench::new(&[16, 16]);
    bench.spec.files[1].path = bench.spec.files[0].path.clone();
    assert!(bench.refusal().message.contains("two files"));
}

#[test]
fn a_torrent_cannot_write_where_the_records_are() {
    let mut bench = Bench::new(&[16]);
    bench.spec.state_dir = bench.dir().join(".superseed");
    bench.spec.files[0].path = PathBuf::from(".superseed/forged.resume");
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Foreign);
    assert!(error.message.contains("resume records"), "{error}");
}
