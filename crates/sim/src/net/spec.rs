//! How machines are connected, and where their bytes are.

use std::time::Duration;

/// How a machine is connected.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Bytes per second it can send; `None` is unlimited.
    pub up_bytes_per_s: Option<u64>,
    /// Bytes per second it can receive; `None` is unlimited.
    pub down_bytes_per_s: Option<u64>,
    /// One-way delay between the machine and the core of the network.
    pub latency: Duration,
    /// Random extra delay of each segment, up to this.
    pub jitter: Duration,
    /// Bytes that the system takes for a stream before it says "full".
    pub send_buffer_bytes: usize,
    /// Bytes of a stream that may be under way or unread.
    pub window_bytes: usize,
    /// What becomes of datagrams, both ways.
    pub datagrams: DatagramFaults,
}

/// What becomes of the datagrams that a machine sends and receives. Streams do
/// not notice: what they are made of is sent again by the system.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DatagramFaults {
    /// The part that gets lost.
    pub loss: f64,
    /// The part that arrives twice.
    pub duplication: f64,
    /// Random extra delay of each, up to this: later ones overtake it.
    pub reordering: Duration,
}

impl Default for LinkSpec {
    fn default() -> Self {
        Self {
            up_bytes_per_s: None,
            down_bytes_per_s: None,
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            send_buffer_bytes: 64 << 10,
            window_bytes: 256 << 10,
            datagrams: DatagramFaults::default(),
        }
    }
}

/// What a machine does with a SYN for its listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// Takes it.
    Open,
    /// Answers with a reset.
    Refused,
    /// Says nothing: a black hole, a NAT, a machine that is off.
    Silent,
}

/// Where every byte that was ever written to a stream is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteLedger {
    /// Taken from senders.
    pub sent: u64,
    /// Handed to receivers.
    pub received: u64,
    /// Lost with a stream that ended.
    pub dropped: u64,
}
