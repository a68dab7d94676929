//! Text from strangers, made fit to show to a person.
//!
//! Peers and trackers name themselves and explain their errors in bytes of
//! their own choosing. What reaches a terminal, a log or a web page must hold
//! no control characters and have a known greatest length.

/// Reads `bytes` as UTF-8, replaces what is not, drops control characters and
/// those that turn the direction of writing, and space at either end, and cuts
/// after `chars_max` characters.
pub(crate) fn printable(bytes: &[u8], chars_max: usize) -> String {
    // No character is longer than four bytes, and none of the rest is looked at.
    let bytes = &bytes[..bytes.len().min(chars_max.saturating_mul(4))];
    let mut text: String = String::from_utf8_lossy(bytes)
        .chars()
        .filter(|&c| !c.is_control() && !turns_direction(c))
        .skip_while(|c| c.is_whitespace())
        .take(chars_max)
        .collect();
    text.truncate(text.trim_end().len());
    text
}

/// Bidirectional controls (Unicode TR 9), line and paragraph separators, and
/// the byte order mark: they make text look like something else.
pub(crate) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_removed() {
        assert_eq!(printable(b"\x1b[31mred\x07\r\n", 80), "[31mred");
        assert_eq!(printable(b"\x07 loud \x07\n", 80), "loud");
        assert_eq!(printable("a\u{202e}c\u{61c}ba".as_bytes(), 80), "acba");
        assert_eq!(
            printable(b"\xc2\xb5Torrent 3.5 \xff", 80),
            "µTorrent 3.5 \u{fffd}"
        );
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(printable("µµµµ".as_bytes(), 3), "µµµ");
        assert_eq!(printable(&[b'a'; 10_000], 5), "aaaaa");
    }
}
