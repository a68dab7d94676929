//! Everything that engines give to the network, kept to be looked at: what must
//! never be said is looked for in all of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use slotmap::Key as _;
use superseed_engine::Time;

use super::{HostId, World};
use crate::net::EndId;
use crate::wire::Frame;

/// Bytes that an engine gave to the network at once.
#[derive(Clone, Debug)]
pub struct Said {
    /// When.
    pub at: Time,
    /// Who said it.
    pub host: HostId,
    /// How it went.
    pub way: Way,
    /// The bytes themselves.
    pub bytes: Bytes,
}

/// A message that an engine sent to a peer.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who sent it.
    pub host: HostId,
    /// The number of the stream.
    pub stream: u64,
    /// The other end's address.
    pub to: IpAddr,
    /// The message.
    pub frame: Frame,
}

/// How bytes leave a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// On a stream to a peer: its number, and the other end's address.
    Stream(u64, IpAddr),
    /// An attempt to connect, to this address.
    Call(SocketAddr),
    /// In a datagram of their own to this address.
    Datagram(IpAddr),
    /// To everyone at its site.
    Multicast,
}

impl Said {
    pub(super) fn on_stream(at: Time, host: HostId, end: EndId, to: IpAddr, bytes: &[u8]) -> Self {
        Self {
            at,
            host,
            way: Way::Stream(end.stream.data().as_ffi(), to),
            bytes: Bytes::copy_from_slice(bytes),
        }
    }
}

impl World {
    /// Keeps all that engines say from now on to peers and in datagrams.
    pub fn listen_in(&mut self) {
        self.said.get_or_insert_default();
    }

    /// What they said since.
    pub fn said(&self) -> &[Said] {
        self.said.as_deref().unwrap_or_default()
    }

    /// The messages of all streams that began since.
    pub fn messages(&self) -> Vec<Message> {
        let mut streams: BTreeMap<(HostId, u64), (BytesMut, bool)> = BTreeMap::new();
        let mut messages = Vec::new();
        for said in self.said() {
            let Way::Stream(stream, to) = said.way else {
                continue;
            };
            let (buf, shook_hands) = streams.entry((said.host, stream)).or_default();
            buf.extend_from_slice(&said.bytes);
            while let Some(frame) = Frame::cut(buf, *shook_hands) {
                *shook_hands = true;
                messages.push(Message {
                    host: said.host,
                    stream,
                    to,
                    frame,
                });
            }
        }
        messages
    }

    pub(super) fn note(&mut self, host: HostId, way: Way, bytes: &[u8]) {
        let at = self.now;
        if let Some(said) = &mut self.said {
            said.push(Said {
                at,
                host,
                way,
                bytes: Bytes::copy_from_slice(bytes),
            });
        }
    }
}
