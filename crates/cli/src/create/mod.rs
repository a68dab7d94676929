//! `superseed create`: a torrent file of a file or directory.
//!
//! Owns the way from options to a file that appears whole or not at all. What
//! files make which torrent is the library's business.

mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use superseed::Metainfo;
use superseed::content::{self, CreateError, CreateOptions, Filter, Scan, SortKey, Symlinks};
use superseed_proto::metainfo::Format;

use crate::args::GlobalArgs;
use crate::args::create::{CreateArgs, PieceLength, Sort, SymlinkChoice};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::globs::Globs;
use crate::output::{self, Existing};
use crate::progress::hashing::{self, Task};

/// What the torrent says of the program that made it.
const CREATED_BY: &str = concat!("superseed/", env!("CARGO_PKG_VERSION"));

/// Where the torrent goes.
enum Output {
    Stdout,
    File(PathBuf),
}

/// Runs the command.
pub(crate) fn run(args: &CreateArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let to_stdout = args
        .output
        .as_ref()
        .is_some_and(|path| path.as_os_str() == "-");
    if to_stdout && (args.magnet || global.json) && !args.dry_run {
        return Err(Failure::usage(
            "--output - leaves no room on standard output for --magnet or --json",
        ));
    }
    if to_stdout && !args.dry_run {
        output::check_stdout(&env.stdout)?;
    }
    let options = options(args, env)?;
    let scan = content::scan(&args.path, &options).map_err(|error| failure(&error, args))?;
    let existing = match args.force {
        true => Existing::Replace,
        false => Existing::Refuse,
    };
    let output = match &args.output {
        _ if to_stdout => Output::Stdout,
        Some(path) => Output::File(path.clone()),
        None => Output::File(format!("{}.torrent", scan.name()).into()),
    };
    if args.dry_run {
        report::planned(&scan, &options, &output, args, global, env)?;
        return Ok(Exit::Success);
    }
    if let Output::File(path) = &output {
        if scan.holds(path) {
            return Err(Failure::usage(format!(
                "{} is one of the files to share; --exclude leaves it out, --output writes elsewhere",
                path.display()
            )));
        }
        // Told before hours of hashing, not after.
        output::check(path, existing)?;
    }
    let bytes = hash(scan, args, global, env)?;
    let metainfo = Metainfo::parse(&bytes)
        .map_err(|error| Failure::metainfo("the torrent that was made", &error))?;
    match &output {
        Output::Stdout => env.stdout.write(&bytes)?,
        Output::File(path) => {
            output::write(path, &bytes, existing)?;
            report::made(&metainfo, bytes.len(), path, args, global, env)?;
        }
    }
    Ok(Exit::Success)
}

fn hash(
    scan: Scan,
    args: &CreateArgs,
    global: &GlobalArgs,
    env: &mut Env,
) -> Result<Vec<u8>, Failure> {
    let task = Task {
        verb: "hashing",
        name: scan.name().to_owned(),
        bytes: scan.total_len(),
    };
    hashing::run(task, global, env, |meter| scan.hash(meter))?
        .map_err(|error| failure(&error, args))
}

/// What the library is to do.
fn options(args: &CreateArgs, env: &Env) -> Result<CreateOptions, Failure> {
    let nodes = args.node.iter();
    Ok(CreateOptions {
        format: match (args.v2, args.hybrid) {
            (true, _) => Format::V2,
            (_, true) => Format::Hybrid,
            _ => Format::V1,
        },
        piece_len: match args.piece_length {
            PieceLength::Auto => None,
            PieceLength::Bytes(bytes) => Some(bytes),
        },
        name: args.name.clone(),
        trackers: args.announce.iter().map(|tier| tier.0.clone()).collect(),
        web_seeds: args.web_seed.clone(),
        nodes: nodes.map(|node| (node.host.clone(), node.port)).collect(),
        private: args.private,
        source: args.source.clone(),
        comment: args.comment.clone(),
        created_by: (!args.no_created_by).then(|| CREATED_BY.to_owned()),
        creation_date: creation_date(args, env)?,
        filter: filter(args)?,
        order: match args.sort {
            Sort::Path => Vec::new(),
            Sort::Size => vec![SortKey::Size],
            Sort::SizeDescending => vec![SortKey::SizeDescending],
        },
        symlinks: match args.symlinks {
            SymlinkChoice::Keep => Symlinks::Keep,
            SymlinkChoice::Follow => Symlinks::Follow,
        },
        threads: args.threads,
    })
}

/// The date that was asked for, that of `SOURCE_DATE_EPOCH`
/// (reproducible-builds.org), or the present.
fn creation_date(args: &CreateArgs, env: &Env) -> Result<Option<i64>, Failure> {
    if args.no_date {
        return Ok(None);
    }
    if args.creation_date.is_some() {
        return Ok(args.creation_date);
    }
    if let Some(text) = env.var("SOURCE_DATE_EPOCH") {
        let date = text.parse().ok().filter(|&seconds: &i64| seconds >= 0);
        return date.map(Some).ok_or_else(|| {
            Failure::usage(format!(
                "SOURCE_DATE_EPOCH is {text:?}, not a number of seconds since 1970"
            ))
        });
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(now.ok().and_then(|now| i64::try_from(now.as_secs()).ok()))
}

fn filter(args: &CreateArgs) -> Result<Option<Filter>, Failure> {
    if args.include.is_empty() && args.exclude.is_empty() {
        return Ok(None);
    }
    let globs = Globs::new(&args.include, &args.exclude)?;
    let name = args.name.clone().map(PathBuf::from);
    let root = name
        .or_else(|| args.path.file_name().map(PathBuf::from))
        .unwrap_or_default();
    Ok(Some(Arc::new(move |path: &str| {
        globs.choose(&[Path::new(path), &root.join(path)])
    })))
}

fn failure(error: &CreateError, args: &CreateArgs) -> Failure {
    let failure = Failure::create(args.path.display(), error);
    match error {
        // The option is at fault, not the file.
        CreateError::Name { name, .. } if args.name.as_ref() == Some(name) => {
            Failure::usage(failure.message)
        }
        CreateError::LinkOutside { .. } => Failure::new(
            failure.exit,
            format!(
                "{}; --exclude leaves it out, --symlinks follow takes what it leads to",
                failure.message
            ),
        ),
        CreateError::NotAFile(path) if *path != args.path => Failure::new(
            failure.exit,
            format!("{}; --exclude leaves it out", failure.message),
        ),
        _ => failure,
    }
}
