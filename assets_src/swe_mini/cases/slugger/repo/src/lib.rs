//! URL slugs from titles: `Čaj & káva` becomes `caj-kava`.

mod fold;
mod registry;

pub use registry::Registry;

/// How a slug is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// At most so many bytes; 0 means no limit.
    pub max_len: usize,
    /// Stands between two words; an ASCII character.
    pub separator: char,
}

impl Default for Options {
    fn default() -> Self {
        Options { max_len: 60, separator: '-' }
    }
}

/// The slug of a title: small ASCII letters and digits, words joined by hyphens.
pub fn slug(title: &str) -> String {
    slug_with(title, Options::default())
}

/// The slug of a title, made in another way.
pub fn slug_with(title: &str, options: Options) -> String {
    let mut out = String::new();
    for c in title.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if let Some(letters) = fold::fold(c) {
            out.push_str(letters);
        } else if !out.is_empty() && !out.ends_with(options.separator) {
            out.push(options.separator);
        }
    }
    if options.max_len > 0 {
        out.truncate(options.max_len);
    }
    out.trim_end_matches(options.separator).to_string()
}
