//! Sets of completion indexes, written as `0,2-4`.

use std::{collections::BTreeSet, fmt};

use crate::api::Pod;

use super::INDEX;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Indexes(BTreeSet<i64>);

/// The index of a pod.
pub fn of(pod: &Pod) -> Option<i64> {
    let text = pod.metadata.annotations.as_ref()?.get(INDEX)?;
    text.parse().ok().filter(|index| *index >= 0)
}

impl Indexes {
    /// What can't be read is left out.
    pub fn parse(text: &str) -> Indexes {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse::<i64>().ok()?, last.parse::<i64>().ok()?);
            // A status holds at most as many as a Job may have.
            (last - first < 1_000_000).then_some(first..=last)
        };
        Indexes(text.split(',').filter_map(range).flatten().collect())
    }

    pub fn extend(&mut self, more: impl IntoIterator<Item = i64>) {
        self.0.extend(more);
    }

    pub fn remove_all(&mut self, others: &Indexes) {
        self.0.retain(|index| !others.contains(*index));
    }

    pub fn contains(&self, index: i64) -> bool {
        self.0.contains(&index)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for index in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *index => *last = *index,
                _ => ranges.push((*index, *index)),
            }
        }
        let text = |(first, last): &(i64, i64)| match last - first {
            0 => first.to_string(),
            1 => format!("{first},{last}"),
            _ => format!("{first}-{last}"),
        };
        f.write_str(&ranges.iter().map(text).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_written_as_ranges() {
        for text in ["", "0", "0,1", "0-2", "1,3-5,7,8"] {
            assert_eq!(Indexes::parse(text).to_string(), text);
        }
        assert_eq!(Indexes::parse("2,x,1").to_string(), "1,2");
    }
}
