//! Colour for pages on a terminal (ECMA-48 SGR).

/// Paints, or leaves as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// What names something.
    pub(crate) fn label(self, text: &str) -> String {
        self.with("1", text)
    }

    /// A directory.
    pub(crate) fn directory(self, text: &str) -> String {
        self.with("1;34", text)
    }

    /// All is well.
    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What to look at.
    pub(crate) fn warning(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What is wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, codes: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{codes}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
