//! Schedules of cron (`robfig/cron`, `ParseStandard`): five fields, or a name with @. Times are seconds since 1970, in UTC.

use jiff::{Timestamp, tz::TimeZone};

/// Days that are looked through before a schedule is taken to have no next time.
const HORIZON: u32 = 366 * 5;
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Every so many seconds.
    Every(i64),
    Fields {
        minutes: Set,
        hours: Set,
        days: Set,
        months: Set,
        weekdays: Set,
    },
}

/// Which values of a field are chosen; `any` if it says `*`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Set {
    bits: u64,
    any: bool,
}

impl Set {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits & (1 << value) != 0)
    }

    fn parse(text: &str, least: u32, most: u32, names: &[&str]) -> Option<Set> {
        let mut set = Set { bits: 0, any: false };
        for part in text.split(',') {
            let value = |text: &str| -> Option<u32> {
                let name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
                match name {
                    Some(at) => u32::try_from(at).ok().map(|at| at + least),
                    None => text.parse().ok(),
                }
            };
            let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
            let (first, last) = match range {
                "*" | "?" => {
                    set.any |= step.is_none_or(|step| step == "1");
                    (least, most)
                }
                _ => match range.split_once('-') {
                    Some((first, last)) => (value(first)?, value(last)?),
                    None if step.is_some() => (value(range)?, most),
                    None => (value(range)?, value(range)?),
                },
            };
            let step: usize = step.map_or(Some(1), |step| step.parse().ok())?;
            if first < least || last > most || first > last || step == 0 {
                return None;
            }
            (first..=last).step_by(step).for_each(|value| set.bits |= 1 << value);
        }
        Some(set)
    }
}

impl Schedule {
    pub fn parse(text: &str) -> Option<Schedule> {
        if let Some(wait) = text.strip_prefix("@every ") {
            let seconds = crate::api::duration::parse_go_duration(wait.trim())? / 1_000_000_000;
            return Some(Schedule::Every(seconds.max(1)));
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else { return None };
        Some(Schedule::Fields {
            minutes: Set::parse(minutes, 0, 59, &[])?,
            hours: Set::parse(hours, 0, 23, &[])?,
            days: Set::parse(days, 1, 31, &[])?,
            months: Set::parse(months, 1, 12, &MONTHS)?,
            weekdays: Set::parse(weekdays, 0, 6, &WEEKDAYS)?,
        })
    }

    /// The first time after `second`.
    pub fn next(&self, second: i64) -> Option<i64> {
        let Schedule::Fields { minutes, hours, days, months, weekdays } = self else {
            let Schedule::Every(seconds) = self else { return None };
            return Some(second + seconds);
        };
        let mut at = second.div_euclid(MINUTE) * MINUTE + MINUTE;
        for _ in 0..HORIZON {
            let date = Timestamp::from_second(at).ok()?.to_zoned(TimeZone::UTC).date();
            let (day, weekday) = (days.has(date.day()), weekdays.has(date.weekday().to_sunday_zero_offset()));
            let chosen = if days.any || weekdays.any { day && weekday } else { day || weekday };
            let midnight = at.div_euclid(DAY) * DAY;
            if chosen && months.has(date.month()) {
                while at < midnight + DAY {
                    let minute = (at - midnight) / MINUTE;
                    let part = |value: i64| i8::try_from(value).unwrap_or(-1);
                    if !hours.has(part(minute / 60)) {
                        at = midnight + (minute / 60 + 1) * 60 * MINUTE;
                    } else if !minutes.has(part(minute % 60)) {
                        at += MINUTE;
                    } else {
                        return Some(at);
                    }
                }
            }
            at = midnight + DAY;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_follows() {
        let cases = [
            ("* * * * *", "2026-11-23T08:39:36Z", "2026-11-23T08:40:00Z"),
            ("*/15 * * * *", "2026-11-23T08:45:00Z", "2026-11-23T09:00:00Z"),
            ("0 3 * * *", "2026-11-23T03:00:00Z", "2026-11-24T03:00:00Z"),
            ("30 9 * * mon-fri", "2026-11-20T10:00:00Z", "2026-11-23T09:30:00Z"),
            // Either day will do where both are given.
            ("0 0 1 * 0", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("5-10/5 1,2 * jan *", "2026-01-31T02:10:00Z", "2027-01-01T01:05:00Z"),
            ("@hourly", "2026-11-23T08:39:36Z", "2026-11-23T09:00:00Z"),
            ("@every 90s", "2026-11-23T08:00:00Z", "2026-11-23T08:01:30Z"),
        ];
        for (schedule, from, next) in cases {
            let second = |text: &str| text.parse::<Timestamp>().map(|time| time.as_second()).ok();
            let parsed = Schedule::parse(schedule).expect(schedule);
            assert_eq!(parsed.next(second(from).unwrap_or(0)), second(next), "{schedule}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in ["", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "a * * * *", "5-1 * * * *"] {
            assert_eq!(Schedule::parse(text), None, "{text}");
        }
        assert_eq!(Schedule::parse("0 0 31 2 *").and_then(|never| never.next(0)), None);
    }
}
