//! Dates as the user writes them; [`figures::date`](super::figures::date)
//! prints them.

/// Reads seconds since 1970, `2026-11-21`, or `2026-11-21T07:30:00Z`; always
/// UTC. Torrents hold no date before 1970.
pub(crate) fn parse_date(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let seconds = text.parse().ok().or_else(|| calendar(text));
    seconds.filter(|&seconds| seconds >= 0).ok_or_else(|| {
        format!("{text:?} is not a date such as 1795246200, 2026-11-21 or 2026-11-21T07:30:00Z")
    })
}

fn calendar(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.strip_suffix("UTC").unwrap_or(time)),
        None => (text, "00:00:00"),
    };
    let time = time.trim_end().trim_end_matches('Z');
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    fits.then(|| days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut next = || {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let read = [next()?, next()?, next()?];
    parts.next().is_none().then_some(read)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Leap days before this year, of those that the Gregorian calendar has
    // since the year 1.
    let leap_days = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let years = (year - 1970) * 365 + leap_days(year) - leap_days(1970);
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::figures::date;

    #[test]
    fn dates_are_read_as_they_are_printed() {
        for seconds in [0, 951_782_400, 1_709_251_199, 1_709_251_200, 4_107_542_400] {
            assert_eq!(parse_date(&date(seconds)), Ok(seconds));
        }
        assert_eq!(parse_date("2024-02-29"), Ok(1_709_164_800));
        assert_eq!(parse_date("2024-02-29T23:59:59Z"), Ok(1_709_251_199));
        assert_eq!(parse_date("1700000000"), Ok(1_700_000_000));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "-1",
            "1969-12-31",
            "2023-02-29",
            "2024-13-01",
            "2024-01-00",
            "2024-01-01T24:00:00Z",
            "2024-01",
            "2024-1-1-1",
            "yesterday",
            "99999999999999999999",
        ] {
            assert!(parse_date(text).is_err(), "{text:?}");
        }
    }
}
