use crate::error::{SizeError, same};

/// Peak signal-to-noise ratio, dB, over every byte: `10 · log10(255² · n / Σ (a − b)²)`; infinite
/// for equal slices, empty ones too. The sum is exact in integers, the logarithm is libm's: the
/// same bits on every machine.
///
/// # Errors
/// [`SizeError::Length`] if the slices differ in length.
pub fn psnr(a: &[u8], b: &[u8]) -> Result<f64, SizeError> {
    same("the second picture", a.len(), b.len())?;
    let sum = sum_of_squares(a, b);
    if sum == 0 {
        return Ok(f64::INFINITY);
    }
    let peak = 255.0 * 255.0 * a.len() as f64;
    Ok(10.0 * libm::log10(peak / sum as f64))
}

fn sum_of_squares(a: &[u8], b: &[u8]) -> u64 {
    // 65,536 squares of at most 255² fit 32 bits.
    const CHUNK: usize = 65_536;
    let square = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b)) * u32::from(a.abs_diff(*b));
    let chunks = a.chunks(CHUNK).zip(b.chunks(CHUNK));
    chunks.map(|(a, b)| u64::from(a.iter().zip(b).map(square).sum::<u32>())).sum()
}
