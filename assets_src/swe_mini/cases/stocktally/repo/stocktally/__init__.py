"""stocktally: how many pieces of what are where."""

import sqlite3
from pathlib import Path

SQL = Path(__file__).resolve().parents[1] / "sql"


def open_stock(path=":memory:"):
    """A connection to a database with all tables and the triggers of this version."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'moves'").fetchone() is None:
        connection.executescript((SQL / "tables.sql").read_text(encoding="utf-8"))
    connection.executescript((SQL / "triggers.sql").read_text(encoding="utf-8"))
    return connection


def ask(connection, question, **values):
    """The rows that answer a question, a file in `sql/queries`."""
    query = (SQL / "queries" / f"{question}.sql").read_text(encoding="utf-8")
    return connection.execute(query, values).fetchall()
