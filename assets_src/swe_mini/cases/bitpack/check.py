"""Held-out check for bitpack: large values, nothing but what `encode` writes is decoded, and single values."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

RUST = r"""
use bitpack::{decode, encode, get, MAX_COUNT};

fn sample(width: u32, count: usize) -> Vec<u32> {
    let mut state = 12345u64 + width as u64;
    let top = if width == 0 { 0 } else { u32::MAX >> (32 - width) };
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 32) as u32 & top
        })
        .collect()
}

#[test]
fn every_width() {
    for width in 0..=32 {
        for count in [0, 1, 2, 7, 8, 9, 100] {
            let values = sample(width, count);
            let block = encode(&values).unwrap();
            assert_eq!(decode(&block).unwrap(), values, "width {width}");
            for (index, value) in values.iter().enumerate() {
                assert_eq!(get(&block, index).unwrap(), Some(*value), "width {width}, index {index}");
            }
            assert_eq!(get(&block, count).unwrap(), None);
            assert_eq!(get(&block, usize::MAX).unwrap(), None);
        }
    }
}

#[test]
fn cut_and_longer_blocks() {
    for width in [0, 1, 5, 17, 32] {
        let mut block = encode(&sample(width, 200)).unwrap();
        for end in 0..block.len() {
            assert!(decode(&block[..end]).is_err(), "width {width}, {end} bytes");
        }
        block.push(0);
        assert!(decode(&block).is_err(), "width {width}, a byte more");
    }
}

#[test]
fn wrong_headers() {
    for block in [&[1, 33, 0, 0, 0, 0, 0][..], &[1, 77, 0], &[255; 12], &[0x81, 0x80, 0x40, 0]] {
        assert!(decode(block).is_err(), "{block:?}");
    }
    for count in [MAX_COUNT as u64 + 1, u64::MAX >> 8] {
        let mut block = Vec::new();
        let mut left = count;
        while left >= 0x80 {
            block.push(left as u8 | 0x80);
            left >>= 7;
        }
        block.extend([left as u8, 0]);
        assert!(decode(&block).is_err(), "{count} zeros");
    }
}

#[test]
fn one_block_for_one_list() {
    // Each of these stands for a list that `encode` writes in another way.
    for block in [&[3, 3, 0b11001101, 0b11][..], &[1, 3, 0b011], &[2, 1, 0], &[0, 4], &[0x83, 0, 3, 0b11001101, 0b1]] {
        assert!(decode(block).is_err(), "{block:?}");
    }
}

#[test]
fn every_short_block() {
    for length in 0..=3usize {
        for number in (0..1u32 << (8 * length)).step_by(if length < 3 { 1 } else { 11 }) {
            let block = &number.to_le_bytes()[..length];
            let _ = get(block, 3);
            if let Ok(values) = decode(block) {
                assert_eq!(encode(&values).unwrap(), block);
            }
        }
    }
}
"""


class Bitpack(unittest.TestCase):
    def test_issue(self):
        path = Path("tests", "held_out.rs")
        path.write_text(RUST, encoding="utf-8")
        self.addCleanup(path.unlink)
        command = ["cargo", "test", "-q", "--offline", "--test", "held_out"]
        # A build folder of its own: after a copy, cargo takes what it finds in target/ for newer than the sources.
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "CARGO_TARGET_DIR": folder}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
