"""A reader of the part of YAML that pipelines need.

Read: mappings and sequences by indentation, [flow sequences] of scalars, plain and quoted scalars, texts with `|`,
comments. Refused, with the line: anchors and aliases, tags, flow mappings, folded texts, tabs, a key that comes twice.
Plain scalars have the types of YAML 1.1: `no` and `off` are false, 3.10 is the number 3.1. Keys are always text.
"""

import re

KEY = re.compile(r"([A-Za-z_][\w.-]*):(?: +(.*))?$")
FLOW_ITEM = re.compile(r""" *("[^"]*"|'[^']*'|[^,'"]*?) *(?:,|$)""")
COMMENT = re.compile(r"""((?:"[^"]*"|'(?:[^']|'')*'|(?<!\s)#|[^#"'])*)(?:#.*)?$""")
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None, "~": None}


class YamlError(ValueError):
    """Something that is not YAML, or not in the part that is read."""


def read(text, name="text"):
    """What a file holds: dicts, lists, texts, numbers, booleans and None."""
    reader = _Reader(text.splitlines(), name)
    value = reader.block(0)
    if reader.peek() is not None:
        reader.fail("does not belong to anything above it")
    return value


class _Reader:
    def __init__(self, lines, name):
        self.lines, self.name, self.at = lines, name, 0

    def fail(self, message):
        raise YamlError(f"{self.name}, line {self.at + 1}: {message}")

    def peek(self):
        """(indentation, content) of the next line that holds something, or None at the end."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            content = COMMENT.match(line)[1].strip() if not line.lstrip().startswith("#") else ""
            if content:
                return len(line) - len(line.lstrip(" ")), content
            self.at += 1
        return None

    def block(self, least):
        """The mapping, sequence or scalar that starts on the next line, if it is indented by `least` or more."""
        here = self.peek()
        if here is None or here[0] < least:
            return None
        indent, content = here
        if content.startswith("\t"):
            self.fail("is indented with a tab")
        if content == "-" or content.startswith("- "):
            return self.sequence(indent)
        if KEY.match(content):
            return self.mapping(indent)
        self.at += 1
        return self.value(content, indent)

    # -- the three kinds of blocks ------------------------------------------------------------------------------------

    def sequence(self, indent):
        items = []
        while (here := self.peek()) and here[0] == indent and here[1].startswith("-"):
            # The dash counts as indentation: what follows it is a block of its own.
            self.lines[self.at] = self.lines[self.at].replace("-", " ", 1)
            items.append(self.block(indent + 1))
        return items

    def mapping(self, indent):
        found = {}
        while (here := self.peek()) and here[0] == indent:
            match = KEY.match(here[1]) or self.fail("is not 'key: value'")
            if match[1] in found:
                self.fail(f"the key {match[1]!r} comes twice")
            self.at += 1
            found[match[1]] = self.value(match[2] or "", indent)
        return found

    def value(self, content, indent):
        if content == "":
            here = self.peek()
            beside = here is not None and here[0] == indent and here[1].startswith("- ")
            return self.block(indent if beside else indent + 1)
        if content != "|":
            return self.scalar(content)
        taken = []
        while self.at < len(self.lines) and (not (line := self.lines[self.at]).strip() or line[: indent + 1].isspace()):
            taken.append(line)
            self.at += 1
        margin = min((len(line) - len(line.lstrip()) for line in taken if line.strip()), default=0)
        return "\n".join(line[margin:] for line in taken).rstrip("\n") + "\n"

    # -- scalars ------------------------------------------------------------------------------------------------------

    def scalar(self, content):
        if content[0] in "&*!{>%@`":
            self.at -= 1
            self.fail(f"{content[0]!r} starts something that this reader leaves out: {content}")
        if content[0] == "[" and content[-1] == "]":
            return [self.scalar(match[1]) for match in FLOW_ITEM.finditer(content[1:-1]) if match[1]]
        if content[0] in "\"'":
            return content[1:-1].replace(content[0] * 2, content[0])
        if content.lower() in WORDS:
            return WORDS[content.lower()]
        for kind in (int, float):
            try:
                return kind(content)
            except ValueError:
                pass
        return content
