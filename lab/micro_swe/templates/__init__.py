"""The templates, as text files. `lab.micro_swe.template` describes their form."""

from pathlib import Path

from lab.micro_swe.template import Template, read_templates

TEMPLATES: list[Template] = [
    template
    for path in sorted(Path(__file__).parent.glob("*.txt"))
    for template in read_templates(path.read_text(encoding="utf-8"))
]
"""All templates, in the order of the files."""
