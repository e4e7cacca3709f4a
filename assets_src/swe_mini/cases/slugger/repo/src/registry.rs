//! Slugs that differ from each other.

use std::collections::HashMap;

use crate::{slug_with, Options};

/// Remembers the slugs it has handed out. A second post called "News" gets `news-2`.
#[derive(Default)]
pub struct Registry {
    options: Options,
    counts: HashMap<String, usize>,
}

impl Registry {
    pub fn new(options: Options) -> Self {
        Registry { options, ..Default::default() }
    }

    /// A slug for the title that was not handed out before.
    pub fn add(&mut self, title: &str) -> String {
        let slug = slug_with(title, self.options);
        let count = self.counts.entry(slug.clone()).or_insert(0);
        *count += 1;
        match *count {
            1 => slug,
            n => format!("{slug}{}{n}", self.options.separator),
        }
    }
}
