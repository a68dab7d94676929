//! The `superseed` command: argv → plan → run(env).
//!
//! [`plan`] parses without side effects beyond reading the configuration,
//! [`run`] carries the plan out in the environment that it is given. Standard
//! output carries results, standard error talk. What peers, pieces and
//! trackers need is decided in the library; here is only what a user of a
//! terminal sees.

mod args;
mod bench;
mod commands;
mod config;
mod create;
mod edit;
mod env;
mod exit;
mod globs;
mod interrupts;
pub mod log;
mod magnet;
mod os;
mod output;
mod progress;
mod runtime;
mod share;
mod show;
mod source;
mod text;
mod tracker;
mod transfer;
mod verify;

pub use args::Plan;
pub use env::{Colour, Env, Stream};
pub use exit::{Exit, Failure};
pub use interrupts::Interrupts;

use args::Command;

/// Reads the command line, the environment and the configuration.
///
/// `None` means that the user asked for help or the version and has got it.
/// Failures have been told on standard error.
pub fn plan(env: &mut Env) -> Result<Option<Plan>, Exit> {
    match config::layers::plan(env) {
        Ok(plan) => Ok(Some(plan)),
        Err(config::layers::NoPlan::Help(text)) => match env.stdout.write(text) {
            Ok(()) => Ok(None),
            Err(error) => Err(tell(env, &Failure::from(error))),
        },
        Err(config::layers::NoPlan::Clap(text)) => {
            env.stderr.say(text.trim_end());
            Err(Exit::Usage)
        }
        Err(config::layers::NoPlan::Failure(failure)) => Err(tell(env, &failure)),
    }
}

/// Carries out a plan; failures have been told on standard error.
pub fn run(plan: Plan, env: &mut Env) -> Exit {
    let global = plan.global;
    let result = match plan.command {
        Command::Download(args) => transfer::download(args, &global, env),
        Command::Seed(args) => transfer::seed(args, &global, env),
        Command::Share(args) => share::run(&args, &global, env),
        Command::Create(args) => create::run(&args, &global, env),
        Command::Magnet(args) => magnet::run(&args, &global, env),
        Command::Edit(args) => edit::run(&args, &global, env),
        Command::Show(args) => show::run(&args, &global, env),
        Command::Verify(args) => verify::run(&args, &global, env),
        Command::Tracker(args) => tracker::run(&args, &global, env),
        Command::Bench(args) => bench::run(&args, &global, env),
        Command::Completions { shell } => commands::completions(shell, env),
        Command::Man { dir } => commands::man(dir.as_deref(), env),
        Command::Config { action } => config::command::run(action, &global, env),
    };
    match result {
        Ok(exit) => exit,
        Err(failure) => tell(env, &failure),
    }
}

fn tell(env: &Env, failure: &Failure) -> Exit {
    if !failure.message.is_empty() {
        // It may quote a torrent.
        let failure = text::figures::printable(&failure.message);
        env.stderr.say(format!("superseed: {failure}"));
    }
    failure.exit
}
