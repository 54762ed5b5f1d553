//! Time zones: all of the tz database, by the rules that hold from now on. Rules of the past are not known, nor are those
//! that change from year to year (Morocco's Ramadan). The data is `zones.txt`; `tools/zones.py` writes it and tells its form.

use jiff::{Timestamp, civil, tz::Offset};

const MINUTE: i64 = 60;

/// What clocks of a zone show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Minutes east of Greenwich.
    offset: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    /// Minutes that clocks are ahead then.
    saved: i64,
    begin: Change,
    end: Change,
}

/// A moment of each year: month, week (5: the last), weekday from Sunday, minutes of that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    month: i8,
    week: i8,
    weekday: i8,
    minutes: i64,
}

/// A zone by its name; "" is UTC, too.
pub fn find(name: &str) -> Option<Zone> {
    if name.is_empty() {
        return Some(Zone::default());
    }
    let (area, last) = name.rsplit_once('/').unwrap_or(("", name));
    let line = include_str!("zones.txt").lines().find(|line| {
        let areas = line.split(' ').filter_map(|word| word.split_once('='));
        areas.into_iter().any(|(of, names)| of == area && names.split(',').any(|name| name == last))
    })?;
    let rule: Vec<&str> = line.split(' ').take_while(|word| !word.contains('=')).collect();
    let offset = rule.first()?.parse().ok()?;
    let summer = match rule[1..] {
        [saved, begin, end] => Some(Summer { saved: saved.parse().ok()?, begin: change(begin)?, end: change(end)? }),
        _ => None,
    };
    Some(Zone { offset, summer })
}

fn change(text: &str) -> Option<Change> {
    let (day, minutes) = text.split_once('/')?;
    let mut parts = day.split('.').map(|part| part.parse::<i8>().ok());
    let mut next = || parts.next().flatten();
    Some(Change { month: next()?, week: next()?, weekday: next()?, minutes: minutes.parse().ok()? })
}

impl Change {
    /// In seconds since 1970 as the clocks show them.
    fn in_year(self, year: i16) -> i64 {
        let at = || -> Option<i64> {
            let first = civil::Date::new(year, self.month, 1).ok()?;
            let weekday = civil::Weekday::from_sunday_zero_offset(self.weekday).ok()?;
            let day = first.nth_weekday_of_month(if self.week == 5 { -1 } else { self.week }, weekday).ok()?;
            Some(Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?.as_second())
        };
        at().unwrap_or(0) + self.minutes * MINUTE
    }
}

impl Zone {
    /// Seconds that clocks are ahead of UTC at a second since 1970.
    pub fn offset(&self, second: i64) -> i64 {
        let standard = self.offset * MINUTE;
        let Some(Summer { saved, begin, end }) = self.summer else { return standard };
        let saved = saved * MINUTE;
        let year = Timestamp::from_second(second + standard).map_or(1970, |time| Offset::UTC.to_datetime(time).year());
        let begin = begin.in_year(year) - standard;
        let end = end.in_year(year) - standard - saved;
        let is_summer = if begin < end { (begin..end).contains(&second) } else { !(end..begin).contains(&second) };
        standard + if is_summer { saved } else { 0 }
    }

    /// `2026-11-23T09:40:00+01:00`, with `Z` where clocks show UTC.
    pub fn rfc3339(&self, second: i64) -> String {
        let offset = self.offset(second);
        let shown = Timestamp::from_second(second + offset).map(|time| time.to_string()).unwrap_or_default();
        if offset == 0 {
            return shown;
        }
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
        let sign = if offset < 0 { '-' } else { '+' };
        format!("{}{sign}{hours:02}:{minutes:02}", shown.trim_end_matches('Z'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        // Zone, an instant, what the clocks show.
        for (zone, instant, shown) in [
            ("UTC", "2026-11-23T08:40:00Z", "2026-11-23T08:40:00Z"),
            ("Etc/GMT-3", "2026-11-23T08:40:00Z", "2026-11-23T11:40:00+03:00"),
            ("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"),
            ("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"),
            ("Europe/Dublin", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"),
            ("Europe/Dublin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00+01:00"),
            ("Europe/Dublin", "2026-10-25T01:00:00Z", "2026-10-25T01:00:00Z"),
            ("America/New_York", "2026-03-08T06:59:59Z", "2026-03-08T01:59:59-05:00"),
            ("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00"),
            ("America/New_York", "2026-11-01T05:59:59Z", "2026-11-01T01:59:59-04:00"),
            ("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01T01:00:00-05:00"),
            ("US/Eastern", "2027-07-01T00:00:00Z", "2027-06-30T20:00:00-04:00"),
            ("Australia/Sydney", "2026-04-04T15:59:59Z", "2026-04-05T02:59:59+11:00"),
            ("Australia/Sydney", "2026-04-04T16:00:00Z", "2026-04-05T02:00:00+10:00"),
            ("Australia/Sydney", "2026-10-03T15:59:59Z", "2026-10-04T01:59:59+10:00"),
            ("Australia/Sydney", "2026-10-03T16:00:00Z", "2026-10-04T03:00:00+11:00"),
            ("Australia/Sydney", "2026-12-31T23:30:00Z", "2027-01-01T10:30:00+11:00"),
            ("Australia/Lord_Howe", "2026-12-31T23:30:00Z", "2027-01-01T10:30:00+11:00"),
            ("Australia/Lord_Howe", "2026-06-30T23:30:00Z", "2026-07-01T10:00:00+10:30"),
            ("Asia/Kolkata", "2026-11-23T08:40:00Z", "2026-11-23T14:10:00+05:30"),
            ("Asia/Kathmandu", "2026-11-23T08:40:00Z", "2026-11-23T14:25:00+05:45"),
            ("Asia/Tokyo", "2026-11-23T20:40:00Z", "2026-11-24T05:40:00+09:00"),
            ("America/Nuuk", "2026-03-29T00:59:59Z", "2026-03-28T22:59:59-02:00"),
            ("America/Nuuk", "2026-03-29T01:00:00Z", "2026-03-29T00:00:00-01:00"),
            ("America/Nuuk", "2026-10-25T01:00:00Z", "2026-10-24T23:00:00-02:00"),
            ("Africa/Cairo", "2026-04-23T21:59:59Z", "2026-04-23T23:59:59+02:00"),
            ("Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T01:00:00+03:00"),
            ("Africa/Cairo", "2026-10-29T21:00:00Z", "2026-10-29T23:00:00+02:00"),
            ("America/Argentina/Buenos_Aires", "2026-11-23T08:40:00Z", "2026-11-23T05:40:00-03:00"),
            ("America/Sao_Paulo", "2026-11-23T08:40:00Z", "2026-11-23T05:40:00-03:00"),
            ("Pacific/Chatham", "2026-12-31T23:30:00Z", "2027-01-01T13:15:00+13:45"),
            ("America/Santiago", "2026-09-06T03:59:59Z", "2026-09-05T23:59:59-04:00"),
            ("America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06T01:00:00-03:00"),
        ] {
            let second = instant.parse::<Timestamp>().map(|time| time.as_second()).unwrap_or(0);
            assert_eq!(find(zone).expect(zone).rfc3339(second), shown, "{zone} {instant}");
        }
        for unknown in ["Mars/Phobos", "europe/berlin", "Europe", "Europe/", "Local", "=", "Berlin"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_line_is_read() {
        for line in include_str!("zones.txt").lines() {
            let (area, names) = line.split(' ').find_map(|word| word.split_once('=')).expect(line);
            let name = names.split(',').next().unwrap_or_default();
            let name = if area.is_empty() { name.to_string() } else { format!("{area}/{name}") };
            let zone = find(&name).expect(&name);
            assert_eq!(
                zone.summer.is_some(),
                line.split(' ').filter(|word| !word.contains('=')).count() == 4,
                "{name}"
            );
        }
    }
}
