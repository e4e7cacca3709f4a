-- For each book: how many copies there are, and how many of them stand on the shelf.

DROP VIEW IF EXISTS shelf;

CREATE VIEW shelf AS
SELECT
    books.id AS book,
    books.title,
    count(copies.id) AS copies,
    count(copies.id) - count(loans.id) AS free
FROM books
JOIN copies ON copies.book = books.id
LEFT JOIN loans ON loans.copy = copies.id
WHERE loans.returned IS NULL
GROUP BY books.id;
