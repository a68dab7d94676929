//! Tables of path elements. The vectors are facts about libtorrent 2.1 (its
//! `test_torrent_info`, on systems that are neither Windows nor Android).

use proptest::prelude::*;

use super::*;

/// Elements, the path when what names nothing is dropped, and the path when
/// `_` takes its place.
type Row = (&'static [&'static [u8]], &'static str, &'static str);

#[test]
fn elements_are_made_safe() {
    let table: &[Row] = &[
        (&[b"/a/", b"b", b"c"], "a/b/c", "a/b/c"),
        (&[b"a...b"], "a...b", "a...b"),
        (&[b"..."], "...", "..."),
        (&[b"a", b"..", b"c"], "a/c", "a/_/c"),
        (&[b"a", b".."], "a", "a/_"),
        (&[b"/..", b".", b"c"], "c", "_/_/c"),
        (&[b"dev:"], "dev:", "dev:"),
        (&[b"c:", b"b"], "c:/b", "c:/b"),
        (&[b"c:", b".", b"c"], "c:/c", "c:/_/c"),
        (&[b"\\c", b".", b"c"], "c/c", "c/_/c"),
        (&[b"\x08"], "_", "_"),
        (&[b"\x08", b"filename"], "_/filename", "_/filename"),
        (&[b"filename", b"\x08"], "filename/_", "filename/_"),
        (&[b"abc", b""], "abc/_", "abc/_"),
        (&[b"", b"abc"], "_/abc", "_/abc"),
        (&[b"abc", b"   "], "abc/   ", "abc/   "),
        (&[b"\x08?filename=4"], "_?filename=4", "_?filename=4"),
        (&[b"filename=4"], "filename=4", "filename=4"),
        (&[b"a", b"abc...", b"c"], "a/abc.../c", "a/abc.../c"),
        (&[b"a. . ."], "a. . .", "a. . ."),
        (&[b"//\\"], "", "_"),
        (&[b".hidden"], ".hidden", ".hidden"),
        (&[b"~"], "~", "~"),
        (&[b"CON"], "CON", "CON"),
        (&[b"a\nb\0c"], "a_b_c", "a_b_c"),
        (&[b"abc/../../def"], "abc....def", "abc....def"),
    ];
    for (elements, dropped, forced) in table {
        let path: Vec<_> = elements
            .iter()
            .filter_map(|raw| sanitize_element(raw))
            .collect();
        assert_eq!(path.join("/"), *dropped, "{elements:?}");
        let path: Vec<_> = elements.iter().map(|raw| sanitize_forced(raw)).collect();
        assert_eq!(path.join("/"), *forced, "{elements:?} forced");
    }
}

#[test]
fn each_sequence_that_is_not_utf8_becomes_an_underscore() {
    let table: &[(&[u8], &str)] = &[
        (b"filename\xc2\xa1", "filename\u{a1}"),
        (b"filename\xc2", "filename_"),
        (b"filename\xe2\x9f\xb9", "filename\u{27f9}"),
        (b"filename\xe2\x9f", "filename_"),
        (b"filename\xe2", "filename_"),
        (b"filename\xf0\x9f\x92\x88", "filename\u{1f488}"),
        (b"filename\xf0\x9f\x92", "filename_"),
        (b"filename\xf8\x9f\x9f\x9f\x9ffoobar", "filename_foobar"),
        (b"filename\xc0\xae", "filename_"),
        (b"filename\xe0\x80\xae", "filename_"),
        (b"filename\xf0\x80\x80\xae", "filename_"),
        (b"\xffa\xffb", "_a_b"),
        (b"\xff\xff", "__"),
        // Latin-1: the first byte claims three.
        (b"caf\xe9.txt", "caf_xt"),
        (b"\xcd-p", "_p"),
    ];
    for (raw, expected) in table {
        assert_eq!(sanitize_forced(raw), *expected, "{}", raw.escape_ascii());
    }
}

#[test]
fn control_characters_become_underscores() {
    for c in ('\0'..'\u{20}')
        .chain(['\u{7f}'])
        .chain('\u{80}'..='\u{9f}')
    {
        assert_eq!(
            sanitize_forced(format!("foo{c}bar").as_bytes()),
            "foo_bar",
            "{c:?}"
        );
    }
}

#[test]
fn invisible_characters_are_dropped() {
    let invisible = ['\u{061c}', '\u{feff}']
        .into_iter()
        .chain('\u{200b}'..='\u{200f}')
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2060}'..='\u{2064}')
        .chain('\u{2066}'..='\u{2069}');
    for c in invisible {
        assert_eq!(
            sanitize_forced(format!("foo{c}bar").as_bytes()),
            "foobar",
            "{c:?}"
        );
        assert_eq!(
            sanitize_element(format!(".{c}.").as_bytes()),
            None,
            "{c:?} between dots"
        );
        assert_eq!(
            sanitize_element(format!("{c}").as_bytes()),
            None,
            "{c:?} alone"
        );
    }
}

#[test]
fn a_long_element_is_cut_at_a_character_and_keeps_its_extension() {
    let cut = |name: &str| sanitize_forced(name.as_bytes());
    let a = |count| "a".repeat(count);
    assert_eq!(cut(&a(239)), a(239));
    assert_eq!(cut(&a(300)), a(240));
    assert_eq!(
        cut(&format!("{}.torrent", a(300))),
        format!("{}.torrent", a(240))
    );
    // Nine bytes, the dot included, are an extension; ten are not.
    assert_eq!(
        cut(&format!("{}.12345678", a(300))),
        format!("{}.12345678", a(240))
    );
    assert_eq!(cut(&format!("{}.123456789", a(300))), a(240));
    assert_eq!(cut(&format!("{}.x", a(240))), format!("{}.x", a(240)));
    assert_eq!(cut(&"\u{20ac}".repeat(100)), "\u{20ac}".repeat(80));
    assert_eq!(
        cut(&format!("a{}", "\u{20ac}".repeat(100))),
        format!("a{}", "\u{20ac}".repeat(80))
    );
    assert_eq!(
        cut(&format!("{}.a\u{1}/b", a(300))),
        format!("{}.a_b", a(240))
    );
}

proptest! {
    #[test]
    fn an_element_is_always_one_safe_element(raw in prop::collection::vec(any::<u8>(), 0..400)) {
        let element = sanitize_forced(&raw);
        prop_assert!(!element.is_empty() && element != "." && element != "..");
        prop_assert!(!element.contains(|c: char| matches!(c, '/' | '\\') || c.is_control()));
        prop_assert!(element.len() <= ELEMENT_LEN_CUT + 3 + EXTENSION_LEN_MAX);
        let mut components = std::path::Path::new(&element).components();
        prop_assert!(matches!(components.next(), Some(std::path::Component::Normal(_))));
        prop_assert!(components.next().is_none());
    }

    #[test]
    fn a_safe_element_stays_as_it_is(raw in "[^/\\\\]{1,40}") {
        let once = sanitize_forced(raw.as_bytes());
        prop_assert_eq!(sanitize_forced(once.as_bytes()), once);
    }
}
