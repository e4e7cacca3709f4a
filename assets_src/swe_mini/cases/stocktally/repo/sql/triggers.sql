-- Keep the table stock.

DROP TRIGGER IF EXISTS moves_insert;

CREATE TRIGGER moves_insert AFTER INSERT ON moves
BEGIN
    INSERT INTO stock (site, sku, pieces) VALUES (new.site, new.sku, new.pieces)
    ON CONFLICT (site, sku) DO UPDATE SET pieces = pieces + excluded.pieces;
END;
