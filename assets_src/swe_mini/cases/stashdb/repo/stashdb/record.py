"""Records as they stand in the file; see the README for the format."""

import struct
import zlib

HEADER = struct.Struct(">Iii")  # CRC-32 of the body, length of the key, length of the value
DELETED = -1


class CorruptFile(Exception):
    """The file is no stash, or not what was written."""


def encode(key, value):
    """The bytes of one record. A value of None says that the key is deleted."""
    name = key.encode("utf-8")
    body = name + (value or b"")
    return HEADER.pack(zlib.crc32(body), len(name), DELETED if value is None else len(value)) + body


def read_all(file):
    """(key, value) of every record, from where the file stands to its end."""
    while header := file.read(HEADER.size):
        crc, key_length, value_length = HEADER.unpack(header)
        body = file.read(key_length + max(value_length, 0))
        if zlib.crc32(body) != crc:
            raise CorruptFile(f"bad record before byte {file.tell()}")
        key = body[:key_length].decode("utf-8")
        yield key, None if value_length == DELETED else body[key_length:]
