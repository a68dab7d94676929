//! Files that appear whole or not at all: written beside their place, synced,
//! then renamed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::env::Stream;
use crate::exit::{Exit, Failure};

/// What may happen to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is refused.
    Refuse,
    /// It is replaced, and its permissions are kept.
    Replace,
}

/// Whether `path` may be written, as far as can be told before.
pub(crate) fn check(path: &Path, existing: Existing) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Failure::new(
            Exit::Exists,
            format!("{} is a directory", path.display()),
        )),
        Ok(found) if found.is_file() && existing == Existing::Refuse => Err(exists(path)),
        // Devices and pipes are written in place.
        Ok(found) if !found.is_file() => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::file("write", path.display(), &error))
        }
        _ => {
            // A link is written where it leads.
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            tempfile::tempfile_in(directory(&real))
                .map(|_| ())
                .map_err(|error| Failure::file("write", path.display(), &error))
        }
    }
}

/// Whether standard output can take a torrent file: its bytes may do anything
/// to a terminal.
pub(crate) fn check_stdout(stdout: &Stream) -> Result<(), Failure> {
    if stdout.is_terminal() {
        return Err(Failure::usage(
            "standard output is a terminal, which cannot show a torrent file; \
             name a file with --output, or send it to a pipe or file",
        ));
    }
    Ok(())
}

/// Writes a file atomically.
pub(crate) fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Failure> {
    check(path, existing)?;
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::file("write", path.display(), error),
    };
    match fs::metadata(path) {
        // Pipes and devices are written to; a rename would replace /dev/null.
        Ok(found) if !found.is_file() => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut to| to.write_all(bytes)),
        // A link stays, and the file that it leads to is replaced.
        Ok(found) => {
            fs::canonicalize(path).and_then(|path| replace(&path, bytes, found.permissions()))
        }
        Err(_) => make(path, bytes, existing),
    }
    .map_err(|error| failed(&error))
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        Exit::Exists,
        format!("{} exists; --force overwrites it", path.display()),
    )
}

fn replace(path: &Path, bytes: &[u8], permissions: Permissions) -> io::Result<()> {
    let beside = beside(path, bytes)?;
    beside.as_file().set_permissions(permissions)?;
    beside.persist(path)?;
    sync_dir(path)
}

fn make(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    let beside = beside(path, bytes)?;
    match existing {
        Existing::Refuse => beside.persist_noclobber(path)?,
        Existing::Replace => beside.persist(path)?,
    };
    sync_dir(path)
}

/// A file with the bytes in the directory of `path`, gone if it is dropped.
fn beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".superseed-");
    // Temporary files are private by default; what the umask allows is meant.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes the new name last through a power cut.
fn sync_dir(path: &Path) -> io::Result<()> {
    match File::open(directory(path)).and_then(|dir| dir.sync_all()) {
        // Not every system can open or sync a directory, and the file is there.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_refused_or_replaced_with_its_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.torrent");
        write(&path, b"first", Existing::Refuse).unwrap();
        let refused = write(&path, b"second", Existing::Refuse).unwrap_err();
        assert_eq!(refused.exit, Exit::Exists);
        assert_eq!(
            refused.message,
            format!("{} exists; --force overwrites it", path.display())
        );
        assert_eq!(fs::read(&path).unwrap(), b"first");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let permissions = fs::metadata(&path).unwrap().permissions();
        write(&path, b"second", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions(), permissions);
        // Nothing else is left in the directory.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_a_directory_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, b"new", Existing::Replace).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        let failure = write(dir.path(), b"", Existing::Replace).unwrap_err();
        assert_eq!(failure.exit, Exit::Exists);
    }

    #[test]
    fn a_directory_that_is_missing_is_told() {
        let failure = write(Path::new("/nonexistent/x"), b"", Existing::Refuse).unwrap_err();
        assert_eq!(failure.exit, Exit::NotFound);
        assert!(failure.message.contains("/nonexistent/x"), "{failure}");
    }
}
