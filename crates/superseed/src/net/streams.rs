//! The streams of the engine: sockets, what is known of their readiness, and
//! who is due to be read or written.
//!
//! Polling is edge-triggered: readiness is told once and remembered here until
//! the socket says that it is exhausted.

use std::collections::VecDeque;
use std::io;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slotmap::SecondaryMap;
use superseed_engine::ConnKey;

use crate::route::Dial;

/// The token of the first stream; smaller ones belong to listeners.
pub(super) const FIRST_TOKEN: usize = 1 << 17;

/// One stream.
pub(super) struct Stream {
    /// The socket.
    pub(super) tcp: TcpStream,
    slot: usize,
    /// An outgoing stream whose outcome is unknown so far.
    pub(super) connecting: bool,
    /// What is still to be said to a proxy before that.
    pub(super) dial: Option<Box<Dial>>,
    /// The socket may have bytes.
    readable: bool,
    /// The peer has closed its side: there is an end to be read.
    read_closed: bool,
    /// The engine allows no bytes; waits for its word.
    parked: bool,
    in_readers: bool,
    /// The socket may take bytes.
    writable: bool,
    /// The engine has bytes.
    wants_write: bool,
    in_writers: bool,
}

/// All streams by the engine's key.
#[derive(Default)]
pub(super) struct Streams {
    by_key: SecondaryMap<ConnKey, Stream>,
    /// Which stream a token means.
    slots: Vec<Option<ConnKey>>,
    free: Vec<usize>,
    readers: VecDeque<ConnKey>,
    writers: VecDeque<ConnKey>,
}

impl Streams {
    /// Takes a socket and begins to watch it.
    pub(super) fn insert(
        &mut self,
        registry: &Registry,
        key: ConnKey,
        mut tcp: TcpStream,
        connecting: bool,
    ) -> io::Result<()> {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let token = Token(FIRST_TOKEN + slot);
        let watched = registry.register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = watched {
            if slot < self.slots.len() {
                self.free.push(slot);
            }
            return Err(error);
        }
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(key);
        let stream = Stream {
            tcp,
            slot,
            connecting,
            dial: None,
            readable: false,
            read_closed: false,
            parked: false,
            in_readers: false,
            // A stream that is up takes bytes until it says otherwise.
            writable: !connecting,
            wants_write: false,
            in_writers: false,
        };
        self.by_key.insert(key, stream);
        Ok(())
    }

    /// Forgets a stream and stops watching it.
    pub(super) fn remove(&mut self, registry: &Registry, key: ConnKey) -> Option<TcpStream> {
        let mut stream = self.by_key.remove(key)?;
        self.slots[stream.slot] = None;
        self.free.push(stream.slot);
        if let Err(error) = registry.deregister(&mut stream.tcp) {
            tracing::debug!(%error, "cannot stop watching a socket");
        }
        Some(stream.tcp)
    }

    /// All streams, and whether the outcome of each is unknown so far.
    pub(super) fn all(&self) -> impl Iterator<Item = (ConnKey, bool)> + '_ {
        let streams = self.by_key.iter();
        streams.map(|(key, stream)| (key, stream.connecting))
    }

    /// A stream.
    pub(super) fn get_mut(&mut self, key: ConnKey) -> Option<&mut Stream> {
        self.by_key.get_mut(key)
    }

    /// The stream that a token means.
    pub(super) fn key_of(&self, token: Token) -> Option<ConnKey> {
        *self.slots.get(token.0.checked_sub(FIRST_TOKEN)?)?
    }

    /// Remembers that a socket may have bytes.
    pub(super) fn became_readable(&mut self, key: ConnKey, read_closed: bool) {
        if let Some(stream) = self.by_key.get_mut(key) {
            stream.readable = true;
            stream.read_closed |= read_closed;
            self.queue_reader(key);
        }
    }

    /// Remembers that a socket may take bytes.
    pub(super) fn became_writable(&mut self, key: ConnKey) {
        if let Some(stream) = self.by_key.get_mut(key) {
            stream.writable = true;
            self.queue_writer(key);
        }
    }

    /// An outgoing stream is up.
    pub(super) fn is_up(&mut self, key: ConnKey) {
        if let Some(stream) = self.by_key.get_mut(key) {
            stream.connecting = false;
            stream.dial = None;
            self.queue_reader(key);
            self.queue_writer(key);
        }
    }

    /// The engine has bytes for a stream.
    pub(super) fn want_write(&mut self, key: ConnKey) {
        if let Some(stream) = self.by_key.get_mut(key) {
            stream.wants_write = true;
            self.queue_writer(key);
        }
    }

    /// The engine allows bytes of a stream again.
    pub(super) fn want_read(&mut self, key: ConnKey) {
        if let Some(stream) = self.by_key.get_mut(key) {
            stream.parked = false;
            self.queue_reader(key);
        }
    }

    /// How many streams are due to be read.
    pub(super) fn readers(&self) -> usize {
        self.readers.len()
    }

    /// How many streams are due to be written.
    pub(super) fn writers(&self) -> usize {
        self.writers.len()
    }

    /// The next stream that is due to be read; the caller says with
    /// [`Streams::read_done`] what became of it.
    pub(super) fn next_reader(&mut self) -> Option<ConnKey> {
        loop {
            let key = self.readers.pop_front()?;
            if let Some(stream) = self.by_key.get_mut(key) {
                stream.in_readers = false;
                return Some(key);
            }
        }
    }

    /// The next stream that is due to be written; the caller says with
    /// [`Streams::write_done`] what became of it.
    pub(super) fn next_writer(&mut self) -> Option<ConnKey> {
        loop {
            let key = self.writers.pop_front()?;
            if let Some(stream) = self.by_key.get_mut(key) {
                stream.in_writers = false;
                return Some(key);
            }
        }
    }

    /// A read ended.
    pub(super) fn read_done(&mut self, key: ConnKey, end: ReadEnd) {
        let Some(stream) = self.by_key.get_mut(key) else {
            return;
        };
        match end {
            ReadEnd::More => {}
            // The end of the stream is not among the bytes: ask once more.
            ReadEnd::Short if stream.read_closed || !SHORT_READ_MEANS_EMPTY => {}
            ReadEnd::Short | ReadEnd::Empty => stream.readable = false,
            ReadEnd::Parked => stream.parked = true,
        }
        self.queue_reader(key);
    }

    /// A write ended.
    pub(super) fn write_done(&mut self, key: ConnKey, end: WriteEnd) {
        let Some(stream) = self.by_key.get_mut(key) else {
            return;
        };
        match end {
            WriteEnd::Nothing => stream.wants_write = false,
            WriteEnd::Blocked => stream.writable = false,
            WriteEnd::More => {}
        }
        self.queue_writer(key);
    }

    fn queue_reader(&mut self, key: ConnKey) {
        if let Some(stream) = self.by_key.get_mut(key)
            && stream.readable
            && !stream.parked
            && !stream.connecting
            && !stream.in_readers
        {
            stream.in_readers = true;
            self.readers.push_back(key);
        }
    }

    fn queue_writer(&mut self, key: ConnKey) {
        if let Some(stream) = self.by_key.get_mut(key)
            && stream.writable
            && stream.wants_write
            && !stream.connecting
            && !stream.in_writers
        {
            stream.in_writers = true;
            self.writers.push_back(key);
        }
    }
}

/// epoll(7) and kqueue allow to take a read that filled less than the buffer
/// for the last one; elsewhere only "would block" arms the next event.
const SHORT_READ_MEANS_EMPTY: bool = cfg!(unix);

/// How a read ended, unless the stream did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// The buffer was filled: there may be more.
    More,
    /// The buffer was not filled.
    Short,
    /// There was nothing.
    Empty,
    /// The engine allows nothing for now.
    Parked,
}

/// How a write ended, unless the stream did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteEnd {
    /// The engine has nothing left.
    Nothing,
    /// The socket takes no more.
    Blocked,
    /// There is more, but others want their turn.
    More,
}

#[cfg(test)]
mod tests {
    use mio::Poll;
    use slotmap::SlotMap;

    use super::*;

    struct World {
        poll: Poll,
        keys: SlotMap<ConnKey, ()>,
        streams: Streams,
        listener: std::net::TcpListener,
    }

    impl World {
        fn new() -> Self {
            Self {
                poll: Poll::new().unwrap(),
                keys: SlotMap::with_key(),
                streams: Streams::default(),
                listener: std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
            }
        }

        fn add(&mut self, connecting: bool) -> ConnKey {
            let addr = self.listener.local_addr().unwrap();
            let tcp = std::net::TcpStream::connect(addr).unwrap();
            tcp.set_nonblocking(true).unwrap();
            let (key, tcp) = (self.keys.insert(()), TcpStream::from_std(tcp));
            self.streams
                .insert(self.poll.registry(), key, tcp, connecting)
                .unwrap();
            key
        }
    }

    #[test]
    fn readiness_is_remembered_until_the_socket_is_empty() {
        let mut world = World::new();
        let key = world.add(false);
        let streams = &mut world.streams;
        assert_eq!(streams.next_reader(), None);
        streams.became_readable(key, false);
        streams.became_readable(key, false);
        assert_eq!((streams.readers(), streams.next_reader()), (1, Some(key)));
        streams.read_done(key, ReadEnd::More);
        assert_eq!(streams.next_reader(), Some(key));
        streams.read_done(key, ReadEnd::Empty);
        assert_eq!(streams.next_reader(), None);
    }

    #[test]
    fn a_short_read_ends_reading_unless_the_peer_has_closed() {
        let mut world = World::new();
        let key = world.add(false);
        let streams = &mut world.streams;
        streams.became_readable(key, false);
        streams.next_reader();
        streams.read_done(key, ReadEnd::Short);
        assert_eq!(streams.readers(), usize::from(!SHORT_READ_MEANS_EMPTY));
        streams.became_readable(key, true);
        streams.next_reader();
        streams.read_done(key, ReadEnd::Short);
        assert_eq!(
            streams.next_reader(),
            Some(key),
            "the end is still to be read"
        );
    }

    #[test]
    fn a_stream_without_quota_is_not_read_until_the_engine_says_so() {
        let mut world = World::new();
        let key = world.add(false);
        let streams = &mut world.streams;
        streams.became_readable(key, false);
        streams.next_reader();
        streams.read_done(key, ReadEnd::Parked);
        streams.became_readable(key, false);
        assert_eq!(streams.next_reader(), None);
        streams.want_read(key);
        assert_eq!(streams.next_reader(), Some(key));
    }

    #[test]
    fn writing_waits_for_the_socket_and_for_the_engine() {
        let mut world = World::new();
        let key = world.add(true);
        let streams = &mut world.streams;
        streams.want_write(key);
        streams.became_writable(key);
        assert_eq!(streams.next_writer(), None, "it is not up yet");
        streams.is_up(key);
        assert_eq!(streams.next_writer(), Some(key));
        streams.write_done(key, WriteEnd::Blocked);
        streams.want_write(key);
        assert_eq!(streams.next_writer(), None);
        streams.became_writable(key);
        assert_eq!(streams.next_writer(), Some(key));
        streams.write_done(key, WriteEnd::Nothing);
        streams.became_writable(key);
        assert_eq!(streams.next_writer(), None, "the engine has nothing");
    }

    #[test]
    fn a_token_never_means_a_stream_that_is_gone() {
        let mut world = World::new();
        let first = world.add(false);
        let token = Token(FIRST_TOKEN);
        assert_eq!(world.streams.key_of(token), Some(first));
        world.streams.became_readable(first, false);
        world.streams.remove(world.poll.registry(), first);
        assert_eq!(world.streams.key_of(token), None);
        assert_eq!(world.streams.next_reader(), None);
        let second = world.add(false);
        assert_eq!(world.streams.key_of(token), Some(second));
        assert_eq!(world.streams.key_of(Token(3)), None);
    }
}
