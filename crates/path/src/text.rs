//! Reading lines of numbers, and times as exact nanoseconds.

use crate::error::Fault;
use std::fmt;

/// Nanoseconds in a second.
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Seconds that are read, either way from 0: nanoseconds fit into 64 bits with room for a
/// difference.
const SECONDS_MAX: u64 = 4_500_000_000;

/// The text of a file without its byte order mark, or the line (from 1) and byte that is no text.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, (usize, Fault)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fault = |offset_bytes: usize| {
        let line = bytes[..offset_bytes].iter().filter(|&&b| b == b'\n').count() + 1;
        (line, Fault::NotText { offset_bytes, byte: bytes[offset_bytes] })
    };
    let nul = bytes.iter().position(|&b| b == 0);
    match (std::str::from_utf8(bytes), nul) {
        (Ok(text), None) => Ok(text),
        (Ok(_), Some(at)) => Err(fault(at)),
        (Err(e), nul) => Err(fault(nul.map_or(e.valid_up_to(), |at| at.min(e.valid_up_to())))),
    }
}

/// The columns of a line: separated by blanks or commas, as existing trajectory tools take them.
pub(crate) fn columns(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|s| !s.is_empty())
}

/// The first characters of something for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 24;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}

/// A finite number in a column (from 1).
pub(crate) fn number(column: usize, text: &str) -> Result<f64, Fault> {
    let value: f64 = text.parse().map_err(|_| Fault::NotANumber { column, text: excerpt(text) })?;
    if value.is_finite() { Ok(value) } else { Err(Fault::NotFinite { column }) }
}

/// Exactly `N` numbers; `expected` says in words what the line should hold.
pub(crate) fn numbers<const N: usize>(
    line: &str,
    expected: &'static str,
) -> Result<[f64; N], Fault> {
    let found = columns(line).count();
    if found != N {
        return Err(Fault::Columns { found, expected });
    }
    let mut values = [0.0; N];
    for (i, text) in columns(line).enumerate() {
        values[i] = number(i + 1, text)?;
    }
    Ok(values)
}

/// Seconds in a column (from 1) as nanoseconds. Decimal digits are taken exactly: an f64 has only
/// 0.2 µs left for the seconds since 1970. Digits beyond the ninth decimal are rounded.
pub(crate) fn seconds(column: usize, text: &str) -> Result<i64, Fault> {
    match decimal_seconds(text) {
        Some(exact) => exact,
        None => {
            let value = number(column, text)?;
            if value.abs() > SECONDS_MAX as f64 {
                return Err(Fault::TimeRange);
            }
            Ok((value * SECOND_NS as f64).round() as i64)
        }
    }
}

/// `None` where the text is not plain digits with at most one point (an exponent, say).
fn decimal_seconds(text: &str) -> Option<Result<i64, Fault>> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut s: u64 = 0;
    for b in whole.bytes() {
        s = s * 10 + u64::from(b - b'0');
        if s > SECONDS_MAX {
            return Some(Err(Fault::TimeRange));
        }
    }
    let mut ns = 0;
    for i in 0..9 {
        ns = ns * 10 + i64::from(fraction.as_bytes().get(i).map_or(0, |b| b - b'0'));
    }
    if fraction.as_bytes().get(9).is_some_and(|&b| b >= b'5') {
        ns += 1;
    }
    let t = s as i64 * SECOND_NS + ns;
    Some(Ok(if negative { -t } else { t }))
}

/// Nanoseconds, shown as seconds with as many decimals as they need.
pub(crate) struct Seconds(pub(crate) i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, ns) =
            (self.0.unsigned_abs() / 1_000_000_000, self.0.unsigned_abs() % 1_000_000_000);
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if ns > 0 {
            let digits = format!("{ns:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_since_1970_keeps_every_nanosecond() {
        assert_eq!(seconds(1, "1403636580.838555648"), Ok(1_403_636_580_838_555_648));
        assert_eq!(Seconds(1_403_636_580_838_555_648).to_string(), "1403636580.838555648");
        assert_eq!(seconds(1, "1305031098.6659"), Ok(1_305_031_098_665_900_000));
        assert_eq!(Seconds(1_305_031_098_665_900_000).to_string(), "1305031098.6659");
    }

    #[test]
    fn times_are_rounded_at_the_tenth_decimal_and_may_be_negative_or_have_exponents() {
        assert_eq!(seconds(1, "0.00000000049"), Ok(0));
        assert_eq!(seconds(1, "0.0000000005"), Ok(1));
        assert_eq!(seconds(1, "-1.5"), Ok(-1_500_000_000));
        assert_eq!(seconds(1, "+.5"), Ok(500_000_000));
        assert_eq!(seconds(1, "1.5e3"), Ok(1_500_000_000_000));
        assert_eq!(Seconds(-1_500_000_000).to_string(), "-1.5");
    }

    #[test]
    fn what_is_no_time_says_why() {
        assert_eq!(seconds(1, "99999999999999999999"), Err(Fault::TimeRange));
        assert_eq!(seconds(1, "1e300"), Err(Fault::TimeRange));
        assert_eq!(seconds(1, "nan"), Err(Fault::NotFinite { column: 1 }));
        assert_eq!(seconds(1, "."), Err(Fault::NotANumber { column: 1, text: ".".into() }));
        assert_eq!(seconds(1, "-"), Err(Fault::NotANumber { column: 1, text: "-".into() }));
    }

    #[test]
    fn binary_bytes_are_found_with_their_line() {
        assert_eq!(decode(b"a\nb\0c"), Err((2, Fault::NotText { offset_bytes: 3, byte: 0 })));
        assert_eq!(
            decode(b"a\n\nb\xffc\0"),
            Err((3, Fault::NotText { offset_bytes: 4, byte: 255 }))
        );
        assert_eq!(decode(b"\xef\xbb\xbfabc"), Ok("abc"));
    }
}
