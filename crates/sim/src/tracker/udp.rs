//! UDP announces (BEP 15).

use std::net::SocketAddr;

use bytes::{Buf, BufMut};
use superseed_engine::Time;

use super::{SeenAnnounce, Tracker, TrackerMood, compact};

const MAGIC: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const ERROR: u32 = 3;

impl Tracker {
    /// The answer to a datagram, if one is sent.
    pub(crate) fn datagram(
        &mut self,
        from: SocketAddr,
        mut bytes: &[u8],
        now: Time,
    ) -> Option<Vec<u8>> {
        let works = self.spec.mood == TrackerMood::Works;
        if !works || bytes.len() < 16 {
            return None;
        }
        let (connection, action, transaction) = (bytes.get_u64(), bytes.get_u32(), bytes.get_u32());
        let mut out = Vec::new();
        if action == CONNECT && connection == MAGIC {
            let id = self.rng.next_u64();
            self.connection_ids.push(id);
            out.put_u32(CONNECT);
            out.put_u32(transaction);
            out.put_u64(id);
        } else if action == ANNOUNCE && self.connection_ids.contains(&connection) {
            let answer = self.announce(parse(from, bytes, now)?);
            out.put_u32(ANNOUNCE);
            out.put_u32(transaction);
            out.put_u32(self.spec.interval_s);
            out.put_u32(answer.incomplete);
            out.put_u32(answer.complete);
            out.extend(compact(&answer.peers, from.is_ipv4()));
        } else {
            out.put_u32(ERROR);
            out.put_u32(transaction);
            out.put_slice(b"connection unknown");
        }
        Some(out)
    }
}

fn parse(from: SocketAddr, mut bytes: &[u8], at: Time) -> Option<SeenAnnounce> {
    if bytes.len() < 82 {
        return None;
    }
    let (mut swarm, mut peer_id) = ([0; 20], [0; 20]);
    bytes.copy_to_slice(&mut swarm);
    bytes.copy_to_slice(&mut peer_id);
    let (downloaded, left, uploaded) = (bytes.get_u64(), bytes.get_u64(), bytes.get_u64());
    let event = match bytes.get_u32() {
        1 => "completed",
        2 => "started",
        3 => "stopped",
        _ => "",
    };
    bytes.advance(8);
    let numwant = u32::try_from(bytes.get_i32()).ok();
    Some(SeenAnnounce {
        at,
        from: SocketAddr::new(from.ip(), bytes.get_u16()),
        swarm,
        peer_id,
        event: event.to_owned(),
        downloaded,
        uploaded,
        left,
        numwant,
    })
}
