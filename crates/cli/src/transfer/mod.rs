//! `superseed download` and `superseed seed`.
//!
//! Owns the way from sources and options to a session, and the rules by which
//! the command ends. What happens between peers is the library's business.

mod hook;
mod item;
mod links;
mod order;
mod outcome;
mod runner;
mod select;
mod setup;
mod waiting;

use std::ffi::OsString;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use superseed::Route;

use crate::args::{DownloadArgs, GlobalArgs, SeedArgs, TransferArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::progress;
use crate::runtime::block_on;
use crate::show;
use crate::source::{Given, Source};
use crate::text::figures::printable;
use crate::transfer::item::Item;
use crate::transfer::order::Order;
use crate::transfer::waiting::{READ_MAX, Ready, Waiting};

/// Runs `superseed download`.
pub(crate) fn download(
    args: DownloadArgs,
    global: &GlobalArgs,
    env: &mut Env,
) -> Result<Exit, Failure> {
    let order = Order::of_download(&args);
    block_on(run(args.sources, args.transfer, order, global, env))
}

/// Runs `superseed seed`.
pub(crate) fn seed(args: SeedArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let order = Order::of_seed(&args);
    block_on(run(args.sources, args.transfer, order, global, env))
}

async fn run(
    sources: Vec<OsString>,
    args: TransferArgs,
    order: Order,
    global: &GlobalArgs,
    env: &mut Env,
) -> Result<Exit, Failure> {
    let sources = all_sources(sources, &args, env)?;
    if sources.is_empty() {
        return Err(Failure::usage(
            "name a .torrent file, a URL of one, a magnet link, or - for standard input",
        ));
    }
    if sources.len() > 1 && (args.out.is_some() || !args.index_out.is_empty()) {
        return Err(Failure::usage(
            "--out and --index-out need exactly one torrent",
        ));
    }
    // Told once, before anything is fetched.
    let route = setup::route(&args.route).await?;
    let keeps = sources.len() <= READ_MAX || args.show_files;
    let mut items = Vec::with_capacity(sources.len());
    for given in &sources {
        items.push(load(given, keeps, &args, &route, order, env).await);
    }
    if args.show_files {
        links::find(&mut items, &args, &route, order, env).await?;
        return show_files(&items, global, env);
    }
    let mut progress = progress::choose(&args, global, env);
    for item in &items {
        if let Some(failure) = item.failure() {
            progress.error(item.name(), item.hash(), failure);
        }
    }
    if items.iter().any(|item| item.waiting().is_some()) {
        let session = setup::session(&args, &route, env)?;
        let peers = setup::resolve_peers(&session, &args.peer).await?;
        runner::run(
            session,
            &mut items,
            peers,
            &args,
            order,
            &mut *progress,
            env,
        )
        .await?;
    }
    progress.summary(&outcome::endings(&items), outcome::exit(&items));
    outcome::tell(&items, order, global, env)
}

/// The sources of the command line, then those of `--input-file`.
fn all_sources(
    mut sources: Vec<OsString>,
    args: &TransferArgs,
    env: &mut Env,
) -> Result<Vec<OsString>, Failure> {
    let Some(path) = &args.input_file else {
        return Ok(sources);
    };
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        env.stdin.read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(path).map(|all| text = all)
    };
    read.map_err(|error| Failure::file("read", path.display(), &error))?;
    let lines = text.lines().map(str::trim);
    sources.extend(
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(OsString::from),
    );
    Ok(sources)
}

/// Reads one source and applies the options to it, and `keeps` what was read or
/// reads a file again later. A failure is the item's own: the others go on.
async fn load(
    given: &OsString,
    keeps: bool,
    args: &TransferArgs,
    route: &Route,
    order: Order,
    env: &mut Env,
) -> Item {
    let name = given.to_string_lossy().into_owned();
    let source = match Given::parse(given) {
        Ok(Given::Torrent(source)) => source,
        Ok(Given::Magnet(magnet)) => return Item::of_link(name, *magnet),
        Err(failure) => return Item::failed(name, failure),
    };
    let read = source.load_by(route, &mut *env.stdin);
    let loaded = match &source {
        Source::Url(_) => tokio::select! {
            loaded = read => loaded,
            () = env.interrupts.next() => Err(Failure::new(
                Exit::Interrupted,
                format!("{source}: interrupted before it was read"),
            )),
        },
        // A read that blocks, as of a terminal, is ended by what signals do by
        // default, which waiting for them would take from them.
        Source::Path(_) | Source::Stdin => read.await,
    };
    let item = loaded.and_then(|(metainfo, _)| {
        if order.metadata_only {
            return Err(Failure::usage(format!(
                "{source} is a torrent file already; --metadata-only fetches that of a link"
            )));
        }
        let ready = Ready::new(&source, Arc::new(metainfo), args, order)?;
        Ok(Item::new(name.clone(), ready))
    });
    let mut item = item.unwrap_or_else(|failure| Item::failed(name, failure));
    if !keeps && let Source::Path(path) = source {
        item.forget(path);
    }
    item
}

/// `-S`: lists the files of each torrent and transfers nothing.
fn show_files(items: &[Item], global: &GlobalArgs, env: &Env) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for item in items {
        match (item.waiting(), item.failure()) {
            (Some(Waiting::Ready(ready)), _) => {
                if items.len() > 1 && !global.json {
                    env.stdout.line(format!("{}:", printable(item.name())))?;
                }
                show::list_files(&ready.metainfo, global.json, &env.stdout)?;
            }
            (_, failure) => {
                if let Some(failure) = failure {
                    let words = printable(&failure.message);
                    env.stderr.say(format!("superseed: {words}"));
                    exit = if exit == Exit::Success {
                        failure.exit
                    } else {
                        exit
                    };
                }
            }
        }
    }
    Ok(exit)
}

/// How often progress is asked for and the rules of the end are applied.
const TICK: Duration = Duration::from_secs(1);
