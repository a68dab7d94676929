//! What the user sees: the lines for the other side on standard output, and
//! who fetches how fast on standard error; or JSON lines for programs.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::guests::{Change, Guest};
use crate::args::{GlobalArgs, ShareArgs};
use crate::env::{Env, Stream};
use crate::exit::Failure;
use crate::progress::terminal::Terminal;
use crate::text::figures;

/// Guests shown at most; a terminal has not more lines to spare.
const SHOWN_MAX: usize = 20;
/// How often the table is redrawn at most, per second.
const REDRAWS_PER_S: u8 = 5;

/// What the other side has to know.
#[derive(Debug)]
pub(super) struct Invitation {
    pub(super) name: String,
    /// In hex.
    pub(super) info_hash: String,
    pub(super) size_bytes: u64,
    pub(super) magnet: String,
    /// Where the torrent file is: the most useful first, never empty.
    pub(super) urls: Vec<String>,
    /// The tracker, as the torrent names it.
    pub(super) announce: Vec<String>,
    /// Where peers are taken.
    pub(super) peers: Vec<String>,
    /// Whether nobody but this machine can come.
    pub(super) is_local: bool,
}

/// The share at a glance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) pieces: u32,
    pub(super) upload_bytes_per_s: u64,
    pub(super) uploaded_bytes: u64,
    /// Who has announced to have everything.
    pub(super) complete: u32,
}

/// Where things are shown.
pub(super) struct Show {
    stdout: Stream,
    stderr: Stream,
    kind: Kind,
    name: String,
    interval: Duration,
    told: Instant,
}

enum Kind {
    Json,
    Quiet,
    Plain,
    Table(ProgressBar),
}

impl Show {
    pub(super) fn new(args: &ShareArgs, global: &GlobalArgs, env: &Env) -> Self {
        let kind = if global.json {
            Kind::Json
        } else if global.quiet {
            Kind::Quiet
        } else if env.stderr.is_terminal() && global.verbose == 0 {
            let terminal = Box::new(Terminal(env.stderr.clone()));
            let target = ProgressDrawTarget::term_like_with_hz(terminal, REDRAWS_PER_S);
            let style = ProgressStyle::with_template("{msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            Kind::Table(ProgressBar::with_draw_target(Some(1), target).with_style(style))
        } else {
            Kind::Plain
        };
        Self {
            stdout: env.stdout.clone(),
            stderr: env.stderr.clone(),
            kind,
            name: String::new(),
            interval: args.summary_interval,
            told: Instant::now(),
        }
    }

    /// Says what the other side has to do.
    pub(super) fn invite(&mut self, invitation: &Invitation) -> Result<(), Failure> {
        self.name = figures::printable(&invitation.name);
        let commands = invitation.urls.iter().map(|url| command(url));
        let commands: Vec<String> = commands.collect();
        if matches!(self.kind, Kind::Json) {
            let line = json!({
                "event": "sharing",
                "name": invitation.name,
                "info_hash": invitation.info_hash,
                "size": invitation.size_bytes,
                "magnet": invitation.magnet,
                "urls": invitation.urls,
                "commands": commands,
                "announce": invitation.announce,
                "listen": invitation.peers,
            });
            return Ok(self.stdout.line(line.to_string())?);
        }
        self.stdout.line(&invitation.magnet)?;
        self.stdout.line(&commands[0])?;
        if invitation.is_local {
            self.say("this machine has no network: nobody else can fetch it");
        }
        for other in &commands[1..] {
            self.say(&format!("or, from another network: {other}"));
        }
        self.say(&format!(
            "sharing {}, {}, with peers at {}, until interrupted",
            self.name,
            figures::size(invitation.size_bytes),
            invitation.peers.join(" and ")
        ));
        Ok(())
    }

    /// Tells of somebody who came, completed or left.
    pub(super) fn change(&self, change: &Change, pieces: u32) -> Result<(), Failure> {
        let (event, guest) = match change {
            Change::Came(guest) => ("joined", guest),
            Change::Complete(guest) => ("complete", guest),
            Change::Left(guest) => ("left", guest),
        };
        if matches!(self.kind, Kind::Json) {
            let mut line = as_json(guest, pieces);
            line["event"] = event.into();
            return Ok(self.stdout.line(line.to_string())?);
        }
        let client = figures::printable(&guest.client);
        self.say(&match change {
            Change::Came(_) => format!("{} fetches with {client}", guest.addr),
            Change::Complete(_) => format!("{} has everything", guest.addr),
            Change::Left(_) => format!(
                "{} has left, with {} from here",
                guest.addr,
                figures::size(guest.uploaded_bytes)
            ),
        });
        Ok(())
    }

    /// A second has passed.
    pub(super) fn update(&mut self, guests: &[&Guest], totals: Totals) -> Result<(), Failure> {
        match &self.kind {
            Kind::Json => {
                let peers: Value = guests
                    .iter()
                    .map(|guest| as_json(guest, totals.pieces))
                    .collect();
                let line = json!({
                    "event": "progress",
                    "up": totals.upload_bytes_per_s,
                    "uploaded": totals.uploaded_bytes,
                    "complete": totals.complete,
                    "peers": peers,
                });
                self.stdout.line(line.to_string())?;
            }
            Kind::Quiet => {}
            Kind::Plain => {
                let due = !self.interval.is_zero() && self.told.elapsed() >= self.interval;
                if due && !guests.is_empty() {
                    self.told = Instant::now();
                    for line in table(&self.name, guests, totals) {
                        self.stderr.say(line);
                    }
                }
            }
            Kind::Table(bar) => {
                // A line that wraps is a line too many to go up when redrawing.
                let width = usize::from(self.stderr.width());
                let lines = table(&self.name, guests, totals).into_iter();
                let lines = lines.map(|line| line.chars().take(width).collect());
                bar.set_message(lines.collect::<Vec<String>>().join("\n"));
            }
        }
        Ok(())
    }

    /// Says something else that the user may want to know.
    pub(super) fn say(&self, words: &str) {
        match &self.kind {
            Kind::Json | Kind::Plain => self.stderr.say(words),
            Kind::Table(bar) => bar.println(words),
            Kind::Quiet => {}
        }
    }

    /// Nothing runs any more.
    pub(super) fn end(&self, totals: Totals) {
        if let Kind::Table(bar) = &self.kind {
            bar.finish_and_clear();
        }
        if !matches!(self.kind, Kind::Json | Kind::Quiet) {
            self.stderr.say(format!(
                "{}: {} uploaded, {} complete",
                self.name,
                figures::size(totals.uploaded_bytes),
                downloads(totals.complete)
            ));
        }
    }
}

/// The line for the other side. The URL needs no quotes in any shell.
fn command(url: &str) -> String {
    format!("superseed download {url}")
}

fn downloads(count: u32) -> String {
    match count {
        1 => "1 download".to_owned(),
        n => format!("{n} downloads"),
    }
}

/// Who fetches how fast.
fn table(name: &str, guests: &[&Guest], totals: Totals) -> Vec<String> {
    let mut lines = vec![format!(
        "{name}  {}  {} uploaded  {} fetching  {} complete",
        figures::rate(totals.upload_bytes_per_s),
        figures::size(totals.uploaded_bytes),
        guests
            .iter()
            .filter(|guest| guest.pieces < totals.pieces)
            .count(),
        downloads(totals.complete),
    )];
    lines.extend(guests.iter().take(SHOWN_MAX).map(|guest| {
        let client: String = figures::printable(&guest.client).chars().take(20).collect();
        format!(
            "  {:<28} {client:<20} {:>12} {:>10} {:>5.1}%",
            guest.addr.to_string(),
            figures::rate(guest.upload_bytes_per_s),
            figures::size(guest.uploaded_bytes),
            percent(guest, totals.pieces),
        )
    }));
    if guests.len() > SHOWN_MAX {
        lines.push(format!("  … and {} more", guests.len() - SHOWN_MAX));
    }
    lines
}

fn percent(guest: &Guest, pieces: u32) -> f64 {
    figures::percent(u64::from(guest.pieces), u64::from(pieces))
}

fn as_json(guest: &Guest, pieces: u32) -> Value {
    json!({
        "address": guest.addr.to_string(),
        "client": guest.client,
        "up": guest.upload_bytes_per_s,
        "uploaded": guest.uploaded_bytes,
        "percent": percent(guest, pieces),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(last: u8) -> Guest {
        Guest {
            addr: ([10, 0, 0, last], 6881).into(),
            client: "superseed 0.1.0\u{7}".to_owned(),
            upload_bytes_per_s: 3 << 20,
            uploaded_bytes: 9 << 20,
            pieces: 14,
        }
    }

    #[test]
    fn the_table_tells_address_client_rate_and_percent() {
        let totals = Totals {
            pieces: 28,
            upload_bytes_per_s: 6 << 20,
            uploaded_bytes: 18 << 20,
            complete: 1,
        };
        let guests = [guest(2), guest(3)];
        let lines = table("films", &[&guests[0], &guests[1]], totals);
        assert_eq!(
            lines[0],
            "films  6.0 MiB/s  18.0 MiB uploaded  2 fetching  1 download complete"
        );
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "10.0.0.2:6881 superseed 0.1.0\u{fffd} 3.0 MiB/s 9.0 MiB 50.0%"
        );
    }

    #[test]
    fn a_crowd_is_cut() {
        let guests: Vec<Guest> = (1..=25).map(guest).collect();
        let lines = table("x", &guests.iter().collect::<Vec<_>>(), Totals::default());
        assert_eq!(lines.len(), SHOWN_MAX + 2);
        assert_eq!(lines[SHOWN_MAX + 1], "  … and 5 more");
    }
}
