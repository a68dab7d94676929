//! The canonical encoder.

use std::ops::Range;

/// Writes one bencoded value.
///
/// ```
/// use superseed_proto::bencode::Encoder;
/// let bytes = Encoder::dict(|dict| {
///     dict.int("port", 6881);
///     dict.list("nodes", |list| list.bytes("a"));
/// });
/// assert_eq!(bytes, b"d5:nodesl1:ae4:porti6881ee");
/// ```
#[derive(Debug)]
pub struct Encoder;

impl Encoder {
    /// A dictionary, filled by `fill`.
    pub fn dict(fill: impl FnOnce(&mut DictEncoder<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write_dict(&mut out, fill);
        out
    }

    /// A list, filled by `fill`.
    pub fn list(fill: impl FnOnce(&mut ListEncoder<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write_list(&mut out, fill);
        out
    }

    /// An integer alone.
    pub fn int(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        write_int(&mut out, value);
        out
    }

    /// A string alone.
    pub fn bytes(value: impl AsRef<[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        write_bytes(&mut out, value.as_ref());
        out
    }
}

fn write_number(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn write_int(out: &mut Vec<u8>, value: i64) {
    out.push(b'i');
    write_number(out, value);
    out.push(b'e');
}

fn write_bytes(out: &mut Vec<u8>, value: &[u8]) {
    write_number(out, value.len());
    out.push(b':');
    out.extend_from_slice(value);
}

fn write_list(out: &mut Vec<u8>, fill: impl FnOnce(&mut ListEncoder<'_>)) {
    out.push(b'l');
    fill(&mut ListEncoder { out });
    out.push(b'e');
}

fn write_dict(out: &mut Vec<u8>, fill: impl FnOnce(&mut DictEncoder<'_>)) {
    out.push(b'd');
    let mut dict = DictEncoder {
        out,
        entries: Vec::new(),
    };
    fill(&mut dict);
    dict.sort();
    out.push(b'e');
}

/// Writes the values of a list, in the order of the calls.
#[derive(Debug)]
pub struct ListEncoder<'o> {
    out: &'o mut Vec<u8>,
}

impl ListEncoder<'_> {
    /// Adds an integer.
    pub fn int(&mut self, value: i64) {
        write_int(self.out, value);
    }

    /// Adds a string.
    pub fn bytes(&mut self, value: impl AsRef<[u8]>) {
        write_bytes(self.out, value.as_ref());
    }

    /// Adds a list.
    pub fn list(&mut self, fill: impl FnOnce(&mut ListEncoder<'_>)) {
        write_list(self.out, fill);
    }

    /// Adds a dictionary.
    pub fn dict(&mut self, fill: impl FnOnce(&mut DictEncoder<'_>)) {
        write_dict(self.out, fill);
    }

    /// Adds a value that is bencode already, byte for byte.
    pub fn raw(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }
}

/// Writes the entries of a dictionary, in any order; they come out sorted.
///
/// Of a key that is given twice the first value is kept.
#[derive(Debug)]
pub struct DictEncoder<'o> {
    out: &'o mut Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Where the key's content is in `out`.
    key: Range<usize>,
    /// Where key and value are in `out`.
    whole: Range<usize>,
}

impl DictEncoder<'_> {
    fn entry(&mut self, key: impl AsRef<[u8]>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        write_bytes(self.out, key.as_ref());
        let key_end = self.out.len();
        write(self.out);
        self.entries.push(Entry {
            key: key_end - key.as_ref().len()..key_end,
            whole: start..self.out.len(),
        });
    }

    /// Adds an integer.
    pub fn int(&mut self, key: impl AsRef<[u8]>, value: i64) {
        self.entry(key, |out| write_int(out, value));
    }

    /// Adds a string.
    pub fn bytes(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.entry(key, |out| write_bytes(out, value.as_ref()));
    }

    /// Adds a list.
    pub fn list(&mut self, key: impl AsRef<[u8]>, fill: impl FnOnce(&mut ListEncoder<'_>)) {
        self.entry(key, |out| write_list(out, fill));
    }

    /// Adds a dictionary.
    pub fn dict(&mut self, key: impl AsRef<[u8]>, fill: impl FnOnce(&mut DictEncoder<'_>)) {
        self.entry(key, |out| write_dict(out, fill));
    }

    /// Adds a value that is bencode already, byte for byte.
    pub fn raw(&mut self, key: impl AsRef<[u8]>, value: &[u8]) {
        self.entry(key, |out| out.extend_from_slice(value));
    }

    /// Rewrites the entries if they did not come in order.
    fn sort(&mut self) {
        let out = &mut *self.out;
        let key = |entry: &Entry| &out[entry.key.clone()];
        if self.entries.is_sorted_by(|a, b| key(a) < key(b)) {
            return;
        }
        let start = self.entries[0].whole.start;
        self.entries.sort_by(|a, b| key(a).cmp(key(b)));
        self.entries
            .dedup_by(|later, first| key(later) == key(first));
        let mut sorted = Vec::with_capacity(out.len() - start);
        for entry in &self.entries {
            sorted.extend_from_slice(&out[entry.whole.clone()]);
        }
        out.truncate(start);
        out.extend_from_slice(&sorted);
    }
}
