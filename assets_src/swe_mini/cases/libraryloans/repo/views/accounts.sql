-- For each member: how many copies they have at home, and how many cents they owe.

DROP VIEW IF EXISTS accounts;

CREATE VIEW accounts AS
SELECT
    members.id AS member,
    members.name,
    count(loans.id) - count(loans.returned) AS at_home,
    total(fines.cents) AS owed
FROM members
LEFT JOIN loans ON loans.member = members.id
LEFT JOIN fines ON fines.loan = loans.id
WHERE fines.paid IS NULL
GROUP BY members.id;
