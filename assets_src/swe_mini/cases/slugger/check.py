"""Held-out check for slugger: capitals, decomposed accents, whole words, and a registry that never repeats itself."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

RUST = r"""
use std::collections::HashSet;

use slugger::{slug, slug_with, Options, Registry};

fn limited(title: &str, max_len: usize) -> String {
    slug_with(title, Options { max_len, ..Options::default() })
}

#[test]
fn capitals() {
    assert_eq!(slug("ÉCOLE D'ÉTÉ"), "ecole-d-ete");
    assert_eq!(slug("Łódź ÆØÅ STRAẞE"), "lodz-aeoa-strasse");
    assert_eq!(slug("İstanbul'da IŞIK"), "istanbul-da-isik");
}

#[test]
fn decomposed() {
    assert_eq!(slug("Cafe\u{301} cre\u{300}me"), "cafe-creme");
    assert_eq!(slug("Vie\u{302}\u{323}t E\u{301}COLE"), "viet-ecole");
}

#[test]
fn whole_words() {
    assert_eq!(limited("alpha beta gamma", 16), "alpha-beta-gamma");
    assert_eq!(limited("alpha beta gamma", 15), "alpha-beta");
    assert_eq!(limited("alpha beta gamma", 10), "alpha-beta");
    assert_eq!(limited("alpha beta gamma", 11), "alpha-beta");
    assert_eq!(limited("alpha beta gamma", 9), "alpha");
    assert_eq!(limited("alphabet", 5), "alpha");
    assert_eq!(limited("alpha beta gamma", 0), "alpha-beta-gamma");
}

#[test]
fn registry_never_repeats() {
    let mut registry = Registry::new(Options::default());
    let found: Vec<_> = ["Part", "Part 2", "Part", "Part 2", "Part"].iter().map(|title| registry.add(title)).collect();
    assert_eq!(found[..2], ["part", "part-2"]);
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 5, "{found:?}");
}

#[test]
fn numbers_fit() {
    let mut registry = Registry::new(Options { max_len: 10, ..Options::default() });
    let found: Vec<_> = (0..120).map(|_| registry.add("alpha beta")).collect();
    assert_eq!(found[..2], ["alpha-beta", "alpha-2"]);
    assert!(found.iter().all(|slug| slug.len() <= 10), "{found:?}");
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 120);
    assert_eq!(registry.add("abcdefghij"), "abcdefghij");
    assert_eq!(registry.add("abcdefghij"), "abcdefgh-2");
}
"""


class Slugger(unittest.TestCase):
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
