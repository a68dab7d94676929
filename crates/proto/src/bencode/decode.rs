//! From bytes to a flat array of tokens.
//!
//! A token is eight bytes: where it starts and a link. Bencode has no gaps, so
//! a value ends where the next token starts and its kind is its first byte;
//! neither is stored. Lists and dictionaries end with a token of their own,
//! and one last token marks the end of the whole.

use std::ops::Range;

use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::value::Value;
use super::{Limits, Mode};

/// One token: an integer, a string, the opening of a container, or an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    start: u32,
    /// The top bit says that the value has a soft error within. The rest is,
    /// for a container, the index of the token after its end; for a string,
    /// the length of its header (`4:`); for others, unused.
    link: u32,
}

const SOFT: u32 = 1 << 31;

impl Token {
    fn new(start: usize, link: usize) -> Self {
        Self {
            start: start as u32,
            link: link as u32,
        }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn link(self) -> usize {
        (self.link & !SOFT) as usize
    }

    pub(super) fn is_soft(self) -> bool {
        self.link & SOFT != 0
    }

    fn mark_soft(&mut self) {
        self.link |= SOFT;
    }
}

/// Decoded bencode: the input and its tokens.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    bytes: &'a [u8],
    tokens: Vec<Token>,
}

impl Document<'_> {
    /// The value that was decoded.
    pub fn root(&self) -> Value<'_> {
        Value::new(self.bytes, &self.tokens, 0)
    }

    /// How many bytes of the input the value is.
    pub fn consumed(&self) -> usize {
        self.root().raw().len()
    }
}

/// Decodes one value.
///
/// # Errors
///
/// What is wrong first, and where. [`Mode::Strict`] also refuses bytes after
/// the value.
pub fn decode<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    mode: Mode,
) -> Result<Document<'a>, DecodeError> {
    let (document, consumed) = decode_prefix(bytes, limits, mode)?;
    if mode == Mode::Strict && consumed < bytes.len() {
        return Err(DecodeError {
            kind: Kind::TrailingData,
            offset: consumed,
        });
    }
    Ok(document)
}

/// Decodes the value at the beginning of `bytes` and tells its length; what
/// follows is the caller's, as in a `ut_metadata` data message (BEP 9).
///
/// # Errors
///
/// As [`decode`], except that bytes after the value are no error.
pub fn decode_prefix<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    mode: Mode,
) -> Result<(Document<'a>, usize), DecodeError> {
    if bytes.len() > limits.bytes.min(Limits::BYTES_MAX) {
        return Err(DecodeError {
            kind: Kind::TooLong,
            offset: 0,
        });
    }
    let mut decoder = Decoder {
        bytes,
        at: 0,
        limits,
        mode,
        tokens: Vec::new(),
        open: Vec::new(),
    };
    decoder.run()?;
    let consumed = decoder.at;
    Ok((
        Document {
            bytes,
            tokens: decoder.tokens,
        },
        consumed,
    ))
}

/// A list or dictionary whose end has not come yet.
struct Open {
    token: usize,
    /// In a dictionary, where the newest key's bytes are.
    last_key: Option<Range<usize>>,
    /// Whether a dictionary's key, or its end, comes next.
    wants_key: bool,
    soft: bool,
}

struct Decoder<'a, 'l> {
    bytes: &'a [u8],
    at: usize,
    limits: &'l Limits,
    mode: Mode,
    tokens: Vec<Token>,
    /// The stack that takes the place of recursion.
    open: Vec<Open>,
}

impl Decoder<'_, '_> {
    fn run(&mut self) -> Result<(), DecodeError> {
        loop {
            let byte = self.peek()?;
            if self.open.last().is_some_and(|open| open.wants_key) {
                match byte {
                    b'e' => self.close()?,
                    _ => self.key()?,
                }
            } else {
                match byte {
                    b'i' => self.integer()?,
                    b'0'..=b'9' => {
                        self.string()?;
                        self.value_done();
                    }
                    b'l' | b'd' => self.container(byte == b'd')?,
                    b'e' if self.in_list() => self.close()?,
                    _ => return Err(self.error(Kind::ExpectedValue)),
                }
            }
            if self.open.is_empty() {
                self.tokens.push(Token::new(self.at, 0));
                return Ok(());
            }
        }
    }

    fn peek(&self) -> Result<u8, DecodeError> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or_else(|| self.error(Kind::UnexpectedEnd))
    }

    fn error(&self, kind: Kind) -> DecodeError {
        DecodeError {
            kind,
            offset: self.at,
        }
    }

    fn in_list(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| self.bytes[self.tokens[open.token].start()] == b'l')
    }

    fn push(&mut self, start: usize, link: usize) -> Result<usize, DecodeError> {
        if self.tokens.len() >= self.limits.tokens {
            return Err(DecodeError {
                kind: Kind::TooManyTokens,
                offset: start,
            });
        }
        self.tokens.push(Token::new(start, link));
        Ok(self.tokens.len() - 1)
    }

    /// Notes an error that lenient mode survives, in the container around it
    /// or, for a lone value, in the value that is about to be pushed.
    fn soften(&mut self, kind: Kind, offset: usize) -> Result<(), DecodeError> {
        if self.mode == Mode::Strict {
            return Err(DecodeError { kind, offset });
        }
        if let Some(open) = self.open.last_mut() {
            open.soft = true;
        }
        Ok(())
    }

    fn value_done(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.wants_key = open.last_key.is_some();
        }
    }

    fn container(&mut self, is_dict: bool) -> Result<(), DecodeError> {
        if self.open.len() >= self.limits.depth {
            return Err(self.error(Kind::TooDeep));
        }
        let token = self.push(self.at, 0)?;
        self.at += 1;
        self.open.push(Open {
            token,
            last_key: None,
            wants_key: is_dict,
            soft: false,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), DecodeError> {
        self.push(self.at, 0)?;
        self.at += 1;
        let after = self.tokens.len();
        if let Some(closed) = self.open.pop() {
            let token = &mut self.tokens[closed.token];
            token.link = after as u32;
            if closed.soft {
                token.mark_soft();
                if let Some(outer) = self.open.last_mut() {
                    outer.soft = true;
                }
            }
        }
        self.value_done();
        Ok(())
    }

    fn key(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        let key = self.string()?;
        let last = self.open.last().and_then(|open| open.last_key.clone());
        if let Some(last) = last {
            match self.bytes[last].cmp(&self.bytes[key.clone()]) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => self.soften(Kind::DuplicateKey, start)?,
                std::cmp::Ordering::Greater => self.soften(Kind::UnsortedKeys, start)?,
            }
        }
        if let Some(open) = self.open.last_mut() {
            open.last_key = Some(key);
            open.wants_key = false;
        }
        Ok(())
    }

    /// Reads a string and returns where its content is.
    fn string(&mut self) -> Result<Range<usize>, DecodeError> {
        let start = self.at;
        let len = self.digits()?;
        let leading_zero = self.bytes[start] == b'0' && self.at - start > 1;
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.error(Kind::ExpectedColon));
        }
        self.at += 1;
        if len > (self.bytes.len() - self.at) as u64 {
            return Err(self.error(Kind::UnexpectedEnd));
        }
        if leading_zero {
            self.soften(Kind::LeadingZero, start)?;
        }
        let content = self.at..self.at + len as usize;
        let token = self.push(start, self.at - start)?;
        if leading_zero {
            self.tokens[token].mark_soft();
        }
        self.at = content.end;
        Ok(content)
    }

    fn integer(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        self.at += 1;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        self.peek()?;
        let digits = self.at;
        let magnitude = self.digits()?;
        if self.peek()? != b'e' {
            return Err(self.error(Kind::ExpectedDigit));
        }
        if magnitude > i64::MAX as u64 + u64::from(negative) {
            return Err(DecodeError {
                kind: Kind::Overflow,
                offset: digits,
            });
        }
        let soft = if self.bytes[digits] == b'0' && self.at - digits > 1 {
            Some(Kind::LeadingZero)
        } else {
            (negative && magnitude == 0).then_some(Kind::MinusZero)
        };
        self.at += 1;
        if let Some(kind) = soft {
            self.soften(kind, digits)?;
        }
        let token = self.push(start, 0)?;
        if soft.is_some() {
            self.tokens[token].mark_soft();
        }
        self.value_done();
        Ok(())
    }

    /// Reads one digit or more, and leaves off at what is none.
    fn digits(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let mut number = 0u64;
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            number = number
                .checked_mul(10)
                .and_then(|number| number.checked_add(u64::from(digit - b'0')))
                .filter(|number| *number <= 1 << 63)
                .ok_or(DecodeError {
                    kind: Kind::Overflow,
                    offset: start,
                })?;
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error(Kind::ExpectedDigit));
        }
        Ok(number)
    }
}
