//! The figures of a benchmark.

use std::time::Duration;

use serde_json::{Value, json};

use crate::text::figures;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// What was measured. The seeder, the leechers and the tracker share one
/// process, so CPU time and memory are theirs together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) size_bytes: u64,
    pub(super) leechers: u16,
    pub(super) elapsed: Duration,
    pub(super) cpu: Option<Duration>,
    pub(super) memory_peak_bytes: Option<u64>,
}

impl Report {
    fn moved_bytes(&self) -> f64 {
        self.size_bytes as f64 * f64::from(self.leechers)
    }

    /// All leechers together.
    fn mib_per_s(&self) -> f64 {
        self.moved_bytes() / MIB / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn cpu_s_per_gib(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() / (self.moved_bytes() / GIB))
    }

    pub(super) fn page(&self) -> String {
        let leechers = match self.leechers {
            1 => "1 leecher".to_owned(),
            n => format!("each of {n} leechers"),
        };
        let mut page = format!(
            "moved   {} to {leechers} in {:.2} s, every byte compared\n\
             speed   {:.1} MiB/s\n",
            figures::size(self.size_bytes),
            self.elapsed.as_secs_f64(),
            self.mib_per_s(),
        );
        if let Some(seconds) = self.cpu_s_per_gib() {
            page += &format!("CPU     {seconds:.2} s per GiB, both sides together\n");
        }
        if let Some(bytes) = self.memory_peak_bytes {
            let size = figures::size(bytes);
            page += &format!("memory  {size} at the peak, both sides together\n");
        }
        page
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "size": self.size_bytes,
            "leechers": self.leechers,
            "seconds": self.elapsed.as_secs_f64(),
            "mib_per_s": self.mib_per_s(),
            "cpu_s_per_gib_both_sides": self.cpu_s_per_gib(),
            "memory_peak_bytes_both_sides": self.memory_peak_bytes,
            "identical": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_cpu_count_every_leecher() {
        let report = Report {
            size_bytes: 512 << 20,
            leechers: 2,
            elapsed: Duration::from_secs(4),
            cpu: Some(Duration::from_secs(3)),
            memory_peak_bytes: Some(50 << 20),
        };
        assert_eq!(
            report.page(),
            "moved   512.0 MiB to each of 2 leechers in 4.00 s, every byte compared\n\
             speed   256.0 MiB/s\n\
             CPU     3.00 s per GiB, both sides together\n\
             memory  50.0 MiB at the peak, both sides together\n"
        );
        assert_eq!(report.as_json()["mib_per_s"], 256.0);
    }
}
