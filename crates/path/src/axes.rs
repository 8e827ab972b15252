//! Conventions of axes: which way a camera's x, y, z point, and which world axis is up.

use farplane_geom::{DMat3, DQuat, DVec3};

/// Length below which a quaternion counts as zero.
const ZERO_QUATERNION: f64 = 1e-6;

/// Squared length within which a quaternion is taken as it is: normalising what is normalised
/// already would move its last bit, and a path written and read again would differ.
const UNIT_SLACK: f64 = 1e-14;

/// The quaternion with length 1, or `None` where it is zero or not finite.
pub(crate) fn unit(q: DQuat) -> Option<DQuat> {
    let largest = q.x.abs().max(q.y.abs()).max(q.z.abs()).max(q.w.abs());
    if !q.is_finite() || largest < ZERO_QUATERNION {
        return None;
    }
    if (q.length_squared() - 1.0).abs() <= UNIT_SLACK {
        return Some(q);
    }
    // Scaled first, so that the square of a large component stays finite.
    let q = DQuat::from_xyzw(q.x / largest, q.y / largest, q.z / largest, q.w / largest);
    let length = q.length_squared().sqrt();
    Some(DQuat::from_xyzw(q.x / length, q.y / length, q.z / length, q.w / length))
}

/// Where the three axes of a file's camera point, as `right down forward`: the rotation from the
/// file's camera axes to farplane's (x right, y down, z forward). `None` where a word is unknown or
/// the axes are not a right-handed frame.
pub(crate) fn camera_axes(words: &str) -> Option<DQuat> {
    let mut columns = [DVec3::ZERO; 3];
    let mut count = 0;
    for word in words.split_ascii_whitespace() {
        *columns.get_mut(count)? = match word {
            "right" => DVec3::X,
            "left" => -DVec3::X,
            "down" => DVec3::Y,
            "up" => -DVec3::Y,
            "forward" => DVec3::Z,
            "back" => -DVec3::Z,
            _ => return None,
        };
        count += 1;
    }
    // A repeated axis has determinant 0, a mirrored frame −1.
    let matrix = DMat3::from_cols(columns[0], columns[1], columns[2]);
    (count == 3 && matrix.determinant() > 0.5).then(|| DQuat::from_mat3(&matrix))
}

/// A world with y up (x right, z towards the viewer) to one with z up: (x, y, z) → (x, −z, y).
pub(crate) fn y_up_to_z_up(position: DVec3, rotation: DQuat) -> (DVec3, DQuat) {
    let turn = DQuat::from_xyzw(
        core::f64::consts::FRAC_1_SQRT_2,
        0.0,
        0.0,
        core::f64::consts::FRAC_1_SQRT_2,
    );
    (DVec3::new(position.x, -position.z, position.y), turn * rotation)
}

/// A rotation from nearly orthonormal columns (by Gram–Schmidt, the third axis first, since that is
/// where the camera looks) and how far the matrix was from one; `None` where it is no rotation.
pub(crate) fn rotation_of(matrix: &DMat3) -> Option<(DQuat, f64)> {
    // A length or angle that is off by more than this is no rounding.
    const DEVIATION_MAX: f64 = 0.2;
    let (x, y, z) = (matrix.x_axis, matrix.y_axis, matrix.z_axis);
    let mut deviation: f64 = 0.0;
    for (a, b, expected) in
        [(x, x, 1.0), (y, y, 1.0), (z, z, 1.0), (x, y, 0.0), (x, z, 0.0), (y, z, 0.0)]
    {
        deviation = deviation.max((a.dot(b) - expected).abs());
    }
    if deviation.is_nan() || deviation > DEVIATION_MAX || matrix.determinant() < 0.0 {
        return None;
    }
    let z = z.normalize();
    let y = (y - z * y.dot(z)).normalize();
    let rotation = DQuat::from_mat3(&DMat3::from_cols(y.cross(z), y, z));
    Some((unit(rotation)?, deviation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opengl_axes_are_turned_half_a_turn_about_x() {
        let q = camera_axes("right up back").unwrap();
        assert!((q * DVec3::Y + DVec3::Y).length() < 1e-12);
        assert!((q * DVec3::Z + DVec3::Z).length() < 1e-12);
        assert_eq!(camera_axes("right up forward"), None, "mirrored");
        assert_eq!(camera_axes("right right forward"), None);
        assert_eq!(camera_axes("right down"), None);
        assert_eq!(camera_axes("right down forward up"), None);
        assert_eq!(camera_axes("right down ahead"), None);
    }

    #[test]
    fn normalising_twice_changes_nothing_more() {
        let once = unit(DQuat::from_xyzw(0.6132, 0.5962, -0.3311, -0.3986)).unwrap();
        assert_eq!(unit(once), Some(once));
        assert_eq!(
            unit(DQuat::from_xyzw(1e300, 0.0, 0.0, 0.0)),
            Some(DQuat::from_xyzw(1.0, 0.0, 0.0, 0.0))
        );
        assert_eq!(unit(DQuat::from_xyzw(0.0, 0.0, 0.0, 0.0)), None);
        assert_eq!(unit(DQuat::from_xyzw(f64::NAN, 0.0, 0.0, 1.0)), None);
    }

    #[test]
    fn y_up_becomes_z_up() {
        let (p, q) = y_up_to_z_up(DVec3::new(1.0, 2.0, 3.0), DQuat::IDENTITY);
        assert_eq!(p, DVec3::new(1.0, -3.0, 2.0));
        assert!((q * DVec3::Y - DVec3::Z).length() < 1e-12);
        assert!((q * DVec3::Z + DVec3::Y).length() < 1e-12);
    }
}
