//! Lists of addresses that are not to be spoken with, in the forms that are in
//! use.
//!
//! Each line is one of these, whatever the lines before it are:
//!
//! - `name:first-last`, as PeerGuardian writes it (P2P); the name may hold
//!   anything,
//! - `first - last , level , name`, as eMule writes it (DAT), where a level of
//!   128 or more lets the range pass,
//! - `address/prefix` (CIDR), `first-last` or a lone address.
//!
//! Numbers of IPv4 may have leading zeros, which do not make them octal. Empty
//! lines and those that begin with `#`, `;` or `//` say nothing. Reads one line
//! at a time: where lines come from, and what their ranges are joined to, is
//! not known here.

use core::net::{IpAddr, Ipv6Addr};
use core::str;

use thiserror::Error;

/// The longest line, in bytes: names are remarks and not documents.
pub const LINE_LEN_MAX: usize = 4_096;

/// The level from which on a range of a DAT list is let pass.
const LEVEL_PASSES: u32 = 128;

/// The characters that an IPv6 address has at most.
const V6_TEXT_LEN_MAX: usize = 45;

/// Addresses of one family, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddrRange {
    /// IPv4, as big-endian numbers.
    V4(u32, u32),
    /// IPv6, as big-endian numbers.
    V6(u128, u128),
}

impl AddrRange {
    /// The addresses from `first` to `last`. Those of IPv4 that are written as
    /// IPv6 are IPv4.
    ///
    /// # Errors
    /// If they are of different families, or in the wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, LineFault> {
        let range = match (first.to_canonical(), last.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => Self::V4(first.to_bits(), last.to_bits()),
            (IpAddr::V6(first), IpAddr::V6(last)) => Self::V6(first.to_bits(), last.to_bits()),
            // One end alone lies among the addresses of IPv4 in IPv6.
            _ => match (first, last) {
                (IpAddr::V6(first), IpAddr::V6(last)) => Self::V6(first.to_bits(), last.to_bits()),
                _ => return Err(LineFault::Families),
            },
        };
        let reversed = match range {
            Self::V4(first, last) => first > last,
            Self::V6(first, last) => first > last,
        };
        if reversed {
            return Err(LineFault::Reversed);
        }
        Ok(range)
    }

    /// The addresses that share the first bits with `ip`.
    ///
    /// # Errors
    /// If the address has fewer bits.
    pub fn of_prefix(ip: IpAddr, bits: u32) -> Result<Self, LineFault> {
        match ip {
            IpAddr::V4(ip) if bits <= 32 => {
                let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
                Ok(Self::V4(ip.to_bits() & !rest, ip.to_bits() | rest))
            }
            IpAddr::V6(ip) if bits <= 128 => {
                let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
                let ends = [ip.to_bits() & !rest, ip.to_bits() | rest];
                let [first, last] = ends.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
                Self::new(first, last)
            }
            _ => Err(LineFault::Prefix),
        }
    }
}

/// Why a line is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It has none of the forms.
    #[error(
        "this is none of `name:first-last`, `first - last , level , name` and `address/prefix`"
    )]
    Form,
    /// It ends before it begins.
    #[error("the range ends before it begins")]
    Reversed,
    /// It begins in IPv4 and ends in IPv6, or the other way round.
    #[error("the range begins in one family of addresses and ends in the other")]
    Families,
    /// More bits than the address has.
    #[error("the prefix is no number, or longer than the address")]
    Prefix,
    /// The level of a DAT line is no number.
    #[error("the level is no number")]
    Level,
    /// It is longer than [`LINE_LEN_MAX`].
    #[error("the line is longer than {LINE_LEN_MAX} bytes")]
    Length,
}

/// A line that is no rule, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct BrokenLine {
    /// The first is 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// Reads a list line by line.
#[derive(Debug, Default)]
pub struct BlocklistReader {
    lines: u64,
}

impl BlocklistReader {
    /// At the beginning of a list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next line, with or without its end. `None` if it says nothing,
    /// or lets addresses pass.
    ///
    /// # Errors
    /// If it is broken. The lines after it can be read.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<AddrRange>, BrokenLine> {
        self.lines += 1;
        let is_first = self.lines == 1;
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if is_first => rest,
            _ => line,
        };
        rule(line).map_err(|fault| BrokenLine {
            line: self.lines,
            fault,
        })
    }
}

fn rule(line: &[u8]) -> Result<Option<AddrRange>, LineFault> {
    if line.len() > LINE_LEN_MAX {
        return Err(LineFault::Length);
    }
    let line = line.trim_ascii();
    if line.is_empty()
        || line.starts_with(b"#")
        || line.starts_with(b";")
        || line.starts_with(b"//")
    {
        return Ok(None);
    }
    if let Some((range, rest)) = split_at(line, b',')
        && let Some((first, last)) = ends(range)
    {
        let level = rest.split(|byte| *byte == b',').next().unwrap_or_default();
        let passes = number(level.trim_ascii()).ok_or(LineFault::Level)? >= LEVEL_PASSES;
        let range = AddrRange::new(first, last)?;
        return Ok((!passes).then_some(range));
    }
    if let Some((ip, prefix)) = split_at(line, b'/')
        && let Some(ip) = addr(ip)
    {
        let bits = number(prefix.trim_ascii()).ok_or(LineFault::Prefix)?;
        return AddrRange::of_prefix(ip, bits).map(Some);
    }
    let lone = || addr(line).map(|ip| (ip, ip));
    let found = ends(line).or_else(|| named(line)).or_else(lone);
    let (first, last) = found.ok_or(LineFault::Form)?;
    AddrRange::new(first, last).map(Some)
}

/// The ends of `first - last`.
fn ends(text: &[u8]) -> Option<(IpAddr, IpAddr)> {
    // What is no address at its first character is told apart at once.
    if !text.first()?.is_ascii_hexdigit() && text[0] != b':' {
        return None;
    }
    let (first, last) = split_at(text, b'-')?;
    Some((addr(first)?, addr(last)?))
}

/// The ends of `name:first-last`. A name may hold colons and hyphens, so that
/// it is read from its end.
fn named(line: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let hyphen = line.iter().rposition(|byte| *byte == b'-')?;
    let last = addr(&line[hyphen + 1..])?;
    let before = &line[..hyphen];
    if last.is_ipv4() {
        let colon = before.iter().rposition(|byte| *byte == b':')?;
        return Some((addr(&before[colon + 1..])?, last));
    }
    // The longest address that there is: of `n:1::2` it is `1::2`, not `::2`.
    let begin = before.len().saturating_sub(V6_TEXT_LEN_MAX + 1);
    let colons = (begin..before.len()).filter(|at| before[*at] == b':');
    let first = colons.map(|at| addr(&before[at + 1..])).find_map(|ip| ip);
    Some((first?, last))
}

fn split_at(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|other| *other == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

/// An address with space around it.
fn addr(text: &[u8]) -> Option<IpAddr> {
    let text = text.trim_ascii();
    if let Some(bits) = v4(text) {
        return Some(IpAddr::V4(bits.into()));
    }
    if text.len() > V6_TEXT_LEN_MAX || !text.contains(&b':') {
        return None;
    }
    let ip: Ipv6Addr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(IpAddr::V6(ip))
}

/// Four decimal numbers of at most three digits. `std` reads none with leading
/// zeros, as DAT lists have them.
fn v4(text: &[u8]) -> Option<u32> {
    let (mut bits, mut octet, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for &byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && octet < 256 && dots < 3 => {
                bits = bits << 8 | octet;
                (octet, digits) = (0, 0);
                dots += 1;
            }
            _ => return None,
        }
    }
    (digits > 0 && octet < 256 && dots == 3).then_some(bits << 8 | octet)
}

/// A decimal number of at most nine digits.
fn number(text: &[u8]) -> Option<u32> {
    let is_number = (1..=9).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let digits = text.iter().map(|byte| u32::from(byte - b'0'));
    is_number.then(|| digits.fold(0, |number, digit| number * 10 + digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Option<AddrRange>, LineFault> {
        let mut reader = BlocklistReader::new();
        reader.line(line.as_bytes()).map_err(|broken| broken.fault)
    }

    fn range(first: &str, last: &str) -> Result<Option<AddrRange>, LineFault> {
        AddrRange::new(first.parse().unwrap(), last.parse().unwrap()).map(Some)
    }

    #[test]
    fn lines_of_peer_guardian_are_read_whatever_their_names_hold() {
        for line in [
            "Some Organisation:1.2.3.4-1.2.3.9",
            "a:b-c, d/e:1.2.3.4-1.2.3.9\r\n",
            ":1.2.3.4-1.2.3.9",
            "x:1.2.3.4 - 1.2.3.9",
            "1.1.1.1-2.2.2.2:1.2.3.4-1.2.3.9",
            "\u{fffd}\0:1.2.3.4-1.2.3.9",
        ] {
            assert_eq!(read(line), range("1.2.3.4", "1.2.3.9"), "{line:?}");
        }
        for line in [
            "n:2001:db8::1-2001:db8::9",
            "2001-x:2001:db8::1 - 2001:db8::9",
        ] {
            assert_eq!(read(line), range("2001:db8::1", "2001:db8::9"), "{line:?}");
        }
    }

    #[test]
    fn lines_of_emule_are_read_and_levels_from_128_on_pass() {
        let line = |level| format!("001.009.096.105 - 001.009.096.110 , {level} , Some-Name, Ltd");
        for level in ["000", "0", "127"] {
            let expected = range("1.9.96.105", "1.9.96.110");
            assert_eq!(read(&line(level)), expected, "{level}");
        }
        for level in ["128", "255", "1000"] {
            assert_eq!(read(&line(level)), Ok(None), "{level}");
        }
        for level in ["", "x", "-1", "9999999999"] {
            assert_eq!(read(&line(level)), Err(LineFault::Level), "{level}");
        }
        assert_eq!(read("::1-::2,5"), range("::1", "::2"));
    }

    #[test]
    fn prefixes_ranges_and_lone_addresses_are_read() {
        for (line, first, last) in [
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
            ("10.1.2.3/8", "10.0.0.0", "10.255.255.255"),
            ("1.2.3.4/32", "1.2.3.4", "1.2.3.4"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            (
                "2001:db8::/32",
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            ),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::ffff:1.2.3.0/120", "1.2.3.0", "1.2.3.255"),
            ("1.2.3.4", "1.2.3.4", "1.2.3.4"),
            ("::1", "::1", "::1"),
            ("1.2.3.4-1.2.3.5", "1.2.3.4", "1.2.3.5"),
            ("::1 - ::2", "::1", "::2"),
        ] {
            assert_eq!(read(line), range(first, last), "{line}");
        }
    }

    #[test]
    fn remarks_and_empty_lines_say_nothing() {
        for line in ["", "  \r\n", "# 1.2.3.4", ";", "// x", "\u{feff}# first"] {
            assert_eq!(read(line), Ok(None), "{line:?}");
        }
    }

    #[test]
    fn the_broken_line_is_named() {
        let mut reader = BlocklistReader::new();
        let mut broken = Vec::new();
        for line in [
            "\u{feff}a:1.2.3.4-1.2.3.5",
            "a:1.2.3.5-1.2.3.4",
            "# remark",
            "a:1.2.3.5-::1",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/",
            "nonsense",
            "a:1.2.3.256-1.2.3.4",
            "1.2.3.4.5",
            "1.2.3",
            "1..2.3",
            "0001.2.3.4",
        ] {
            broken.extend(reader.line(line.as_bytes()).err());
        }
        let said: Vec<_> = broken.iter().map(|line| (line.line, line.fault)).collect();
        let expected = [
            (2, LineFault::Reversed),
            (4, LineFault::Families),
            (5, LineFault::Prefix),
            (6, LineFault::Prefix),
            (7, LineFault::Prefix),
            (8, LineFault::Form),
            (9, LineFault::Form),
            (10, LineFault::Form),
            (11, LineFault::Form),
            (12, LineFault::Form),
            (13, LineFault::Form),
        ];
        assert_eq!(said, expected);
        assert_eq!(
            broken[0].to_string(),
            "line 2: the range ends before it begins"
        );
        let long = "x".repeat(LINE_LEN_MAX + 1);
        assert_eq!(read(&long), Err(LineFault::Length));
    }

    proptest! {
        #[test]
        fn every_range_is_read_in_every_form(a: u32, b: u32, c: u128, d: u128, name in "[a-z:, /-]{0,20}") {
            let v4 = |bits: u32| IpAddr::V4(bits.into());
            let v6 = |bits: u128| IpAddr::V6(bits.into());
            for (first, last) in [
                (v4(a.min(b)), v4(a.max(b))),
                (v6(c.min(d)), v6(c.max(d))),
            ] {
                let expected = AddrRange::new(first, last).map(Some);
                prop_assert_eq!(read(&format!("n{name}:{first}-{last}")), expected);
                prop_assert_eq!(read(&format!("{first} - {last} , 100 , {name}")), expected);
                prop_assert_eq!(read(&format!("{first}-{last}")), expected);
            }
        }
    }
}
