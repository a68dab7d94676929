//! A seeder that sins once, and is honest before and after.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::content::Content;
use super::log::Log;
use super::serve;
use crate::interop::clients::PORT;

/// What a scripted peer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::interop) enum Sin {
    /// Nothing.
    None,
    /// After every so many blocks it chokes, forgets the requests, and
    /// unchokes after a while.
    Chokes {
        every_blocks: usize,
        pause: Duration,
    },
    /// After so many blocks it sends half a block, hangs up, and is gone.
    HangsUp { after_blocks: usize },
    /// It unchokes and answers no request.
    Silent,
    /// One byte of this block (counted from 0, in the order served) is wrong.
    BadBlock { at: usize },
    /// After so many blocks it announces a message of 4 GiB and begins to send it.
    HugeMessage { after_blocks: usize },
}

/// What a scripted peer is.
#[derive(Clone, Debug)]
pub(in crate::interop) struct Script {
    pub(in crate::interop) content: Content,
    pub(in crate::interop) info_hash: [u8; 20],
    /// Whether it knows BEP 6.
    pub(in crate::interop) fast: bool,
    /// None is as fast as the socket.
    pub(in crate::interop) rate_bytes_per_s: Option<u64>,
    pub(in crate::interop) sin: Sin,
}

/// A scripted peer that listens; its threads end with the process of the case.
#[derive(Debug)]
pub(in crate::interop) struct ScriptedPeer {
    /// Where it listens.
    pub(in crate::interop) addr: SocketAddr,
}

impl ScriptedPeer {
    /// Listens at an address and serves everyone who comes.
    pub(in crate::interop) fn start(ip: IpAddr, script: Script, log: Log) -> Result<Self> {
        let addr = SocketAddr::new(ip, PORT);
        let listener =
            TcpListener::bind(addr).with_context(|| format!("cannot listen on {addr}"))?;
        let script = Arc::new(script);
        let sinned = Arc::new(AtomicBool::new(false));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let gone =
                    matches!(script.sin, Sin::HangsUp { .. }) && sinned.load(Ordering::Relaxed);
                if gone {
                    continue;
                }
                let (script, log, sinned) = (Arc::clone(&script), log.clone(), Arc::clone(&sinned));
                // A connection's end is the other side's affair; the log tells the case.
                thread::spawn(move || serve::connection(stream, addr, &script, &log, &sinned));
            }
        });
        Ok(Self { addr })
    }
}
