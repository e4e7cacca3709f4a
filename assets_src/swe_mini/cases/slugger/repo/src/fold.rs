//! Letters with diacritics, and what is left of them in ASCII.

/// One row for each ASCII form.
const ROWS: [(&str, &str); 21] = [
    ("a", "àáâãäåāăą"),
    ("ae", "æ"),
    ("c", "çćčċ"),
    ("d", "ďđð"),
    ("e", "èéêëēėęě"),
    ("g", "ğģġ"),
    ("i", "ìíîïīįı"),
    ("k", "ķ"),
    ("l", "łľĺļ"),
    ("n", "ñńňņ"),
    ("o", "òóôõöøōő"),
    ("oe", "œ"),
    ("r", "řŕ"),
    ("s", "śšşș"),
    ("ss", "ß"),
    ("t", "ťţț"),
    ("th", "þ"),
    ("u", "ùúûüūůűų"),
    ("w", "ŵ"),
    ("y", "ýÿŷ"),
    ("z", "źžż"),
];

/// The ASCII letters for one small letter, if it is in the table.
pub fn fold(c: char) -> Option<&'static str> {
    ROWS.iter().find(|(_, letters)| letters.contains(c)).map(|(ascii, _)| *ascii)
}
