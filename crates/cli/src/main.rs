//! The process around the program: its arguments, streams and exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut env = superseed_cli::Env::of_process();
    let exit = match superseed_cli::plan(&mut env) {
        Ok(Some(plan)) => {
            superseed_cli::log::start(plan.log_level(), env.stderr.colour(plan.colour()));
            superseed_cli::run(plan, &mut env)
        }
        Ok(None) => superseed_cli::Exit::Success,
        Err(exit) => exit,
    };
    ExitCode::from(exit.code())
}
