//! A view of one decoded value.

use super::decode::Token;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer of 64 bits with sign.
    Int,
    /// A string of bytes, not always text.
    Bytes,
    /// A list.
    List,
    /// A dictionary.
    Dict,
}

/// One value of a [`Document`](super::Document): a cursor, cheap to copy.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    bytes: &'a [u8],
    tokens: &'a [Token],
    index: usize,
}

impl<'a> Value<'a> {
    pub(super) fn new(bytes: &'a [u8], tokens: &'a [Token], index: usize) -> Self {
        Self {
            bytes,
            tokens,
            index,
        }
    }

    fn token(&self) -> Token {
        self.tokens[self.index]
    }

    fn is_end(&self) -> bool {
        self.bytes[self.token().start()] == b'e'
    }

    /// The index of the token after this value and all within it.
    fn next_index(&self) -> usize {
        match self.kind() {
            Kind::Int | Kind::Bytes => self.index + 1,
            Kind::List | Kind::Dict => self.token().link(),
        }
    }

    fn at(&self, index: usize) -> Self {
        Self { index, ..*self }
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self.bytes[self.token().start()] {
            b'i' => Kind::Int,
            b'l' => Kind::List,
            b'd' => Kind::Dict,
            _ => Kind::Bytes,
        }
    }

    /// The bytes of the input that are this value.
    pub fn raw(&self) -> &'a [u8] {
        &self.bytes[self.token().start()..self.tokens[self.next_index()].start()]
    }

    /// Whether this value, or one within it, is only lenient bencode: leading
    /// zeros, `-0`, unsorted or repeated keys. BEP 52 torrents must have none.
    pub fn has_soft_error(&self) -> bool {
        self.token().is_soft()
    }

    /// The content of a string.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        (self.kind() == Kind::Bytes).then(|| &self.raw()[self.token().link()..])
    }

    /// The content of a string that is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// An integer.
    pub fn as_int(&self) -> Option<i64> {
        if self.kind() != Kind::Int {
            return None;
        }
        let raw = self.raw();
        std::str::from_utf8(&raw[1..raw.len() - 1])
            .ok()?
            .parse()
            .ok()
    }

    /// A list.
    pub fn as_list(&self) -> Option<List<'a>> {
        (self.kind() == Kind::List).then_some(List(*self))
    }

    /// A dictionary.
    pub fn as_dict(&self) -> Option<Dict<'a>> {
        (self.kind() == Kind::Dict).then_some(Dict(*self))
    }

    /// The value of a key, if this is a dictionary that has it.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Value<'a>> {
        self.as_dict()?.get(key)
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// A `pieces` string would drown the rest.
        const SHOWN_MAX: usize = 80;
        let raw = self.raw();
        let shown = &raw[..raw.len().min(SHOWN_MAX)];
        write!(f, "Value({}, {} bytes)", shown.escape_ascii(), raw.len())
    }
}

/// A list of values.
#[derive(Clone, Copy, Debug)]
pub struct List<'a>(Value<'a>);

impl<'a> List<'a> {
    /// The values in order.
    pub fn iter(&self) -> ListIter<'a> {
        ListIter(self.0.at(self.0.index + 1))
    }

    /// Whether the list has no values.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> IntoIterator for List<'a> {
    type Item = Value<'a>;
    type IntoIter = ListIter<'a>;

    fn into_iter(self) -> ListIter<'a> {
        self.iter()
    }
}

/// The values of a [`List`].
#[derive(Clone, Debug)]
pub struct ListIter<'a>(Value<'a>);

impl<'a> Iterator for ListIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.0.is_end() {
            return None;
        }
        let value = self.0;
        self.0 = value.at(value.next_index());
        Some(value)
    }
}

/// A dictionary.
///
/// The keys are as they came, so a look-up is linear. Whoever looks up keys
/// that the input itself names must build a map from [`Dict::iter`].
#[derive(Clone, Copy, Debug)]
pub struct Dict<'a>(Value<'a>);

impl<'a> Dict<'a> {
    /// The first value of a key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Value<'a>> {
        let key = key.as_ref();
        self.iter()
            .find_map(|(k, value)| (k == key).then_some(value))
    }

    /// The content of a key's string.
    pub fn bytes(&self, key: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        self.get(key)?.as_bytes()
    }

    /// A key's string that is UTF-8.
    pub fn str(&self, key: impl AsRef<[u8]>) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// A key's integer.
    pub fn int(&self, key: impl AsRef<[u8]>) -> Option<i64> {
        self.get(key)?.as_int()
    }

    /// A key's list.
    pub fn list(&self, key: impl AsRef<[u8]>) -> Option<List<'a>> {
        self.get(key)?.as_list()
    }

    /// A key's dictionary.
    pub fn dict(&self, key: impl AsRef<[u8]>) -> Option<Dict<'a>> {
        self.get(key)?.as_dict()
    }

    /// The keys and values in the order of the input.
    pub fn iter(&self) -> DictIter<'a> {
        DictIter(ListIter(self.0.at(self.0.index + 1)))
    }

    /// The dictionary as a value again, for its raw bytes.
    pub fn as_value(&self) -> Value<'a> {
        self.0
    }
}

impl<'a> IntoIterator for Dict<'a> {
    type Item = (&'a [u8], Value<'a>);
    type IntoIter = DictIter<'a>;

    fn into_iter(self) -> DictIter<'a> {
        self.iter()
    }
}

/// The keys and values of a [`Dict`].
#[derive(Clone, Debug)]
pub struct DictIter<'a>(ListIter<'a>);

impl<'a> Iterator for DictIter<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?.as_bytes()?, self.0.next()?))
    }
}
