//! `HugePages`, this program's allocator, against what vectors must hold.
#![no_main]

use farplane_alloc::HugePages;
use std::alloc::System;

#[path = "../../crates/alloc/tests/model/mod.rs"]
mod model;

#[global_allocator]
static ALLOCATOR: HugePages<System> = HugePages::new(System);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::huge_pages::run(bytes));
