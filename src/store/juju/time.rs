//! The times of a controller, RFC 3339 of any offset, as ours: in UTC, to the second.

/// None: it is no such time.
pub(super) fn utc(text: &str) -> Option<String> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone = time.find(['Z', '+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let time = match time.split_once('.') {
        Some((time, fraction)) if !fraction.is_empty() && is_number(fraction) => time,
        Some(_) => return None,
        None => time,
    };
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, offset) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            let offset = hours * 60 + minutes;
            if sign == "-" { -offset } else { offset }
        }
    };
    let is_date = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    // A leap second is the 60th.
    if !is_date || hour > 23 || minute > 59 || second > 60 || offset.abs() >= DAY {
        return None;
    }
    let minutes = hour * 60 + minute - offset;
    let (year, month, day) = match minutes {
        ..0 if day > 1 => (year, month, day - 1),
        ..0 if month > 1 => (year, month - 1, days(year, month - 1)),
        ..0 => (year - 1, 12, 31),
        DAY.. if day < days(year, month) => (year, month, day + 1),
        DAY.. if month < 12 => (year, month + 1, 1),
        DAY.. => (year + 1, 1, 1),
        _ => (year, month, day),
    };
    let minutes = minutes.rem_euclid(DAY);
    Some(format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{second:02}Z", minutes / 60, minutes % 60))
}

/// In minutes.
const DAY: i32 = 24 * 60;

fn days(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Each of so many digits.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i32; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        *number = parts.next().filter(|part| part.len() == digits && is_number(part))?.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_becomes_utc() {
        for (text, expected) in [
            ("2026-11-22T04:17:03Z", "2026-11-22T04:17:03Z"),
            ("2026-11-22T04:17:03.123456789Z", "2026-11-22T04:17:03Z"),
            ("2026-11-22T05:47:03+01:30", "2026-11-22T04:17:03Z"),
            ("2026-11-22T04:17:03.5-09:00", "2026-11-22T13:17:03Z"),
            ("2027-01-01T00:30:00+01:00", "2026-12-31T23:30:00Z"),
            ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
            ("2024-03-01T00:00:00+00:01", "2024-02-29T23:59:00Z"),
            ("2100-02-28T23:00:00-02:00", "2100-03-01T01:00:00Z"),
            ("2000-02-28T23:00:00-02:00", "2000-02-29T01:00:00Z"),
            ("2026-11-22T23:59:60Z", "2026-11-22T23:59:60Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_passed_on() {
        for wrong in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T04:17:03",
            "2026-11-22T04:17Z",
            "2026-13-22T04:17:03Z",
            "2026-02-29T04:17:03Z",
            "2026-11-00T04:17:03Z",
            "2026-11-22T24:17:03Z",
            "2026-11-22T04:17:03.Z",
            "2026-11-22T04:17:03+1:00",
            "2026-11-22T04:17:03+99:00",
            "2026-11-22T04:17:03Z\u{1b}[2J",
            "2026-11-22T04:17:+3Z",
        ] {
            assert_eq!(utc(wrong), None, "{wrong}");
        }
    }
}
