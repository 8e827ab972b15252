use crate::axes::unit;
use crate::error::{CamError, Fault};
use farplane_geom::{DQuat, DVec3, Geographic, Projection};

/// Poses that a path may have.
pub const POSES_MAX: usize = 10_000_000;

/// Largest coordinate of a position, m: differences and squares stay far from overflow, and an f64
/// still resolves a tenth of a micrometre there.
pub const POSITION_MAX_M: f64 = 1e9;

/// Smallest vertical field of view, degrees.
pub const VFOV_DEGREES_MIN: f64 = 0.1;

/// Largest vertical field of view, degrees.
pub const VFOV_DEGREES_MAX: f64 = 175.0;

/// What a path says about all its poses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CamHeader {
    /// Coordinate reference system that `origin` is given in, as `EPSG:4326`.
    pub crs: Option<String>,
    /// Where the poses' (0, 0, 0) lies in `crs`: for `EPSG:4326` degrees east, degrees north and
    /// metres, the centre of an equirectangular projection; otherwise metres.
    pub origin: Option<DVec3>,
    /// Vertical field of view of poses without one of their own, degrees.
    pub vfov_degrees: Option<f64>,
    /// Near distance, m.
    pub near_m: Option<f64>,
    /// Far distance, m.
    pub far_m: Option<f64>,
}

impl CamHeader {
    /// The name of longitude and latitude on WGS 84.
    pub const WGS84: &'static str = "EPSG:4326";

    /// The projection that the poses' metres come from; [`Projection::Metric`] where the path is
    /// not geographic.
    #[must_use]
    pub fn projection(&self) -> Projection {
        match (self.crs.as_deref(), self.origin) {
            (Some(Self::WGS84), Some(o)) => {
                Projection::Equirectangular(Geographic { lon: o.x, lat: o.y })
            }
            _ => Projection::Metric,
        }
    }
}

/// Where the camera is at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Time since the first pose, ns.
    pub t_ns: u64,
    /// Position, m, z up.
    pub position: DVec3,
    /// Camera axes (x right, y down, z forward) to world axes; unit length.
    pub rotation: DQuat,
    /// Vertical field of view, degrees, where the pose has one of its own.
    pub vfov_degrees: Option<f64>,
    /// Whether this pose does not continue the one before: nothing is interpolated between them.
    pub cut: bool,
}

/// The camera between two poses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Position, m.
    pub position: DVec3,
    /// Camera axes to world axes; unit length.
    pub rotation: DQuat,
    /// Vertical field of view, degrees; `None` where neither the poses nor the header have one.
    pub vfov_degrees: Option<f64>,
    /// Index of the last pose at or before this time.
    pub pose: usize,
    /// Cuts passed so far. Where it differs from the last frame's, the camera has jumped.
    pub cuts: usize,
}

/// A recorded camera path: at least two poses at increasing times.
#[derive(Clone, Debug, PartialEq)]
pub struct CamPath {
    header: CamHeader,
    start_ns: i64,
    poses: Vec<Pose>,
    /// Indices of the poses with `cut`, increasing.
    cuts: Vec<u32>,
}

impl CamPath {
    /// A path from poses whose `t_ns` count from the first one, at `start_ns` on the recorder's
    /// clock. Times are shifted so that the first is 0, rotations normalised, and a cut at the
    /// first pose, which continues nothing anyway, is dropped.
    ///
    /// # Errors
    /// [`CamError`] for fewer than two poses or more than [`POSES_MAX`], times that do not
    /// increase, positions that are not finite or beyond [`POSITION_MAX_M`], zero quaternions and
    /// fields of view that make no sense.
    pub fn new(header: CamHeader, start_ns: i64, mut poses: Vec<Pose>) -> Result<Self, CamError> {
        match poses.len() {
            0 => return Err(CamError::NoPose { lines: 0 }),
            1 => return Err(CamError::OnePose { line: 0 }),
            n if n > POSES_MAX => return Err(CamError::TooManyPoses { line: 0 }),
            _ => {}
        }
        let first_ns = poses[0].t_ns;
        let start_ns = i64::try_from(first_ns)
            .ok()
            .and_then(|first| start_ns.checked_add(first))
            .ok_or(CamError::Pose { index: 0, fault: Fault::TimeRange })?;
        poses[0].cut = false;
        let mut last_ns = None;
        for (index, pose) in poses.iter_mut().enumerate() {
            let fault = |fault| CamError::Pose { index, fault };
            let on_clock = |t: u64| start_ns.saturating_add_unsigned(t);
            let t_ns = pose.t_ns.checked_sub(first_ns);
            pose.t_ns = match (t_ns, last_ns) {
                (Some(t), None) => t,
                (Some(t), Some(last)) if t > last => t,
                (t, last) => {
                    let (t_ns, last_ns) = (on_clock(t.unwrap_or(0)), on_clock(last.unwrap_or(0)));
                    return Err(fault(Fault::TimeNotIncreasing { t_ns, last_ns }));
                }
            };
            if start_ns.checked_add_unsigned(pose.t_ns).is_none() {
                return Err(fault(Fault::TimeRange));
            }
            last_ns = Some(pose.t_ns);
            pose.rotation =
                check_pose(pose.position, pose.rotation, pose.vfov_degrees).map_err(fault)?;
        }
        let cuts = (0u32..).zip(&poses).filter(|(_, p)| p.cut).map(|(i, _)| i).collect();
        Ok(Self { header, start_ns, poses, cuts })
    }

    /// What the path says about all its poses.
    #[must_use]
    pub fn header(&self) -> &CamHeader {
        &self.header
    }

    /// The same, to be changed.
    pub fn header_mut(&mut self) -> &mut CamHeader {
        &mut self.header
    }

    /// The first pose's time on the recorder's clock, ns (often since 1970).
    #[must_use]
    pub fn start_ns(&self) -> i64 {
        self.start_ns
    }

    /// All poses, at least two, by time.
    #[must_use]
    pub fn poses(&self) -> &[Pose] {
        &self.poses
    }

    /// Time from the first pose to the last, ns; more than 0.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.poses[self.poses.len() - 1].t_ns
    }

    /// Indices of the poses that do not continue the one before.
    #[must_use]
    pub fn cuts(&self) -> &[u32] {
        &self.cuts
    }

    /// Sum of the distances between poses, m, cuts left out.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        let flown = self.poses.windows(2).filter(|w| !w[1].cut);
        flown.map(|w| w[1].position.distance(w[0].position)).sum()
    }

    /// The camera `t_ns` after the first pose: position and field of view linear, rotation by
    /// slerp, exact at a pose, never across a cut (the pose before it holds until its time). Past
    /// the end the last pose holds. Takes O(log poses).
    #[must_use]
    pub fn sample(&self, t_ns: u64) -> Sample {
        // The first pose is at 0, so at least one is at or before `t_ns`.
        let pose = self.poses.partition_point(|p| p.t_ns <= t_ns) - 1;
        let a = &self.poses[pose];
        let cuts = self.cuts.partition_point(|&c| c as usize <= pose);
        let vfov = |p: &Pose| p.vfov_degrees.or(self.header.vfov_degrees);
        let hold = Sample {
            position: a.position,
            rotation: a.rotation,
            vfov_degrees: vfov(a),
            pose,
            cuts,
        };
        match self.poses.get(pose + 1) {
            Some(b) if !b.cut && t_ns > a.t_ns => {
                let f = (t_ns - a.t_ns) as f64 / (b.t_ns - a.t_ns) as f64;
                let vfov_degrees = match (vfov(a), vfov(b)) {
                    (Some(x), Some(y)) => Some(x + (y - x) * f),
                    (x, _) => x,
                };
                Sample {
                    position: a.position + (b.position - a.position) * f,
                    rotation: slerp(a.rotation, b.rotation, f),
                    vfov_degrees,
                    ..hold
                }
            }
            _ => hold,
        }
    }

    /// A hash of what the camera sees: every pose, and the field of view, near and far of the
    /// header (FNV-1a, 64 bits). The recorder's clock and the CRS do not count.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hash = Fnv::new();
        for value in [self.header.vfov_degrees, self.header.near_m, self.header.far_m] {
            hash.option(value);
        }
        for p in &self.poses {
            hash.word(p.t_ns);
            for v in p.position.to_array().into_iter().chain(p.rotation.to_array()) {
                hash.word(v.to_bits());
            }
            hash.option(p.vfov_degrees);
            hash.word(u64::from(p.cut));
        }
        hash.0
    }

    /// The path at its own coordinates in a world with another projection. Paths and worlds in
    /// plain metres stay as they are.
    ///
    /// # Errors
    /// [`CamError::Pose`] where a pose is too far from the world's centre to have a position there.
    pub fn reproject(&self, world: &Projection) -> Result<Self, CamError> {
        let own = self.header.projection();
        let Some(center) = world.center() else { return Ok(self.clone()) };
        if own == *world || own == Projection::Metric {
            return Ok(self.clone());
        }
        let mut poses = self.poses.clone();
        for p in &mut poses {
            let there = own.unproject(p.position.truncate()).and_then(|g| world.project(g));
            if let Some(there) = there {
                p.position = there.extend(p.position.z);
            }
        }
        let z = self.header.origin.map_or(0.0, |o| o.z);
        let origin = Some(DVec3::new(center.lon, center.lat, z));
        let header = CamHeader { origin, ..self.header.clone() };
        Self::new(header, self.start_ns, poses)
    }
}

/// Poses below the ground, where there is ground.
#[must_use]
pub fn below_ground(poses: &[Pose], ground: &dyn Fn(f64, f64) -> Option<f64>) -> usize {
    let below = |p: &&Pose| ground(p.position.x, p.position.y).is_some_and(|g| p.position.z < g);
    poses.iter().filter(below).count()
}

/// The rotation with unit length, if position, rotation and field of view make sense.
pub(crate) fn check_pose(
    position: DVec3,
    rotation: DQuat,
    vfov_degrees: Option<f64>,
) -> Result<DQuat, Fault> {
    if !position.is_finite() || position.abs().max_element() > POSITION_MAX_M {
        return Err(Fault::PositionRange);
    }
    if let Some(degrees) = vfov_degrees
        && !(VFOV_DEGREES_MIN..=VFOV_DEGREES_MAX).contains(&degrees)
    {
        return Err(Fault::VfovRange { degrees });
    }
    unit(rotation).ok_or(Fault::ZeroQuaternion)
}

/// Spherical linear interpolation the shorter way round (Shoemake 1985), with `libm` only, so that
/// every machine gets the same bits.
pub(crate) fn slerp(a: DQuat, b: DQuat, f: f64) -> DQuat {
    // Above this cosine (about 1.8°) the sines cancel; a normalised chord differs by under 10⁻⁶ rad.
    const NEARLY_EQUAL: f64 = 0.9995;
    let dot = a.dot(b);
    let (b, dot) = if dot < 0.0 { (-b, -dot) } else { (b, dot) };
    let (wa, wb) = if dot > NEARLY_EQUAL {
        (1.0 - f, f)
    } else {
        let angle = libm::acos(dot);
        (libm::sin((1.0 - f) * angle), libm::sin(f * angle))
    };
    (a * wa + b * wb).normalize()
}

struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn word(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn option(&mut self, value: Option<f64>) {
        self.word(value.map_or(0, f64::to_bits));
    }
}
