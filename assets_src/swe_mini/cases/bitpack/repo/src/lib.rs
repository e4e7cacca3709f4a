//! Lists of small integers in few bits. The README describes the format.

mod bits;
mod error;
mod varint;

pub use error::Error;

/// The most values that one block may hold.
pub const MAX_COUNT: usize = 1 << 20;

/// The block of a list of values.
pub fn encode(values: &[u32]) -> Result<Vec<u8>, Error> {
    if values.len() > MAX_COUNT {
        return Err(Error::TooMany(values.len()));
    }
    let width = width_of(values);
    let mut block = Vec::new();
    varint::write(&mut block, values.len());
    block.push(width as u8);
    bits::pack(&mut block, values, width);
    Ok(block)
}

/// The values of a block.
pub fn decode(block: &[u8]) -> Result<Vec<u32>, Error> {
    let (count, rest) = varint::read(block);
    let width = rest[0] as u32;
    Ok(bits::unpack(&rest[1..], count, width))
}

/// How many bits the largest value has.
fn width_of(values: &[u32]) -> u32 {
    32 - values.iter().fold(0, |seen, value| seen | value).leading_zeros()
}
