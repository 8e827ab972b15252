use crate::axes::rotation_of;
use crate::error::Fault;
use crate::import::local::{RawPose, finish, read_lines};
use crate::import::{Format, ImportError, ImportOptions, ImportReport, Imported, Note};
use crate::text::{columns, decode, excerpt, number};
use farplane_geom::{DMat3, DQuat, DVec3};

/// Reads EuRoC MAV ground truth: CSV, `timestamp [ns], px, py, pz, qw, qx, qy, qz, …`, metres, world
/// z up, the quaternion's scalar first. The pose is the body's; `options.extrinsic` says where the
/// camera sits on it.
///
/// # Errors
/// [`ImportError`] where nothing usable is left, for an extrinsic that is not one, or at the first
/// line that a `.cam` could not hold with [`ImportMode::Keep`](crate::ImportMode::Keep).
pub fn import_euroc(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    let mut report = ImportReport::new(Format::Euroc, options.mode);
    let extrinsic = match options.extrinsic {
        Some(bytes) => Some(read_extrinsic(bytes)?),
        None => {
            report.notes.push(Note::IdentityExtrinsic);
            None
        }
    };
    let raw = read_lines(bytes, &mut report, |line, text, _| {
        let found = columns(text).count();
        if found < 8 {
            return Err(Fault::Columns { found, expected: "8 or more (ns, position, quaternion)" });
        }
        let mut t_ns = 0;
        let mut v = [0.0; 7];
        for (i, text) in columns(text).take(8).enumerate() {
            if i == 0 {
                t_ns = nanoseconds(text)?;
            } else {
                v[i - 1] = number(i + 1, text)?;
            }
        }
        let position = DVec3::new(v[0], v[1], v[2]);
        let mut pose =
            RawPose::new(line, t_ns, position, DQuat::from_xyzw(v[4], v[5], v[6], v[3]))?;
        if let Some((offset, turn)) = extrinsic {
            pose.mount(offset, turn);
        }
        Ok(pose)
    })?;
    finish(raw, report)
}

fn nanoseconds(text: &str) -> Result<i64, Fault> {
    // The same range as seconds elsewhere.
    const NS_MAX: u64 = 4_500_000_000_000_000_000;
    match text.parse::<i64>() {
        Ok(t) if t.unsigned_abs() <= NS_MAX => Ok(t),
        Ok(_) => Err(Fault::TimeRange),
        Err(_) => {
            // Some exporters write 1.403636580838555648e+18.
            let t = number(1, text)
                .map_err(|_| Fault::NotANumber { column: 1, text: excerpt(text) })?;
            if t.abs() <= NS_MAX as f64 { Ok(t.round() as i64) } else { Err(Fault::TimeRange) }
        }
    }
}

/// Position and rotation of the camera on the body, from sixteen numbers by rows. Brackets and
/// commas are blanks, so that the `data: [...]` of a EuRoC `sensor.yaml` can be pasted.
fn read_extrinsic(bytes: &[u8]) -> Result<(DVec3, DQuat), ImportError> {
    let text = decode(bytes).map_err(|_| ImportError::Extrinsic { found: 0 })?;
    let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
    let words = lines.flat_map(|l| l.split(|c: char| c.is_whitespace() || "[],;".contains(c)));
    let m: Vec<f64> =
        words.filter(|w| !w.is_empty()).map_while(|w| number(1, w).ok()).take(17).collect();
    if m.len() != 16 {
        return Err(ImportError::Extrinsic { found: m.len() });
    }
    let rigid = [0.0, 0.0, 0.0, 1.0].iter().zip(&m[12..]).all(|(a, b)| (a - b).abs() < 1e-6);
    let column = |i: usize| DVec3::new(m[i], m[4 + i], m[8 + i]);
    let rotation = rotation_of(&DMat3::from_cols(column(0), column(1), column(2)));
    match rotation {
        Some((rotation, _)) if rigid => Ok((column(3), rotation)),
        _ => Err(ImportError::Extrinsic { found: 16 }),
    }
}
