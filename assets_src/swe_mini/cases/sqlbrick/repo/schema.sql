-- A small library, for the tests.
CREATE TABLE book (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    language TEXT,          -- NULL: not known
    year INTEGER,           -- NULL: not known
    "order" INTEGER         -- its place on the shelf
);

INSERT INTO book VALUES (1, 'Die Wand', 'de', 1963, 10);
INSERT INTO book VALUES (2, 'L''Étranger', 'fr', 1942, 20);
INSERT INTO book VALUES (3, '100% Wolle_Strickbuch', 'de', NULL, 30);
INSERT INTO book VALUES (4, 'Beowulf', NULL, NULL, 40);
INSERT INTO book VALUES (5, '1000 Recipes', 'en', 1987, NULL);
