//! RGBA8 texels: green out of red and blue, then the difference to the row above.

pub(super) fn encode(block: &[u8], out: &mut Vec<u8>, row: usize) {
    let (texels, tail) = block.as_chunks::<4>();
    let count = texels.len();
    let row = row_of(row, count);
    let base = out.len();
    out.resize(base + count * 4, 0);
    let planes = &mut out[base..];
    for (i, texel) in texels.iter().enumerate() {
        let before = match i {
            0 => [0; 4],
            _ if i < row => without_green(texels[i - 1]),
            _ => without_green(texels[i - row]),
        };
        let own = without_green(*texel);
        for channel in 0..4 {
            planes[channel * count + i] = own[channel].wrapping_sub(before[channel]);
        }
    }
    out.extend_from_slice(tail);
}

pub(super) fn decode(filtered: &[u8], out: &mut [u8], row: usize) {
    let (texels, rest) = out.as_chunks_mut::<4>();
    let count = texels.len();
    let row = row_of(row, count);
    let (planes, tail) = filtered.split_at(count * 4);
    rest.copy_from_slice(tail);
    let (low, high) = planes.split_at(count * 2);
    let ((r, g), (b, a)) = (low.split_at(count), high.split_at(count));
    for ((((texel, &r), &g), &b), &a) in texels.iter_mut().zip(r).zip(g).zip(b).zip(a) {
        *texel = [r, g, b, a];
    }
    let (first, _) = texels.split_at_mut(row);
    let mut left = [0; 4];
    for texel in first {
        left = sum(left, *texel);
        *texel = left;
    }
    let mut at = row;
    while at < count {
        let (above, own) = texels.split_at_mut(at);
        for (texel, above) in own.iter_mut().zip(&above[at - row..]) {
            *texel = sum(*texel, *above);
        }
        at = (at + row).min(count);
    }
    for [r, g, b, _] in texels {
        *r = r.wrapping_add(*g);
        *b = b.wrapping_add(*g);
    }
}

/// Texels in a row of a block of `count` texels.
fn row_of(row: usize, count: usize) -> usize {
    if row == 0 { count } else { row.min(count) }
}

fn without_green([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    [r.wrapping_sub(g), g, b.wrapping_sub(g), a]
}

fn sum(a: [u8; 4], b: [u8; 4]) -> [u8; 4] {
    std::array::from_fn(|i| a[i].wrapping_add(b[i]))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn two_rows_by_hand() {
        // Rows of two: (10 20 30 255) (11 21 31 255); (12 20 31 255), and a byte.
        let block = [10, 20, 30, 255, 11, 21, 31, 255, 12, 20, 31, 255, 9];
        // Without green: (−10 20 10 255) (−10 21 10 255) (−8 20 11 255); then against the left,
        // the third against the first.
        let expected = [246, 0, 2, 20, 1, 0, 10, 0, 1, 255, 0, 0, 9];
        let (mut filtered, mut back) = (Vec::new(), [0; 13]);
        encode(&block, &mut filtered, 2);
        assert_eq!(filtered, expected);
        decode(&filtered, &mut back, 2);
        assert_eq!(back, block);
    }
}
