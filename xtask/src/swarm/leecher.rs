//! A download whose completion is timed by its own word.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::contender::Contender;
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::fixture::Fixture;
use crate::interop::stage::{Process, Stage};

/// How long a client may take to end after it has said that it is complete.
const ENDING_MAX: Duration = Duration::from_secs(15);

/// A client at work.
#[derive(Debug)]
pub(super) struct Leecher {
    process: Process,
    /// Where its files come.
    dir: PathBuf,
    output: File,
    word: &'static str,
    /// What has been read of its output, from the beginning of the last line.
    line: Vec<u8>,
    /// When it said that it is complete.
    pub(super) complete_at: Option<Instant>,
}

impl Leecher {
    /// Starts `command`, a download by `contender` to `dir`.
    pub(super) fn start(
        stage: &Stage,
        contender: Contender,
        name: &str,
        mut command: Command,
        dir: PathBuf,
    ) -> Result<Self> {
        let process = stage.spawn(name, &mut command)?;
        Ok(Self {
            output: File::open(stage.path(&format!("{name}.out")))?,
            process,
            dir,
            word: contender.says_complete()?,
            line: Vec::new(),
            complete_at: None,
        })
    }

    /// Whether it has said that it is complete; fails if it has ended without.
    pub(super) fn is_complete(&mut self) -> Result<bool> {
        if self.complete_at.is_some() {
            return Ok(true);
        }
        let ended = self.process.ended()?.is_some();
        self.output.read_to_end(&mut self.line)?;
        let now = Instant::now();
        let word = self.word.as_bytes();
        if self.line.windows(word.len()).any(|text| text == word) {
            self.complete_at = Some(now);
        } else if ended {
            self.process.ensure_runs()?;
        } else if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            self.line.drain(..=end);
        }
        Ok(self.complete_at.is_some())
    }

    /// Fails unless its files are those of `fixture`.
    pub(super) fn compare(&self, fixture: &Fixture) -> Result<()> {
        same_tree(&fixture.content, &self.dir, Strictness::Extras)?;
        Ok(())
    }

    /// Waits for its end.
    pub(super) fn wait_ended(&mut self) -> Result<()> {
        self.process.wait_success(ENDING_MAX)
    }
}
