//! `superseed edit`: changes to torrent files that are there already.
//!
//! Owns what is done with the trackers, when a changed info-hash is refused,
//! and where the result goes. Each torrent is judged on its own: a failure
//! leaves its file as it was and the others go on. How a key is replaced is the
//! metainfo's business.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use serde_json::json;
use superseed::{InfoHashes, Metainfo};
use superseed_proto::metainfo::{Change, Edited, TorrentEdit};

use crate::args::create::url;
use crate::args::{EditArgs, GlobalArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::output::{self, Existing};
use crate::runtime::block_on;
use crate::source::Source;
use crate::text::figures::printable;
use crate::text::json;

/// Runs the command.
pub(crate) fn run(args: &EditArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    check(args, global, env)?;
    let mut exit = Exit::Success;
    for given in &args.torrents {
        let name = given.to_string_lossy();
        let edited = edit(given, args, env);
        if let Err(failure) = &edited {
            if failure.message.is_empty() {
                // The reader of standard output has gone away.
                return Ok(failure.exit);
            }
            env.stderr
                .say(format!("superseed: {}", printable(&failure.message)));
            exit = if exit == Exit::Success {
                failure.exit
            } else {
                exit
            };
        }
        tell(&name, &edited, args, global, env)?;
    }
    Ok(exit)
}

/// What is wrong with the options whatever the torrents say.
fn check(args: &EditArgs, global: &GlobalArgs, env: &Env) -> Result<(), Failure> {
    if !changes_trackers(args) && around(args) == TorrentEdit::default() {
        return Err(Failure::usage(
            "name a change, such as --add-tracker, --comment or --private",
        ));
    }
    if args.output.is_some() && args.torrents.len() > 1 {
        return Err(Failure::usage("--output needs exactly one torrent"));
    }
    let to_stdout = args.torrents.iter().any(|given| is_stdout(given, args));
    if to_stdout && global.json && !args.dry_run {
        return Err(Failure::usage(
            "the torrent file goes to standard output and leaves no room for --json",
        ));
    }
    if to_stdout && !args.dry_run {
        output::check_stdout(&env.stdout)?;
    }
    for replacement in args.replace_tracker.iter().skip(1).step_by(2) {
        url(replacement).map_err(|error| Failure::usage(format!("--replace-tracker: {error}")))?;
    }
    Ok(())
}

/// Whether the result is standard output's: it is where it was asked for, and
/// where the torrent came through standard input.
fn is_stdout(given: &OsStr, args: &EditArgs) -> bool {
    match &args.output {
        Some(path) => path.as_os_str() == "-",
        None => given == "-",
    }
}

/// What became of a torrent.
struct Outcome {
    edited: Edited,
    /// Whether a single byte is another.
    changed: bool,
    /// Where it was written, if it was.
    written: Option<String>,
}

fn edit(given: &OsStr, args: &EditArgs, env: &mut Env) -> Result<Outcome, Failure> {
    let source = Source::parse(given)?;
    let bytes = block_on(source.read(&mut *env.stdin))?;
    let failed = |error| Failure::metainfo(&source, &error);
    let metainfo = Metainfo::parse(&bytes).map_err(failed)?;
    let mut edit = around(args);
    if changes_trackers(args) {
        edit.trackers = Change::Set(trackers(&metainfo.trackers, args));
    }
    let edited = edit.apply(&bytes).map_err(failed)?;
    if edited.info_hash_changed() && !args.new_infohash {
        return Err(Failure::usage(format!(
            "{source}: this changes the info-hash from {} to {}, which makes it another torrent; \
             --new-infohash allows it",
            hashes(&edited.before),
            hashes(&edited.after)
        )));
    }
    let changed = edited.bytes != bytes;
    let written = match args.dry_run {
        true => None,
        false => write(&source, given, &edited.bytes, changed, args, env)?,
    };
    Ok(Outcome {
        edited,
        changed,
        written,
    })
}

/// Puts the result where it belongs, and tells where that was. A file that
/// would stay as it is is not written again.
fn write(
    source: &Source,
    given: &OsStr,
    bytes: &[u8],
    changed: bool,
    args: &EditArgs,
    env: &Env,
) -> Result<Option<String>, Failure> {
    if is_stdout(given, args) {
        env.stdout.write(bytes)?;
        return Ok(Some("-".to_owned()));
    }
    let (path, existing): (&Path, _) = match (&args.output, source) {
        (Some(path), _) if args.force => (path, Existing::Replace),
        (Some(path), _) => (path, Existing::Refuse),
        (None, Source::Path(_)) if !changed => return Ok(None),
        (None, Source::Path(path)) => (path, Existing::Replace),
        (None, Source::Stdin | Source::Url(_)) => {
            return Err(Failure::usage(format!(
                "{source}: cannot be written to; --output names a file"
            )));
        }
    };
    output::write(path, bytes, existing)?;
    Ok(Some(path.display().to_string()))
}

fn changes_trackers(args: &EditArgs) -> bool {
    let lists = [
        args.add_tracker.is_empty(),
        args.remove_tracker.is_empty(),
        args.replace_tracker.is_empty(),
        args.announce.is_empty(),
    ];
    args.no_trackers || lists.contains(&false)
}

/// The changes that do not depend on what is in the torrent.
fn around(args: &EditArgs) -> TorrentEdit {
    TorrentEdit {
        trackers: Change::Keep,
        web_seeds: match args.web_seed.is_empty() {
            false => Change::Set(args.web_seed.clone()),
            true if args.no_web_seeds => Change::Remove,
            true => Change::Keep,
        },
        comment: text(args.comment.as_deref(), args.no_comment),
        private: args.private,
        source: text(args.source.as_deref(), args.no_source),
    }
}

fn text(text: Option<&str>, remove: bool) -> Change<String> {
    match text {
        _ if remove => Change::Remove,
        Some("") => Change::Remove,
        Some(text) => Change::Set(text.to_owned()),
        None => Change::Keep,
    }
}

/// The tiers after the changes: first what comes in the place of all, then
/// what goes, then what is replaced, then what is added.
fn trackers(before: &[Vec<String>], args: &EditArgs) -> Vec<Vec<String>> {
    let mut tiers: Vec<Vec<String>> = match args.announce.as_slice() {
        _ if args.no_trackers => Vec::new(),
        [] => before.to_vec(),
        tiers => tiers.iter().map(|tier| tier.0.clone()).collect(),
    };
    for tier in &mut tiers {
        tier.retain(|url| !args.remove_tracker.contains(url));
        for pair in args.replace_tracker.chunks_exact(2) {
            for url in tier.iter_mut().filter(|url| **url == pair[0]) {
                url.clone_from(&pair[1]);
            }
        }
    }
    tiers.extend(args.add_tracker.iter().map(|url| vec![url.clone()]));
    // A replacement or addition may have been there: its first place counts.
    let mut seen = HashSet::new();
    for tier in &mut tiers {
        tier.retain(|url| seen.insert(url.clone()));
    }
    tiers.retain(|tier| !tier.is_empty());
    tiers
}

fn tell(
    name: &str,
    edited: &Result<Outcome, Failure>,
    args: &EditArgs,
    global: &GlobalArgs,
    env: &Env,
) -> Result<(), Failure> {
    if global.json {
        return Ok(env.stdout.line(as_json(name, edited, args))?);
    }
    let Ok(outcome) = edited else {
        return Ok(());
    };
    let Edited { before, after, .. } = &outcome.edited;
    let words = match (outcome.changed, args.dry_run) {
        (false, _) => format!("unchanged, info-hash {}", hashes(after)),
        (true, _) if outcome.edited.info_hash_changed() => format!(
            "info-hash {} {} {}",
            hashes(before),
            if args.dry_run {
                "would become"
            } else {
                "became"
            },
            hashes(after)
        ),
        (true, true) => format!("would change, info-hash stays {}", hashes(after)),
        (true, false) => format!("changed, info-hash stays {}", hashes(after)),
    };
    let line = printable(&format!("{name}: {words}"));
    match outcome.written.as_deref() {
        // Standard output has the torrent file.
        Some("-") if global.quiet => (),
        Some("-") => env.stderr.say(line),
        _ => env.stdout.line(line)?,
    }
    Ok(())
}

/// Both hashes of a hybrid.
fn hashes(hashes: &InfoHashes) -> String {
    match (hashes.v1(), hashes.v2()) {
        (Some(v1), Some(v2)) => format!("{v1} (v2 {v2})"),
        _ => hashes.to_string(),
    }
}

fn as_json(name: &str, edited: &Result<Outcome, Failure>, args: &EditArgs) -> String {
    let outcome = edited.as_ref().ok();
    let failure = edited.as_ref().err();
    let before = outcome.map(|outcome| outcome.edited.before);
    let after = outcome.map(|outcome| outcome.edited.after);
    let v1 = |hashes: Option<InfoHashes>| hashes?.v1().map(|hash| hash.to_string());
    let v2 = |hashes: Option<InfoHashes>| hashes?.v2().map(|hash| hash.to_string());
    json::line(&json!({
        "torrent": name,
        "dry_run": args.dry_run,
        "changed": outcome.map(|outcome| outcome.changed),
        "written": outcome.and_then(|outcome| outcome.written.as_deref()),
        "info_hash_before": v1(before),
        "info_hash_v2_before": v2(before),
        "info_hash": v1(after),
        "info_hash_v2": v2(after),
        "exit": failure.map_or(0, |failure| failure.exit.code()),
        "message": failure.map(|failure| failure.message.as_str()),
    }))
}
