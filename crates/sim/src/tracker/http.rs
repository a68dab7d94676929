//! HTTP announces (BEP 3, 7, 23).

use std::net::{IpAddr, SocketAddr};

use superseed_engine::Time;
use superseed_proto::bencode::Encoder;

use super::{SeenAnnounce, Tracker, TrackerMood, compact};

impl Tracker {
    /// The body of the answer to a GET of `url` from `ip`; `None` for none.
    pub(crate) fn get(&mut self, url: &str, ip: IpAddr, now: Time) -> Option<Vec<u8>> {
        match &self.spec.mood {
            TrackerMood::Hangs | TrackerMood::Dead | TrackerMood::Redirects(_) => return None,
            TrackerMood::Babbles => return Some(b"<html>404 Not Found</html>".to_vec()),
            TrackerMood::Refuses(reason) => {
                return Some(Encoder::dict(|dict| dict.bytes("failure reason", reason)));
            }
            TrackerMood::Works => {}
        }
        let Some(announce) = parse(url, ip, now) else {
            return Some(Encoder::dict(|dict| {
                dict.bytes("failure reason", "bad announce");
            }));
        };
        let answer = self.announce(announce);
        let spec = &self.spec;
        Some(Encoder::dict(|dict| {
            dict.int("complete", answer.complete.into());
            dict.int("incomplete", answer.incomplete.into());
            dict.int("interval", spec.interval_s.into());
            if let Some(min_interval_s) = spec.min_interval_s {
                dict.int("min interval", min_interval_s.into());
            }
            dict.bytes("peers", compact(&answer.peers, true));
            let peers6 = compact(&answer.peers, false);
            if !peers6.is_empty() {
                dict.bytes("peers6", peers6);
            }
        }))
    }
}

fn parse(url: &str, ip: IpAddr, at: Time) -> Option<SeenAnnounce> {
    let (_, query) = url.split_once('?')?;
    let value = |name: &str| {
        let mut fields = query.split('&').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(key, _)| *key == name)?;
        unescape(value)
    };
    let number =
        |name: &str| -> Option<u64> { std::str::from_utf8(&value(name)?).ok()?.parse().ok() };
    Some(SeenAnnounce {
        at,
        from: SocketAddr::new(ip, number("port")?.try_into().ok()?),
        swarm: value("info_hash")?.try_into().ok()?,
        peer_id: value("peer_id")?.try_into().ok()?,
        event: String::from_utf8(value("event").unwrap_or_default()).ok()?,
        downloaded: number("downloaded")?,
        uploaded: number("uploaded")?,
        left: number("left")?,
        numwant: number("numwant").map(|wanted| wanted as u32),
    })
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?.to_owned();
            out.push(u8::from_str_radix(&digits, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}
