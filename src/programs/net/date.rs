//! Dates as HTTP and the logs of its servers write them.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use crate::sim::Sim;

const WEEKDAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Now, as HTTP writes dates: `Mon, 23 Nov 2026 09:44:28 GMT`.
pub fn date(sim: &Sim) -> String {
    format_date(sim.wall())
}

pub fn format_date(time: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(time);
    let mut text = *b"Mon, 00 Jan 0000 00:00:00 GMT";
    text[..3].copy_from_slice(WEEKDAYS[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs()) % 7]);
    calendar(&mut text[5..16], at);
    clock(&mut text[17..25], at);
    written(&text)
}

/// As the common log format writes times: `23/Nov/2026:09:44:28 +0000`.
pub fn format_log_date(time: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(time);
    let mut text = *b"00/Jan/0000:00:00:00 +0000";
    calendar(&mut text[..11], at);
    clock(&mut text[12..20], at);
    written(&text)
}

// By hand: a server writes three dates an answer, and any general formatter takes most of the answer's time.

/// `23 Nov 2026`; what stands between stays.
fn calendar(text: &mut [u8], at: DateTime) {
    two(&mut text[..2], at.day());
    text[3..6].copy_from_slice(MONTHS[usize::from(at.month().unsigned_abs() + 11) % 12]);
    let year = at.year().unsigned_abs();
    two(&mut text[7..9], (year / 100) as i8);
    two(&mut text[9..11], (year % 100) as i8);
}

/// `09:44:28`
fn clock(text: &mut [u8], at: DateTime) {
    two(&mut text[..2], at.hour());
    two(&mut text[3..5], at.minute());
    two(&mut text[6..8], at.second());
}

fn two(text: &mut [u8], number: i8) {
    let number = number.unsigned_abs();
    text.copy_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

fn written(text: &[u8]) -> String {
    // It is ASCII.
    str::from_utf8(text).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_servers_write_them() {
        for (time, http, log) in [
            ("2026-11-23T09:44:28Z", "Mon, 23 Nov 2026 09:44:28 GMT", "23/Nov/2026:09:44:28 +0000"),
            ("2027-01-03T23:00:09.9Z", "Sun, 03 Jan 2027 23:00:09 GMT", "03/Jan/2027:23:00:09 +0000"),
            ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "01/Jan/1970:00:00:00 +0000"),
        ] {
            let time: Timestamp = time.parse().expect(time);
            assert_eq!((format_date(time), format_log_date(time)), (http.to_string(), log.to_string()));
        }
    }
}
