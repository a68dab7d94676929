//! Lists of numbers, counted from 1: `1-3,7,9-`.

/// Some numbers of 1, 2, 3, …
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Reads `1-3,7,9-`; the last form means "and all that follow".
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let ranges: Option<Vec<_>> = text.split(',').map(|part| range(part.trim())).collect();
        ranges
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a list of numbers such as 1-3,7"))
    }

    /// Whether a number, counted from 1, is among them.
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.0
            .iter()
            .any(|&(first, last)| (first..=last).contains(&number))
    }

    /// The ranges as they were written: first and last number. The last is
    /// `u32::MAX` where all that follow are meant.
    pub(crate) fn pairs(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The first number that is named and lies beyond `count`, if any. The
    /// open end of a range names nothing.
    pub(crate) fn beyond(&self, count: u32) -> Option<u32> {
        self.0
            .iter()
            .map(|&(first, last)| if last == u32::MAX { first } else { last })
            .find(|&named| named > count)
    }
}

fn range(part: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim().parse().ok().filter(|&number: &u32| number > 0);
    let (first, last) = match part.split_once('-') {
        None => (number(part)?, number(part)?),
        Some((first, last)) if last.trim().is_empty() => (number(first)?, u32::MAX),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<u32> {
        let ranges = Ranges::parse(text).unwrap();
        (1..=10).filter(|&number| ranges.contains(number)).collect()
    }

    #[test]
    fn ranges_are_read_as_aria2_reads_them() {
        assert_eq!(listed("1-3,7"), [1, 2, 3, 7]);
        assert_eq!(listed("7"), [7]);
        assert_eq!(listed(" 2 - 3 , 9- "), [2, 3, 9, 10]);
        assert_eq!(listed("3,3,1-3"), [1, 2, 3]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "0", "3-1", "-3", "a", "1,,2", "1-2-3", "4294967296"] {
            assert!(Ranges::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_number_beyond_the_last_is_found() {
        assert_eq!(Ranges::parse("1-3,7").unwrap().beyond(7), None);
        assert_eq!(Ranges::parse("1-3,7").unwrap().beyond(6), Some(7));
        assert_eq!(Ranges::parse("5-").unwrap().beyond(5), None);
        assert_eq!(Ranges::parse("5-").unwrap().beyond(4), Some(5));
    }
}
