//! What can go wrong.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// More values than one block may hold.
    TooMany(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::TooMany(count) => write!(f, "{count} values, a block holds at most {}", crate::MAX_COUNT),
        }
    }
}

impl std::error::Error for Error {}
