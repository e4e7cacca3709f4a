//! Titles on standard input, slugs on standard output, line by line.

use std::io;

use slugger::{Options, Registry};

fn main() -> io::Result<()> {
    let mut registry = Registry::new(Options::default());
    for line in io::stdin().lines() {
        println!("{}", registry.add(&line?));
    }
    Ok(())
}
