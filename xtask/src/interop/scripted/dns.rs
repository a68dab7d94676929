//! A name server that knows a few names and counts who asks.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

use crate::interop::stage::Stage;
use crate::process;

const PORT: u16 = 53;
const HEADER_LEN: usize = 12;
const TYPE_A: u16 = 1;

/// A name server; it ends with the process.
#[derive(Debug)]
pub(in crate::interop) struct NameServer {
    questions: Arc<AtomicUsize>,
}

impl NameServer {
    /// Starts one that knows one IPv4 address for every name, and no other.
    pub(in crate::interop) fn start(ip: IpAddr, known: [u8; 4]) -> Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(ip, PORT))?;
        let questions = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&questions);
        thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut bytes) {
                counted.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer(&bytes[..len], known) {
                    // Whoever does not hear it asks again.
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(Self { questions })
    }

    /// Makes one at an address the one that the system asks, in the mounts of this
    /// case.
    pub(in crate::interop) fn ask_only(stage: &Stage, server: IpAddr) -> Result<()> {
        let path = stage.path("resolv.conf");
        fs::write(&path, format!("nameserver {server}\n"))?;
        let mut mount = Command::new("mount");
        mount.arg("--bind").arg(&path).arg("/etc/resolv.conf");
        process::run(&mut mount)
    }

    /// How often it was asked.
    pub(in crate::interop) fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }
}

fn answer(question: &[u8], known: [u8; 4]) -> Option<Vec<u8>> {
    let name_len = question
        .get(HEADER_LEN..)?
        .iter()
        .position(|byte| *byte == 0)?
        + 1;
    let end = HEADER_LEN + name_len + 4;
    let kind = question.get(end - 4..end - 2)?;
    let has_address = kind == TYPE_A.to_be_bytes();
    let mut bytes = question.get(..end)?.to_vec();
    bytes[2..HEADER_LEN].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    if has_address {
        // A pointer to the name, the type, the class, a minute, the address.
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        bytes.extend_from_slice(&known);
    }
    Some(bytes)
}
