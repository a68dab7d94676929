//! The end of a call: what is printed and which code it exits with.

use super::item::{Item, Stage};
use super::order::Order;
use crate::args::GlobalArgs;
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::progress::Ending;
use crate::text::figures;

/// The code of the first failure, in the order of the sources.
pub(crate) fn exit(items: &[Item]) -> Exit {
    let first = items.iter().find_map(Item::failure);
    first.map_or(Exit::Success, |failure| failure.exit)
}

/// How each torrent ended.
pub(crate) fn endings(items: &[Item]) -> Vec<Ending> {
    let ending = |item: &Item| Ending {
        name: item.name().to_owned(),
        hash: item.hash().to_owned(),
        path: item.path().to_owned(),
        failure: item.failure().cloned(),
    };
    items.iter().map(ending).collect()
}

/// Prints where the data lies: one path, or a table for several torrents.
/// JSON readers have had their summary.
pub(crate) fn tell(
    items: &[Item],
    order: Order,
    global: &GlobalArgs,
    env: &Env,
) -> Result<Exit, Failure> {
    let exit = exit(items);
    if global.json {
        return Ok(exit);
    }
    if let [item] = items {
        // A call that only seeded has made nothing whose path were news.
        let made = !order.is_seed && matches!(item.stage, Stage::Ended(Ok(())));
        if made {
            env.stdout.line(item.path().display().to_string())?;
        }
        return Ok(exit);
    }
    for item in items {
        let (code, words) = match item.failure() {
            Some(failure) => (failure.exit.code(), failure.message.clone()),
            None => (0, item.path().display().to_string()),
        };
        let done = item.stats.as_ref().map_or(0.0, |stats| {
            figures::percent(
                stats.wanted_bytes - stats.left_bytes.min(stats.wanted_bytes),
                stats.wanted_bytes,
            )
        });
        let name = figures::printable(item.name());
        env.stdout
            .line(format!("{code:>3}  {done:>5.1}%  {name}  {words}"))?;
    }
    Ok(exit)
}
