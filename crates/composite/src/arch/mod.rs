//! Kernels over vectors of pixels, one body for every instruction set: the only place with
//! `unsafe`.
//!
//! A [`Kernel`] is written once over the operations of [`Simd`]; [`run`] inlines it into a function
//! with the target features of the current [`Level`]. Integers, and `+ − × ÷ √` on floats, give
//! the same bits at every level.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod level;
mod portable;
mod simd;

pub use level::Level;
#[cfg(feature = "std")]
pub use level::with_level;
pub(crate) use level::{Kernel, Row, RowKernel, run};
pub(crate) use portable::mean;
pub(crate) use simd::{Simd, Vectors};
