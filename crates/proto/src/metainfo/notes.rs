//! What the reader changed to make a torrent safe, for a person to see.
//!
//! A bounded record: a hostile torrent may give a reason for every name.

use super::limits::NOTES_MAX;
use super::path;
use crate::text;

/// How much of a name is kept, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// Changes, the first [`NOTES_MAX`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) list: Vec<Note>,
    /// How many more there were.
    pub(super) left_out: usize,
    /// The info dictionary is lenient bencode only.
    pub(super) not_canonical: bool,
}

/// One change. Names of strangers are escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A path element was made safe.
    Sanitized { raw: String, element: String },
    /// A file got another name, because its own was taken.
    Renamed {
        path: String,
        name: String,
        taken: Taken,
    },
}

/// By what a file's name was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// By a file of the same path.
    Same,
    /// By a file whose path differs in ASCII case only.
    Case,
    /// By a directory of other files.
    Directory,
}

impl Notes {
    pub(super) fn push(&mut self, note: Note) {
        if self.list.len() < NOTES_MAX {
            self.list.push(note);
        } else {
            self.left_out += 1;
        }
    }

    /// Notes that `raw` was read as `element`, where the two differ, and hands
    /// `element` back.
    pub(super) fn sanitized(&mut self, raw: &[u8], element: String) -> String {
        if element.as_bytes() != raw {
            self.push(Note::Sanitized {
                raw: shown(raw),
                element: shown(element.as_bytes()),
            });
        }
        element
    }
}

/// Bytes as a person may see them: no control characters, none that turn the
/// direction of writing, and not too many.
pub(super) fn shown(raw: &[u8]) -> String {
    let mut shown = String::new();
    let mut room = SHOWN_CHARS_MAX;
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            if room == 0 {
                shown.push('…');
                return shown;
            }
            room -= 1;
            if c.is_control() || path::is_invisible(c) || text::turns_direction(c) {
                shown.extend(c.escape_default());
            } else {
                shown.push(c);
            }
        }
        for byte in chunk.invalid() {
            if room == 0 {
                shown.push('…');
                return shown;
            }
            room -= 1;
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_long_names_are_cut() {
        assert_eq!(shown(b"a\x1b[31m\xff"), "a\\u{1b}[31m\\xff");
        assert_eq!(shown("a\u{202e}b é".as_bytes()), "a\\u{202e}b é");
        assert_eq!(shown("a\u{2028}b".as_bytes()), "a\\u{2028}b");
        assert_eq!(shown(&[b'x'; 4096]).chars().count(), SHOWN_CHARS_MAX + 1);
        let cut = shown(&[0xff; 4096]);
        assert_eq!(cut, "\\xff".repeat(SHOWN_CHARS_MAX) + "…");
    }

    #[test]
    fn a_thousand_bad_names_leave_a_hundred_notes() {
        let mut notes = Notes::default();
        for _ in 0..1000 {
            notes.sanitized(b"a/b", "ab".to_owned());
        }
        assert_eq!(notes.list.len() + notes.left_out, 1000);
        assert_eq!(notes.list.len(), NOTES_MAX);
    }
}
