//! Schedules of cron (`robfig/cron`, `ParseStandard`): five fields, or a name with @. Times are seconds since 1970.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    duration::{go_duration_fault, parse_go_duration},
    zones::{self, Zone},
};

/// Steps in which a next time is looked for, mostly of a day, before a schedule is taken to have none.
const LOOKS: u32 = 366 * 5 + 2000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

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

    fn parse(text: &str, (least, most, names): (u32, u32, &[&str])) -> Result<Set, String> {
        let mut set = Set { bits: 0, any: false };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let value = |text: &str| match names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
                Some(at) => Ok(least + u32::try_from(at).unwrap_or(0)),
                None => number(text),
            };
            let steps: Vec<&str> = part.split('/').collect();
            let range: Vec<&str> = steps[0].split('-').collect();
            let (first, mut last) = match range[..] {
                ["*" | "?", ..] => (least, most),
                [one] => value(one).map(|one| (one, one))?,
                [first, last] => (value(first)?, value(last)?),
                _ => return Err(format!("too many hyphens: {part}")),
            };
            let step = match steps[..] {
                [_] => 1,
                [_, step] => {
                    if range.len() == 1 {
                        last = most;
                    }
                    number(step)?
                }
                _ => return Err(format!("too many slashes: {part}")),
            };
            if first < least {
                return Err(format!("beginning of range ({first}) below minimum ({least}): {part}"));
            }
            if last > most {
                return Err(format!("end of range ({last}) above maximum ({most}): {part}"));
            }
            if first > last {
                return Err(format!("beginning of range ({first}) beyond end of range ({last}): {part}"));
            }
            if step == 0 {
                return Err(format!("step of range should be a positive number: {part}"));
            }
            set.any |= matches!(range[0], "*" | "?") && step == 1;
            (first..=last).step_by(step as usize).for_each(|value| set.bits |= 1 << value);
        }
        Ok(set)
    }
}

/// Go's `strconv.Atoi`, and no negative number.
fn number(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"));
    }
    match text.parse::<i64>() {
        Err(_) => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: value out of range")),
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
    }
}

impl Schedule {
    /// Reads a schedule, or says why it can't be read.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        if text.is_empty() {
            return Err("empty spec string".into());
        }
        let named = ["TZ=", "CRON_TZ="].iter().find_map(|prefix| text.strip_prefix(prefix));
        if let Some(rest) = named {
            let Some((zone, text)) = rest.split_once(' ') else {
                return Err("invalid schedule format: runtime error: slice bounds out of range [:-1]".into());
            };
            if zones::find(zone).is_none() {
                return Err(format!("provided bad location {zone}: unknown time zone {zone}"));
            }
            return Schedule::parse_without_zone(text.trim());
        }
        Schedule::parse_without_zone(text)
    }

    fn parse_without_zone(text: &str) -> Result<Schedule, String> {
        if let Some(wait) = text.strip_prefix("@every ") {
            let nanos = parse_go_duration(wait)
                .ok_or_else(|| format!("failed to parse duration {text}: {}", go_duration_fault(wait)))?;
            return Ok(Schedule::Every((nanos / 1_000_000_000).max(1)));
        }
        let expanded = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ if text.starts_with('@') => return Err(format!("unrecognized descriptor: {text}")),
            _ => text,
        };
        let fields: Vec<&str> = expanded.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        Ok(Schedule::Fields {
            minutes: Set::parse(minutes, (0, 59, &[]))?,
            hours: Set::parse(hours, (0, 23, &[]))?,
            days: Set::parse(days, (1, 31, &[]))?,
            months: Set::parse(months, (1, 12, &MONTHS))?,
            weekdays: Set::parse(weekdays, (0, 6, &WEEKDAYS))?,
        })
    }

    /// The first time after `second` at which the clocks of a zone show what is chosen. What they skip doesn't come, what
    /// they show twice comes twice.
    pub fn next(&self, second: i64, zone: &Zone) -> Option<i64> {
        let Schedule::Fields { minutes, hours, days, months, weekdays } = self else {
            let Schedule::Every(seconds) = self else { return None };
            return Some(second + seconds);
        };
        let mut at = second.div_euclid(MINUTE) * MINUTE + MINUTE;
        for _ in 0..LOOKS {
            let offset = zone.offset(at);
            let shown = at + offset;
            let date = Timestamp::from_second(shown).ok()?.to_zoned(TimeZone::UTC).date();
            let (day, weekday) = (days.has(date.day()), weekdays.has(date.weekday().to_sunday_zero_offset()));
            let chosen = if days.any || weekdays.any { day && weekday } else { day || weekday };
            let part = |value: i64| i8::try_from(value).unwrap_or(-1);
            let (left_of_hour, left_of_day) = (HOUR - shown.rem_euclid(HOUR), DAY - shown.rem_euclid(DAY));
            at += if !chosen || !months.has(date.month()) {
                // Hour by hour on days on which the clocks are changed.
                if zone.offset(at + left_of_day) == offset { left_of_day } else { left_of_hour }
            } else if !hours.has(part(shown.rem_euclid(DAY) / HOUR)) {
                left_of_hour
            } else if !minutes.has(part(shown.rem_euclid(HOUR) / MINUTE)) {
                MINUTE
            } else {
                return Some(at);
            };
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
            let parsed = Schedule::parse(schedule).expect(schedule);
            assert_eq!(parsed.next(second(from), &Zone::default()), Some(second(next)), "{schedule}");
        }
    }

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_second()
    }

    /// Where clocks are changed.
    #[test]
    fn in_a_zone() {
        let cases: [(&str, &str, &str, &[&str]); 6] = [
            ("0 9 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", &["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"]),
            // 2:30 isn't shown on the 29th.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]),
            // It is shown twice on the 25th.
            (
                "30 2 * * *",
                "Europe/Berlin",
                "2026-10-24T12:00:00Z",
                &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"],
            ),
            // No midnight on the 24th.
            ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", &["2026-04-24T21:00:00Z"]),
            ("0 0 1 1 *", "Pacific/Chatham", "2026-11-23T00:00:00Z", &["2026-12-31T10:15:00Z"]),
            ("0 0 29 2 *", "America/New_York", "2026-01-01T00:00:00Z", &["2028-02-29T05:00:00Z"]),
        ];
        for (schedule, zone, from, times) in cases {
            let (parsed, found) = (Schedule::parse(schedule).expect(schedule), zones::find(zone).expect(zone));
            let mut at = second(from);
            for time in times {
                at = parsed.next(at, &found).expect(schedule);
                assert_eq!(
                    Timestamp::from_second(at).map(|at| at.to_string()).ok().as_deref(),
                    Some(*time),
                    "{schedule} {zone}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let atoi =
            |text: &str| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax");
        for (text, why) in [
            ("", "empty spec string".into()),
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]".into()),
            ("60 * * * *", "end of range (60) above maximum (59): 60".into()),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0".into()),
            ("*/0 * * * *", "step of range should be a positive number: */0".into()),
            ("a * * * *", atoi("a")),
            ("*/x * * * *", atoi("x")),
            ("* * * foo *", atoi("foo")),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1".into()),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3".into()),
            ("1/2/3 * * * *", "too many slashes: 1/2/3".into()),
            ("-1 * * * *", atoi("")),
            ("@often", "unrecognized descriptor: @often".into()),
            ("@every", "unrecognized descriptor: @every".into()),
            ("@every soon", "failed to parse duration @every soon: time: invalid duration \"soon\"".into()),
            ("@every 5", "failed to parse duration @every 5: time: missing unit in duration \"5\"".into()),
            ("@every 5d", "failed to parse duration @every 5d: time: unknown unit \"d\" in duration \"5d\"".into()),
            ("TZ=UTC", "invalid schedule format: runtime error: slice bounds out of range [:-1]".into()),
            ("TZ=Mars/Phobos * * * * *", "provided bad location Mars/Phobos: unknown time zone Mars/Phobos".into()),
        ] {
            assert_eq!(Schedule::parse(text), Err(why), "{text}");
        }
        let never = Schedule::parse("0 0 31 2 *").expect("a schedule");
        assert_eq!(never.next(0, &Zone::default()), None);
    }
}
