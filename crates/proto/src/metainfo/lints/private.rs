//! Signs of private trackers (BEP 27).

use super::{Lint, PrivateSign};
use crate::metainfo::{Metainfo, notes};

/// From how many characters on a part of a URL looks like a user's key. Real
/// ones are 32 hex digits, seldom shorter.
const PASSKEY_LEN_MIN: usize = 20;

/// Queries by which trackers know their users.
const PASSKEY_QUERIES: [&str; 3] = ["passkey", "authkey", "torrent_pass"];

pub(super) fn look(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    let info = &metainfo.info;
    if info.private {
        if metainfo.trackers.is_empty() {
            lints.push(Lint::PrivateWithoutTracker);
        }
        if !metainfo.nodes.is_empty() {
            lints.push(Lint::PrivateWithNodes);
        }
        return;
    }
    let source = info.source.as_ref().filter(|source| !source.is_empty());
    let by_source = source.map(|source| PrivateSign::Source(notes::shown(source.as_bytes())));
    let mut urls = metainfo.trackers.iter().flatten();
    let by_url = || {
        let url = urls.find(|url| has_passkey(url))?;
        Some(PrivateSign::Passkey(notes::shown(host(url).as_bytes())))
    };
    lints.extend(by_source.or_else(by_url).map(Lint::PrivateFlagMissing));
}

/// The host of a URL, without user and port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

/// Whether a path element or a query of a URL looks like a user's key.
fn has_passkey(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((_, path)) = rest.split_once('/') else {
        return false;
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let named = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(key, value)| PASSKEY_QUERIES.contains(&key) && !value.is_empty())
    };
    path.split('/').any(looks_random) || query.split('&').any(named)
}

/// Letters and digits, both, and many: no word of a path is like that.
fn looks_random(part: &str) -> bool {
    part.len() >= PASSKEY_LEN_MIN
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && part.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_told_from_words() {
        let key = "0123456789abcdef0123456789abcdef";
        for url in [
            format!("http://t.example:80/{key}/announce"),
            format!("https://t.example/announce?passkey={key}"),
            "http://t.example/a.php?x=1&torrent_pass=short".to_owned(),
        ] {
            assert!(has_passkey(&url), "{url}");
            assert_eq!(host(&url), "t.example");
        }
        for url in [
            "udp://tracker.opentrackr.org:1337/announce",
            "http://0123456789abcdef0123456789.example/announce",
            "http://t.example/averyveryverylongwordwithoutdigits/announce",
            "http://t.example/announce?passkey=",
            "",
        ] {
            assert!(!has_passkey(url), "{url}");
        }
    }
}
