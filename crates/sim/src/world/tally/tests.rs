use std::net::Ipv4Addr;

use slotmap::SlotMap;

use super::*;
use crate::wire::Frame;

fn stream() -> Vec<u8> {
    let frames = [
        Frame::Handshake([0; 8], [1; 20], [2; 20]),
        Frame::Unchoke,
        Frame::Have(7),
        Frame::Piece(3, 16_384, vec![7; 16_384].into()),
        Frame::Cancel(3, 0, 16_384),
        Frame::Choke,
        Frame::Piece(3, 0, vec![1; 500].into()),
    ];
    let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
    bytes.splice(68..68, [0; 4]);
    bytes
}

fn counter() -> (Counter, EndId) {
    let mut streams = SlotMap::with_key();
    let end = EndId {
        stream: streams.insert(()),
        side: 0,
    };
    let mut counter = Counter::default();
    counter.open(end, Ipv4Addr::LOCALHOST.into());
    (counter, end)
}

#[test]
fn frames_count_alike_however_the_stream_is_cut() {
    for cut in [1, 2, 3, 5, 13, 67, 1_000, usize::MAX] {
        let (mut counter, end) = counter();
        for run in stream().chunks(cut.min(100_000)) {
            counter.sent(end, run);
        }
        assert_eq!(counter.tally.sent_bytes(), 16_884, "cut {cut}");
        assert_eq!(counter.tally.choke_flips, 2, "cut {cut}");
        assert_eq!(counter.tally.wire_out_bytes(), stream().len() as u64);
        let protocol = Protocol {
            have_bytes: 9,
            request_bytes: 17,
            piece_bytes: 2 * 13,
            other_bytes: 4 + 5 + 5,
        };
        assert_eq!(counter.tally.protocol, protocol, "cut {cut}");
    }
}

#[test]
fn a_second_copy_is_late_after_a_cancel_and_else_a_duplicate() {
    let (mut counter, end) = counter();
    let piece = |piece| Frame::Piece(piece, 0, vec![0; 100].into()).to_bytes();
    counter.received(end, &[0; HANDSHAKE_LEN]);
    counter.sent(end, &[0; HANDSHAKE_LEN]);
    for number in [1, 2, 1] {
        counter.received(end, &piece(number));
    }
    counter.sent(end, &Frame::Cancel(2, 0, 100).to_bytes());
    counter.received(end, &piece(2));
    let tally = counter.tally;
    assert_eq!((tally.duplicate_bytes, tally.late_bytes), (100, 100));
    assert_eq!(tally.received_bytes, 400);
}

#[test]
fn nothing_counts_after_the_download_is_complete() {
    let (mut counter, end) = counter();
    let before = counter.tally.clone();
    counter.close();
    counter.open(end, Ipv4Addr::LOCALHOST.into());
    counter.sent(end, &stream());
    assert_eq!(counter.tally, before);
}
