//! The meshes that are scattered: rocks of five kinds, conifers, broadleaved trees and bushes.

use crate::noise::{hash2, noise3, seed_for, unit};
use crate::patch::{Model, Patch, revolution, star};
use farplane_geom::Vec3;

/// Meshes that are rocks; they come first.
pub(crate) const ROCKS: u32 = 20;
/// Meshes in all.
pub(crate) const MESHES: u32 = 36;

/// The shape of a mesh.
pub(crate) fn model(mesh: u32, seed: u64) -> Model {
    let seed = seed_for(seed, 200 + mesh);
    let r = Random { seed };
    match mesh {
        0..ROCKS => rock(mesh % 5, r),
        20..27 => conifer(r),
        27..33 => broadleaf(r),
        _ => bush(r),
    }
}

/// Numbers in `0..1` by their purpose.
#[derive(Clone, Copy)]
struct Random {
    seed: u32,
}

impl Random {
    fn at(self, k: i32) -> f32 {
        unit(hash2(k, 77, self.seed))
    }

    fn between(self, k: i32, lo: f32, hi: f32) -> f32 {
        lo + (hi - lo) * self.at(k)
    }
}

/// Octaves of noise over directions.
fn rough(p: Vec3, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut amplitude, mut scale) = (0.0, 1.0, 1.0);
    for k in 0..octaves {
        let q = p * scale + Vec3::splat(11.3 * (k + 1) as f32);
        sum += amplitude * noise3(q.to_array(), seed.wrapping_add(k));
        amplitude *= 0.5;
        scale *= 2.1;
    }
    sum
}

/// 0 boulder, 1 block, 2 slab, 3 spire, 4 cracked.
fn rock(kind: u32, r: Random) -> Model {
    let size = r.between(0, 0.6, 1.6) * if kind == 3 { 1.6 } else { 1.0 };
    let mut axes =
        Vec3::new(r.between(1, 0.8, 1.25), r.between(2, 0.8, 1.25), r.between(3, 0.6, 0.9));
    if kind == 2 {
        axes.z *= 0.45;
    } else if kind == 3 {
        axes = Vec3::new(axes.x * 0.6, axes.y * 0.6, axes.z * 1.9);
    }
    let seed = r.seed;
    let radius = move |d: Vec3| {
        let e = d / axes;
        // A ball, or a block with rounded edges: the unit ball of the 4-norm.
        let norm = match kind {
            1 | 2 => {
                let q = e * e;
                (q.x * q.x + q.y * q.y + q.z * q.z).sqrt().sqrt()
            }
            _ => e.length(),
        };
        let bumps = rough(d * 1.7, 4, seed);
        let cracks = if kind == 4 {
            0.22 * (1.0 - (4.0 * rough(d * 2.3, 2, seed ^ 9)).abs()).max(0.0)
        } else {
            0.0
        };
        size / norm * (1.0 + 0.28 * bumps - cracks)
    };
    let cells = [10, 14, 18, 22, 25][(r.at(4) * 5.0) as usize];
    // Sunk by a third of its height, so that slopes do not show its foot.
    let center = Vec3::new(0.0, 0.0, size * axes.z * 0.35);
    let grey = Vec3::new(
        r.between(5, 105.0, 140.0),
        r.between(6, 100.0, 130.0),
        r.between(7, 92.0, 122.0),
    );
    let patches: Vec<Patch> = star(center, cells, radius).collect();
    painted(patches, move |p, n| {
        let moss = (n.z - 0.6).max(0.0) * (0.6 + 2.0 * rough(p * 0.8, 2, seed ^ 3)).clamp(0.0, 1.0);
        let light = 1.0 + 0.35 * rough(p * 2.0, 3, seed ^ 5);
        color(grey * light * (1.0 - 0.5 * moss) + Vec3::new(30.0, 44.0, 14.0) * moss)
    })
}

fn trunk(radius: f32, height: f32) -> Patch {
    revolution(
        [10, 5],
        move |v| [radius * (1.25 - 0.6 * v), -0.6 + (height + 0.6) * v],
        |_, _, _| 1.0,
    )
}

fn conifer(r: Random) -> Model {
    let height = r.between(0, 8.0, 18.0);
    let width = height * r.between(1, 0.16, 0.24);
    let foot = height * r.between(2, 0.08, 0.16);
    let tiers = (4.0 + 4.0 * r.at(3)).floor();
    let seed = r.seed;
    let profile = move |v: f32| {
        if v < 0.1 {
            return [width * v * 10.0, foot];
        }
        let t = (v - 0.1) / 0.9;
        let tier = t * tiers;
        let skirt = 1.0 - 0.42 * (tier - tier.floor());
        // A closed tip: the last step has no radius.
        let r = if t >= 1.0 { 0.0 } else { width * (1.02 - t) * skirt };
        [r, foot + (height - foot) * t]
    };
    let bulge = move |c: f32, s: f32, z: f32| {
        1.0 + 0.35 * noise3([c * 1.8 + 5.0, s * 1.8 + 5.0, z * 0.5], seed)
    };
    let cells = [20 + 4 * (r.at(4) * 5.0) as u32, 40 + 8 * (r.at(5) * 4.0) as u32];
    let green =
        Vec3::new(r.between(6, 30.0, 48.0), r.between(7, 58.0, 80.0), r.between(8, 30.0, 44.0));
    let mut model = painted(vec![trunk(0.02 * height, foot * 1.4)], bark);
    add(&mut model, revolution(cells, profile, bulge), move |p, n| {
        color(green * (0.8 + 0.3 * n.z + 0.25 * rough(p * 0.9, 2, seed ^ 4)))
    });
    model
}

fn broadleaf(r: Random) -> Model {
    let height = r.between(0, 6.0, 14.0);
    let foot = height * r.between(1, 0.28, 0.4);
    let crown = (height - foot) * 0.5;
    let mut model = painted(vec![trunk(0.03 * height, foot + crown * 0.6)], bark);
    let green =
        Vec3::new(r.between(2, 56.0, 92.0), r.between(3, 92.0, 116.0), r.between(4, 36.0, 52.0));
    let blobs = 2 + (r.at(5) * 3.0) as i32;
    let cells = [9, 11, 12][(r.at(6) * 3.0) as usize];
    for b in 0..blobs {
        let angle = (b as f32 + r.at(10 + b)) * 2.1;
        let spread = if b == 0 { 0.0 } else { crown * 0.62 };
        let center = Vec3::new(
            spread * libm::cosf(angle),
            spread * libm::sinf(angle),
            foot + crown * r.between(20 + b, 0.75, 1.1),
        );
        let size = crown * if b == 0 { 0.95 } else { r.between(30 + b, 0.5, 0.72) };
        leaves(&mut model, center, size, cells, green, r.seed.wrapping_add(b as u32 * 31));
    }
    model
}

fn bush(r: Random) -> Model {
    let size = r.between(0, 0.7, 1.5);
    let green =
        Vec3::new(r.between(1, 70.0, 100.0), r.between(2, 84.0, 104.0), r.between(3, 40.0, 60.0));
    let mut model = Model { patches: Vec::new(), paint: Vec::new() };
    for b in 0..2 {
        let x = (b as f32 - 0.5) * size * r.between(4, 0.7, 1.1);
        let center = Vec3::new(x, 0.3 * x, size * 0.45);
        let cells = 10 + 2 * (r.at(5 + b) * 3.0) as u32;
        leaves(
            &mut model,
            center,
            size * r.between(7 + b, 0.7, 1.0),
            cells,
            green,
            r.seed ^ b as u32,
        );
    }
    model
}

fn leaves(model: &mut Model, center: Vec3, size: f32, cells: u32, green: Vec3, seed: u32) {
    let radius =
        move |d: Vec3| size * (1.0 + 0.34 * rough(d * 2.2, 4, seed)) * (1.0 - 0.12 * d.z * d.z);
    for patch in star(center, cells, radius) {
        add(model, patch, move |p, n| {
            color(green * (0.78 + 0.24 * n.z + 0.3 * rough(p * 1.3, 2, seed ^ 6)))
        });
    }
}

fn bark(p: Vec3, _normal: Vec3) -> [u8; 3] {
    color(Vec3::new(92.0, 72.0, 54.0) * (1.0 + 0.3 * rough(p * 3.0, 2, 17)))
}

fn color(c: Vec3) -> [u8; 3] {
    c.to_array().map(|v| (v + 0.5).clamp(0.0, 255.0) as u8)
}

fn painted(patches: Vec<Patch>, paint: impl Fn(Vec3, Vec3) -> [u8; 3] + Copy + 'static) -> Model {
    let mut model = Model { patches: Vec::new(), paint: Vec::new() };
    patches.into_iter().for_each(|p| add(&mut model, p, paint));
    model
}

fn add(model: &mut Model, patch: Patch, paint: impl Fn(Vec3, Vec3) -> [u8; 3] + 'static) {
    model.patches.push(patch);
    model.paint.push(Box::new(paint));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::LEVELS;
    use farplane_world::mesh::Mesh;

    fn corners(mesh: &Mesh) -> impl Iterator<Item = [Vec3; 3]> + '_ {
        let at = |i: &u16| Vec3::from_array(mesh.vertices[usize::from(*i)].position);
        mesh.indices.chunks_exact(3).map(move |t| [at(&t[0]), at(&t[1]), at(&t[2])])
    }

    /// Distance from a point to a triangle (Ericson, "Real-Time Collision Detection", 5.1.5).
    fn distance(p: Vec3, [a, b, c]: [Vec3; 3]) -> f32 {
        let (ab, ac, ap) = (b - a, c - a, p - a);
        let (d1, d2) = (ab.dot(ap), ac.dot(ap));
        let (bp, cp) = (p - b, p - c);
        let (d3, d4, d5, d6) = (ab.dot(bp), ac.dot(bp), ab.dot(cp), ac.dot(cp));
        let (va, vb, vc) = (d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2);
        let near = if d1 <= 0.0 && d2 <= 0.0 {
            a
        } else if d3 >= 0.0 && d4 <= d3 {
            b
        } else if d6 >= 0.0 && d5 <= d6 {
            c
        } else if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
            a + ab * (d1 / (d1 - d3))
        } else if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
            a + ac * (d2 / (d2 - d6))
        } else if va <= 0.0 && d4 - d3 >= 0.0 && d5 - d6 >= 0.0 {
            b + (c - b) * ((d4 - d3) / ((d4 - d3) + (d5 - d6)))
        } else {
            let sum = va + vb + vc;
            a + ab * (vb / sum) + ac * (vc / sum)
        };
        (p - near).length()
    }

    #[test]
    fn no_finest_vertex_is_farther_from_a_coarser_level_than_its_error() {
        for mesh in [0, 2, 3, 4, 21, 28, 34] {
            let (lods, meshes) = model(mesh, 1).lods();
            for level in 1..LEVELS as usize {
                let triangles: Vec<_> = corners(&meshes[level]).collect();
                for v in meshes[0].vertices.iter().step_by(17) {
                    let p = Vec3::from_array(v.position);
                    let d = triangles.iter().map(|t| distance(p, *t)).fold(f32::INFINITY, f32::min);
                    let bound = lods.levels[level].error_m;
                    assert!(d <= bound + 1e-4, "mesh {mesh} level {level}: {d} > {bound}");
                }
            }
        }
    }

    #[test]
    fn levels_shrink_stay_in_bounds_and_face_outwards() {
        let mut sizes = Vec::new();
        for mesh in 0..MESHES {
            let (lods, meshes) = model(mesh, 1).lods();
            assert!(lods.levels[0].error_m == 0.0 && lods.levels[1].error_m > 0.0);
            for pair in lods.levels.windows(2) {
                assert!(pair[1].indices < pair[0].indices && pair[1].error_m >= pair[0].error_m);
            }
            let triangles = lods.levels[0].indices / 3;
            assert!((1_000..=8_500).contains(&triangles), "mesh {mesh}: {triangles} triangles");
            sizes.push(lods.levels[0].bytes());
            for m in &meshes {
                for v in &m.vertices {
                    let p = Vec3::from_array(v.position);
                    assert!((p - lods.bounds.center).length() <= lods.bounds.radius);
                }
            }
            // Outward triangles of closed parts have a positive volume; a rock is one closed part.
            let volume =
                |m: &Mesh| corners(m).map(|[a, b, c]| a.dot(b.cross(c)) / 6.0).sum::<f32>();
            if mesh < ROCKS {
                assert!(meshes.iter().all(|m| volume(m) > 0.0), "mesh {mesh}");
            }
            // Stored normals agree with the triangles' own.
            let finest = &meshes[0];
            let mut agree = 0;
            for t in finest.indices.chunks_exact(3) {
                let at = |i: u16| Vec3::from_array(finest.vertices[usize::from(i)].position);
                let n = (at(t[1]) - at(t[0])).cross(at(t[2]) - at(t[0]));
                let [x, y, z, _] = finest.vertices[usize::from(t[0])].normal;
                agree += usize::from(n.dot(Vec3::new(x.into(), y.into(), z.into())) > 0.0);
            }
            assert!(agree * 3 > finest.indices.len() * 8 / 10, "mesh {mesh}: {agree}");
        }
        assert!(*sizes.iter().min().unwrap() >= 20_000 && *sizes.iter().max().unwrap() <= 200_000);
        sizes.dedup();
        assert!(sizes.len() > 10);
    }

    #[test]
    fn all_meshes_are_distinct() {
        let mut payloads: Vec<Vec<u8>> =
            (0..MESHES).map(|m| farplane_world::mesh::encode(&model(m, 1).mesh(1))).collect();
        payloads.sort();
        payloads.dedup();
        assert_eq!(payloads.len() as u32, MESHES);
        const { assert!(MESHES >= 32) };
    }
}
