//! What one frame costs: feedback analysis, page changes and their indirection texels.
fn main() {}
