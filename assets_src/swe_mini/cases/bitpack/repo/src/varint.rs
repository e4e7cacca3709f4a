//! Counts in as few bytes as possible: 7 bits a byte, lowest first.

pub fn write(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number at the start of some bytes, and the bytes behind it.
pub fn read(bytes: &[u8]) -> (usize, &[u8]) {
    let mut number = 0;
    let mut at = 0;
    loop {
        number |= ((bytes[at] & 0x7f) as usize) << (7 * at);
        at += 1;
        if bytes[at - 1] & 0x80 == 0 {
            return (number, &bytes[at..]);
        }
    }
}
