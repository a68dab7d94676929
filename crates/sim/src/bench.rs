//! `superseed-sim --policies`: runs the benchmark of the policies, says how
//! long it will take, and writes what it found; or replays one run of it.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use superseed_sim::policies::{self, Plan};

/// Runs it; the first of the words is the directory.
pub(crate) fn main(words: &[String]) -> ExitCode {
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run(words: &[String]) -> Result<(), String> {
    let (dir, words) = words.split_first().ok_or("--policies needs a directory")?;
    let (mut quick, mut seeds, mut job) = (false, None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => quick = true,
            "--seeds" => {
                let count = words.next().and_then(|count| count.parse().ok());
                let count = count.filter(|count| *count > 0);
                seeds = Some(count.ok_or("--seeds needs a number above zero")?);
            }
            "--job" => {
                let number = words.next().and_then(|number| number.parse().ok());
                job = Some(number.ok_or("--job needs a number")?);
            }
            _ => return Err(format!("--policies does not know {word:?}")),
        }
    }
    let plan = if quick {
        Plan::quick(seeds.unwrap_or(Plan::SEEDS_QUICK))
    } else {
        Plan::full(seeds.unwrap_or(Plan::SEEDS))
    };
    if let Some(at) = job {
        let measured = policies::replay(&plan, at).ok_or("there is no such job")?;
        println!("{measured:#?}");
        return Ok(());
    }
    let start = Instant::now();
    let results = policies::run(&plan, |done, all| {
        if done % (all / 50).max(1) == 0 {
            eprintln!("{done} of {all} runs, {}", left(start.elapsed(), done, all));
        }
        ControlFlow::Continue(())
    });
    let results = results.expect("nothing broke it off");
    write(Path::new(dir), policies::document(&plan, &results))
}

fn left(elapsed: Duration, done: usize, all: usize) -> String {
    let left = elapsed.as_secs_f64() / done as f64 * (all - done) as f64;
    format!("about {:.1} minutes left", left / 60.0)
}

fn write(dir: &Path, files: Vec<(String, String)>) -> Result<(), String> {
    let failed =
        |path: &Path, why: std::io::Error| format!("cannot write {}: {why}", path.display());
    std::fs::create_dir_all(dir).map_err(|why| failed(dir, why))?;
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|why| failed(&path, why))?;
        println!("{}", path.display());
    }
    Ok(())
}
