"""Rules applied to text."""


class Masker:
    """Hides in a text what its rules match."""

    def __init__(self, rules):
        self.rules = tuple(rules)

    def mask(self, text):
        for rule in self.rules:
            text = rule.pattern.sub(lambda match, rule=rule: rule.replacement(match[0]), text)
        return text
