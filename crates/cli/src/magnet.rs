//! The magnet link of a torrent (BEP 9, BEP 53 excluded).

use std::fmt::Write;

use superseed::Metainfo;

/// A link with the info-hashes, the name and the trackers.
pub(crate) fn link(metainfo: &Metainfo) -> String {
    let mut link = String::from("magnet:?");
    let hashes = metainfo.info_hashes;
    let v1 = hashes.v1().map(|hash| format!("xt=urn:btih:{hash}"));
    // 1220 is the multihash prefix of a SHA-256.
    let v2 = hashes.v2().map(|hash| format!("xt=urn:btmh:1220{hash}"));
    let name = Some(format!("dn={}", escape(metainfo.name())));
    let trackers = metainfo.trackers.iter().flatten();
    let trackers = trackers.map(|url| format!("tr={}", escape(url)));
    let parts: Vec<String> = [v1, v2, name]
        .into_iter()
        .flatten()
        .chain(trackers)
        .collect();
    link.push_str(&parts.join("&"));
    link
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use superseed_proto::metainfo::TorrentBuilder;

    #[test]
    fn a_link_names_hash_name_and_trackers() {
        let torrent = TorrentBuilder::new("a b", 16_384)
            .single_file(3)
            .hash_content(b"abc")
            .tier(["http://t.example/announce?a=1"])
            .build();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        let hash = metainfo.info_hashes;
        assert_eq!(
            link(&metainfo),
            format!(
                "magnet:?xt=urn:btih:{hash}&dn=a%20b\
                 &tr=http%3A%2F%2Ft.example%2Fannounce%3Fa%3D1"
            )
        );
    }
}
