//! A terminal for indicatif that is one of our streams, so that bars can be
//! drawn, and tested, wherever the environment says.

use std::io;

use indicatif::TermLike;

use crate::env::Stream;

/// A stream with a cursor (ECMA-48 sequences).
#[derive(Debug)]
pub(crate) struct Terminal(pub(crate) Stream);

impl Terminal {
    fn move_by(&self, count: usize, direction: char) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.0.write(format!("\x1b[{count}{direction}"))
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.0.width()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.write("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        // A stream flushes with every write.
        Ok(())
    }
}
