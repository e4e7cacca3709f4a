-- What has to be ordered: items of which all sites together have too few.
SELECT sku, name, coalesce(sum(stock.pieces), 0) AS pieces
FROM items LEFT JOIN stock USING (sku)
GROUP BY sku
HAVING coalesce(sum(stock.pieces), 0) < reorder_at
ORDER BY sku;
