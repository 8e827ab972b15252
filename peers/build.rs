//! Finds system libraries that are compared with; one that is missing is named as absent.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_pixman)");
    let found = Command::new("pkg-config").args(["--libs-only-L", "pixman-1"]).output();
    let Some(found) = found.ok().filter(|output| output.status.success()) else { return };
    for path in String::from_utf8_lossy(&found.stdout).split_whitespace() {
        println!("cargo::rustc-link-search=native={}", path.trim_start_matches("-L"));
    }
    println!("cargo::rustc-link-lib=pixman-1");
    println!("cargo::rustc-cfg=has_pixman");
}
