"""Reads what W&B has written offline."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest


def history(file: Path) -> list[dict[str, str]]:
    """Key to JSON value of each logged point. The file is a log of records: check sum, length, kind, content."""
    messages = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    content, place = file.read_bytes(), 7
    points = []
    while place < len(content):
        (length,) = struct.unpack_from("<H", content, place + 4)
        record = messages.Record()
        record.ParseFromString(content[place + 7 : place + 7 + length])
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            points.append({one.nested_key[0] if one.nested_key else one.key: one.value_json for one in items})
        place += 7 + length
    return points
