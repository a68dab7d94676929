//! `superseed verify`: whether data is what a torrent says.
//!
//! Owns where the data is looked for and what is said of it. Nothing is
//! changed.

mod report;

use std::path::{Path, PathBuf};

use superseed::Metainfo;
use superseed::content::{self, VerifyOptions};

use crate::args::{GlobalArgs, VerifyArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::progress::hashing::{self, Task};
use crate::runtime::block_on;
use crate::source::Source;

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let source = Source::parse(&args.torrent)?;
    let (metainfo, _) = block_on(source.load(&mut *env.stdin))?;
    let content = find(&metainfo, args.path.as_deref(), &source);
    let task = Task {
        verb: "checking",
        name: metainfo.name().to_owned(),
        bytes: metainfo.info.content_len(),
    };
    let options = VerifyOptions {
        threads: args.threads,
    };
    let work = {
        let content = content.clone();
        move |meter: &hashing::Meter| {
            let report = content::verify(&metainfo, &content, &options, meter);
            (metainfo, report)
        }
    };
    let (metainfo, report) = hashing::run(task, global, env, work)?;
    let report = report.map_err(|error| Failure::verify(metainfo.name(), &error))?;
    report::tell(&metainfo, &report, &content, global, env)
}

/// Where the data is. What is in the directory that the user names wins over
/// the directory itself; what is nowhere is missing from the current one.
fn find(metainfo: &Metainfo, named: Option<&Path>, source: &Source) -> PathBuf {
    let name = metainfo.name();
    if let Some(path) = named {
        let inside = path.join(name);
        return if inside.exists() {
            inside
        } else {
            path.to_owned()
        };
    }
    let beside = match source {
        Source::Path(torrent) => torrent.parent().map(|dir| dir.join(name)),
        Source::Stdin | Source::Url(_) => None,
    };
    let mut places = [Some(PathBuf::from(name)), beside].into_iter().flatten();
    places
        .find(|place| place.exists())
        .unwrap_or_else(|| PathBuf::from("."))
}
