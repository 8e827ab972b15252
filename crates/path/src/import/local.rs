//! What the formats with poses in metres have in common.

use crate::error::Fault;
use crate::import::repair::{Stamped, mark_gaps, mark_jumps, order};
use crate::import::{ImportError, ImportMode, ImportReport, Imported, Track};
use crate::path::{CamHeader, CamPath, POSES_MAX, Pose, check_pose};
use crate::text::decode;
use farplane_geom::{DQuat, DVec3};

/// A pose as a file gives it.
pub(crate) struct RawPose {
    line: usize,
    t_ns: i64,
    position: DVec3,
    rotation: DQuat,
    cut: bool,
}

impl RawPose {
    pub(crate) fn new(
        line: usize,
        t_ns: i64,
        position: DVec3,
        rotation: DQuat,
    ) -> Result<Self, Fault> {
        let rotation = check_pose(position, rotation, None)?;
        Ok(Self { line, t_ns, position, rotation, cut: false })
    }

    /// From the pose of a body to that of a camera mounted on it.
    pub(crate) fn mount(&mut self, offset: DVec3, turn: DQuat) {
        self.position += self.rotation * offset;
        self.rotation = (self.rotation * turn).normalize();
    }
}

impl Stamped for RawPose {
    fn t_ns(&self) -> i64 {
        self.t_ns
    }

    fn line(&self) -> usize {
        self.line
    }

    fn cut_mut(&mut self) -> &mut bool {
        &mut self.cut
    }
}

/// Reads every line that is neither empty nor a `#` comment. What `read` refuses is skipped and
/// counted, or, with `Keep`, an error.
pub(crate) fn read_lines<T>(
    bytes: &[u8],
    report: &mut ImportReport,
    mut read: impl FnMut(usize, &str, &mut ImportReport) -> Result<T, Fault>,
) -> Result<Vec<T>, ImportError> {
    let text = decode(bytes).map_err(|(line, fault)| ImportError::Line { line, fault })?;
    let mut items = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if items.len() == POSES_MAX {
            return Err(ImportError::TooManyPoses { line: i + 1 });
        }
        match read(i + 1, line, report) {
            Ok(item) => items.push(item),
            Err(fault) => skip(report, i + 1, fault)?,
        }
    }
    report.read = items.len();
    Ok(items)
}

/// Counts a line as skipped, or refuses it with `Keep`.
pub(crate) fn skip(
    report: &mut ImportReport,
    line: usize,
    fault: Fault,
) -> Result<(), ImportError> {
    if report.mode == ImportMode::Keep {
        return Err(ImportError::Line { line, fault });
    }
    report.skipped.count += 1;
    report.skipped.first.get_or_insert((line, fault));
    Ok(())
}

/// Orders the poses, looks for gaps and jumps, and makes a path.
pub(crate) fn finish(
    mut raw: Vec<RawPose>,
    mut report: ImportReport,
) -> Result<Imported, ImportError> {
    order(&mut raw, &mut report)?;
    if raw.len() < 2 {
        return Err(too_few(raw.len(), &report));
    }
    mark_gaps(&mut raw, &mut report);
    mark_jumps(&mut raw, |a, b| a.position.distance(b.position), &mut report);
    let start_ns = raw[0].t_ns;
    let pose = |r: &RawPose| Pose {
        t_ns: r.t_ns.abs_diff(start_ns),
        position: r.position,
        rotation: r.rotation,
        vfov_degrees: None,
        cut: r.cut,
    };
    let path = CamPath::new(CamHeader::default(), start_ns, raw.iter().map(pose).collect())?;
    report.poses = path.poses().len();
    report.cuts = path.cuts().len();
    Ok(Imported { track: Track::Local(path), report })
}

pub(crate) fn too_few(found: usize, report: &ImportReport) -> ImportError {
    ImportError::TooFewPoses { format: report.format, found, first: report.skipped.first.clone() }
}
