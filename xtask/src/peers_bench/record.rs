//! docs/results/peers.md: a section for each bench, replaced when it has run.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

const TITLE: &str = "# Beside other clients";

/// Where the figures are kept.
pub(super) fn path() -> PathBuf {
    crate::root().join("docs/results/peers.md")
}

/// Puts a section in the place of the one with its heading, or at the end.
pub(super) fn write(heading: &str, body: &str) -> Result<()> {
    let path = path();
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, with_section(&before, heading, body))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn with_section(document: &str, heading: &str, body: &str) -> String {
    let section = format!("{heading}\n\n{}\n", body.trim());
    let mut parts = document.split("\n## ");
    let top = parts.next().unwrap_or_default().trim();
    let mut sections: Vec<String> = parts.map(|text| format!("{}\n", text.trim())).collect();
    let is_it = |text: &&mut String| text.lines().next() == Some(heading);
    match sections.iter_mut().find(is_it) {
        Some(old) => *old = section,
        None => sections.push(section),
    }
    let mut text = match top.is_empty() {
        true => format!("{TITLE}\n"),
        false => format!("{top}\n"),
    };
    for section in sections {
        let _ = write!(text, "\n## {section}");
    }
    text
}

/// The machine, the day and the command, in a line.
pub(super) fn machine(command: &str) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown CPU", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let date = Command::new("date").args(["-u", "+%F"]).output()?.stdout;
    Ok(format!(
        "{}, {model}, {cores} cores, Linux {}: `{command}`",
        String::from_utf8_lossy(&date).trim(),
        kernel.trim(),
    ))
}

/// How busy the machine has been in the last minute.
pub(super) fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let load = text.split(' ').next();
    Ok(load.context("/proc/loadavg is empty")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_its_own_kind_and_no_other() {
        let one = with_section("", "leech", "first");
        assert_eq!(one, format!("{TITLE}\n\n## leech\n\nfirst\n"));
        let two = with_section(&one, "seed", "other\n");
        let three = with_section(&two, "leech", "second");
        assert_eq!(
            three,
            format!("{TITLE}\n\n## leech\n\nsecond\n\n## seed\n\nother\n")
        );
    }
}
