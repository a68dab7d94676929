use proptest::prelude::*;

use super::*;
use crate::hash::{InfoHashV1, InfoHashV2};
use crate::layout::FileIndex;

const V1: &str = "magnet:?xt=urn:btih:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const V2: &str = "xt=urn:btmh:1220abababababababababababababababababababababababababababababababab";

const V1_HASH: InfoHashV1 = InfoHashV1([0xcd; 20]);
const V2_HASH: InfoHashV2 = InfoHashV2([0xab; 32]);

fn parse(link: &str) -> Magnet {
    let magnet = Magnet::parse(link).expect(link);
    let again = Magnet::parse(&magnet.to_string());
    assert_eq!(again.as_ref(), Ok(&magnet), "{magnet}");
    magnet
}

/// A link with some parameters after the hash.
fn with(parameters: &str) -> Magnet {
    parse(&format!("{V1}&{parameters}"))
}

fn refused(link: &str) -> String {
    Magnet::parse(link).expect_err(link).to_string()
}

#[test]
fn hashes_of_all_kinds_are_read() {
    assert_eq!(parse(V1).info_hashes, InfoHashes::V1(V1_HASH));
    assert_eq!(
        parse(&format!("magnet:?{V2}")).info_hashes,
        InfoHashes::V2(V2_HASH)
    );
    let hybrid = InfoHashes::Hybrid(V1_HASH, V2_HASH);
    assert_eq!(with(V2).info_hashes, hybrid);
    let v2_first = format!("magnet:?{V2}&xt=urn:btih:{V1_HASH}");
    assert_eq!(parse(&v2_first).info_hashes, hybrid);
    // A base32 hash is ASCII in fives of bits.
    for base32 in [
        "MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC",
        "mfrgcytbmjqweylcmfrgcytbmjqweylc",
    ] {
        let magnet = parse(&format!("magnet:?xt=urn:btih:{base32}"));
        let expected = InfoHashV1(*b"abababababababababab");
        assert_eq!(magnet.info_hashes, InfoHashes::V1(expected));
    }
}

#[test]
fn the_beginning_of_a_link_is_read_in_all_its_spellings() {
    let rest = "xt=urn:btih:CDcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcD";
    for start in [
        "magnet:?",
        "MAGNET:?",
        "magnet://?",
        "magnet:///?",
        " \tMagnet:?",
    ] {
        let magnet = parse(&format!("{start}{rest}\r\n"));
        assert_eq!(magnet.info_hashes, InfoHashes::V1(V1_HASH));
    }
    for xt in [
        "XT=URN:BTIH:",
        "xt.1=urn:btih:",
        "xt=urn%3Abtih%3a",
        "amp;xt=urn:btih:",
        "&&=&empty&foo=bar&\"x=y&xt=urn:btih:",
        "xt=urn:ed2k:a0a9277894123b27945224fbac8366c9&xt=urn:btih:",
    ] {
        let magnet = parse(&format!("magnet:?{xt}{V1_HASH}"));
        assert_eq!(magnet.info_hashes, InfoHashes::V1(V1_HASH));
    }
    let last_escaped = format!("magnet:?xt=urn:btih:{}%64", "cd".repeat(19) + "c");
    assert_eq!(parse(&last_escaped).info_hashes, InfoHashes::V1(V1_HASH));
}

#[test]
fn what_is_no_link_to_one_torrent_is_refused_in_a_sentence() {
    for link in [
        "",
        "magnet",
        "magnet:",
        "magnet:xt=a",
        "http://a/?xt=b",
        "é",
    ] {
        let sentence = refused(link);
        assert!(
            sentence.ends_with("does not begin with `magnet:?`"),
            "{sentence}"
        );
    }
    for link in [
        "magnet:?",
        "magnet:?dn=foo",
        "magnet:?xt=blah&dn=foo",
        "magnet:?xt",
    ] {
        assert_eq!(Magnet::parse(link), Err(MagnetError::MissingInfoHash));
    }
    assert_eq!(
        refused("magnet:?xt=urn%%3A"),
        "the magnet link's `xt=urn%%3A` has a `%` without two hexadecimal digits after it"
    );
    assert_eq!(
        refused("magnet:?xt=urn:btih:ab\u{202e}%1b%00ab"),
        "the magnet link's v1 info-hash `abab` is not 40 hexadecimal or 32 base32 characters"
    );
    for hash in [
        String::new(),
        "ab".repeat(19),
        "ab".repeat(21),
        "z".repeat(40),
        "1".repeat(32),
        format!(" {}", "ab".repeat(19)),
        "é".repeat(20),
        "é".repeat(16),
    ] {
        let link = format!("magnet:?xt=urn:btih:{hash}");
        assert!(
            matches!(Magnet::parse(&link), Err(MagnetError::InfoHashV1(_))),
            "{link}"
        );
    }
    for hash in [
        "1220".to_owned() + &"cd".repeat(30),
        "1221".to_owned() + &"cd".repeat(32),
        "1220".to_owned() + &"z".repeat(64),
        "cd".repeat(32),
        String::new(),
    ] {
        let link = format!("magnet:?xt=urn:btmh:{hash}");
        assert!(
            matches!(Magnet::parse(&link), Err(MagnetError::InfoHashV2(_))),
            "{link}"
        );
    }
}

#[test]
fn two_torrents_are_refused_and_one_named_twice_is_not() {
    let twice = format!("{V1}&xt.2=urn:btih:{}", "CD".repeat(20));
    assert_eq!(parse(&twice).info_hashes, InfoHashes::V1(V1_HASH));
    let two = format!("{V1}&xt.2=urn:btih:{}", "ab".repeat(20));
    assert_eq!(
        refused(&two),
        format!(
            "the magnet link names two torrents: {V1_HASH} and {}",
            "ab".repeat(20)
        )
    );
    let two = format!("magnet:?{V2}&xt=urn:btmh:1220{}", "cd".repeat(32));
    assert!(matches!(
        Magnet::parse(&two),
        Err(MagnetError::TwoTorrents(..))
    ));
}

#[test]
fn names_are_kept_as_they_came() {
    let name = |value: &str| with(&format!("dn={value}")).name;
    assert_eq!(
        name("Ubuntu+11.04+%28Final%29").as_deref(),
        Some("Ubuntu 11.04 (Final)")
    );
    assert_eq!(name("1%2B1"), Some("1+1".to_owned()));
    assert_eq!(name("100%+%zz%4"), Some("100% %zz%4".to_owned()));
    assert_eq!(name("a=b"), Some("a=b".to_owned()));
    assert_eq!(name("%00%1b%0a..%2f"), Some("\0\u{1b}\n../".to_owned()));
    assert_eq!(name("%E2%80%AEgnp.exe"), Some("\u{202e}gnp.exe".to_owned()));
    assert_eq!(name("%ff"), Some("\u{fffd}".to_owned()));
    assert_eq!(name(""), None);
    assert_eq!(with("dn=a&DN=b").name.as_deref(), Some("b"));
    let long = name(&"é".repeat(NAME_LEN_MAX)).expect("it is not empty");
    assert_eq!(long.len(), NAME_LEN_MAX);
}

#[test]
fn trackers_keep_their_order_and_come_once() {
    let magnet = with(
        "tr.0=udp%3A%2F%2Fa.example%3A80&tr.1=http://b.example/ann%3Fk=1&tr=http://c+d/\
         &tr=udp://a.example:80&tr.a=http://no&tr=&tr=garbage&tr=http://%&tr=http://a%0d%0ab\
         &tr=http://a%20b&tr=http://%ff&TR=wss://e",
    );
    assert_eq!(
        magnet.trackers,
        [
            "udp://a.example:80",
            "http://b.example/ann?k=1",
            "http://c+d/",
            "wss://e"
        ]
    );
}

#[test]
fn web_seeds_have_two_keys_and_may_hold_spaces() {
    let magnet = with("Ws=http://foo.com/bar&ws=http://foo.com/bar&as=https://b/a%20b+c&ws=foo");
    assert_eq!(
        magnet.web_seeds,
        ["http://foo.com/bar", "https://b/a%20b+c"]
    );
}

#[test]
fn peers_are_addresses_or_hosts() {
    let magnet = with(
        "x.pe=127.0.0.1:43&x.pe=<invalid1>&x.pe=<invalid2>:100&x.pe=[::1]:45&x.pe=%5B%3A%3A1%5D%3A45\
         &X.PE=Host-1.example.:1&x.pe.7=a_b:65535",
    );
    let shown: Vec<_> = magnet.peers.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["127.0.0.1:43", "[::1]:45", "host-1.example.:1", "a_b:65535"]
    );
    for none in [
        "",
        ":",
        ":1",
        "a",
        "a:",
        "a:0",
        "a:65536",
        "a:+1",
        "a:-1",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[fe80::1%251]:80",
        "[127.0.0.1]:80",
        "1.2.3:80",
        "127.0.0.256:1",
        "0x7f.1:1",
        ".:1",
        "a..b:1",
        "é:1",
        "a/b:1",
        "a b:1",
    ] {
        assert_eq!(MagnetPeer::parse(none), None, "{none}");
    }
    assert_eq!(MagnetPeer::parse(&format!("{}:1", "a".repeat(254))), None);
}

#[test]
fn selections_are_merged_and_never_expanded() {
    let select = |so: &str| with(so).select_only.to_string();
    assert_eq!(select("so=0,2,4-6"), "0,2,4-6");
    assert_eq!(select("so=6,4-5,0,2,2"), "0,2,4-6");
    assert_eq!(select("so=0,2-4,3-5"), "0,2-5");
    assert_eq!(select("so=2-4&dht=10.0.0.1:1337&SO.1=1"), "1-4");
    assert_eq!(select("so=0-9,3-4,9"), "0-9");
    assert_eq!(select("so=,,1%2c%33"), "1,3");
    assert_eq!(select("so=0-2097151"), "0-2097151");
    assert_eq!(select("so=&so="), "");
    let selection = with("so=0,2,4-6").select_only;
    let selected: Vec<_> = (0..9)
        .filter(|n| selection.selects(FileIndex(*n)))
        .collect();
    assert_eq!(selected, [0, 2, 4, 5, 6]);
    assert_eq!(selection.last(), Some(FileIndex(6)));
    assert!(with("so=").select_only.selects(FileIndex(7)));
}

#[test]
fn a_selection_that_cannot_be_read_is_refused_in_a_sentence() {
    let refused = |so: &str| {
        let sentence = refused(&format!("{V1}&so={so}"));
        let (_, reason) = sentence
            .split_once(" cannot be read: ")
            .expect("it is the selection");
        reason.to_owned()
    };
    assert_eq!(
        refused("0-18446744073709551615"),
        "`18446744073709551615` is not a file number from 0 to 2097151"
    );
    assert_eq!(refused("7-4,1"), "the range 7-4 ends before it begins");
    for text in [
        "-4", "3-", "a", "\"1\"", "1-2-3", "+1", "2097152", "%ff", "1%20",
    ] {
        assert!(refused(text).contains("is not a file number"), "{text}");
    }
    let many: String = (0..=SELECT_RANGES_MAX)
        .map(|n| format!("{},", 2 * n))
        .collect();
    assert_eq!(refused(&many), "it has more than 10000 separate ranges");
}

#[test]
fn the_link_of_everything_is_what_other_clients_write() {
    let mut magnet = Magnet::new(InfoHashes::Hybrid(V1_HASH, V2_HASH));
    magnet.set_name("a & b/é+1");
    magnet.exact_len = Some(u64::MAX);
    magnet.add_tracker("http://t.example:80/announce?k=1");
    magnet.add_web_seed("http://w.example/a%20b");
    magnet.add_peer(MagnetPeer::parse("[2001:db8::1]:6881").expect("it is one"));
    magnet.select_only = "3,1".parse().expect("it is one");
    assert_eq!(
        magnet.to_string(),
        format!(
            "{V1}&{V2}&dn=a%20%26%20b%2F%C3%A9%2B1&xl=18446744073709551615\
             &tr=http%3A%2F%2Ft.example%3A80%2Fannounce%3Fk%3D1\
             &ws=http%3A%2F%2Fw.example%2Fa%2520b&x.pe=[2001:db8::1]:6881&so=1,3"
        )
    );
    assert_eq!(parse(&magnet.to_string()), magnet);
}

#[test]
fn a_torrent_has_a_link() {
    let mut torrent = b"d13:announce-listll5:a://bel5:c://d5:a://b5:e f/xee4:info\
        d6:lengthi1e4:name3:a b12:piece lengthi16384e6:pieces20:"
        .to_vec();
    torrent.extend([7; 20]);
    torrent.extend(b"e8:url-list11:http://w/a e");
    let metainfo = Metainfo::parse(&torrent).expect("it is a torrent");
    let magnet = Magnet::of(&metainfo);
    assert_eq!(
        magnet.to_string(),
        format!(
            "magnet:?xt=urn:btih:{}&dn=a%20b&tr=a%3A%2F%2Fb&tr=c%3A%2F%2Fd&ws=http%3A%2F%2Fw%2Fa",
            metainfo.info_hashes
        )
    );
    assert_eq!(parse(&magnet.to_string()), magnet);
}

#[test]
fn the_longest_link_that_the_limits_allow_is_read() {
    let mut magnet = Magnet::new(InfoHashes::Hybrid(V1_HASH, V2_HASH));
    magnet.set_name(&"\u{7f}".repeat(NAME_LEN_MAX + 1));
    magnet.exact_len = Some(u64::MAX);
    for n in 0..=TRACKERS_MAX {
        let url = format!("://{n:/>width$}", width = URL_LEN_MAX - 3);
        magnet.add_tracker(&url);
        magnet.add_web_seed(&url);
        let host = format!("{n:a>250}z:65535");
        magnet.add_peer(MagnetPeer::parse(&host.replace('0', "z")).expect("it is one"));
    }
    let ranges = (0..SELECT_RANGES_MAX as u32).map(|n| format!("{}-{}", 3 * n, 3 * n + 1));
    magnet.select_only = SelectOnly::parse_all(ranges).expect("there are not too many");
    assert_eq!(magnet.trackers.len(), TRACKERS_MAX);
    assert_eq!(magnet.web_seeds.len(), WEB_SEEDS_MAX);
    assert_eq!(magnet.peers.len(), PEERS_MAX);
    magnet.add_tracker(&format!("a://{}", "a".repeat(URL_LEN_MAX)));
    let link = magnet.to_string();
    assert!(link.len() <= LINK_LEN_MAX, "{}", link.len());
    assert_eq!(Magnet::parse(&link).as_ref(), Ok(&magnet));

    let long = link + "&" + &"a".repeat(LINK_LEN_MAX);
    assert!(matches!(Magnet::parse(&long), Err(MagnetError::TooLong(_))));
}

#[test]
fn lengths_are_numbers() {
    assert_eq!(with("xl=10").exact_len, Some(10));
    for none in ["xl=", "xl=-1", "xl=+1", "xl=1.5", "xl=18446744073709551616"] {
        assert_eq!(with(none).exact_len, None, "{none}");
    }
    assert_eq!(with("xl=10&xl=x").exact_len, Some(10));
}

#[test]
fn a_bare_info_hash_is_enough() {
    let hashes = |text: &str| Magnet::from_info_hash(text).map(|magnet| magnet.info_hashes);
    let v1 = "2I2UAEFDZJFN4W3UE65QSOTCUOEZ744B";
    let hex = "D2354010A3CA4ADE5B7427BB093A62A3899FF381";
    assert_eq!(hashes(v1), hashes(hex));
    assert_eq!(
        hashes(&format!("\n{}\n", "cd".repeat(20))),
        Ok(InfoHashes::V1(V1_HASH))
    );
    assert_eq!(hashes(&"ab".repeat(32)), Ok(InfoHashes::V2(V2_HASH)));
    let multihash = "1220".to_owned() + &"AB".repeat(32);
    assert_eq!(hashes(&multihash), Ok(InfoHashes::V2(V2_HASH)));
    for none in ["", "a", V1, "1220", &"ab".repeat(31)] {
        assert!(
            matches!(hashes(none), Err(MagnetError::InfoHash(_))),
            "{none}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}", parameter in "[a-z.]{0,4}=[ -~]{0,40}") {
        Magnet::parse(&text).expect_err("the beginning is missing");
        let _ = Magnet::from_info_hash(&text);
        let _ = MagnetPeer::parse(&text);
        if let Ok(magnet) = Magnet::parse(&format!("{V1}&{parameter}&{text}")) {
            prop_assert_eq!(Magnet::parse(&magnet.to_string()), Ok(magnet));
        }
    }

    #[test]
    fn what_is_written_is_read_alike(
        name: String,
        urls in prop::collection::vec("[a-z]{1,5}://[!-~é]{0,20}", 0..4),
        numbers in prop::collection::vec(0..=FILE_NUMBER_MAX, 0..20),
    ) {
        let mut magnet = Magnet::new(InfoHashes::V1(V1_HASH));
        magnet.set_name(&name);
        for url in &urls {
            magnet.add_tracker(url);
            magnet.add_web_seed(url);
        }
        let texts = numbers.iter().map(ToString::to_string);
        magnet.select_only = SelectOnly::parse_all(texts).expect("all are numbers");
        prop_assert!(numbers.iter().all(|n| magnet.select_only.selects(FileIndex(*n))));
        prop_assert_eq!(Magnet::parse(&magnet.to_string()), Ok(magnet));
    }
}
