"""Work on finished results: token tables, findings, text tables."""
