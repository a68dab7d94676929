//! Sizes and rates as the user writes them.
//!
//! `500K` and `2M` count in 1024 as in aria2 and curl, `kB` and `MB` in 1000,
//! `KiB` and `MiB` in 1024.

/// Reads a number of bytes: `700`, `16K`, `1.5M`, `2 GiB`, `10MB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let wrong = || format!("{text:?} is not a size such as 700, 500K, 1.5M, 2MiB or 10MB");
    let factor = factor(unit.trim()).ok_or_else(wrong)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(factor)
            .ok_or_else(|| format!("{text:?} is too large"));
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * factor as f64;
    if bytes >= u64::MAX as f64 {
        return Err(format!("{text:?} is too large"));
    }
    Ok(bytes.round() as u64)
}

/// Reads bytes per second, as a size with or without `/s`; 0 is unlimited.
pub(crate) fn parse_rate(text: &str) -> Result<Rate, String> {
    let text = text.trim();
    let size = text.strip_suffix("/s").unwrap_or(text);
    let bytes_per_s =
        parse_size(size).map_err(|_| format!("{text:?} is not a rate such as 500K, 2M or 0"))?;
    Ok(Rate((bytes_per_s > 0).then_some(bytes_per_s)))
}

/// A rate limit in bytes per second; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) Option<u64>);

fn factor(unit: &str) -> Option<u64> {
    let (prefix, base) = match unit {
        "" | "B" | "b" => return Some(1),
        _ => match unit.strip_suffix("iB") {
            Some(prefix) => (prefix, 1024_u64),
            None => match unit.strip_suffix('B') {
                Some(prefix) => (prefix, 1000),
                None => (unit, 1024),
            },
        },
    };
    let power = match prefix {
        "K" | "k" => 1,
        "M" | "m" => 2,
        "G" | "g" => 3,
        "T" | "t" => 4,
        _ => return None,
    };
    Some(base.pow(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_documented() {
        let table = [
            ("0", 0),
            ("700", 700),
            ("700B", 700),
            ("500K", 512_000),
            ("500k", 512_000),
            ("500KiB", 512_000),
            ("500kB", 500_000),
            ("500KB", 500_000),
            ("2M", 2 << 20),
            ("2MiB", 2 << 20),
            ("2MB", 2_000_000),
            ("1.5M", 3 << 19),
            ("1 GiB", 1 << 30),
            ("3G", 3 << 30),
            ("1T", 1 << 40),
            ("  16K ", 16_384),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in table {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_the_text_in_the_sentence() {
        for text in [
            "",
            "K",
            "x",
            "1X",
            "1KK",
            "-1",
            "1..2",
            "1e3",
            "1Ki",
            "99999999T",
            "1/s",
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn a_rate_of_zero_is_unlimited() {
        assert_eq!(parse_rate("0"), Ok(Rate(None)));
        assert_eq!(parse_rate("1M"), Ok(Rate(Some(1 << 20))));
        assert_eq!(parse_rate("10kB/s"), Ok(Rate(Some(10_000))));
        assert_eq!(
            parse_rate("fast"),
            Err("\"fast\" is not a rate such as 500K, 2M or 0".to_owned())
        );
    }
}
