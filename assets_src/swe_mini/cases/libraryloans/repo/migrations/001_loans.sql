-- Books, their copies, and who has them.

CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE copies (id INTEGER PRIMARY KEY, book INTEGER NOT NULL REFERENCES books (id));

CREATE TABLE loans (
    id       INTEGER PRIMARY KEY,
    copy     INTEGER NOT NULL REFERENCES copies (id),
    member   INTEGER NOT NULL REFERENCES members (id),
    lent     TEXT NOT NULL, -- a day, such as 2024-05-31
    due      TEXT NOT NULL,
    returned TEXT           -- NULL: still out
);
