//! What a case runs on: its directory, and the processes it starts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// How often a condition that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The directory of one case. Logs lie at its top and stay; data lies below
/// `data` and goes when the case has passed.
#[derive(Debug)]
pub(crate) struct Stage {
    dir: PathBuf,
}

impl Stage {
    /// The stage of a case; `namespace::run` has emptied it.
    pub(crate) fn new(case: &str) -> Result<Self> {
        let dir = super::dir().join("cases").join(case);
        fs::create_dir_all(dir.join("data"))?;
        Ok(Self { dir })
    }

    /// A path for a log, a torrent or a configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A directory for data, made if it is not there.
    pub(crate) fn data(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join("data").join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Frees the disk.
    pub(crate) fn clear(&self) -> Result<()> {
        fs::remove_dir_all(self.dir.join("data")).context("cannot remove the case's data")
    }

    /// Starts a process whose output goes to NAME.out and NAME.err, appended
    /// if it is not the first of its name.
    pub(crate) fn spawn(&self, name: &str, command: &mut Command) -> Result<Process> {
        let append = |suffix: &str| {
            File::options()
                .create(true)
                .append(true)
                .open(self.path(&format!("{name}.{suffix}")))
        };
        command
            .stdin(Stdio::null())
            .stdout(append("out")?)
            .stderr(append("err")?);
        let line = process::describe(command);
        fs::write(self.path(&format!("{name}.command")), &line)?;
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {line}"))?;
        Ok(Process {
            name: name.to_owned(),
            child,
            out: self.path(&format!("{name}.out")),
        })
    }
}

/// A process of a case; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    out: PathBuf,
}

impl Process {
    /// The name under which it was started.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub(crate) fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.out)?).into_owned())
    }

    /// What it has written to standard error so far.
    pub(super) fn errors(&self) -> Result<String> {
        let text = fs::read(self.out.with_extension("err"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has written a line to standard output, or more.
    pub(crate) fn wait_line(&mut self, limit: Duration, what: &str) -> Result<()> {
        wait_until(limit, what, || {
            self.ensure_runs()?;
            Ok(self.output()?.ends_with('\n'))
        })
    }

    /// Fails if it has ended: a seeder or a tracker never should.
    pub(crate) fn ensure_runs(&mut self) -> Result<()> {
        match self.ended()? {
            Some(status) => bail!("{} ended early: {status}{}", self.name, self.last_words()),
            None => Ok(()),
        }
    }

    /// Waits for it to end with 0.
    pub(crate) fn wait_success(&mut self, limit: Duration) -> Result<()> {
        let status = self.wait_ended(limit)?;
        ensure!(
            status.success(),
            "{}: {status}{}",
            self.name,
            self.last_words()
        );
        Ok(())
    }

    /// SIGINT: it is to end in order.
    pub(crate) fn interrupt(&self) -> Result<()> {
        let line = format!("kill -INT {}", self.id());
        process::run(Command::new("sh").args(["-c", &line]))
    }

    /// Waits for it to end, however.
    pub(crate) fn wait_ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        wait_until(limit, &format!("the end of {}", self.name), || {
            Ok(self.ended()?.is_some())
        })?;
        Ok(self.child.wait()?)
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The last line it wrote to standard error, for a failure's message.
    fn last_words(&self) -> String {
        let text = self.errors().unwrap_or_default();
        match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!(", saying '{}'", line.trim()),
            None => String::new(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds; fails after `limit`, naming `what`.
pub(crate) fn wait_until(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        ensure!(
            start.elapsed() < limit,
            "waited {} s for {what}",
            limit.as_secs()
        );
        thread::sleep(POLL);
    }
    Ok(())
}

/// The program under test: `SUPERSEED_BIN`, or else the work tree's own.
pub(super) fn superseed() -> PathBuf {
    match std::env::var_os("SUPERSEED_BIN") {
        Some(path) => path.into(),
        None => target_dir().join("release/superseed"),
    }
}

/// Builds the program under test, unless `SUPERSEED_BIN` names one.
pub(crate) fn build_superseed() -> Result<()> {
    if std::env::var_os("SUPERSEED_BIN").is_none() {
        process::cargo(&["build", "--release", "--quiet"])?;
    }
    Ok(())
}

/// Builds this program with all optimisations, for what is measured of itself.
/// Gives where it lies.
pub(crate) fn build_xtask() -> Result<PathBuf> {
    process::cargo(&["build", "--release", "--quiet", "--package", "xtask"])?;
    Ok(target_dir().join("release/xtask"))
}

/// Builds an example of the library.
pub(crate) fn build_example(name: &str) -> Result<()> {
    let example = ["--package", "superseed", "--example", name];
    process::cargo(&[&["build", "--release", "--quiet"], &example[..]].concat())
}

/// Where it lies then.
pub(crate) fn example(name: &str) -> PathBuf {
    target_dir().join("release/examples").join(name)
}

fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => crate::root().join(dir),
        None => crate::root().join("target"),
    }
}

/// A script of xtask/interop.
pub(super) fn script(name: &str) -> PathBuf {
    crate::root().join("xtask/interop").join(name)
}

/// The interpreter that has libtorrent.
pub(super) fn python() -> PathBuf {
    super::dir().join("venv/bin/python")
}

/// Links `from` and all below it to `to`: a copy that costs no space.
pub(crate) fn link_tree(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to).with_context(|| format!("cannot link {}", from.display()));
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
