"""The store."""

import os
from collections.abc import MutableMapping

from stashdb.record import encode, read_all


class Stash(MutableMapping):
    """Keys are text, values are bytes. All of them are held in memory; the file is there to remember them."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self._values = {}
        self._file = open(self.path, "a+b")
        self._file.seek(0)
        for key, value in read_all(self._file):
            self._remember(key, value)

    # -- mapping ---------------------------------------------------------------

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, value):
        self._append(key, bytes(value))

    def __delitem__(self, key):
        if key not in self._values:
            raise KeyError(key)
        self._append(key, None)

    def __iter__(self):
        return iter(sorted(self._values))

    def __len__(self):
        return len(self._values)

    # -- file ------------------------------------------------------------------

    def _append(self, key, value):
        self._file.write(encode(key, value))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._remember(key, value)

    def _remember(self, key, value):
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def compact(self):
        """Write the file anew, without what is overwritten or deleted."""
        temporary = self.path + ".new"
        with open(temporary, "wb") as new:
            for key, value in self.items():
                new.write(encode(key, value))
        os.replace(temporary, self.path)

    def close(self):
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
