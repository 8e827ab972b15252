use crate::error::Fault;
use crate::geo::{GeoPoint, GeoTrack};
use crate::import::gpx::days_since_1970;
use crate::import::local::{skip, too_few};
use crate::import::repair::{mark_gaps, order};
use crate::import::{Format, ImportError, ImportOptions, ImportReport, Imported, Note, Track};
use crate::path::POSES_MAX;
use crate::text::{SECOND_NS, excerpt};
use farplane_geom::Geographic;

const DAY_S: i64 = 86_400;

/// Characters of a B record up to the GPS altitude.
const RECORD_CHARS: usize = 35;

/// A clock that goes back by more than this has passed midnight, s.
const ROLL_OVER_S: i64 = DAY_S / 2;

/// Nights that a flight may take; times stay far from overflow.
const NIGHTS_MAX: i64 = 1000;

/// A B record: `BHHMMSSDDMMmmmNDDDMMmmmEVPPPPPGGGGG`.
struct Fix {
    point: GeoPoint,
    pressure_m: f64,
    gps_m: f64,
    /// `A`: three-dimensional fix; otherwise (`V`) the GPS altitude means nothing.
    valid: bool,
}

/// Reads an IGC flight log: the B records, UTC, with the day of the `HFDTE` record. A clock that goes
/// back by more than 12 hours has passed midnight.
///
/// Heights are the GPS altitudes where at least half of the fixes have one (they are metres above
/// the ellipsoid or the sea, as the recorder has it; pressure altitudes drift with the weather),
/// otherwise the pressure altitudes. Fixes marked `V` have a place but no GPS altitude, which is then
/// interpolated.
///
/// # Errors
/// [`ImportError`] where nothing usable is left, or at the first record that a `.cam` could not hold
/// with [`ImportMode::Keep`](crate::ImportMode::Keep).
pub fn import_igc(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    let mut report = ImportReport::new(Format::Igc, options.mode);
    let mut fixes: Vec<Fix> = Vec::new();
    let mut day: Option<i64> = None;
    let mut nights = 0;
    let mut last_s: Option<i64> = None;
    // Pilots' names come in any encoding, so lines are bytes.
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if day.is_none() && line.starts_with(b"HFDTE") {
            day = date(line);
        }
        if line.first() != Some(&b'B') {
            continue;
        }
        if fixes.len() == POSES_MAX {
            return Err(ImportError::TooManyPoses { line: i + 1 });
        }
        match fix(line) {
            Ok((mut fix, clock_s)) => {
                nights += i64::from(last_s.is_some_and(|last| last - clock_s > ROLL_OVER_S));
                if nights > NIGHTS_MAX {
                    return Err(ImportError::Line { line: i + 1, fault: Fault::TimeRange });
                }
                last_s = Some(clock_s);
                let s = (day.unwrap_or(0) + nights) * DAY_S + clock_s;
                fix.point.t_ns = Some(s * SECOND_NS);
                fix.point.line = i + 1;
                fixes.push(fix);
            }
            Err(fault) => skip(&mut report, i + 1, fault)?,
        }
    }
    report.read = fixes.len();
    if day.is_none() {
        report.notes.push(Note::NoDate);
    }
    if nights > 0 {
        report.notes.push(Note::PastMidnight { count: nights as usize });
    }
    let mut points = with_heights(&fixes, &mut report);
    order(&mut points, &mut report)?;
    if points.len() < 2 {
        return Err(too_few(points.len(), &report));
    }
    mark_gaps(&mut points, &mut report);
    report.poses = points.len();
    Ok(Imported { track: Track::Geographic(GeoTrack::new(points)), report })
}

fn with_heights(fixes: &[Fix], report: &mut ImportReport) -> Vec<GeoPoint> {
    let has_gps = |f: &&Fix| f.valid && f.gps_m != 0.0;
    let gps = fixes.iter().filter(has_gps).count() * 2 >= fixes.len();
    let pressure = fixes.iter().any(|f| f.pressure_m != 0.0);
    let flat = fixes.iter().filter(|f| !f.valid).count();
    if !fixes.is_empty() {
        match (gps, pressure) {
            (true, _) => report.notes.push(Note::GpsAltitude),
            (false, true) => report.notes.push(Note::PressureAltitude),
            (false, false) => {}
        }
    }
    if flat > 0 {
        report.notes.push(Note::FixesWithoutAltitude { count: flat });
    }
    let point = |f: &Fix| {
        let elevation_m = match (gps, pressure) {
            (true, _) => f.valid.then_some(f.gps_m),
            (false, true) => Some(f.pressure_m),
            (false, false) => None,
        };
        GeoPoint { elevation_m, ..f.point }
    };
    fixes.iter().map(point).collect()
}

/// The fix of a B record and its time of day, s.
fn fix(line: &[u8]) -> Result<(Fix, i64), Fault> {
    if line.len() < RECORD_CHARS {
        return Err(Fault::Short { found: line.len(), expected: RECORD_CHARS });
    }
    let field = |from: usize, to: usize| {
        integer(&line[from..to]).ok_or_else(|| Fault::NotANumber {
            column: from + 1,
            text: excerpt(&String::from_utf8_lossy(&line[from..to])),
        })
    };
    let (h, m, s) = (field(1, 3)?, field(3, 5)?, field(5, 7)?);
    let in_range = (0..24).contains(&h) && (0..60).contains(&m) && (0..=60).contains(&s);
    if !in_range {
        return Err(Fault::Time { text: excerpt(&String::from_utf8_lossy(&line[1..7])) });
    }
    // Degrees, then minutes and their thousandths.
    let lat = field(7, 9)? as f64 + field(9, 14)? as f64 / 60_000.0;
    let lon = field(15, 18)? as f64 + field(18, 23)? as f64 / 60_000.0;
    let lat = match line[14] {
        b'N' => lat,
        b'S' => -lat,
        _ => return Err(Fault::NoPlace),
    };
    let lon = match line[23] {
        b'E' => lon,
        b'W' => -lon,
        _ => return Err(Fault::NoPlace),
    };
    if lat.abs() > 90.0 || lon.abs() > 180.0 {
        return Err(Fault::PlaceRange { lon, lat });
    }
    let point = GeoPoint {
        place: Geographic { lon, lat },
        elevation_m: None,
        t_ns: None,
        cut: false,
        line: 0,
    };
    let fix = Fix {
        point,
        pressure_m: field(25, 30)? as f64,
        gps_m: field(30, 35)? as f64,
        valid: line[24] == b'A',
    };
    Ok((fix, h * 3600 + m * 60 + s))
}

/// Digits, of which the first may be a minus (altitudes below the sea).
fn integer(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field.first()? {
        b'-' => (true, &field[1..]),
        _ => (false, field),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |v, b| v * 10 + i64::from(b - b'0'));
    Some(if negative { -value } else { value })
}

/// Days since 1970 of `HFDTE200319` or `HFDTEDATE:200319,01`. Two-digit years are of 1980 to 2079.
fn date(line: &[u8]) -> Option<i64> {
    let from = line.iter().position(u8::is_ascii_digit)?;
    let digits = line.get(from..from + 6)?;
    let (day, month, year) =
        (integer(&digits[..2])?, integer(&digits[2..4])?, integer(&digits[4..6])?);
    days_since_1970(if year < 80 { 2000 + year } else { 1900 + year }, month, day)
}
