use crate::axes::rotation_of;
use crate::error::Fault;
use crate::import::local::{RawPose, finish, read_lines};
use crate::import::{Format, ImportError, ImportOptions, ImportReport, Imported, Note};
use crate::text::{SECOND_NS, columns, decode, numbers, seconds};
use farplane_geom::{DMat3, DVec3};

/// Rotations that are off by more than this are counted, not only made orthonormal.
const DEVIATION_REPORTED: f64 = 1e-3;

/// Reads KITTI odometry poses: twelve numbers a line, the rows of a 3×4 camera-to-world matrix,
/// x right, y down, z forward. The world, whose axes are those of the first camera, is turned to
/// z up: (x, y, z) → (x, z, −y). Times come from `options.times` or `options.hz`.
///
/// # Errors
/// [`ImportError`] where nothing usable is left, where times and poses do not match, or at the first
/// line that a `.cam` could not hold with [`ImportMode::Keep`](crate::ImportMode::Keep).
pub fn import_kitti(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    const HZ_MIN: f64 = 0.01;
    const HZ_MAX: f64 = 1e6;
    let mut report = ImportReport::new(Format::Kitti, options.mode);
    if !(options.hz >= HZ_MIN && options.hz <= HZ_MAX) {
        let expected = "poses per second, 0.01 to 1000000";
        return Err(ImportError::Option { name: "hz", value: options.hz, expected });
    }
    let times = options.times.map(read_times).transpose()?;
    // Times belong to lines, so that a skipped line keeps the others in step.
    let mut index = 0;
    let raw = read_lines(bytes, &mut report, |line, text, report| {
        let t_ns = match &times {
            Some(times) => times.get(index).copied().unwrap_or(0),
            None => (index as f64 / options.hz * SECOND_NS as f64).round() as i64,
        };
        index += 1;
        let (position, matrix) = matrix_of(text)?;
        let (rotation, deviation) = rotation_of(&matrix).ok_or(Fault::NotARotation)?;
        report.orthonormalised += usize::from(deviation > DEVIATION_REPORTED);
        RawPose::new(line, t_ns, position, rotation)
    })?;
    match times {
        Some(times) if times.len() != index => {
            return Err(ImportError::TimesCount { times: times.len(), poses: index });
        }
        Some(_) => {}
        None => report.notes.push(Note::ConstantRate { hz: options.hz }),
    }
    report.notes.push(Note::YDownToZUp);
    finish(raw, report)
}

/// Position and rotation matrix in a world with z up.
fn matrix_of(line: &str) -> Result<(DVec3, DMat3), Fault> {
    let m: [f64; 12] = numbers(line, "12 (a 3×4 matrix by rows)")?;
    let column = |i: usize| {
        // World (x, y, z) → (x, z, −y).
        DVec3::new(m[i], m[8 + i], -m[4 + i])
    };
    Ok((column(3), DMat3::from_cols(column(0), column(1), column(2))))
}

fn read_times(bytes: &[u8]) -> Result<Vec<i64>, ImportError> {
    let text = decode(bytes).map_err(|(line, fault)| ImportError::Times { line, fault })?;
    let mut times = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |fault| ImportError::Times { line: i + 1, fault };
        let found = columns(line).count();
        if found != 1 {
            return Err(fault(Fault::Columns { found, expected: "1 (seconds)" }));
        }
        times.push(seconds(1, line).map_err(fault)?);
    }
    Ok(times)
}
