//! Dependencies point down the layers, and along no other edge than these.
#![allow(missing_docs)]

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::BTreeSet;

/// What each package of the workspace may depend on, lowest layer first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("farplane-geom", &[]),
    ("farplane-alloc", &["farplane-geom"]),
    ("farplane-composite", &["farplane-geom"]),
    ("farplane-vt", &["farplane-geom"]),
    ("farplane-io", &["farplane-geom"]),
    ("farplane-path", &["farplane-geom"]),
    ("farplane-profiler", &["farplane-geom"]),
    ("farplane-octree", &["farplane-geom"]),
    ("farplane-lod", &["farplane-geom"]),
    ("farplane-world", &["farplane-geom"]),
    ("farplane-stream", &["farplane-alloc", "farplane-geom", "farplane-io", "farplane-vt"]),
    ("farplane-raycast", &["farplane-geom"]),
    ("farplane-bake", &["farplane-composite", "farplane-geom", "farplane-io", "farplane-world"]),
    (
        "farplane",
        &[
            "farplane-alloc",
            "farplane-bake",
            "farplane-composite",
            "farplane-geom",
            "farplane-io",
            "farplane-lod",
            "farplane-octree",
            "farplane-path",
            "farplane-profiler",
            "farplane-raycast",
            "farplane-stream",
            "farplane-vt",
            "farplane-world",
        ],
    ),
    (
        "harness",
        &[
            "farplane",
            "farplane-alloc",
            "farplane-bake",
            "farplane-composite",
            "farplane-geom",
            "farplane-io",
            "farplane-lod",
            "farplane-octree",
            "farplane-path",
            "farplane-profiler",
            "farplane-raycast",
            "farplane-stream",
            "farplane-vt",
            "farplane-world",
        ],
    ),
];

/// What tests, examples and benchmarks may use.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[("farplane", &["farplane-bake"])];

/// Edges that exist behind a feature only: whoever does not ask for them does not build them.
const OPTIONAL: &[(&str, &str)] = &[
    ("farplane", "farplane-bake"),
    ("farplane", "farplane-path"),
    ("farplane", "farplane-profiler"),
    ("farplane", "farplane-raycast"),
];

fn packages() -> Vec<Package> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Without dependencies nothing is fetched, so that the test runs offline.
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap().packages
}

fn allowed(list: &[(&str, &[&str])], from: &str, to: &str) -> bool {
    list.iter().any(|(name, targets)| *name == from && targets.contains(&to))
}

/// The forbidden edges of a workspace, as `from -> to`.
fn forbidden(packages: &[Package]) -> Vec<String> {
    let names: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in packages {
        let from = package.name.as_str();
        for dependency in package.dependencies.iter().filter(|d| names.contains(&*d.name)) {
            let to = dependency.name.as_str();
            let in_tests = dependency.kind == DependencyKind::Development;
            let fine = allowed(if in_tests { ALLOWED_IN_TESTS } else { ALLOWED }, from, to);
            if !fine {
                edges.push(format!("{from} -> {to}{}", if in_tests { " (tests)" } else { "" }));
            }
        }
    }
    edges
}

#[test]
fn dependencies_point_down_the_layers() {
    let edges = forbidden(&packages());
    assert!(edges.is_empty(), "forbidden: {}; see ARCHITECTURE.md", edges.join(", "));
}

#[test]
fn every_package_has_its_place() {
    let listed: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found: BTreeSet<String> = packages().iter().map(|p| p.name.to_string()).collect();
    assert_eq!(found, listed);
    // The list itself only points down: each package to ones that stand before it.
    for (i, (from, targets)) in ALLOWED.iter().enumerate() {
        for to in *targets {
            assert!(ALLOWED[..i].iter().any(|(name, _)| name == to), "{from} -> {to} points up");
        }
    }
}

#[test]
fn a_forbidden_edge_is_named() {
    let mut packages = packages();
    let stream = packages.iter().position(|p| p.name.as_str() == "farplane-stream").unwrap();
    let geom = packages.iter().position(|p| p.name.as_str() == "farplane-geom").unwrap();
    let mut up = packages[stream].dependencies[0].clone();
    up.name = "farplane-stream".to_owned();
    packages[geom].dependencies.push(up);
    assert_eq!(forbidden(&packages), ["farplane-geom -> farplane-stream"]);
}

#[test]
fn what_most_engines_do_not_want_is_optional() {
    for package in packages() {
        for dependency in &package.dependencies {
            let edge = (package.name.as_str(), dependency.name.as_str());
            if OPTIONAL.contains(&edge) && dependency.kind == DependencyKind::Normal {
                assert!(dependency.optional, "{} -> {} is not optional", edge.0, edge.1);
            }
        }
    }
}

#[test]
fn only_the_harness_knows_an_ecs() {
    let users: Vec<String> = packages()
        .iter()
        .filter(|p| p.dependencies.iter().any(|d| d.name == "hecs"))
        .map(|p| p.name.to_string())
        .collect();
    assert_eq!(users, ["harness"]);
}
