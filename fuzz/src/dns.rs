//! Answers of DNS: bounded, of the kind that was asked for, and never of
//! another question.

use superseed_proto::dns::{ADDRS_MAX, Answer, HostName, NoAnswer, RecordKind};
use superseed_proto::dns::{question, read_answer};

/// Checks one input as an answer, as the records of one, and as a name.
pub fn check(bytes: &[u8]) {
    name(&String::from_utf8_lossy(bytes));
    let host = HostName::parse("tracker.example").expect("it is a name");
    let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    for kind in [RecordKind::V4, RecordKind::V6] {
        bounded(&read_answer(bytes, id, &host, kind), kind);
        let mut answer = question(id, &host, kind);
        // It is an answer, with as many records as the first byte says.
        answer[2] |= 0x80;
        answer[7] = bytes.first().copied().unwrap_or(0);
        answer.extend_from_slice(bytes);
        let read = read_answer(&answer, id, &host, kind);
        bounded(&read, kind);
        assert_ne!(read, Err(NoAnswer::Foreign));
        let foreign = read_answer(&answer, !id, &host, kind);
        assert_eq!(foreign, Err(NoAnswer::Foreign));
    }
}

fn bounded(read: &Result<Answer, NoAnswer>, kind: RecordKind) {
    if let Ok(Answer::Addrs(addrs)) = read {
        assert!(addrs.len() <= ADDRS_MAX);
        let is_v4 = kind == RecordKind::V4;
        assert!(addrs.iter().all(|ip| ip.is_ipv4() == is_v4));
    }
}

fn name(text: &str) {
    let Some(name) = HostName::parse(text) else {
        return;
    };
    let asked = question(7, &name, RecordKind::V4);
    assert!(asked.len() <= 12 + 255 + 4);
    let mut answer = asked.clone();
    answer[2] |= 0x80;
    let none = read_answer(&answer, 7, &name, RecordKind::V4);
    assert_eq!(none, Ok(Answer::Addrs(Vec::new())));
}
