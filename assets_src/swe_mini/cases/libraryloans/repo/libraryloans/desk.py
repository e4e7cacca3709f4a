"""What happens at the desk."""

CENTS_PER_DAY = 20


def lend(connection, *, copy, member, day, days=28):
    """Lend a copy to a member, from a day such as 2024-05-31."""
    connection.execute(
        "INSERT INTO loans (copy, member, lent, due) VALUES (?1, ?2, ?3, date(?3, ?4))",
        (copy, member, day, f"+{days} days"),
    )


def give_back(connection, *, copy, day):
    """Take a copy back; if it is late, the member has to pay for each day."""
    loan, late = connection.execute(
        "SELECT id, julianday(?1) - julianday(due) FROM loans WHERE copy = ?2 AND returned IS NULL", (day, copy)
    ).fetchone()
    connection.execute("UPDATE loans SET returned = ? WHERE id = ?", (day, loan))
    if late > 0:
        connection.execute("INSERT INTO fines (loan, cents) VALUES (?, ?)", (loan, int(late) * CENTS_PER_DAY))
