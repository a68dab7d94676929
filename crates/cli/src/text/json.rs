//! JSON as it is printed.

use serde::Serialize;

use super::figures::is_obeyed;

/// A value on one line, with every character that a terminal would obey
/// written as an escape: JSON asks for that only below U+0020.
pub(crate) fn line(value: &impl Serialize) -> String {
    let Ok(text) = serde_json::to_string(value) else {
        // Only maps whose keys are no text, and types of our own that refuse,
        // cannot be written; there are neither.
        return "null".to_owned();
    };
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            // All of them are below U+10000: one escape each.
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_an_escape_and_means_the_same() {
        let name = "a\u{7f}\u{9b}2J\u{202e}b\n";
        let text = line(&name);
        assert_eq!(text, r#""a\u007f\u009b2J\u202eb\n""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }
}
