//! Values of `width` bits, one behind the other, lowest bit first.

pub fn pack(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let (mut pending, mut filled) = (0u32, 0);
    for value in values {
        pending |= value << filled;
        filled += width;
        while filled >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(pending as u8);
    }
}

pub fn unpack(bytes: &[u8], count: usize, width: u32) -> Vec<u32> {
    let mask = (1u32 << width) - 1;
    let mut values = Vec::with_capacity(count);
    let (mut pending, mut filled, mut at) = (0u32, 0, 0);
    for _ in 0..count {
        while filled < width {
            pending |= (bytes[at] as u32) << filled;
            at += 1;
            filled += 8;
        }
        values.push(pending & mask);
        pending >>= width;
        filled -= width;
    }
    values
}
