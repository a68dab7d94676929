//! `--on-complete`: the user's own command, once per completed torrent.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// What the command gets to know.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Runs the command to its end; answers with a sentence if it failed.
///
/// Its words go to standard error, for standard output is ours.
pub(crate) async fn run(command: String, completed: Completed) -> Option<String> {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let status = Command::new(shell)
        .arg(flag)
        .arg(&command)
        .env("SUPERSEED_NAME", &completed.name)
        .env("SUPERSEED_HASH", &completed.hash)
        .env("SUPERSEED_PATH", &completed.path)
        .env("SUPERSEED_SIZE", completed.bytes.to_string())
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .await;
    match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!(
            "--on-complete for {}: {command:?} ended with {status}",
            completed.name
        )),
        Err(error) => Some(format!("--on-complete: cannot run {shell}: {error}")),
    }
}
