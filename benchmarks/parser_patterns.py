"""Patterns that `parsers.py` repeats: tokens of many languages, and the most costly known texts."""

import random

TOKENS = [
    "a", "x", "b", "1", "0x1", "'a'", "\"a\"", "'", "\"", "`", "```", "(", ")", "[", "]", "{", "}", "<", ">", "=",
    "==", "===", "->", "=>", ":=", "?", "??", "?.", "!", "!!", "~", "^", "&", "&&", "|", "||", "+", "++", "-", "--",
    "*", "**", "/", "//", "/*", "*/", "%", "%%", "@", "@a", "#", "#{", "${", "$(", "$((", "$", "$a", "\\", ";",
    ";;", ":", "::", ",", ".", "..", "...", "\n", "\t", "\\n", "<<", "<<<", "<<A", ">>", "<!--", "-->", "<a>",
    "</a>", "<a", "<script>", "<style>", "<?php", "?>", "<?=", "if", "else", "for", "while", "do", "function",
    "def", "class", "end", "begin", "case", "switch", "return", "new", "await", "async", "yield", "lambda", "not",
    "in", "is", "import", "from", "struct", "typedef", "template<", "operator", "int", "void", "f(", "a(", "a[",
    "a{", "=>", "x=>", "x=", "a?", "a?b:", "!(", "$(a", "${a", "`a", "\"${a", "\"$(", "b'", "f\"", "f'", "r#\"",
    "u8R\"(", "\"\"\"", "'''", "%w(", "%q{", "=begin", "=end", "__END__", "<<~A", "<<-A", "-", "&", "*a", "&a",
    "---", "|-", "#if", "#endif", "#else", "@media", "url(", "!important", "select", "from", "where", "join", "on",
    "and", "or", "when", "declare", "$$", "$a$", "/*!", "/*+", "ifeq", "endif", "define", "endef", "\ud83d\ude00",
    "\u0000", "\u00e9", "\r",
]  # fmt: skip
KNOWN = [
    "x=>", "/* ", "a?", "&f(", "%w(", "x=}/", "|!", "/*!", "<", "\\", "@a)", "<<A\n", "A<", "- ", "a: ", "`${", "{a:",
]  # fmt: skip
"""The most costly patterns that were found so far."""
FILES = {
    "javascript": "a.js", "typescript": "a.ts", "tsx": "a.tsx", "java": "A.java", "go": "a.go", "rust": "a.rs",
    "c": "a.c", "cpp": "a.cpp", "ruby": "a.rb", "php": "a.php", "php_only": "a.php", "html": "a.html", "css": "a.css",
    "json": "a.json", "yaml": "a.yaml", "toml": "a.toml", "sql": "a.sql", "make": "a.mk", "python": "a.py",
}  # fmt: skip


def random_patterns(n: int) -> list[str]:
    """Patterns of two to four tokens. The same for every call."""
    chosen = random.Random(0)
    return [chosen.choice(["", " ", "\n"]).join(chosen.choices(TOKENS, k=chosen.choice([2, 3, 4]))) for _ in range(n)]
