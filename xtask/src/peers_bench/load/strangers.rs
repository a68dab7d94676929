//! Seeds that connect to a client, all at once, more of them than it wants: who
//! is let in, who is turned away, and how soon.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::ip;
use super::seeds::{Common, Seed, TICK};
use crate::process::whole_lines;

/// What lines about them begin with.
const MARK: &str = "knocked ";
/// How often one is said.
const EVERY: Duration = Duration::from_secs(1);

/// Who knocked, and what has become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::peers_bench) struct Knocked {
    /// Were answered, and are still there.
    pub(in crate::peers_bench) answered: usize,
    /// Were turned away without an answer.
    pub(in crate::peers_bench) refused: usize,
    /// Were answered, and are gone.
    pub(in crate::peers_bench) lost: usize,
    /// The longest that one who was turned away waited for it, seconds.
    pub(in crate::peers_bench) slowest_s: f64,
    /// Those of whom blocks were taken since the last line.
    pub(in crate::peers_bench) active: usize,
    /// Bytes that all of them have sent.
    pub(in crate::peers_bench) bytes: u64,
}

struct Stranger {
    seed: Option<Seed>,
    since: Instant,
    /// What it had sent when that was last said, bytes.
    sent_before: u64,
    /// All it sent, once it is gone.
    sent: u64,
}

/// Serves until killed. Says each second what has become of all.
pub(super) fn run(common: &Common, client: SocketAddr) -> Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut strangers: Vec<Stranger> = Vec::with_capacity(common.count);
    let mut knocked = Knocked::default();
    let (mut ticked, mut said) = (Instant::now(), Instant::now());
    loop {
        let all_came = strangers.len() >= common.count;
        if !all_came {
            let number = u16::try_from(strangers.len())?;
            let stranger = Stranger::knock(common, number, client)?;
            strangers.push(stranger);
            let seed = strangers.last_mut().and_then(|one| one.seed.as_mut());
            let stream = &mut seed.context("it just came")?.conn.stream;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(stream, Token(number.into()), interest)?;
        }
        // Those who came are heard while others still come.
        poll.poll(
            &mut events,
            Some(if all_came { TICK } else { Duration::ZERO }),
        )?;
        for event in &events {
            let number = event.token().0;
            strangers[number].act(&mut knocked, |seed| {
                seed.take_in(common, u16::try_from(number)?)?;
                seed.unchoke_if_waiting()?;
                seed.answer(common)
            })?;
        }
        if ticked.elapsed() >= TICK {
            ticked = Instant::now();
            for stranger in &mut strangers {
                stranger.act(&mut knocked, |seed| seed.answer(common))?;
            }
        }
        if said.elapsed() >= EVERY {
            said = Instant::now();
            knocked.count(&mut strangers);
            println!("{MARK}{}", knocked.words());
        }
    }
}

impl Stranger {
    fn knock(common: &Common, number: u16, client: SocketAddr) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(ip(number), 0).into())?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let since = Instant::now();
        // It says that it is under way, or an event says what came of it.
        let _ = socket.connect(&client.into());
        let mut seed = Seed::new(mio::net::TcpStream::from_std(socket.into()))?;
        seed.speak(common, number);
        Ok(Self {
            seed: Some(seed),
            since,
            sent_before: 0,
            sent: 0,
        })
    }

    /// Lets it act; it is gone if the other side is.
    fn act(
        &mut self,
        knocked: &mut Knocked,
        act: impl FnOnce(&mut Seed) -> Result<()>,
    ) -> Result<()> {
        let Some(seed) = &mut self.seed else {
            return Ok(());
        };
        let Err(error) = act(seed) else {
            return Ok(());
        };
        match error.downcast_ref::<std::io::Error>() {
            // Not connected yet; an event will say when.
            Some(error) if error.kind() == std::io::ErrorKind::NotConnected => return Ok(()),
            Some(_) => {}
            None => return Err(error),
        }
        if seed.greeted {
            knocked.lost += 1;
        } else {
            knocked.refused += 1;
            let waited = self.since.elapsed().as_secs_f64();
            knocked.slowest_s = knocked.slowest_s.max(waited);
        }
        self.sent = seed.conn.sent_total();
        self.seed = None;
        Ok(())
    }
}

impl Knocked {
    fn count(&mut self, strangers: &mut [Stranger]) {
        (self.answered, self.active, self.bytes) = (0, 0, 0);
        for stranger in strangers {
            let seed = stranger.seed.as_ref();
            let sent = seed.map_or(stranger.sent, |seed| seed.conn.sent_total());
            self.answered += usize::from(seed.is_some_and(|seed| seed.greeted));
            self.active += usize::from(sent > stranger.sent_before);
            self.bytes += sent;
            stranger.sent_before = sent;
        }
    }

    fn words(&self) -> String {
        let Self {
            answered,
            refused,
            lost,
            slowest_s,
            active,
            bytes,
        } = self;
        format!("{answered} {refused} {lost} {slowest_s} {active} {bytes}")
    }

    /// All that a generator has said so far.
    pub(in crate::peers_bench) fn of(output: &str) -> Result<Vec<Self>> {
        let lines = whole_lines(output).filter_map(|line| line.strip_prefix(MARK));
        lines.map(Self::parse).collect()
    }

    fn parse(words: &str) -> Result<Self> {
        let mut words = words.split(' ');
        let mut word = || words.next().context("a line about strangers is short");
        Ok(Self {
            answered: word()?.parse()?,
            refused: word()?.parse()?,
            lost: word()?.parse()?,
            slowest_s: word()?.parse()?,
            active: word()?.parse()?,
            bytes: word()?.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() -> Result<()> {
        let knocked = Knocked {
            answered: 2,
            refused: 3,
            lost: 1,
            slowest_s: 0.25,
            active: 2,
            bytes: 77,
        };
        let line = format!("{MARK}{}\n", knocked.words());
        let said = Knocked::of(&format!("{line}something else\n{line}{MARK}1 2"))?;
        assert_eq!(said, [knocked, knocked]);
        assert!(Knocked::of(&format!("{MARK}1 2\n")).is_err());
        Ok(())
    }
}
