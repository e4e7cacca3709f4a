-- The movements of :sku, and how many pieces its site had after each.
SELECT id, day, site, pieces, sum(pieces) OVER (ORDER BY day) AS balance
FROM moves
WHERE sku = :sku
ORDER BY site, day, id;
