//! The messages of a small DNS client (RFC 1035, 3596): one question for the
//! addresses of a name, and the addresses of the answer.
//!
//! It is for those who cannot use the system's resolver because that asks by
//! whatever way it likes. It asks servers that look names up themselves
//! (recursion), follows aliases within an answer and knows no other record.
//! Whom to ask, over what, and how often is the caller's.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The most bytes of a message over UDP without extensions (RFC 1035, 4.2.1).
pub const UDP_LEN_MAX: usize = 512;

/// Addresses taken from one answer.
pub const ADDRS_MAX: usize = 32;

/// The bytes of a name on the wire at most (RFC 1035, 3.1).
const NAME_LEN_MAX: usize = 255;
const LABEL_LEN_MAX: usize = 63;
/// Aliases that are followed.
const ALIASES_MAX: usize = 16;
const HEADER_LEN: usize = 12;
const CLASS_INTERNET: u16 = 1;
const TYPE_CNAME: u16 = 5;
/// Says that it is an answer, of the standard kind.
const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSE: u16 = 0x0100;
const OPCODE: u16 = 0x7800;
const RESPONSE_CODE: u16 = 0x000f;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// IPv4 addresses (A).
    V4,
    /// IPv6 addresses (AAAA).
    V6,
}

impl RecordKind {
    fn number(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }
}

/// A host name that can be asked for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(
    /// Its labels on the wire, each with its length before it; no root.
    Vec<u8>,
);

impl HostName {
    /// `None` if it is no name of a host: empty, or with a label that is empty,
    /// too long or not of ASCII letters, digits, hyphens and underscores. A dot
    /// at the end is allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if !(1..=LABEL_LEN_MAX).contains(&label.len()) || !label.bytes().all(is_fit) {
                return None;
            }
            wire.push(label.len() as u8);
            wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        (wire.len() < NAME_LEN_MAX).then_some(Self(wire))
    }
}

/// The question for the addresses of a name. `id` must not be guessed by others.
pub fn question(id: u16, name: &HostName, kind: RecordKind) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + name.0.len() + 5);
    for word in [id, FLAG_RECURSE, 1, 0, 0, 0] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(&name.0);
    bytes.push(0);
    bytes.extend_from_slice(&kind.number().to_be_bytes());
    bytes.extend_from_slice(&CLASS_INTERNET.to_be_bytes());
    bytes
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The addresses, each once; none if the name has none of this kind.
    Addrs(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// It does not fit: the question is to be asked again over TCP.
    Truncated,
    /// The server cannot or may not answer, with its code: another may.
    Failed(u8),
}

/// Why a message is not the answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// It answers something else, or forges an answer: the right one may still
    /// come.
    #[error("the message does not answer the question")]
    Foreign,
    /// It is cut off, or points where there is nothing.
    #[error("the answer is malformed")]
    Malformed,
}

/// Reads the answer to [`question`] with the same arguments.
///
/// # Errors
/// If it is none, or cannot be read.
pub fn read_answer(
    message: &[u8],
    id: u16,
    name: &HostName,
    kind: RecordKind,
) -> Result<Answer, NoAnswer> {
    let mut reader = Reader { message, at: 0 };
    let mut header = [0; 6];
    for word in &mut header {
        *word = reader.word().map_err(|_| NoAnswer::Foreign)?;
    }
    let [its_id, flags, questions, answers, _, _] = header;
    let is_answer = flags & FLAG_RESPONSE != 0 && flags & OPCODE == 0;
    if its_id != id || !is_answer || questions != 1 {
        return Err(NoAnswer::Foreign);
    }
    let asked = reader.name().map_err(|_| NoAnswer::Foreign)?;
    let its_kind = reader.word().map_err(|_| NoAnswer::Foreign)?;
    let class = reader.word().map_err(|_| NoAnswer::Foreign)?;
    if asked != name.0 || its_kind != kind.number() || class != CLASS_INTERNET {
        return Err(NoAnswer::Foreign);
    }
    if flags & FLAG_TRUNCATED != 0 {
        return Ok(Answer::Truncated);
    }
    match flags & RESPONSE_CODE {
        0 => {}
        3 => return Ok(Answer::NoSuchName),
        code => return Ok(Answer::Failed(code as u8)),
    }
    reader.addresses(answers, name, kind).map(Answer::Addrs)
}

/// A place in a message. Names may point anywhere before it.
#[derive(Clone)]
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], NoAnswer> {
        let end = self.at.checked_add(len).ok_or(NoAnswer::Malformed)?;
        let bytes = self.message.get(self.at..end);
        self.at = end;
        bytes.ok_or(NoAnswer::Malformed)
    }

    fn word(&mut self) -> Result<u16, NoAnswer> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name in lower case, as [`HostName`] has it. A pointer leads strictly
    /// backwards, so that none is followed twice.
    fn name(&mut self) -> Result<Vec<u8>, NoAnswer> {
        let mut name = Vec::new();
        let mut here = self.clone();
        let mut jumped = false;
        loop {
            let start = here.at;
            let len = here.take(1)?[0];
            match len {
                0 => break,
                1..=63 => {
                    let label = here.take(usize::from(len))?;
                    name.push(len);
                    name.extend(label.iter().map(u8::to_ascii_lowercase));
                    if name.len() >= NAME_LEN_MAX {
                        return Err(NoAnswer::Malformed);
                    }
                }
                0xc0.. => {
                    let low = here.take(1)?[0];
                    let to = usize::from(len & 0x3f) << 8 | usize::from(low);
                    if !jumped {
                        self.at = here.at;
                        jumped = true;
                    }
                    if to >= start {
                        return Err(NoAnswer::Malformed);
                    }
                    // What lies between is of no name: the next pointer must
                    // lead to before this one's aim.
                    here = Reader {
                        message: &self.message[..start],
                        at: to,
                    };
                }
                _ => return Err(NoAnswer::Malformed),
            }
        }
        if !jumped {
            self.at = here.at;
        }
        Ok(name)
    }

    /// The addresses of a name among `count` records, by way of its aliases.
    fn addresses(
        &mut self,
        count: u16,
        name: &HostName,
        kind: RecordKind,
    ) -> Result<Vec<IpAddr>, NoAnswer> {
        let mut aliases = Vec::new();
        let mut addrs: Vec<(Vec<u8>, IpAddr)> = Vec::new();
        for _ in 0..count {
            let owner = self.name()?;
            let (its_kind, class) = (self.word()?, self.word()?);
            // How long it may be kept: whoever asks keeps it for a time of its own.
            self.take(4)?;
            let len = usize::from(self.word()?);
            let data = self.at;
            let bytes = self.take(len)?;
            if class != CLASS_INTERNET {
                continue;
            }
            if its_kind == TYPE_CNAME && aliases.len() < ALIASES_MAX {
                let mut target = Reader {
                    message: self.message,
                    at: data,
                };
                aliases.push((owner, target.name()?));
            } else if its_kind == kind.number() && addrs.len() < ADDRS_MAX {
                addrs.push((owner, ip(bytes, kind).ok_or(NoAnswer::Malformed)?));
            }
        }
        let mut wanted = name.0.clone();
        for _ in 0..=aliases.len() {
            let is_alias = |alias: &&(Vec<u8>, Vec<u8>)| alias.0 == wanted;
            match aliases.iter().find(is_alias) {
                Some((_, target)) => wanted = target.clone(),
                None => break,
            }
        }
        let mut found = Vec::new();
        for (owner, ip) in addrs {
            if owner == wanted && !found.contains(&ip) {
                found.push(ip);
            }
        }
        Ok(found)
    }
}

fn ip(bytes: &[u8], kind: RecordKind) -> Option<IpAddr> {
    match kind {
        RecordKind::V4 => {
            let octets: [u8; 4] = bytes.try_into().ok()?;
            Some(Ipv4Addr::from(octets).into())
        }
        RecordKind::V6 => {
            let octets: [u8; 16] = bytes.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: u16 = 0x1234;

    fn host() -> HostName {
        HostName::parse("tracker.example").unwrap()
    }

    /// The question with other flags and counts, and records behind it.
    fn answer(flags: u16, answers: u16, records: &[u8]) -> Vec<u8> {
        let mut bytes = question(ID, &host(), RecordKind::V4);
        bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        bytes[6..8].copy_from_slice(&answers.to_be_bytes());
        bytes.extend_from_slice(records);
        bytes
    }

    fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = owner.to_vec();
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn read(message: &[u8]) -> Result<Answer, NoAnswer> {
        read_answer(message, ID, &host(), RecordKind::V4)
    }

    /// Points to the name of the question.
    const ASKED: &[u8] = &[0xc0, 12];

    #[test]
    fn a_question_has_the_bytes_of_rfc_1035() {
        let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
                         \x07tracker\x07example\x00\x00\x01\x00\x01";
        assert_eq!(question(ID, &host(), RecordKind::V4), expected);
        let v6 = question(ID, &host(), RecordKind::V6);
        assert_eq!(v6[v6.len() - 4..], [0, 28, 0, 1]);
    }

    #[test]
    fn names_that_no_host_has_are_not_asked_for() {
        for text in ["a", "a.b.", "xn--a.example", "_a.B-1", &"x".repeat(63)] {
            assert!(HostName::parse(text).is_some(), "{text}");
        }
        let long = [
            "x".repeat(63),
            "x".repeat(63),
            "x".repeat(63),
            "x".repeat(62),
        ]
        .join(".");
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "a/b",
            "пример",
            &"x".repeat(64),
            &long,
        ] {
            assert!(HostName::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn addresses_are_found_by_way_of_aliases() {
        let records = [
            record(ASKED, TYPE_CNAME, b"\x01a\x02zz\x00"),
            record(
                b"\x01A\x02zz\x00",
                TYPE_CNAME,
                &[&b"\x01b"[..], ASKED].concat(),
            ),
            record(&[&b"\x01B"[..], ASKED].concat(), 1, &[1, 2, 3, 4]),
            record(&[&b"\x01b"[..], ASKED].concat(), 1, &[1, 2, 3, 5]),
            record(&[&b"\x01b"[..], ASKED].concat(), 1, &[1, 2, 3, 4]),
            // Nobody asked for these.
            record(b"\x05other\x00", 1, &[9, 9, 9, 9]),
            record(ASKED, 16, b"text"),
        ];
        let found = read(&answer(0x8180, 7, &records.concat()));
        let expected = [[1, 2, 3, 4], [1, 2, 3, 5]].map(IpAddr::from);
        assert_eq!(found, Ok(Answer::Addrs(expected.to_vec())));
        let v6 = HostName::parse("TRACKER.example.").unwrap();
        let mut message = question(7, &v6, RecordKind::V6);
        message[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
        message.extend(record(ASKED, 28, &[0xfd; 16]));
        let found = read_answer(&message, 7, &v6, RecordKind::V6);
        assert_eq!(found, Ok(Answer::Addrs(vec![IpAddr::from([0xfd; 16])])));
    }

    #[test]
    fn servers_that_do_not_know_are_told_apart() {
        assert_eq!(read(&answer(0x8180, 0, b"")), Ok(Answer::Addrs(vec![])));
        assert_eq!(read(&answer(0x8183, 0, b"")), Ok(Answer::NoSuchName));
        assert_eq!(read(&answer(0x8182, 0, b"")), Ok(Answer::Failed(2)));
        assert_eq!(read(&answer(0x8380, 9, b"torn")), Ok(Answer::Truncated));
    }

    #[test]
    fn answers_to_other_questions_are_foreign() {
        let right = answer(0x8180, 0, b"");
        assert!(read(&right).is_ok());
        let mut wrong = vec![question(ID, &host(), RecordKind::V4), Vec::new()];
        for at in [0, 2, 5, 14, 30, 32] {
            let mut message = right.clone();
            message[at] ^= 0x09;
            wrong.push(message);
        }
        for message in wrong {
            assert_eq!(read(&message), Err(NoAnswer::Foreign), "{message:?}");
        }
    }

    #[test]
    fn pointers_that_lead_forwards_or_in_circles_are_malformed() {
        let behind = 12 + 17 + 4;
        for owner in [
            // To itself, forwards, and to a label that runs into the pointer.
            vec![0xc0, behind],
            vec![0xc0, behind + 9],
            vec![1, b'a', 0xc0, behind],
            vec![0x80],
        ] {
            let message = answer(0x8180, 1, &record(&owner, 1, &[1, 2, 3, 4]));
            assert_eq!(read(&message), Err(NoAnswer::Malformed), "{owner:?}");
        }
        let short = answer(0x8180, 1, &record(ASKED, 1, &[1, 2, 3]));
        assert_eq!(read(&short), Err(NoAnswer::Malformed));
        let circle = [
            record(ASKED, TYPE_CNAME, b"\x01a\x00"),
            record(b"\x01a\x00", TYPE_CNAME, ASKED),
        ];
        let found = read(&answer(0x8180, 2, &circle.concat()));
        assert_eq!(found, Ok(Answer::Addrs(vec![])));
    }

    proptest! {
        #[test]
        fn a_torn_answer_is_malformed_and_never_a_panic(len in 0_usize..100, flip in 0_usize..100, bits: u8) {
            let records = [
                record(ASKED, TYPE_CNAME, b"\x01a\x02zz\x00"),
                record(b"\x01a\x02zz\x00", 1, &[1, 2, 3, 4]),
            ];
            let mut message = answer(0x8180, 2, &records.concat());
            let whole = message.len();
            message.truncate(len);
            if len < whole {
                prop_assert!(read(&message).is_err());
            }
            if let Some(byte) = message.get_mut(flip) {
                *byte ^= bits;
            }
            let _ = read(&message);
        }
    }
}
