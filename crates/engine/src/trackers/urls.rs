//! The URLs of trackers, each held once however many torrents name it.

use std::collections::BTreeSet;
use std::sync::Arc;

/// URLs are looked through for such as nobody names any more when there are
/// twice as many as were left the last time, and never below this.
const SWEPT_ABOVE: usize = 64;

/// All URLs that some torrent names.
#[derive(Debug, Default)]
pub struct Urls {
    known: BTreeSet<Arc<str>>,
    left: usize,
}

impl Urls {
    /// The one copy of a URL.
    pub fn shared(&mut self, url: &str) -> Arc<str> {
        if let Some(known) = self.known.get(url) {
            return Arc::clone(known);
        }
        if self.known.len() >= (2 * self.left).max(SWEPT_ABOVE) {
            self.known.retain(|url| Arc::strong_count(url) > 1);
            self.left = self.known.len();
        }
        let new: Arc<str> = url.into();
        self.known.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_held_once_and_forgotten_with_its_last_torrent() {
        let mut urls = Urls::default();
        let kept = urls.shared("http://kept.example");
        assert!(Arc::ptr_eq(&kept, &urls.shared("http://kept.example")));
        for number in 0..1_000 {
            urls.shared(&format!("http://{number}.example"));
        }
        assert!(urls.known.len() <= SWEPT_ABOVE + 1);
        assert!(urls.known.contains("http://kept.example"));
    }
}
