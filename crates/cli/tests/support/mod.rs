//! Runs the program in-process, in an environment of the test's making.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses a part of it, and a test fails by panicking"
)]

use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use superseed::TorrentBuilder;
use superseed_cli::{Env, Exit, Interrupts, Stream};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Standard output as JSON lines.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

/// A run that is being prepared.
pub(crate) struct Run {
    env: Env,
    stdout: Captured,
    stderr: Captured,
}

/// A program with these arguments, without a configuration and a terminal.
pub(crate) fn superseed<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    let (stdout, stderr) = (Captured::default(), Captured::default());
    let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
    let (_, never) = mpsc::unbounded_channel();
    Run {
        env: Env {
            args: std::iter::once("superseed".into()).chain(args).collect(),
            vars: Default::default(),
            stdin: Box::new(io::empty()),
            stdout: stdout.stream(),
            stderr: stderr.stream(),
            interrupts: Interrupts::of_channel(never),
            etc: PathBuf::from("/nonexistent"),
        },
        stdout,
        stderr,
    }
}

impl Run {
    pub(crate) fn var(mut self, name: &str, value: impl Into<std::ffi::OsString>) -> Self {
        self.env.vars.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn etc(mut self, dir: &Path) -> Self {
        self.env.etc = dir.to_owned();
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.env.stdin = Box::new(Cursor::new(bytes.into()));
        self
    }

    /// Standard error is a terminal of 100 columns.
    pub(crate) fn terminal(mut self) -> Self {
        self.env.stderr = Stream::new(Box::new(self.stderr.clone()), Some(|| 100), true);
        self
    }

    /// Standard output is a terminal of 100 columns.
    pub(crate) fn terminal_stdout(mut self) -> Self {
        self.env.stdout = Stream::new(Box::new(self.stdout.clone()), Some(|| 100), true);
        self
    }

    /// Standard output is a pipe whose reader is gone.
    pub(crate) fn broken_stdout(mut self) -> Self {
        self.env.stdout = Stream::new(Box::new(Broken), None, true);
        self
    }

    /// The sender interrupts the program.
    pub(crate) fn interruptible(mut self) -> (Self, mpsc::UnboundedSender<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.env.interrupts = Interrupts::of_channel(receiver);
        (self, sender)
    }

    /// What standard output holds so far, while the program runs elsewhere.
    pub(crate) fn watch(&self) -> Captured {
        self.stdout.clone()
    }

    /// What standard error holds so far.
    pub(crate) fn watch_stderr(&self) -> Captured {
        self.stderr.clone()
    }

    pub(crate) fn run(mut self) -> Output {
        let exit = match superseed_cli::plan(&mut self.env) {
            Ok(Some(plan)) => superseed_cli::run(plan, &mut self.env),
            Ok(None) => Exit::Success,
            Err(exit) => exit,
        };
        Output {
            exit,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }
}

impl Run {
    /// Runs successfully; standard output as it is.
    pub(crate) fn run_bytes(mut self) -> Vec<u8> {
        let plan = superseed_cli::plan(&mut self.env).unwrap().unwrap();
        let exit = superseed_cli::run(plan, &mut self.env);
        assert_eq!(exit, Exit::Success, "{}", self.stderr.text());
        let bytes = self.stdout.0.lock().unwrap();
        bytes.clone()
    }
}

/// Written bytes.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn stream(&self) -> Stream {
        Stream::new(Box::new(self.clone()), None, true)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits until the text contains something.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        for _ in 0..3000 {
            let text = self.text();
            if text.contains(part) {
                return text;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{part:?} never came: {}", self.text());
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// A directory with a torrent and its data beside it.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) torrent: PathBuf,
    pub(crate) data: Vec<u8>,
}

impl Fixture {
    /// `films/a.mkv` (600,000 bytes), `films/empty`, `films/extra/b.srt` (5,000 bytes).
    pub(crate) fn new() -> Self {
        let data: Vec<u8> = (0..605_000_u32)
            .map(|i| (i.wrapping_mul(i) / 251) as u8)
            .collect();
        let torrent = TorrentBuilder::new("films", 32_768)
            .file(["a.mkv"], 600_000)
            .file(["empty"], 0)
            .file(["extra", "b.srt"], 5_000)
            .hash_content(&data)
            .build();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("films.torrent");
        std::fs::write(&path, torrent).unwrap();
        Self {
            dir,
            torrent: path,
            data,
        }
    }

    /// A new directory with the data in it.
    pub(crate) fn with_data(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(dir.join("films/extra")).unwrap();
        std::fs::write(dir.join("films/a.mkv"), &self.data[..600_000]).unwrap();
        std::fs::write(dir.join("films/empty"), b"").unwrap();
        std::fs::write(dir.join("films/extra/b.srt"), &self.data[600_000..]).unwrap();
        dir
    }

    /// A new empty directory.
    pub(crate) fn empty(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub(crate) fn torrent(&self) -> &str {
        self.torrent.to_str().unwrap()
    }

    /// Whether all files in `dir` are as they should be.
    pub(crate) fn is_complete(&self, dir: &Path) -> bool {
        let read = |name: &str| {
            let mut bytes = Vec::new();
            let file = std::fs::File::open(dir.join("films").join(name));
            file.and_then(|mut file| file.read_to_end(&mut bytes))
                .ok()
                .map(|_| bytes)
        };
        read("a.mkv").as_deref() == Some(&self.data[..600_000])
            && read("empty").as_deref() == Some(b"")
            && read("extra/b.srt").as_deref() == Some(&self.data[600_000..])
    }
}
