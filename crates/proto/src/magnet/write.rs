//! From a [`Magnet`] to a link.

use std::fmt;

use super::Magnet;
use crate::percent;

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("magnet:?")?;
        // v1 first: clients that know no v2 may read only the first hash.
        if let Some(hash) = self.info_hashes.v1() {
            write!(f, "xt=urn:btih:{hash}")?;
        }
        if let Some(hash) = self.info_hashes.v2() {
            let joint = self.info_hashes.v1().map_or("", |_| "&");
            write!(f, "{joint}xt=urn:btmh:1220{hash}")?;
        }
        if let Some(name) = &self.name {
            write_encoded(f, "dn", name)?;
        }
        if let Some(len) = self.exact_len {
            write!(f, "&xl={len}")?;
        }
        for url in &self.trackers {
            write_encoded(f, "tr", url)?;
        }
        for url in &self.web_seeds {
            write_encoded(f, "ws", url)?;
        }
        // libtorrent decodes neither of these two.
        for peer in &self.peers {
            write!(f, "&x.pe={peer}")?;
        }
        if !self.select_only.is_empty() {
            write!(f, "&so={}", self.select_only)?;
        }
        Ok(())
    }
}

fn write_encoded(f: &mut fmt::Formatter<'_>, key: &str, value: &str) -> fmt::Result {
    let mut encoded = String::with_capacity(value.len() + value.len() / 2);
    percent::encode(value.as_bytes(), &mut encoded);
    write!(f, "&{key}={encoded}")
}
