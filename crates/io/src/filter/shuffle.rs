//! Records of a fixed size, byte by byte.

pub(super) fn encode(block: &[u8], out: &mut Vec<u8>, stride: usize) {
    let whole = block.len().checked_div(stride).unwrap_or(0) * stride;
    for lane in 0..stride.min(whole) {
        out.extend(block[..whole].iter().skip(lane).step_by(stride));
    }
    out.extend_from_slice(&block[whole..]);
}

pub(super) fn decode(filtered: &[u8], out: &mut [u8], stride: usize) {
    let records = filtered.len().checked_div(stride).unwrap_or(0);
    let whole = records * stride;
    if whole > 0 {
        for (lane, plane) in filtered[..whole].chunks_exact(records).enumerate() {
            for (byte, record) in plane.iter().zip(out.chunks_exact_mut(stride)) {
                record[lane] = *byte;
            }
        }
    }
    out[whole..].copy_from_slice(&filtered[whole..]);
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn three_records_by_hand() {
        let block = *b"a1xb2yc3z!";
        let (mut filtered, mut back) = (Vec::new(), [0; 10]);
        encode(&block, &mut filtered, 3);
        assert_eq!(filtered, b"abc123xyz!");
        decode(&filtered, &mut back, 3);
        assert_eq!(back, block);
    }
}
