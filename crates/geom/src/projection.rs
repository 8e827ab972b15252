use glam::DVec2;

/// A geographic position in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geographic {
    /// Longitude, degrees, east positive.
    pub lon: f64,
    /// Latitude, degrees, north positive.
    pub lat: f64,
}

/// How a world's metres come about. One projection holds for a whole world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Projection {
    /// Metres of no place on Earth, or of a projected CRS that the data came in (UTM, say).
    Metric,
    /// Equirectangular about a centre, on the WGS 84 ellipsoid: x = N·cos φ₀·(λ−λ₀),
    /// y = M·(φ−φ₀), with the radii of curvature N (prime vertical) and M (meridian) at φ₀.
    /// Exact at the centre; grid lines of longitude and latitude stay straight and evenly spaced.
    Equirectangular(Geographic),
}

/// WGS 84: semi-major axis, m, and first eccentricity squared.
const WGS84: (f64, f64) = (6_378_137.0, 6.694_379_990_141_316_5e-3);

impl Projection {
    /// Metres per degree east and north at the projection's centre; `None` for plain metres.
    #[must_use]
    pub fn metres_per_degree(&self) -> Option<DVec2> {
        let Self::Equirectangular(center) = *self else { return None };
        let (a, e2) = WGS84;
        let phi = center.lat.to_radians();
        let s = libm::sin(phi);
        let w2 = 1.0 - e2 * s * s;
        let n = a / libm::sqrt(w2);
        let m = a * (1.0 - e2) / (w2 * libm::sqrt(w2));
        Some(DVec2::new(n * libm::cos(phi), m) * (core::f64::consts::PI / 180.0))
    }

    /// Degrees to metres about the centre; `None` for plain metres. The shorter way around the
    /// globe is taken, so worlds may lie on the date line.
    #[must_use]
    pub fn project(&self, place: Geographic) -> Option<DVec2> {
        let (k, c) = (self.metres_per_degree()?, self.center()?);
        let mut dlon = place.lon - c.lon;
        if dlon > 180.0 {
            dlon -= 360.0;
        } else if dlon < -180.0 {
            dlon += 360.0;
        }
        Some(DVec2::new(dlon * k.x, (place.lat - c.lat) * k.y))
    }

    /// Metres about the centre to degrees; `None` for plain metres.
    #[must_use]
    pub fn unproject(&self, metres: DVec2) -> Option<Geographic> {
        let (k, c) = (self.metres_per_degree()?, self.center()?);
        Some(Geographic { lon: c.lon + metres.x / k.x, lat: c.lat + metres.y / k.y })
    }

    /// The centre in degrees; `None` for plain metres.
    #[must_use]
    pub fn center(&self) -> Option<Geographic> {
        match *self {
            Self::Metric => None,
            Self::Equirectangular(center) => Some(center),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_degree_at_the_andes_is_93_by_111_km() {
        // Lengths of a degree at 32.5° S on WGS 84: 93,997 m (longitude) and 110,904 m (latitude),
        // by the standard series 111412.84 cos φ − 93.5 cos 3φ + 0.118 cos 5φ and
        // 111132.92 − 559.82 cos 2φ + 1.175 cos 4φ − 0.0023 cos 6φ.
        let p = Projection::Equirectangular(Geographic { lon: -70.5, lat: -32.5 });
        let phi = (-32.5f64).to_radians();
        let lon = 111_412.84 * libm::cos(phi) - 93.5 * libm::cos(3.0 * phi)
            + 0.118 * libm::cos(5.0 * phi);
        let lat = 111_132.92 - 559.82 * libm::cos(2.0 * phi) + 1.175 * libm::cos(4.0 * phi)
            - 0.0023 * libm::cos(6.0 * phi);
        let k = p.metres_per_degree().unwrap();
        assert!((k.x - lon).abs() < 0.5, "{} {lon}", k.x);
        assert!((k.y - lat).abs() < 0.5, "{} {lat}", k.y);
    }

    #[test]
    fn projecting_there_and_back_changes_nothing() {
        let p = Projection::Equirectangular(Geographic { lon: 179.9, lat: 10.0 });
        let place = Geographic { lon: -179.8, lat: 10.3 };
        let metres = p.project(place).unwrap();
        assert!(metres.x > 0.0 && metres.x < 40_000.0);
        let back = p.unproject(metres).unwrap();
        assert!((back.lon - 180.2).abs() < 1e-9 && (back.lat - 10.3).abs() < 1e-9);
    }
}
