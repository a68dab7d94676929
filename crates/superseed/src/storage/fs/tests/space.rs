//! Full and read-only disks, on small file systems of our own where the tests
//! may mount them.

use super::*;

/// A tmpfs of one MiB in place of the download directory, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    /// `None` where mounting is not allowed, as for most users.
    fn new(dir: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(dir).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(dir.to_owned()))
    }

    fn remount(&self, options: &str) {
        let mut mount = std::process::Command::new("mount");
        let status = mount.args(["-o", options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}

#[test]
fn a_torrent_that_cannot_fit_is_refused_with_both_figures() {
    let bench = Bench::new(&[2 << 20, 16]);
    let Some(_mount) = Mount::new(&bench.dir(), "size=1m") else {
        return;
    };
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::Full);
    assert!(
        error.message.contains(&bench.dir().display().to_string()),
        "{error}"
    );
    assert!(
        error.message.contains("2097168 bytes are needed"),
        "{error}"
    );
    assert!(error.message.contains("available"), "{error}");
}

#[test]
fn only_what_is_wanted_and_missing_must_fit() {
    let mut bench = Bench::new(&[2 << 20, 600 << 10]);
    bench.spec.wanted = vec![false, true];
    let Some(_mount) = Mount::new(&bench.dir(), "size=1m") else {
        return;
    };
    let (torrent, _) = bench.open();
    let offset = 2 << 20;
    write(&*torrent, offset, &vec![1; 600 << 10]);
    torrent.close();
    bench.open().0.close();
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let bench = Bench::new(&[900 << 10, 16]);
    let Some(_mount) = Mount::new(&bench.dir(), "size=1m") else {
        return;
    };
    let (torrent, _) = bench.open();
    write(&*torrent, 0, &vec![1; 512 << 10]);
    std::fs::write(bench.dir().join("hog"), vec![0; 400 << 10]).unwrap();
    let bytes = vec![2; 256 << 10];
    let error = torrent
        .write(512 << 10, &[IoSlice::new(&bytes)])
        .unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::Full);
    assert!(error.message.contains("a/0"), "{error}");
    assert_eq!(read(&*torrent, 0, 512 << 10), vec![1; 512 << 10]);
    torrent.sync().unwrap();
    std::fs::remove_file(bench.dir().join("hog")).unwrap();
    write(&*torrent, 512 << 10, &bytes);
    assert_eq!(read(&*torrent, 512 << 10, 256 << 10), bytes);
}

#[test]
fn preallocation_that_does_not_fit_is_told_before_the_first_byte() {
    let mut bench = Bench::new(&[900 << 10]);
    bench.spec.preallocate = true;
    let Some(_mount) = Mount::new(&bench.dir(), "size=1m") else {
        return;
    };
    std::fs::write(bench.dir().join("hog"), vec![0; 64 << 10]).unwrap();
    bench.put(0, &[0; 4096]);
    let (torrent, _) = bench.open();
    std::fs::write(bench.dir().join("hog"), vec![0; 512 << 10]).unwrap();
    let error = torrent.write(0, &[IoSlice::new(&[1; 16])]).unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::Full);
}

#[test]
fn complete_data_on_a_read_only_disk_is_served_without_a_lock() {
    let bench = Bench::new(&[64, 0]);
    let Some(mount) = Mount::new(&bench.dir(), "size=1m") else {
        return;
    };
    bench.put(0, &ascending(64));
    mount.remount("remount,ro");
    let (torrent, report) = bench.open();
    assert_eq!(report.unchecked.count(), 4);
    assert_eq!(read(&*torrent, 0, 64), ascending(64));
    torrent
        .save_record(&snapshot(&bench.spec, &[0, 1, 2, 3]))
        .unwrap();
    let error = torrent.write(0, &[IoSlice::new(&[1; 16])]).unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::ReadOnly);
    torrent.close();
    assert!(bench.open().1.trusted.is_full());
}

#[test]
fn an_incomplete_torrent_on_a_read_only_disk_is_refused() {
    let bench = Bench::new(&[64]);
    let Some(_mount) = Mount::new(&bench.dir(), "size=1m,ro") else {
        return;
    };
    let error = bench.refusal();
    assert_eq!(error.kind, DiskErrorKind::ReadOnly);
    assert!(
        error.message.contains(&bench.dir().display().to_string()),
        "{error}"
    );
}
