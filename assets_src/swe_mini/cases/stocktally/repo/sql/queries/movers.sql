-- The :best items of each site: those of which most pieces came and went.
WITH moved AS (
    SELECT site, sku, sum(abs(pieces)) AS pieces FROM moves GROUP BY site, sku
),
placed AS (
    SELECT row_number() OVER (PARTITION BY site ORDER BY pieces DESC) AS place, * FROM moved
)
SELECT site, place, sku, pieces
FROM placed
WHERE place <= :best
ORDER BY site, place, sku;
