//! `superseed bench --policies`: the chokers and pickers compared in simulated
//! swarms (docs/results/policies.md).
//!
//! The simulator measures and writes; this one says how far it is, and puts the
//! document where it is wanted.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use superseed_sim::policies::{self, Plan, Results};
use tokio::sync::oneshot;

use crate::args::{BenchArgs, GlobalArgs};
use crate::env::{Env, Stream};
use crate::exit::{Exit, Failure};
use crate::runtime::block_on;

/// How often it is said how far the runs are.
const SAY_INTERVAL: Duration = Duration::from_secs(10);

/// Runs the benchmark and gives out what it found.
pub(super) fn run(args: &BenchArgs, global: &GlobalArgs, env: &mut Env) -> Result<Exit, Failure> {
    let plan = plan(args);
    let stop = Arc::new(AtomicBool::new(false));
    let stderr = (!global.quiet).then(|| env.stderr.clone());
    let (sender, receiver) = oneshot::channel();
    let (their_plan, their_stop) = (plan.clone(), Arc::clone(&stop));
    thread::Builder::new()
        .name("simulating".to_owned())
        // After an interrupt nobody waits for the result.
        .spawn(move || sender.send(measure(&their_plan, &their_stop, stderr.as_ref())))
        .map_err(|error| Failure::new(Exit::Other, format!("cannot start a thread: {error}")))?;
    let results = block_on(async {
        tokio::select! {
            results = receiver => Ok(results.ok().flatten()),
            () = env.interrupts.next() => {
                stop.store(true, Ordering::Relaxed);
                Err(Failure::new(Exit::Interrupted, "the benchmark was interrupted"))
            }
        }
    })?;
    let results =
        results.ok_or_else(|| Failure::new(Exit::Other, "a simulated swarm did not finish"))?;
    let files = policies::document(&plan, &results);
    match &args.dir {
        Some(dir) => write(dir, &files, env)?,
        None => env.stdout.write(&files[0].1)?,
    }
    Ok(Exit::Success)
}

fn plan(args: &BenchArgs) -> Plan {
    let seeds = args.seeds.map(u64::from);
    let (mut plan, quick) = if args.quick {
        (Plan::quick(seeds.unwrap_or(Plan::SEEDS_QUICK)), " --quick")
    } else {
        (Plan::full(seeds.unwrap_or(Plan::SEEDS)), "")
    };
    plan.command = format!("superseed bench --policies{quick} --seeds {}", plan.seeds);
    plan
}

fn measure(plan: &Plan, stop: &AtomicBool, stderr: Option<&Stream>) -> Option<Results> {
    let began = Instant::now();
    let said = Mutex::new(began);
    policies::run(plan, |done, all| {
        if stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        if let (Some(stderr), Ok(mut said)) = (stderr, said.lock())
            && said.elapsed() >= SAY_INTERVAL
        {
            *said = Instant::now();
            let left = began.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
            let minutes = left / 60.0;
            stderr.say(format!(
                "{done} of {all} simulations, about {minutes:.1} minutes left"
            ));
        }
        ControlFlow::Continue(())
    })
}

fn write(dir: &Path, files: &[(String, String)], env: &Env) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)
        .map_err(|error| Failure::file("make the directory", dir.display(), &error))?;
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::file("write", path.display(), &error))?;
        env.stdout.write(format!("{}\n", path.display()))?;
    }
    Ok(())
}
