//! Blocklists: a line is a range, nothing, or a sentence; and what a range is
//! written as is read as the same.

use std::net::IpAddr;

use superseed_proto::blocklist::{AddrRange, BlocklistReader};

/// Checks one input as a whole list.
pub fn check(bytes: &[u8]) {
    let mut reader = BlocklistReader::new();
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        match reader.line(line) {
            Ok(None) => {}
            Ok(Some(range)) => check_range(range),
            Err(broken) => {
                assert_eq!(broken.line, number);
                let sentence = broken.to_string();
                assert!(!sentence.contains(char::is_control), "{sentence:?}");
            }
        }
    }
}

fn check_range(range: AddrRange) {
    let (first, last): (IpAddr, IpAddr) = match range {
        AddrRange::V4(first, last) => (IpAddr::V4(first.into()), IpAddr::V4(last.into())),
        AddrRange::V6(first, last) => (IpAddr::V6(first.into()), IpAddr::V6(last.into())),
    };
    assert!(first <= last);
    for line in [
        format!("name:{first}-{last}"),
        format!("{first} - {last} , 127 , name"),
    ] {
        let mut reader = BlocklistReader::new();
        assert_eq!(reader.line(line.as_bytes()), Ok(Some(range)));
    }
}
