use crate::error::Fault;
use crate::geo::{GeoPoint, GeoTrack};
use crate::import::local::{skip, too_few};
use crate::import::repair::{mark_gaps, order};
use crate::import::{
    Format, ImportError, ImportMode, ImportOptions, ImportReport, Imported, Track,
};
use crate::path::POSES_MAX;
use crate::text::{SECOND_NS, decode, excerpt, number, seconds};
use farplane_geom::Geographic;
use roxmltree::{Document, Node, ParsingOptions};

/// XML nodes that are read: a track point with elevation, time and the white space between them
/// takes ten.
const NODES_MAX: u32 = 10 * POSES_MAX as u32;

/// Reads a GPX file: the track points of all tracks (or, where there are none, the points of all
/// routes), in degrees, with elevation in metres and time where they have them. A segment does not
/// continue the one before: a cut. Waypoints are no path and left out.
///
/// Where fewer than half of the points have a time, none counts; otherwise points without one are
/// skipped.
///
/// # Errors
/// [`ImportError`] for what is no XML, where nothing usable is left, or at the first point that a
/// `.cam` could not hold with [`ImportMode::Keep`].
pub fn import_gpx(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    let mut report = ImportReport::new(Format::Gpx, options.mode);
    let text = decode(bytes).map_err(|(line, fault)| ImportError::Line { line, fault })?;
    let settings =
        ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
    let document = Document::parse_with_options(text, settings)
        .map_err(|e| ImportError::Xml { line: e.pos().row as usize, text: e.to_string() })?;
    let lines = Lines::of(text);
    let mut points = Vec::new();
    for name in ["trkpt", "rtept"] {
        let mut segment = None;
        let nodes =
            document.descendants().filter(|n| n.is_element() && n.tag_name().name() == name);
        for node in nodes {
            if points.len() == POSES_MAX {
                return Err(ImportError::TooManyPoses { line: lines.of_node(&node) });
            }
            let parent = node.parent().map(|p| p.id());
            match point(&node) {
                Ok(mut point) => {
                    point.line = lines.of_node(&node);
                    point.cut = segment != parent && !points.is_empty();
                    segment = parent;
                    points.push(point);
                }
                Err(fault) => skip(&mut report, lines.of_node(&node), fault)?,
            }
        }
        if !points.is_empty() {
            break;
        }
    }
    report.read = points.len();
    settle_times(&mut points, &mut report)?;
    if points.iter().all(|p| p.t_ns.is_some()) {
        order(&mut points, &mut report)?;
        mark_gaps(&mut points, &mut report);
    }
    if points.len() < 2 {
        return Err(too_few(points.len(), &report));
    }
    report.poses = points.len();
    Ok(Imported { track: Track::Geographic(GeoTrack::new(points)), report })
}

/// Where lines begin: counting them anew for every node would take quadratic time.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i).collect())
    }

    fn of_node(&self, node: &Node<'_, '_>) -> usize {
        let start = node.range().start;
        self.0.partition_point(|&newline| newline < start) + 1
    }
}

/// Either all points have a time or none.
fn settle_times(points: &mut Vec<GeoPoint>, report: &mut ImportReport) -> Result<(), ImportError> {
    let timed = points.iter().filter(|p| p.t_ns.is_some()).count();
    if timed == 0 || timed == points.len() {
        return Ok(());
    }
    if report.mode == ImportMode::Keep {
        let line = points.iter().find(|p| p.t_ns.is_none()).map_or(0, |p| p.line);
        return Err(ImportError::MixedTimes { line });
    }
    if timed * 2 < points.len() {
        points.iter_mut().for_each(|p| p.t_ns = None);
        return Ok(());
    }
    let mut cut = false;
    let mut untimed = Vec::new();
    points.retain_mut(|p| {
        if p.t_ns.is_none() {
            cut |= p.cut;
            untimed.push(p.line);
            return false;
        }
        p.cut |= std::mem::take(&mut cut);
        true
    });
    for line in untimed {
        skip(report, line, Fault::NoTime)?;
    }
    Ok(())
}

fn point(node: &Node<'_, '_>) -> Result<GeoPoint, Fault> {
    let attribute = |name| node.attribute(name).ok_or(Fault::NoPlace);
    let lat = number(1, attribute("lat")?.trim())?;
    let lon = number(2, attribute("lon")?.trim())?;
    if lat.abs() > 90.0 || lon.abs() > 360.0 {
        return Err(Fault::PlaceRange { lon, lat });
    }
    let child = |name| {
        let found = node.children().find(|c| c.is_element() && c.tag_name().name() == name);
        found.and_then(|c| c.text()).map(str::trim).filter(|t| !t.is_empty())
    };
    let elevation_m = child("ele").map(|t| number(3, t)).transpose()?;
    if elevation_m.is_some_and(|z| z.abs() > 1e6) {
        return Err(Fault::PositionRange);
    }
    let t_ns = match child("time") {
        Some(t) => Some(iso_8601(t).ok_or_else(|| Fault::Time { text: excerpt(t) })?),
        None => None,
    };
    Ok(GeoPoint { place: Geographic { lon, lat }, elevation_m, t_ns, cut: false, line: 0 })
}

/// `2019-03-20T13:12:26.5Z`, with `+02:00` for another zone; without a zone UTC. Nanoseconds since
/// 1970.
fn iso_8601(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let digits = |s: &str, len: usize| {
        (s.len() == len && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i64>().ok())?
    };
    let mut ymd = date.split('-');
    let (year, month, day) =
        (digits(ymd.next()?, 4)?, digits(ymd.next()?, 2)?, digits(ymd.next()?, 2)?);
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let offset_s = match zone.as_bytes().first() {
        None | Some(b'Z' | b'z') => 0,
        Some(sign) => {
            let zone = zone[1..].replace(':', "");
            let (h, m) = (zone.get(..2)?, zone.get(2..).filter(|m| !m.is_empty()).unwrap_or("00"));
            let s = digits(h, 2)? * 3600 + digits(m, 2)? * 60;
            if *sign == b'-' { -s } else { s }
        }
    };
    let mut hms = clock.split(':');
    let (hour, minute) = (digits(hms.next()?, 2)?, digits(hms.next()?, 2)?);
    let second_ns = match hms.next() {
        Some(s) if s.as_bytes().first().is_some_and(u8::is_ascii_digit) => seconds(1, s).ok()?,
        Some(_) => return None,
        None => 0,
    };
    let days = days_since_1970(year, month, day)?;
    // A leap second may be written as 60.
    if ymd.next().is_some() || hms.next().is_some() || hour > 24 || minute > 59 {
        return None;
    }
    if !(0..61 * SECOND_NS).contains(&second_ns) {
        return None;
    }
    let s = days * 86_400 + hour * 3600 + minute * 60 - offset_s;
    // The range that every time of a path keeps to.
    (s.abs() <= 4_400_000_000).then(|| s * SECOND_NS + second_ns)
}

/// Days from 1970-01-01 in the Gregorian calendar, by Howard Hinnant's `days_from_civil`.
pub(super) fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..=9999).contains(&year) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_zone_count_from_1970() {
        // `date -u -d … +%s`
        assert_eq!(iso_8601("2019-03-20T13:12:26Z"), Some(1_553_087_546_000_000_000));
        assert_eq!(iso_8601("2019-03-20T15:12:26.25+02:00"), Some(1_553_087_546_250_000_000));
        assert_eq!(iso_8601("2019-03-20T15:12:26+0200"), Some(1_553_087_546_000_000_000));
        assert_eq!(iso_8601("2019-03-20 13:12:26"), Some(1_553_087_546_000_000_000));
        assert_eq!(iso_8601("2000-02-29T00:00:00Z"), Some(951_782_400_000_000_000));
        assert_eq!(iso_8601("1969-12-31T23:59:59Z"), Some(-1_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "T",
            "2019-03-20",
            "2019-13-20T00:00:00Z",
            "2019-03-20T25:00:00Z",
            "2019-03-20T00:61:00Z",
            "2019-03-20T00:00:99Z",
            "2019-03-20T00:00:00+é",
            "9999-01-01T00:00:00Z",
            "2019-03-20T00:00:-1Z",
            "x-y-zTa:b:c",
        ] {
            assert_eq!(iso_8601(text), None, "{text}");
        }
    }
}
