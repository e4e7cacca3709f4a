CREATE TABLE items (
    sku        TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    reorder_at INTEGER NOT NULL -- fewer than these: order
);

CREATE TABLE moves (
    id     INTEGER PRIMARY KEY,
    day    TEXT NOT NULL,
    site   TEXT NOT NULL,
    sku    TEXT NOT NULL REFERENCES items (sku),
    pieces INTEGER NOT NULL CHECK (pieces <> 0) -- more than 0 came in, less went out
);

-- The sum of moves for each site and item. Only triggers write here.
CREATE TABLE stock (
    site   TEXT NOT NULL,
    sku    TEXT NOT NULL REFERENCES items (sku),
    pieces INTEGER NOT NULL,
    PRIMARY KEY (site, sku)
);
