use slugger::{slug, slug_with, Options, Registry};

#[test]
fn words_are_joined_by_hyphens() {
    assert_eq!(slug("Hello,   World!"), "hello-world");
    assert_eq!(slug("  -- 10 tips --  "), "10-tips");
}

#[test]
fn diacritics_are_removed() {
    assert_eq!(slug("smörgåsbord à la crème"), "smorgasbord-a-la-creme");
    assert_eq!(slug("straße, œuvre, þing"), "strasse-oeuvre-thing");
}

#[test]
fn other_scripts_are_left_out() {
    assert_eq!(slug("日本 2024 東京"), "2024");
    assert_eq!(slug("Ω"), "");
}

#[test]
fn separator() {
    let options = Options { separator: '_', ..Options::default() };
    assert_eq!(slug_with("a b", options), "a_b");
}

// ---------------------------------------------------------------- registry

#[test]
fn second_of_a_name_gets_a_number() {
    let mut registry = Registry::new(Options::default());
    let found: Vec<_> = ["News", "news!", "News?"].iter().map(|title| registry.add(title)).collect();
    assert_eq!(found, ["news", "news-2", "news-3"]);
}
