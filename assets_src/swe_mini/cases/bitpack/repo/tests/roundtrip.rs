use bitpack::{decode, encode, Error, MAX_COUNT};

fn assert_same(values: &[u32]) {
    assert_eq!(decode(&encode(values).unwrap()).as_deref(), Ok(values));
}

#[test]
fn small_values() {
    assert_same(&[]);
    assert_same(&[0, 0, 0]);
    assert_same(&[5, 1, 7]);
    assert_same(&(0..1000).collect::<Vec<_>>());
}

#[test]
fn format() {
    assert_eq!(encode(&[5, 1, 7]).unwrap(), [3, 3, 0b11001101, 0b1]);
    assert_eq!(encode(&[0; 200]).unwrap(), [0b11001000, 1, 0]);
}

#[test]
fn too_many() {
    assert_eq!(encode(&vec![0; MAX_COUNT + 1]), Err(Error::TooMany(MAX_COUNT + 1)));
}
