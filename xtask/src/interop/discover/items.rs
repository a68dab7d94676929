//! Items that the DHT stores (BEP 44), put by one make of client and got by the
//! other.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use superseed_proto::krpc::{Item, MutableItem};

use super::dht;
use crate::interop::case::{Case, Group};
use crate::interop::install::Tool;
use crate::interop::stage::{self, Process, Stage, python, script, wait_until};
use crate::process::whole_lines;

/// Who stores and looks up with our library.
const EXAMPLE: &str = "dht_items";
/// What the names of the cases begin with.
const PREFIX: &str = "dht-items-";
/// Nodes that store: as many as an item is stored at.
const NODES: u8 = 8;
/// What all of one client may take.
const LIMIT: Duration = Duration::from_secs(90);
/// Whose the mutable items are.
const SECRET: [u8; 32] = [7; 32];
const SALT: &str = "salt and more";
/// What is found by its hash, and what by the key and the salt: first the one, then
/// the other in its place.
const IMMUTABLE: &str = "never changes";
const FIRST: &str = "the first of a key";
const SECOND: &str = "the second of a key";

/// One case for each way that an item may go.
pub(super) fn cases() -> Vec<Case> {
    use Make::{Libtorrent, Ours};
    vec![
        case("to-libtorrent", Ours, Libtorrent, Libtorrent),
        case("from-libtorrent", Libtorrent, Libtorrent, Ours),
        case("through-ours", Libtorrent, Ours, Libtorrent),
    ]
}

/// Builds what some of these cases need.
pub(super) fn build(cases: &[Case]) -> Result<()> {
    match cases.iter().any(|case| case.name.starts_with(PREFIX)) {
        true => stage::build_example(EXAMPLE),
        false => Ok(()),
    }
}

fn case(name: &str, puts: Make, stores: Make, gets: Make) -> Case {
    Case {
        name: format!("{PREFIX}{name}"),
        group: Group::Default,
        shares: true,
        needs: vec![Tool::Iproute, Tool::Libtorrent],
        sets: Vec::new(),
        limit: 3 * LIMIT,
        run: Box::new(move |stage| run(stage, puts, stores, gets)),
    }
}

fn run(stage: &Stage, puts: Make, stores: Make, gets: Make) -> Result<String> {
    let begun = Instant::now();
    let mut nodes = match stores {
        Make::Libtorrent => vec![dht::nodes_of_libtorrent(stage, NODES, None)?],
        Make::Ours => (1..=NODES)
            .map(|n| dht::node_of_ours(stage, n, dht::node(1)))
            .collect::<Result<_>>()?,
    };
    std::thread::sleep(dht::MEETING);
    match puts {
        // Who gets waits for a quarter of a minute for a node that has gone.
        Make::Ours => nodes.push(put_by_ours(stage)?),
        // It stores with itself as well, and must not be whom it is got from.
        Make::Libtorrent => put_by_libtorrent(stage)?,
    }
    let got = match gets {
        Make::Ours => got_by_ours(stage)?,
        Make::Libtorrent => got_by_libtorrent(stage)?,
    };
    let wanted = (IMMUTABLE.to_owned(), 2, SECOND.to_owned());
    ensure!(got == wanted, "{got:?} was got");
    for node in &mut nodes {
        node.ensure_runs()?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(format!(
        "one that cannot change and two of one key, {seconds:.1} s"
    ))
}

/// Whose a client or a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Make {
    Ours,
    Libtorrent,
}

fn mutable(seq: i64, value: &str) -> Result<MutableItem> {
    let value = bencoded(value).into_bytes();
    Ok(MutableItem::sign(&SECRET, SALT.as_bytes(), seq, value)?)
}

/// Where the item is that cannot change.
fn hash() -> String {
    hex(&Item::Immutable(bencoded(IMMUTABLE).into_bytes()).target().0)
}

fn key() -> Result<String> {
    Ok(hex(&mutable(1, FIRST)?.key.0))
}

fn put_by_ours(stage: &Stage) -> Result<Process> {
    let secret = hex(&SECRET);
    let (immutable, first, second) = (bencoded(IMMUTABLE), bencoded(FIRST), bencoded(SECOND));
    let mut verbs = vec!["put", &immutable];
    verbs.extend(["put-mutable", &secret, SALT, "1", &first]);
    verbs.extend(["put-mutable", &secret, SALT, "2", &second, "stay"]);
    let (process, lines) = start(stage, "ours-puts", ours(40), &verbs, 3)?;
    let wanted = [hash(), key()?, key()?];
    ensure!(lines == wanted, "they were stored by {lines:?}");
    Ok(process)
}

fn put_by_libtorrent(stage: &Stage) -> Result<()> {
    let (secret, key) = (hex(&SECRET), key()?);
    let mut verbs = vec!["put", IMMUTABLE];
    verbs.extend(["put-mutable", &secret, &key, SALT, FIRST]);
    verbs.extend(["put-mutable", &secret, &key, SALT, SECOND]);
    let (_, lines) = start(stage, "libtorrent-puts", libtorrent(40), &verbs, 3)?;
    let said = read(&lines)?;
    let stored = |said: &Value| said["stored"].as_u64() >= Some(u64::from(NODES - 1));
    ensure!(said.iter().all(stored), "few took one: {lines:?}");
    // It takes the number after the one that is stored.
    let is_right = said[0]["hash"] == hash() && said[1]["seq"] == 1 && said[2]["seq"] == 2;
    ensure!(is_right, "they were stored by {lines:?}");
    Ok(())
}

/// What is found by the hash, and number and value of what is by the key.
type Got = (String, i64, String);

fn got_by_ours(stage: &Stage) -> Result<Got> {
    let (hash, key) = (hash(), key()?);
    let verbs = ["get", &hash, "get-mutable", &key, SALT, "stay"];
    let (_, lines) = start(stage, "ours-gets", ours(41), &verbs, 2)?;
    let (seq, value) = lines[1].split_once(' ').context("it said no number")?;
    Ok((unbencoded(&lines[0])?, seq.parse()?, unbencoded(value)?))
}

fn got_by_libtorrent(stage: &Stage) -> Result<Got> {
    let (hash, key) = (hash(), key()?);
    let verbs = ["get", &hash, "get-mutable", &key, SALT];
    let (_, lines) = start(stage, "libtorrent-gets", libtorrent(41), &verbs, 2)?;
    let said = read(&lines)?;
    let value = |said: &Value| said["value"].as_str().unwrap_or_default().to_owned();
    let seq = said[1]["seq"].as_i64().context("it said no number")?;
    Ok((value(&said[0]), seq, value(&said[1])))
}

/// A client of ours at an address.
fn ours(n: u8) -> Command {
    let mut command = Command::new(stage::example(EXAMPLE));
    command.args([dht::node(n).to_string(), dht::node(2).to_string()]);
    command
}

/// One of libtorrent's.
fn libtorrent(n: u8) -> Command {
    let mut command = Command::new(python());
    command.arg(script("dht_items.py"));
    command.args(["--listen", &dht::node(n).to_string()]);
    command.args(["--bootstrap", &dht::node(2).to_string()]);
    command
}

/// Has a client do something, and returns the lines that it says of it.
fn start(
    stage: &Stage,
    name: &str,
    mut command: Command,
    verbs: &[&str],
    count: usize,
) -> Result<(Process, Vec<String>)> {
    let mut process = stage.spawn(name, command.args(verbs))?;
    let mut lines = Vec::new();
    wait_until(LIMIT, &format!("{name} to be done"), || {
        process.ensure_runs()?;
        lines = whole_lines(&process.output()?).map(str::to_owned).collect();
        Ok(lines.len() >= count)
    })?;
    Ok((process, lines))
}

fn read(lines: &[String]) -> Result<Vec<Value>> {
    let read = lines.iter().map(|line| serde_json::from_str(line));
    Ok(read.collect::<Result<_, _>>()?)
}

fn bencoded(value: &str) -> String {
    format!("{}:{value}", value.len())
}

fn unbencoded(value: &str) -> Result<String> {
    let (_, text) = value.split_once(':').context("it got no string")?;
    ensure!(value == bencoded(text), "{value} was got");
    Ok(text.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
