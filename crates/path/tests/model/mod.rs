//! The model of a `.cam` file: lines decoded from bytes, and what a naive reader makes of them.

use farplane_path::{CamError, CamPath, DQuat, DVec3};
use std::fmt::Write;

/// A line of a file.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// A pose some time after the last one (or before it, which is wrong).
    Pose { step_ns: i32, position: [i16; 3], rotation: [i8; 4], vfov: u8 },
    /// `# cut`
    Cut,
    /// A comment without meaning.
    Comment,
    /// A line without characters.
    Blank,
    /// A pose with a column too few.
    Short,
}

impl Op {
    /// The next line, or `None` at the end of the bytes.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let kind = take::<1>(bytes)?[0];
        Some(match kind {
            0..=15 => Self::Cut,
            16..=23 => Self::Comment,
            24..=31 => Self::Blank,
            32 => Self::Short,
            _ => {
                let step = i32::from_le_bytes(take(bytes)?);
                // Mostly forwards.
                let step_ns = if kind < 34 { step } else { (step & i32::MAX).max(1) };
                let at = take::<6>(bytes)?;
                let axis = |i| i16::from_le_bytes([at[i], at[i + 1]]);
                let rotation = take::<4>(bytes)?.map(|b| b as i8);
                let vfov = take::<1>(bytes)?[0];
                Self::Pose { step_ns, position: [axis(0), axis(2), axis(4)], rotation, vfov }
            }
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

struct Line {
    t_ns: i64,
    position: DVec3,
    rotation: [f64; 4],
    vfov: Option<f64>,
    cut: bool,
}

/// Writes the lines, reads them as a path, and holds the path against a naive reading.
pub fn check(mut bytes: &[u8]) {
    let mut text = String::from("# farplane-cam 1\n");
    let (mut lines, mut expected, mut wrong) = (1, Vec::<Line>::new(), None);
    let (mut now, mut cut) = (0i64, false);
    while let Some(op) = Op::decode(&mut bytes) {
        lines += 1;
        match op {
            Op::Cut => {
                text.push_str("# cut\n");
                cut = true;
            }
            Op::Comment => text.push_str("#  a comment, cut or not\r\n"),
            Op::Blank => text.push('\n'),
            Op::Short => {
                text.push_str("0 0 0 0 0 0 0\n");
                wrong = wrong.or(Some(lines));
            }
            Op::Pose { step_ns, position, rotation, vfov } => {
                now += i64::from(step_ns);
                let sign = if now < 0 { "-" } else { "" };
                let (s, ns) = (now.abs() / 1_000_000_000, now.abs() % 1_000_000_000);
                let p = position.map(|v| f64::from(v) * 1000.25);
                let q = rotation.map(|v| f64::from(v) / 64.0);
                write!(text, "{sign}{s}.{ns:09} {} {} {} ", p[0], p[1], p[2]).unwrap();
                write!(text, "{} {} {} {}", q[0], q[1], q[2], q[3]).unwrap();
                let vfov = (vfov < 180).then_some(f64::from(vfov));
                if let Some(vfov) = vfov {
                    write!(text, " {vfov}").unwrap();
                }
                text.push('\n');
                let late = expected.last().is_some_and(|l| now <= l.t_ns);
                let no_vfov = vfov.is_some_and(|v| !(0.1..=175.0).contains(&v));
                if late || no_vfov || rotation == [0; 4] {
                    wrong = wrong.or(Some(lines));
                }
                let cut = std::mem::take(&mut cut) && !expected.is_empty();
                let position = DVec3::from_array(p);
                expected.push(Line { t_ns: now, position, rotation: q, vfov, cut });
            }
        }
    }
    match (CamPath::parse(text.as_bytes()), wrong) {
        (Err(CamError::Line { line, .. }), Some(wrong)) => assert_eq!(line, wrong, "{text}"),
        (Err(CamError::NoPose { .. }), None) => assert!(expected.is_empty()),
        (Err(CamError::OnePose { .. }), None) => assert_eq!(expected.len(), 1),
        (Ok(path), None) => compare(&path, &expected),
        (read, wrong) => panic!("{read:?}, expected a fault in line {wrong:?} of\n{text}"),
    }
}

fn compare(path: &CamPath, expected: &[Line]) {
    assert_eq!(path.poses().len(), expected.len());
    assert_eq!(path.start_ns(), expected[0].t_ns);
    assert_eq!(path.cuts().len(), expected.iter().filter(|l| l.cut).count());
    let unit = |l: &Line| {
        let length = l.rotation.iter().map(|v| v * v).sum::<f64>().sqrt();
        DQuat::from_array(l.rotation.map(|v| v / length))
    };
    for (pose, line) in path.poses().iter().zip(expected) {
        assert_eq!(i64::try_from(pose.t_ns).unwrap(), line.t_ns - expected[0].t_ns);
        assert_eq!(
            (pose.position, pose.vfov_degrees, pose.cut),
            (line.position, line.vfov, line.cut)
        );
        assert!((pose.rotation - unit(line)).length() < 1e-12);
    }
    // Between every two poses: the place on the chord; the angle from the first grows evenly.
    for (i, pair) in expected.windows(2).enumerate() {
        let (a, b) = (&pair[0], &pair[1]);
        for quarter in 0..4 {
            let t = a.t_ns + (b.t_ns - a.t_ns) * quarter / 4;
            let sample = path.sample(u64::try_from(t - expected[0].t_ns).unwrap());
            let f = if b.cut { 0.0 } else { (t - a.t_ns) as f64 / (b.t_ns - a.t_ns) as f64 };
            let place = a.position * (1.0 - f) + b.position * f;
            assert!(sample.position.distance(place) < 1e-6, "{} {place}", sample.position);
            let whole = angle(unit(a), unit(b));
            let part = angle(unit(a), sample.rotation);
            assert!((part - whole * f).abs() < 1e-5, "{part} of {whole} at {f}");
            assert!((sample.rotation.length() - 1.0).abs() < 1e-12);
            assert_eq!(sample.pose, i);
            assert_eq!(sample.cuts, expected[..=i].iter().filter(|l| l.cut).count());
        }
    }
    let again = CamPath::parse(path.to_text().as_bytes()).expect("what was written can be read");
    assert_eq!(&again, path);
    assert_eq!(again.hash(), path.hash());
}

/// Angle between two rotations, radians, by the chord: exact for small ones.
fn angle(a: DQuat, b: DQuat) -> f64 {
    let (near, far) = ((a - b).length(), (a + b).length());
    4.0 * near.min(far).atan2(near.max(far))
}
