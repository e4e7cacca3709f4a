-- What members owe. A loan may have several fines: too late, coffee on page 12.

CREATE TABLE fines (
    id    INTEGER PRIMARY KEY,
    loan  INTEGER NOT NULL REFERENCES loans (id) ON DELETE CASCADE,
    cents INTEGER NOT NULL CHECK (cents > 0),
    paid  TEXT -- NULL: not yet
);
