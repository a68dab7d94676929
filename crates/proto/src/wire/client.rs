//! The name of a client, read from its peer id (BEP 20).
//!
//! For the eyes of a person only: a peer id is whatever its sender chose, and
//! no decision may hang on it. A name from the extension handshake (`v`) is
//! better where there is one.

use crate::PeerId;

/// Clients with ids like `-XX1234-`, by their two letters.
const AZUREUS_STYLE: &[([u8; 2], &str)] = &[
    (*b"7T", "aTorrent"),
    (*b"AG", "Ares"),
    (*b"AR", "Arctic"),
    (*b"AZ", "Vuze"),
    (*b"A~", "Ares"),
    (*b"BC", "BitComet"),
    (*b"BE", "BitTorrent SDK"),
    (*b"BF", "Bitflu"),
    (*b"BG", "BTG"),
    (*b"BI", "BiglyBT"),
    (*b"BR", "BitRocket"),
    (*b"BT", "BitTorrent"),
    (*b"BW", "BitWombat"),
    (*b"CD", "Enhanced CTorrent"),
    (*b"CT", "CTorrent"),
    (*b"DE", "Deluge"),
    (*b"DP", "Propagate"),
    (*b"EB", "EBit"),
    (*b"FD", "Free Download Manager"),
    (*b"FL", "Flud"),
    (*b"FW", "FrostWire"),
    (*b"FX", "Freebox"),
    (*b"GT", "go.torrent"),
    (*b"HL", "Halite"),
    (*b"JT", "JavaTorrent"),
    (*b"KG", "KGet"),
    (*b"KT", "KTorrent"),
    (*b"LC", "LeechCraft"),
    (*b"LT", "libtorrent"),
    (*b"LW", "LimeWire"),
    (*b"MG", "MediaGet"),
    (*b"MO", "MonoTorrent"),
    (*b"MR", "Miro"),
    (*b"PD", "Pando"),
    (*b"PI", "PicoTorrent"),
    (*b"QD", "QQDownload"),
    (*b"RT", "Retriever"),
    (*b"SD", "Thunder"),
    (*b"SS", "superseed"),
    (*b"ST", "SymTorrent"),
    (*b"SZ", "Shareaza"),
    (*b"S~", "Shareaza"),
    (*b"TB", "Torch"),
    (*b"TL", "Tribler"),
    (*b"TR", "Transmission"),
    (*b"TT", "TuoTu"),
    (*b"TX", "Tixati"),
    (*b"UM", "µTorrent Mac"),
    (*b"UT", "µTorrent"),
    (*b"UW", "µTorrent Web"),
    (*b"WD", "WebTorrent Desktop"),
    (*b"WW", "WebTorrent"),
    (*b"WY", "FireTorrent"),
    (*b"XF", "Xfplay"),
    (*b"XL", "Xunlei"),
    (*b"lt", "rTorrent"),
    (*b"qB", "qBittorrent"),
    (*b"rQ", "rqbit"),
    (*b"st", "sharktorrent"),
];

/// Clients with ids like `T03I-----`, by their letter.
const SHADOW_STYLE: &[(u8, &str)] = &[
    (b'A', "ABC"),
    (b'M', "Mainline"),
    (b'O', "Osprey Permaseed"),
    (b'Q', "BTQueue"),
    (b'R', "Tribler"),
    (b'S', "Shadow"),
    (b'T', "BitTornado"),
    (b'U', "UPnP NAT BitTorrent"),
];

/// The client and its version as well as `id` tells them, such as
/// `qBittorrent 4.6.2`; `None` if the id follows no known convention.
pub fn client_name(id: &PeerId) -> Option<String> {
    aria2(&id.0)
        .or_else(|| azureus(&id.0))
        .or_else(|| mainline(&id.0))
        .or_else(|| shadow(&id.0))
}

/// `A2-1-36-0-` and random bytes: a version of any width between dashes.
fn aria2(id: &[u8; 20]) -> Option<String> {
    let version = id.strip_prefix(b"A2-")?;
    Some(format!("aria2 {}", dashed_version(version)?))
}

/// `M7-4-2--`, the style of Bram Cohen's own client, also used by Queen Bee.
fn mainline(id: &[u8; 20]) -> Option<String> {
    let name = match id[0] {
        b'M' => "Mainline",
        b'Q' => "Queen Bee",
        _ => return None,
    };
    Some(format!("{name} {}", dashed_version(&id[1..])?))
}

/// Three decimal numbers, each followed by a dash.
fn dashed_version(bytes: &[u8]) -> Option<String> {
    let mut parts = bytes.split(|&byte| byte == b'-');
    let mut version = String::new();
    for position in 0..3 {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 4 || !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        if position > 0 {
            version.push('.');
        }
        version.extend(part.iter().map(|&digit| char::from(digit)));
    }
    // The third number must have ended at a dash, not at the end of the id.
    parts.next().map(|_| version)
}

fn azureus(id: &[u8; 20]) -> Option<String> {
    let [b'-', first, second, version @ ..] = id else {
        return None;
    };
    let code = [*first, *second];
    let version = &version[..4];
    let code_is_plain = first.is_ascii_alphanumeric() && second.is_ascii_graphic();
    if !code_is_plain || !version.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let name = AZUREUS_STYLE
        .iter()
        .find(|(known, _)| *known == code)
        .map_or_else(
            || code.escape_ascii().to_string(),
            |(_, name)| (*name).to_owned(),
        );
    let digits: Vec<u32> = version.iter().map(|&byte| base_36(byte)).collect();
    // Transmission before 4 wrote 2.94 as 2940.
    if code == *b"TR" && (1..4).contains(&digits[0]) {
        return Some(format!("{name} {}.{}{}", digits[0], digits[1], digits[2]));
    }
    let mut text = format!("{name} {}.{}.{}", digits[0], digits[1], digits[2]);
    // A letter in the last place marks a build (beta, nightly), not a number.
    if digits[3] != 0 && version[3].is_ascii_digit() {
        text.push_str(&format!(".{}", digits[3]));
    }
    Some(text)
}

/// `S58B-----`: a letter, then up to five digits of base 64, padded with dashes.
fn shadow(id: &[u8; 20]) -> Option<String> {
    let (_, name) = SHADOW_STYLE.iter().find(|(letter, _)| *letter == id[0])?;
    let digits = id[1..6]
        .iter()
        .take_while(|&&byte| byte != b'-')
        .map(|&byte| byte.is_ascii_alphanumeric().then(|| base_36(byte)))
        .collect::<Option<Vec<u32>>>()?;
    let padded = id[1 + digits.len()..9].iter().all(|&byte| byte == b'-');
    if digits.is_empty() || !padded {
        return None;
    }
    let version: Vec<String> = digits.iter().map(u32::to_string).collect();
    Some(format!("{name} {}", version.join(".")))
}

/// A version digit: 0–9, then the letters in either case from 10 on.
fn base_36(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_clients_are_named_with_their_version() {
        let table: &[(&[u8; 20], Option<&str>)] = &[
            (b"-qB4620-abcdefghijkl", Some("qBittorrent 4.6.2")),
            (b"-qB4391-abcdefghijkl", Some("qBittorrent 4.3.9.1")),
            (b"-TR2940-abcdefghijkl", Some("Transmission 2.94")),
            (b"-TR4060-abcdefghijkl", Some("Transmission 4.0.6")),
            (b"-TR410B-abcdefghijkl", Some("Transmission 4.1.0")),
            (b"-UT355W-abcdefghijkl", Some("µTorrent 3.5.5")),
            (b"-lt0D80-abcdefghijkl", Some("rTorrent 0.13.8")),
            (b"-LT2110-abcdefghijkl", Some("libtorrent 2.1.1")),
            (b"-DE211s-abcdefghijkl", Some("Deluge 2.1.1")),
            (b"-SS0100-abcdefghijkl", Some("superseed 0.1.0")),
            (b"-ZZ1234-abcdefghijkl", Some("ZZ 1.2.3.4")),
            (b"A2-1-36-0-abcdefghij", Some("aria2 1.36.0")),
            (b"M7-10-2-abcdefghijkl", Some("Mainline 7.10.2")),
            (b"S58B-----abcdefghijk", Some("Shadow 5.8.11")),
            (b"T03I-----abcdefghijk", Some("BitTornado 0.3.18")),
            (b"abcdefghijklmnopqrst", None),
            (b"TOPSECRETabcdefghijk", None),
            (&[0; 20], None),
            (&[0xff; 20], None),
            (b"-\x1b[31m-abcdefghijklm", None),
        ];
        for (id, expected) in table {
            let name = client_name(&PeerId(**id));
            assert_eq!(name.as_deref(), *expected, "{}", id.escape_ascii());
        }
    }

    #[test]
    fn the_table_names_each_code_once_and_in_order() {
        assert!(AZUREUS_STYLE.is_sorted_by(|a, b| a.0 < b.0));
    }

    proptest::proptest! {
        #[test]
        fn any_id_gives_a_name_without_control_characters(id: [u8; 20]) {
            let name = client_name(&PeerId(id)).unwrap_or_default();
            proptest::prop_assert!(!name.chars().any(char::is_control));
        }
    }
}
