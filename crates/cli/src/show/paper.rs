//! Lines on their way to standard output, gathered: a page may have a hundred
//! thousand of them, and a hostile torrent's far more than fit into memory.

use std::io;

use crate::env::Stream;

/// How many bytes are gathered before they are written.
const GATHERED_BYTES: usize = 64 * 1024;

/// Gathers lines and writes them.
pub(crate) struct Paper {
    stdout: Stream,
    gathered: String,
}

impl Paper {
    /// An empty page.
    pub(crate) fn new(stdout: Stream) -> Self {
        Self {
            stdout,
            gathered: String::new(),
        }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        self.gathered.push_str(line.as_ref());
        self.gathered.push('\n');
        if self.gathered.len() >= GATHERED_BYTES {
            self.finish()?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stdout.write(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}
