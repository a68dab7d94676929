//! The files that a magnet link selects (`so`, BEP 53).

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::error::{SelectError, excerpt};
use crate::layout::FileIndex;

/// The greatest file number that can be selected. An info dictionary of the
/// length that peers serve has no room for so many files.
pub const FILE_NUMBER_MAX: u32 = (1 << 21) - 1;

/// How many ranges a selection may have, after those that touch are merged.
pub const SELECT_RANGES_MAX: usize = 10_000;

/// File numbers from 0, kept as ranges and never expanded: `0,2,4-6`.
///
/// Empty means that nothing was selected, so all files are meant. That a
/// torrent has these files is for whoever has its metadata to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectOnly {
    /// Sorted, and neither overlapping nor touching.
    ranges: Vec<RangeInclusive<u32>>,
}

impl SelectOnly {
    /// The ranges in order; between two of them there is a gap.
    pub fn ranges(&self) -> &[RangeInclusive<u32>] {
        &self.ranges
    }

    /// Whether nothing was selected.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether a file is to be downloaded.
    pub fn selects(&self, file: FileIndex) -> bool {
        let next = self.ranges.partition_point(|range| *range.end() < file.0);
        let range = self.ranges.get(next);
        self.is_empty() || range.is_some_and(|range| range.contains(&file.0))
    }

    /// The greatest file number that is selected.
    pub fn last(&self) -> Option<FileIndex> {
        self.ranges.last().map(|range| FileIndex(*range.end()))
    }

    /// The selection of several texts together, in any order; empty ranges
    /// between commas are passed over.
    ///
    /// # Errors
    ///
    /// What cannot be read first.
    pub fn parse_all<T: AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Self, SelectError> {
        let mut ranges = Vec::new();
        for text in texts {
            let parts = text.as_ref().split(',').filter(|part| !part.is_empty());
            for part in parts {
                ranges.push(range(part)?);
            }
        }
        ranges.sort_unstable_by_key(|range| *range.start());
        ranges.dedup_by(|next, range| {
            let touches = *next.start() <= range.end() + 1;
            if touches {
                *range = *range.start()..=*range.end().max(next.end());
            }
            touches
        });
        if ranges.len() > SELECT_RANGES_MAX {
            return Err(SelectError::TooManyRanges);
        }
        Ok(Self { ranges })
    }
}

/// Reads `4` or `4-6`.
fn range(text: &str) -> Result<RangeInclusive<u32>, SelectError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(SelectError::Reversed(first, last));
    }
    Ok(first..=last)
}

fn number(text: &str) -> Result<u32, SelectError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| is_number && *number <= FILE_NUMBER_MAX)
        .ok_or_else(|| SelectError::Number(excerpt(text)))
}

impl FromStr for SelectOnly {
    type Err = SelectError;

    fn from_str(text: &str) -> Result<Self, SelectError> {
        Self::parse_all([text])
    }
}

impl fmt::Display for SelectOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, range) in self.ranges.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{}", range.start())?;
            if range.start() < range.end() {
                write!(f, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}
