//! A gateway that speaks NAT-PMP (RFC 6886), tells of another outer port than was
//! wished, grants little time and writes down what it was asked.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

const PORT: u16 = 5351;
/// Where it says that the world sees it.
const OUTER: [u8; 4] = [93, 184, 216, 34];

/// The outer port that it gives.
pub(super) fn external_port(internal: u16) -> u16 {
    internal + 10_000
}

/// A mapping that was asked for, or released.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) udp: bool,
    pub(super) internal_port: u16,
    pub(super) external_port: u16,
    /// Zero releases it.
    pub(super) lifetime_s: u32,
}

/// The gateway, on a thread that ends with the case.
pub(super) struct NatPmp {
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl NatPmp {
    /// Listens at `ip`.
    pub(super) fn start(ip: IpAddr, lease: Duration) -> Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(ip, PORT))?;
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let log = Arc::clone(&asked);
        let begun = Instant::now();
        thread::spawn(move || {
            let mut bytes = [0; 1_100];
            while let Ok((len, from)) = socket.recv_from(&mut bytes) {
                let epoch_s = begun.elapsed().as_secs() as u32;
                let (answer, mapping) = answer(&bytes[..len], epoch_s, lease.as_secs() as u32);
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.extend(mapping);
                // Whoever lost it asks again.
                let _ = socket.send_to(&answer, from);
            }
        });
        Ok(Self { asked })
    }

    /// Everything that it was asked, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// The mappings among it.
    pub(super) fn maps(&self) -> Vec<Asked> {
        let mut maps = self.asked();
        maps.retain(|asked| asked.lifetime_s > 0);
        maps
    }
}

/// What it answers to a request, and what was asked for.
fn answer(request: &[u8], epoch_s: u32, lease_s: u32) -> (Vec<u8>, Option<Asked>) {
    let head = |operation: u8, result: u16| {
        let mut answer = vec![0, operation | 0x80];
        answer.extend(result.to_be_bytes());
        answer.extend(epoch_s.to_be_bytes());
        answer
    };
    match *request {
        [0, 0] => {
            let mut answer = head(0, 0);
            answer.extend(OUTER);
            (answer, None)
        }
        [0, operation @ 1..=2, _, _, i0, i1, e0, e1, l0, l1, l2, l3] => {
            let asked = Asked {
                at: Instant::now(),
                udp: operation == 1,
                internal_port: u16::from_be_bytes([i0, i1]),
                external_port: u16::from_be_bytes([e0, e1]),
                lifetime_s: u32::from_be_bytes([l0, l1, l2, l3]),
            };
            let releases = asked.lifetime_s == 0;
            let external = match releases {
                true => 0,
                false => external_port(asked.internal_port),
            };
            let mut answer = head(operation, 0);
            answer.extend(asked.internal_port.to_be_bytes());
            answer.extend(external.to_be_bytes());
            answer.extend(asked.lifetime_s.min(lease_s).to_be_bytes());
            (answer, Some(asked))
        }
        // Another version: PCP.
        _ => (head(0, 1), None),
    }
}
