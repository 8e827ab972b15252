//! `.cam` text: any bytes are refused or read, and what is read survives writing; and the model of a
//! file agrees with the reader.
#![no_main]

use farplane_path::CamPath;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/path/tests/model/mod.rs"]
mod model;

fuzz_target!(|bytes: &[u8]| {
    match CamPath::parse(bytes) {
        Ok(path) => {
            assert_eq!(CamPath::parse(path.to_text().as_bytes()).as_ref(), Ok(&path));
            for k in 0..16 {
                let sample = path.sample(path.duration_ns() / 15 * k);
                assert!(sample.position.is_finite());
                assert!((sample.rotation.length() - 1.0).abs() < 1e-9);
            }
        }
        Err(error) => assert!(error.to_string().lines().count() == 1),
    }
    model::check(bytes);
});
