"""The units there are, and the prefixes that can stand before them."""

PREFIXES = {"p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "k": 1e3, "M": 1e6, "G": 1e9}

# symbol: (factor to SI base units, powers of m, kg, s, A)
UNITS = {
    "m": (1, (1, 0, 0, 0)),
    "g": (1e-3, (0, 1, 0, 0)),
    "s": (1, (0, 0, 1, 0)),
    "A": (1, (0, 0, 0, 1)),
    # -- derived ---------------------------------------------------------------
    "Hz": (1, (0, 0, -1, 0)),
    "N": (1, (1, 1, -2, 0)),
    "Pa": (1, (-1, 1, -2, 0)),
    "J": (1, (2, 1, -2, 0)),
    "W": (1, (2, 1, -3, 0)),
    "V": (1, (2, 1, -3, -1)),
    "Ω": (1, (2, 1, -3, -2)),
    "F": (1, (-2, -1, 4, 2)),
    "H": (1, (2, 1, -2, -2)),
    # -- not SI, but in use ----------------------------------------------------
    "in": (0.0254, (1, 0, 0, 0)),
    "ft": (0.3048, (1, 0, 0, 0)),
    "au": (149597870700, (1, 0, 0, 0)),
    "l": (1e-3, (3, 0, 0, 0)),
    "t": (1e3, (0, 1, 0, 0)),
    "min": (60, (0, 0, 1, 0)),
    "h": (3600, (0, 0, 1, 0)),
    "d": (86400, (0, 0, 1, 0)),
}


def find(symbol):
    """(factor, dimension) of a unit, with or without a prefix; ValueError if there is no such unit."""
    for prefix, scale in PREFIXES.items():
        if symbol.startswith(prefix) and symbol[len(prefix) :] in UNITS:
            factor, dimension = UNITS[symbol[len(prefix) :]]
            return scale * factor, dimension
    if symbol not in UNITS:
        raise ValueError(f"unknown unit {symbol!r}")
    return UNITS[symbol]
