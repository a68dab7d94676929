//! Web seeds (BEP 19): nginx as it is, alone and beside a peer, and servers that
//! do wrong.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::case::{Case, Group};
use super::clients::{Job, PORT, superseed_command, superseed_download};
use super::compare::{Strictness, same_tree};
use super::fixture::{Fixture, Set};
use super::install::Tool;
use super::namespace::host;
use super::stage::{Process, Stage, python, script, wait_until};

const LIMIT: Duration = Duration::from_secs(90);
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where the web seed is, and its port.
const WEB: u8 = 5;
const WEB_PORT: u16 = 8_080;
/// What each side sends where both do.
const RATE_BYTES_PER_S: u64 = 8 << 20;
/// The least that each of two sides of equal rate must bring.
const PART_MIN: f64 = 0.2;
/// After how many bytes the truncating server ends every other body.
const TRUNCATED: u64 = 700 << 10;

/// The cases of this module.
pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, tool, set, run| Case {
        name: format!("web-seed-{name}"),
        group: Group::Default,
        shares: false,
        needs: vec![Tool::Iproute, Tool::Libtorrent, tool],
        sets: vec![set],
        limit: LIMIT + Duration::from_secs(10),
        run,
    };
    let (nginx, own) = (Tool::Nginx, Tool::Libtorrent);
    vec![
        case("alone", nginx, Set::Scripts, Box::new(alone)),
        case("beside", nginx, Set::Medium, Box::new(beside)),
        case("302", nginx, Set::LargePieces, Box::new(redirected)),
        case("truncating", own, Set::Single, Box::new(truncating)),
        case("lying", own, Set::Single, Box::new(lying)),
    ]
}

fn addr() -> SocketAddr {
    SocketAddr::new(host(WEB), WEB_PORT)
}

fn url(path: &str) -> String {
    format!("http://{}/{path}", addr())
}

/// What is served: the directory that holds a fixture's content.
fn root(fixture: &Fixture) -> Result<&Path> {
    fixture.content.parent().context("content lies somewhere")
}

/// nginx with the content below it, each connection at a rate if one is given,
/// that sends whoever asks below /moved/ to where the content is. Its log has
/// the bytes of each body.
fn nginx(stage: &Stage, fixture: &Fixture, rate_bytes_per_s: Option<u64>) -> Result<Process> {
    let rate = rate_bytes_per_s.map_or_else(String::new, |rate| format!("limit_rate {rate};"));
    let at = |name: &str| stage.path(name).display().to_string();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds
        .iter()
        .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
        .collect();
    let text = format!(
        r#"daemon off; master_process off; user root; pid {pid}; error_log stderr;
events {{}}
http {{
    {temporary}
    log_format bodies "$status $body_bytes_sent $request";
    access_log {log} bodies;
    server {{
        listen {addr};
        root "{root}";
        {rate}
        location /moved/ {{ rewrite ^/moved/(.*)$ /$1 redirect; }}
    }}
}}
"#,
        pid = at("nginx.pid"),
        log = at("access.log"),
        addr = addr(),
        root = root(fixture)?.display(),
    );
    let config = stage.path("nginx.conf");
    fs::write(&config, text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&config).arg("-e").arg("stderr");
    let mut nginx = stage.spawn("nginx", &mut command)?;
    wait_until(PATIENCE, "nginx", || {
        nginx.ensure_runs()?;
        Ok(TcpStream::connect(addr()).is_ok())
    })?;
    Ok(nginx)
}

/// Bytes of bodies that nginx has sent.
fn sent(stage: &Stage) -> Result<u64> {
    let log = fs::read_to_string(stage.path("access.log"))?;
    let bodies = log.lines().filter_map(|line| line.split(' ').nth(1));
    bodies
        .map(|len| len.parse::<u64>().context("nginx's log"))
        .sum()
}

/// A server that does wrong.
fn scripted(stage: &Stage, fixture: &Fixture, wrong: &[&str]) -> Result<Process> {
    let mut command = Command::new(python());
    command.arg(script("web_server.py")).arg(root(fixture)?);
    command.args(["--listen", &addr().to_string()]).args(wrong);
    let mut server = stage.spawn("web", &mut command)?;
    server.wait_line(PATIENCE, "the web seed")?;
    Ok(server)
}

/// Downloads a fixture from a web seed and some peers, and compares it. Gives
/// what the command said to its user.
fn download(
    stage: &Stage,
    fixture: &Fixture,
    url: &str,
    peers: &[SocketAddr],
) -> Result<(f64, String)> {
    let dir = stage.data("leech")?;
    let job = Job {
        torrent: &fixture.torrent,
        dir: &dir,
        ip: host(3),
        peers,
        upload_limit: None,
    };
    let mut command = superseed_download(stage, &job);
    command.args(["--web-seed", url]);
    let start = std::time::Instant::now();
    let mut process = stage.spawn("leech", &mut command)?;
    process.wait_success(LIMIT)?;
    let seconds = start.elapsed().as_secs_f64();
    same_tree(&fixture.content, &dir, Strictness::Exact)?;
    let said = fs::read(stage.path("leech.err"))?;
    let said = String::from_utf8_lossy(&said).into_owned() + &process.output()?;
    Ok((seconds, said))
}

/// A peer that has everything and sends at the rate of one side. libtorrent
/// would not: its limits do not hold in a local network. It does not end by
/// itself.
fn seed(stage: &Stage, fixture: &Fixture) -> Result<Process> {
    let dir = stage.data("seed")?;
    fixture.link_into(&dir)?;
    let mut command = superseed_command(stage, "seed");
    command.arg(&fixture.torrent).arg("--dir").arg(dir);
    command.args(["--listen", &peer().to_string()]);
    command.args(["--max-upload-limit", &RATE_BYTES_PER_S.to_string()]);
    let mut seed = stage.spawn("seed", &mut command)?;
    wait_until(PATIENCE, "the peer", || {
        seed.ensure_runs()?;
        Ok(seed.output()?.contains("\"seeding\""))
    })?;
    Ok(seed)
}

fn peer() -> SocketAddr {
    SocketAddr::new(host(6), PORT)
}

fn alone(stage: &Stage) -> Result<String> {
    let fixture = Set::Scripts.fixture()?;
    let _nginx = nginx(stage, &fixture, None)?;
    let (seconds, _) = download(stage, &fixture, &url(""), &[])?;
    let sent = sent(stage)?;
    Ok(format!(
        "{} bytes of {sent} sent in {seconds:.1} s",
        fixture.total_len
    ))
}

fn beside(stage: &Stage) -> Result<String> {
    let fixture = Set::Medium.fixture()?;
    // Three connections share the rate.
    let _nginx = nginx(stage, &fixture, Some(RATE_BYTES_PER_S / 3))?;
    let _seed = seed(stage, &fixture)?;
    let (seconds, _) = download(stage, &fixture, &url(""), &[peer()])?;
    let part = sent(stage)? as f64 / fixture.total_len as f64;
    let figures = format!("{:.0} % of the web seed in {seconds:.1} s", 100.0 * part);
    let both = (PART_MIN..=1.0 - PART_MIN).contains(&part);
    ensure!(both, "one side brought too little: {figures}");
    Ok(figures)
}

fn redirected(stage: &Stage) -> Result<String> {
    let fixture = Set::LargePieces.fixture()?;
    let _nginx = nginx(stage, &fixture, None)?;
    let (seconds, _) = download(stage, &fixture, &url("moved/"), &[])?;
    let log = fs::read_to_string(stage.path("access.log"))?;
    let redirects = log.lines().filter(|line| line.starts_with("302 ")).count();
    ensure!(redirects > 0, "nobody was redirected");
    Ok(format!("{redirects} redirects in {seconds:.1} s"))
}

fn truncating(stage: &Stage) -> Result<String> {
    let fixture = Set::Single.fixture()?;
    let truncated = TRUNCATED.to_string();
    let _web = scripted(stage, &fixture, &["--truncate", &truncated])?;
    let (seconds, _) = download(stage, &fixture, &url(""), &[])?;
    let log = fs::read_to_string(stage.path("web.err"))?;
    let ends = log
        .lines()
        .filter_map(|line| line.strip_prefix("ended before "));
    let gone_on = ends
        .filter(|end| log.contains(&format!("bytes={end}-")))
        .count();
    ensure!(gone_on > 0, "nothing was gone on with where it ended");
    let len = fixture.total_len;
    Ok(format!(
        "{len} bytes in {seconds:.1} s, gone on with {gone_on} times"
    ))
}

fn lying(stage: &Stage) -> Result<String> {
    let fixture = Set::Single.fixture()?;
    let _web = scripted(stage, &fixture, &["--lies"])?;
    // Slow enough to leave the web seed the time to lie.
    let _seed = seed(stage, &fixture)?;
    let (seconds, said) = download(stage, &fixture, &url(""), &[peer()])?;
    ensure!(said.contains("sent wrong data"), "it was not found out");
    ensure!(!said.contains("was banned"), "a peer was banned for it");
    Ok(format!("found out, and complete after {seconds:.1} s"))
}
