//! The sRGB transfer curve (IEC 61966-2-1) as tables that are exact: the 256 decoded values are
//! computed when the crate is compiled, to the precision of an f64, and encoding finds the byte
//! whose value is nearest to the argument's encoded one, by thresholds half-way between bytes.

/// Decoded bytes.
const LINEAR: [f64; 256] = decoded();

/// `THRESHOLDS[k]`: from here on a linear value is nearer to byte k + 1 than to byte k, when
/// encoded. Nothing is as large as the last one.
const THRESHOLDS: [f64; 256] = thresholds();

/// Cells of equal width of the linear values; where the curve is steepest, a cell is 0.8 of a
/// byte wide, so that no cell has two thresholds.
const CELLS: usize = 4096;

/// The byte at the beginning of each cell.
static FIRST: [u8; CELLS + 1] = first_bytes();

/// Linear light, 0 to 1, of an sRGB byte.
#[must_use]
#[inline]
pub fn linear(byte: u8) -> f64 {
    static TABLE: [f64; 256] = LINEAR;
    TABLE[byte as usize]
}

/// The sRGB byte nearest to linear light; below 0, or no number, is 0, above 1 is 255.
#[must_use]
#[inline]
pub fn encode(linear: f64) -> u8 {
    static TABLE: [f64; 256] = THRESHOLDS;
    let cell = ((linear * CELLS as f64) as usize).min(CELLS);
    let first = FIRST[cell];
    if linear >= TABLE[first as usize] { first + 1 } else { first }
}

const fn decoded() -> [f64; 256] {
    let mut table = [0.0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = decode(i as f64 / 255.0);
        i += 1;
    }
    table
}

const fn thresholds() -> [f64; 256] {
    let mut table = [f64::NAN; 256];
    let mut i = 0;
    while i < 255 {
        table[i] = decode((i as f64 + 0.5) / 255.0);
        i += 1;
    }
    table
}

const fn first_bytes() -> [u8; CELLS + 1] {
    let mut table = [0; CELLS + 1];
    let (mut i, mut byte) = (0, 0_u8);
    while i <= CELLS {
        while i as f64 / CELLS as f64 >= THRESHOLDS[byte as usize] {
            byte += 1;
        }
        table[i] = byte;
        i += 1;
    }
    table
}

const fn decode(encoded: f64) -> f64 {
    if encoded <= 0.04045 {
        return encoded / 12.92;
    }
    // x^2.4 = x² · (x^0.2)²
    let x = (encoded + 0.055) / 1.055;
    let root = fifth_root(x);
    x * x * root * root
}

/// By Newton's method, from above, where it converges for any x in (0, 1].
const fn fifth_root(x: f64) -> f64 {
    let mut r = 1.0;
    let mut i = 0;
    while i < 32 {
        let r4 = r * r * r * r;
        r -= (r4 * r - x) / (5.0 * r4);
        i += 1;
    }
    r
}
