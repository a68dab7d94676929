//! How much may be asked for under a download limit.

/// What may be outstanding under a limit, in seconds of it. More than any round
/// trip, so that the limit is reached; and not much more, or what is asked for
/// piles up in the system's buffers, where no other peer can bring it and no
/// CANCEL takes it back (libtorrent: `request_queue_time`, 3 s).
const OUTSTANDING_S: u64 = 3;

/// Bytes that may be asked for beside those that are outstanding.
pub fn request_room(limit_bytes_per_s: Option<u64>, outstanding_bytes: u64) -> u64 {
    limit_bytes_per_s.map_or(u64::MAX, |rate| {
        rate.saturating_mul(OUTSTANDING_S)
            .saturating_sub(outstanding_bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_seconds_of_the_limit_may_be_outstanding() {
        assert_eq!(request_room(Some(1_000), 0), 3_000);
        assert_eq!(request_room(Some(1_000), 2_500), 500);
        assert_eq!(request_room(Some(1_000), 9_000), 0);
        assert_eq!(request_room(None, 9_000), u64::MAX);
        assert_eq!(request_room(Some(u64::MAX), 1), u64::MAX - 1);
    }
}
