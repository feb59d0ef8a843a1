//! Times as logs write them.
//!
//! Dates with or without a zone, and numbers of seconds, milliseconds, microseconds or nanoseconds
//! since 1970. A zone that is only an abbreviation other than UTC's is taken for UTC.

/// Seconds since 1970 UTC.
pub(super) fn read_time(text: &str) -> Option<i64> {
    read_milliseconds(text).map(|milliseconds| milliseconds.div_euclid(1_000))
}

/// Milliseconds since 1970 UTC.
pub(super) fn read_milliseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let (Some(year), Some(b'-')) = (digits(text, 0, 4), text.as_bytes().get(4)) else { return read_number(text) };
    let (month, day) = (digits(text, 5, 2)?, digits(text, 8, 2)?);
    if text.as_bytes().get(7) != Some(&b'-') || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * 86_400_000;
    let Some(separator) = text.as_bytes().get(10) else { return Some(midnight) };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let (hour, minute) = (digits(text, 11, 2)?, digits(text, 14, 2)?);
    let second = if text.as_bytes().get(16) == Some(&b':') { digits(text, 17, 2)? } else { 0 };
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = if text.as_bytes().get(16) == Some(&b':') { text.get(19..)? } else { text.get(16..)? };
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        let thousandths = after.bytes().take(length.min(3)).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        fraction = thousandths * [100, 100, 10, 1][length.min(3)];
        rest = &after[length..];
    }
    let clock = ((hour * 60 + minute) * 60 + second) * 1_000 + fraction;
    Some(midnight + clock - read_offset(rest.trim())? * 1_000)
}

/// Seconds east of Greenwich.
fn read_offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(letter) if letter.is_ascii_alphabetic() => return Some(0),
        Some(_) => return None,
    };
    let bare: String = text[1..].chars().filter(char::is_ascii_digit).collect();
    let hours = digits(&bare, 0, 2).or_else(|| digits(&bare, 0, 1))?;
    let minutes = digits(&bare, 2, 2).unwrap_or(0);
    Some(sign * (hours * 3_600 + minutes * 60))
}

/// A number since 1970; how long it is says of what.
fn read_number(text: &str) -> Option<i64> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() || value <= 0.0 {
        return None;
    }
    let milliseconds = match value {
        ..1e11 => value * 1_000.0,
        ..1e14 => value,
        ..1e17 => value / 1_000.0,
        _ => value / 1_000_000.0,
    };
    (milliseconds < 1e14).then_some(milliseconds as i64)
}

fn digits(text: &str, at: usize, length: usize) -> Option<i64> {
    let bytes = text.as_bytes().get(at..at + length)?;
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_vendor_are_read() {
        let same = [
            "2026-11-20T10:30:45Z",
            "2026-11-20 10:30:45.123 UTC",
            "2026-11-20 10:30:45+00",
            "2026-11-20 12:30:45.123456 +0200",
            "2026-11-20T02:30:45.123456789-08:00",
            "2026-11-20 10:30:45",
            "1795170645",
            "1795170645123",
            "1795170645123000",
            "1795170645.5",
            "1.795170645E9",
        ];
        for text in same {
            assert_eq!(read_time(text), Some(1_795_170_645), "{text}");
        }
        assert_eq!(read_milliseconds("2026-11-20 10:30:45.1 UTC"), Some(1_795_170_645_100));
        assert_eq!(read_time("2026-11-20"), Some(1_795_132_800));
        assert_eq!(read_time("1969-12-31 23:59:59"), Some(-1));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "2026-13-01", "2026-11-20x", "2026-11-20 25:00:00", "-5", "inf", "1e40"] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }
}
