//! What compositing one page costs, and each of its parts.
fn main() {}
