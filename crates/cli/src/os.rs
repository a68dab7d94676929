//! What the command asks of the operating system about its own process.

use std::time::Duration;

/// Columns of the terminal at standard error; 80 if nobody knows.
pub(crate) fn terminal_width() -> u16 {
    imp::terminal_width().unwrap_or(80)
}

/// Processor time that all threads of this process used, if the system tells.
pub(crate) fn cpu_time() -> Option<Duration> {
    imp::cpu_time()
}

/// The most memory that this process held at one time, in bytes: `VmHWM`,
/// which Linux alone tells.
pub(crate) fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(unix)]
mod imp {
    use std::time::Duration;

    pub(super) fn terminal_width() -> Option<u16> {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok()?;
        (size.ws_col > 0).then_some(size.ws_col)
    }

    pub(super) fn cpu_time() -> Option<Duration> {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(Duration::new(
            u64::try_from(time.tv_sec).ok()?,
            u32::try_from(time.tv_nsec).ok()?,
        ))
    }
}

#[cfg(not(unix))]
mod imp {
    use std::time::Duration;

    pub(super) fn terminal_width() -> Option<u16> {
        None
    }

    pub(super) fn cpu_time() -> Option<Duration> {
        None
    }
}
