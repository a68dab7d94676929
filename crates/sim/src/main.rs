//! `superseed-sim`: runs a scenario again, to see what happens in it.
#![forbid(unsafe_code)]

mod bench;
mod speed;

use std::process::ExitCode;

use superseed_sim::policies::median;
use superseed_sim::scenario::{self, Outcome, Scenario};

const USAGE: &str =
    "usage: superseed-sim [--list] [--scenario NAME] [--seed N] [--seeds COUNT] [--once] [--trace]
       superseed-sim --policies DIR [--quick] [--seeds COUNT] [--job N]
       superseed-sim --speed

Runs one scenario, or all, with one seed, or COUNT seeds from N on. Each run is
made twice and compared, unless it is traced or --once is given. A trace goes to standard error.
After several seeds come the medians, with the least and the greatest.
With --policies it runs the benchmark of the policies instead, or a small part
of it, and writes the document and its plots into DIR; with --job it replays one
run, traced, and writes nothing. With --speed it says how many blocks a second
of a core delivers.";

struct Plan {
    scenarios: Vec<Scenario>,
    seed: u64,
    seeds: u64,
    once: bool,
    trace: bool,
    list: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan {
        scenarios: Vec::new(),
        seed: 0,
        seeds: 1,
        once: false,
        trace: false,
        list: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--scenario" => {
                let name = value()?;
                let found = scenario::named(&name);
                plan.scenarios
                    .push(found.ok_or_else(|| format!("no scenario is called {name:?}"))?);
            }
            "--seed" => plan.seed = number(&value()?)?,
            "--seeds" => plan.seeds = number(&value()?)?,
            "--once" => plan.once = true,
            "--trace" => plan.trace = true,
            "--list" => plan.list = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    if plan.scenarios.is_empty() {
        plan.scenarios = scenario::all().collect();
    }
    Ok(plan)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number"))
}

/// The median of each figure over the seeds, with its least and greatest.
fn summarise(name: &str, outcomes: &[Outcome]) {
    println!("{name}, {} seeds:", outcomes.len());
    for (at, (figure, _)) in outcomes[0].figures.iter().enumerate() {
        let values: Vec<f64> = outcomes.iter().map(|run| run.figures[at].1).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let median = median(&values);
        println!("  {figure} {median:.3} ({least:.3} to {greatest:.3})");
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == "--policies") {
        return bench::main(&args[1..]);
    }
    if args == ["--speed"] {
        return speed::main();
    }
    let plan = match parse(args.into_iter()) {
        Ok(plan) => plan,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    for scenario in &plan.scenarios {
        if plan.list {
            println!("{:28} {}", scenario.name, scenario.about);
            continue;
        }
        let mut outcomes = Vec::new();
        for seed in plan.seed..plan.seed + plan.seeds {
            let outcome = if plan.trace || plan.once {
                scenario.run(seed, plan.trace)
            } else {
                scenario.run_twice(seed)
            };
            let figures: Vec<String> = outcome
                .figures
                .iter()
                .map(|(name, value)| format!("{name}={value:.3}"))
                .collect();
            println!(
                "{} seed {seed}: {:.1} s, {} actions, digest {:016x} {}",
                scenario.name,
                outcome.time.as_secs_f64(),
                outcome.actions,
                outcome.digest,
                figures.join(" ")
            );
            outcomes.push(outcome);
        }
        if outcomes.len() > 1 {
            summarise(scenario.name, &outcomes);
        }
    }
    ExitCode::SUCCESS
}
