"""Opening a library, and bringing its tables and views up to date."""

import sqlite3
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def open_library(path=":memory:"):
    """A connection to a library whose tables and views are up to date."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    upgrade(connection)
    return connection


def upgrade(connection):
    """Run the migrations that are new to this library, then make all views. If one fails, nothing of it remains."""
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        number = int(path.name[:3])
        if number > done:
            _run(connection, f"{path.read_text(encoding='utf-8')}\nPRAGMA user_version = {number};")
    for path in sorted((ROOT / "views").glob("*.sql")):
        _run(connection, path.read_text(encoding="utf-8"))


def _run(connection, script):
    try:
        connection.executescript(f"BEGIN;\n{script}\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
