//! What a path element from a torrent may be.
//!
//! The rules are those of libtorrent 2.1, so that data another client has
//! downloaded is found under the same name. They hold on every system; what
//! one system forbids beyond them is for the storage to say.

/// Where an element is cut, in bytes.
const ELEMENT_LEN_CUT: usize = 240;

/// How far from the end the dot of an extension may be, in bytes.
const EXTENSION_LEN_MAX: usize = 9;

/// Makes one safe path element of bytes from a torrent, or `None` if nothing
/// is left that can name a file.
///
/// Separators and invisible characters are dropped; control characters and
/// each sequence of invalid UTF-8 become `_`; an element of 240 bytes or more is cut
/// there but for its extension. What then is empty, `.` or `..` is `None`. An
/// element that came empty is `_`.
pub fn sanitize_element(raw: &[u8]) -> Option<String> {
    if raw.is_empty() {
        return Some("_".to_owned());
    }
    let text = text(raw);
    let mut element = String::with_capacity(text.len().min(ELEMENT_LEN_CUT + EXTENSION_LEN_MAX));
    for (at, c) in text.char_indices() {
        element.extend(filtered(c));
        if element.len() >= ELEMENT_LEN_CUT {
            let extension = extension(&text, at + c.len_utf8());
            element.extend(extension.chars().filter_map(filtered));
            break;
        }
    }
    (!matches!(element.as_str(), "" | "." | "..")).then_some(element)
}

/// As [`sanitize_element`], with `_` for an element of which nothing is left.
pub(super) fn sanitize_forced(raw: &[u8]) -> String {
    sanitize_element(raw).unwrap_or_else(|| "_".to_owned())
}

/// The text, with `_` for each sequence that is not UTF-8.
///
/// As in libtorrent a sequence is as long as its first byte says, whatever
/// follows: names in another encoding lose a letter now and then, but they are
/// the names under which most of the swarm has the data.
fn text(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(chunk) = rest.utf8_chunks().next() {
        text.push_str(chunk.valid());
        rest = &rest[chunk.valid().len()..];
        if let Some(&first) = rest.first() {
            text.push('_');
            rest = &rest[claimed_len(first).min(rest.len())..];
        }
    }
    text
}

/// How long the first byte of a sequence says that it is, in bytes; 1 for what
/// begins none. Five bytes were UTF-8 once.
fn claimed_len(first: u8) -> usize {
    match first.leading_ones() {
        ones @ 2..=5 => ones as usize,
        _ => 1,
    }
}

/// The extension of a long name, if its dot is at `from` or later.
fn extension(text: &str, from: usize) -> &str {
    let dot = text
        .rfind('.')
        .filter(|dot| *dot >= from && text.len() - dot <= EXTENSION_LEN_MAX);
    dot.map_or("", |dot| &text[dot..])
}

/// What becomes of a character. Dropped are separators, and what has no width
/// or turns the direction of the text and so makes one name look like another.
fn filtered(c: char) -> Option<char> {
    match c {
        '/' | '\\' => None,
        c if is_invisible(c) => None,
        c if c.is_control() => Some('_'),
        c => Some(c),
    }
}

/// Whether a character has no width or turns the direction of the text.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{061C}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests;
