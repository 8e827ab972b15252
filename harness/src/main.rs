//! farplane harness.
fn main() {}
