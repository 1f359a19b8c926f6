"""Damages files as a disk, a network or an author of hostile files does; the same damage for the same seed."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from typing import Any

import numpy as np

ODD: list[Any] = [
    None, True, -1, 0, 1, 7, 2**31, 2**63, 10**30, 1e308, float("nan"), "", "x", "\ud800", "../../x", "U1", [], {},
    [[]], [None], {"class_name": "Dense"}, {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}},
    {"class_name": "function", "config": "exec", "module": "builtins", "registered_name": "exec"},
    {"class_name": 3, "config": []}, "Dense", [1, 2], "float128", "mixed_bfloat16", "/etc/passwd", [-1, -1, -1, -1],
]  # fmt: skip


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, removed, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 8))):
        place = int(rng.integers(len(changed))) if changed else 0
        match int(rng.integers(5)):
            case 0 | 1:
                changed[place : place + 1] = bytes([int(rng.integers(256))])
            case 2:
                del changed[place : place + int(rng.integers(1, 50))]
            case 3:
                changed[place:place] = changed[place : place + int(rng.integers(1, 50))]
            case 4:
                if rng.random() < 0.2:
                    del changed[place:]
                else:
                    changed[place : place + 4] = int(rng.choice([0, 0xFFFFFFFF, 0x7FFFFFFF, 1])).to_bytes(4, "little")
    return bytes(changed)


def mutated_json(value: Any, rng: np.random.Generator) -> Any:
    """The same value with one or two places changed: replaced, removed, renamed, moved or doubled."""
    value = json.loads(json.dumps(value))
    for _ in range(int(rng.integers(1, 3))):
        holders: list[Any] = []
        todo = [value]
        while todo:
            item = todo.pop()
            if isinstance(item, dict | list) and item:
                holders.append(item)
                todo += item.values() if isinstance(item, dict) else item
        if not holders:
            return copy.deepcopy(ODD[int(rng.integers(len(ODD)))])
        holder = holders[int(rng.integers(len(holders)))]
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = keys[int(rng.integers(len(keys)))]
        other = holders[int(rng.integers(len(holders)))]
        match int(rng.integers(5)):
            case 0 | 1:
                holder[key] = copy.deepcopy(ODD[int(rng.integers(len(ODD)))])
            case 2:
                del holder[key]
            case 3:
                holder[key] = json.loads(json.dumps(other))
            case 4:
                moved = holder.pop(key)
                holder.update({"x": moved}) if isinstance(holder, dict) else holder.append([moved])
    return value


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive of these members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    """The members of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
