//! What it costs to take a peer's stream apart.
//!
//! ```text
//! cargo bench -p superseed-proto --bench wire
//! ```
//!
//! Each case decodes a stream of one kind of message in portions as a transport
//! brings them. Throughput is that of the stream's bytes; a block costs what
//! its 16,397 bytes take, since its payload is handed on where it lies.

use divan::Bencher;
use divan::counter::BytesCount;
use superseed_proto::BLOCK_LEN;
use superseed_proto::wire::{Decoder, Event, Message, encode_piece_header};

fn main() {
    divan::main();
}

/// What a read brings at most, and a segment of TCP over Ethernet.
const PORTIONS: [usize; 2] = [128 * 1024, 1448];

/// How many blocks, and how many small messages, a stream has.
const BLOCKS: u32 = 64;
const SMALL: u32 = 4096;

#[divan::bench(args = PORTIONS)]
fn blocks(bencher: Bencher<'_, '_>, portion: usize) {
    let mut stream = Vec::new();
    for block in 0..BLOCKS {
        encode_piece_header(7, block * BLOCK_LEN, BLOCK_LEN, &mut stream);
        stream.resize(stream.len() + BLOCK_LEN as usize, block as u8);
    }
    decode(bencher, &stream, portion);
}

#[divan::bench(args = PORTIONS)]
fn haves(bencher: Bencher<'_, '_>, portion: usize) {
    decode_small(bencher, portion, Message::Have);
}

#[divan::bench(args = PORTIONS)]
fn requests(bencher: Bencher<'_, '_>, portion: usize) {
    decode_small(bencher, portion, |piece| Message::Request {
        piece,
        begin: 0,
        len: BLOCK_LEN,
    });
}

fn decode_small(
    bencher: Bencher<'_, '_>,
    portion: usize,
    message: impl Fn(u32) -> Message<'static>,
) {
    let mut stream = Vec::new();
    for number in 0..SMALL {
        message(number).encode(&mut stream);
    }
    decode(bencher, &stream, portion);
}

fn decode(bencher: Bencher<'_, '_>, stream: &[u8], portion: usize) {
    bencher
        .counter(BytesCount::of_slice(stream))
        .with_inputs(Decoder::default)
        .bench_local_refs(|decoder| {
            let mut payload = 0;
            for mut part in stream.chunks(portion) {
                while let Some(event) = decoder.next(&mut part).expect("no fault in the stream") {
                    if let Event::BlockData(bytes) = divan::black_box(event) {
                        payload += bytes.len();
                    }
                }
            }
            payload
        });
}
