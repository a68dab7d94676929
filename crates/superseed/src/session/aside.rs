//! Calls that may wait for a disk, on threads of their own: the caller's runtime
//! does not wait for one, and none is needed.

use std::thread;

use tokio::sync::oneshot;

/// Does something on a thread of this name. `None` if there can be no such thread.
pub(super) async fn aside<T: Send + 'static>(
    name: &str,
    act: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let run = move || {
        // A dropped receiver means that nobody waits any more.
        let _ = reply.send(act());
    };
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(run).ok()?;
    answer.await.ok()
}
