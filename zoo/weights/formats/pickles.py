"""Interprets the pickles that PyTorch writes into weight files: values only, nothing looked up, nothing called.

Python's own unpickler is not used: whatever it builds, a later opcode may rewrite. Here a tensor is made once, from
values that were checked, and cannot be changed; a container takes nothing in any more once it lies in another one, so
depth is known and no container holds itself.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import shown

ELEMENTS = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<u1",
}
"""Storage types of PyTorch and the NumPy types of their elements."""

MOST_OPCODES = 500_000
"""A state dict of 3,000 tensors has 120,000."""

MOST_BYTES = 64 << 20
MOST_TEXT = 4096
MOST_DEPTH = 12
MOST_RANK = 16
MOST_INTEGER = 16
"""Bytes of the longest whole number; the magic number of `torch.save` has ten."""


class Global(NamedTuple):
    """A name that the file refers to; one of those that are known."""

    module: str
    name: str


class Storage(NamedTuple):
    """A storage that the pickle refers to; its elements lie elsewhere in the file."""

    key: str
    dtype: str
    size: int


class Tensor(NamedTuple):
    """A view into a storage, checked to lie inside it; what `_rebuild_tensor_v2` would make."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Box:
    """A list, a dict or an OrderedDict of the file."""

    kind: str
    items: list[Any] = field(default_factory=list)
    table: dict[Any, Any] = field(default_factory=dict)
    depth: int = 1
    sealed: bool = False


@dataclass(slots=True, eq=False, frozen=True)
class Row:
    """A tuple of the file."""

    items: tuple[Any, ...]
    depth: int


_ORDERED = Global("collections", "OrderedDict")
_REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
_EMPTY = Row((), 1)


class Reader:
    """Reads pickles, one after the other, from a file.

    Args:
        file: an open binary file; stands behind the pickle that was read last.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._opcodes = 0
        self._bytes = 0
        self.storages: dict[str, Storage] = {}

    def read(self) -> Any:
        """Read the next pickle.

        Returns:
            A text, number, boolean or None; a `Row`, `Box`, `Global`, `Storage` or `Tensor`.

        Raises:
            UnsafeFileError: it has an opcode that PyTorch does not write, names code, or breaks a limit.
            WeightsError: it is damaged or cut off.
        """
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        start = self._file.tell()
        try:
            return self._run()
        except IndexError as error:  # an opcode that takes more than there is
            raise WeightsError(f"the pickle at byte {start} is damaged: it takes a value that is not there") from error

    def _run(self) -> Any:
        if self._take(2) != b"\x80\x02":
            raise WeightsError("it is damaged or not of PyTorch: a pickle does not begin as those of PyTorch do")
        while True:
            self._opcodes += 1
            if self._opcodes > MOST_OPCODES:
                raise UnsafeFileError(f"its pickles have more than {MOST_OPCODES} opcodes; a weight file has far fewer")
            code = self._take(1)
            if code == b".":
                if len(self._stack) != 1 or self._marks:
                    raise WeightsError("a pickle in it is damaged: it does not end with one value")
                return self._stack.pop()
            action = _ACTIONS.get(code)
            if action is None:
                raise UnsafeFileError(f"a pickle in it has the opcode {code!r}, which PyTorch does not write")
            action(self)

    # Bytes

    def _take(self, count: int) -> bytes:
        self._bytes += count
        if self._bytes > MOST_BYTES:
            raise UnsafeFileError(f"its pickles have more than {MOST_BYTES} bytes; a weight file has far fewer")
        data = self._file.read(count)
        if len(data) < count:
            raise WeightsError("it is damaged or cut off inside a pickle")
        return data

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "little")

    def _text(self, width: int) -> str:
        length = self._number(width)
        if length > MOST_TEXT:
            raise UnsafeFileError(f"a text in it has {length} bytes; names of tensors have at most {MOST_TEXT}")
        return self._decoded(self._take(length))

    def _line(self) -> str:
        line = self._file.readline(MOST_TEXT)
        self._bytes += len(line)
        if not line.endswith(b"\n"):
            raise WeightsError("it is damaged or cut off inside a name")
        return self._decoded(line[:-1])

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise WeightsError(f"it is damaged: {shown(data)} is not a text") from error

    # Values

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def _marked(self) -> list[Any]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    def mark(self) -> None:
        """Begin a sequence of values."""
        if len(self._marks) >= 4 * MOST_DEPTH:
            raise UnsafeFileError("its pickles are nested too deep for a weight file")
        self._marks.append(self._stack)
        self._stack = []

    def row(self, count: int | None) -> None:
        """Make a tuple of the last values; None: of those since the mark."""
        items = self._marked() if count is None else [self._stack.pop() for _ in range(count)][::-1]
        self.push(Row(tuple(items), self._depth_around(items)))

    def _depth_around(self, items: list[Any]) -> int:
        """The depth of a container of these items, which are sealed by it."""
        depth = 0
        for item in items:
            if isinstance(item, Box):
                item.sealed = True
            if isinstance(item, Box | Row):
                depth = max(depth, item.depth)
        if depth >= MOST_DEPTH:
            raise UnsafeFileError(f"its values are nested more than {MOST_DEPTH} deep; those of a weight file are not")
        return depth + 1

    def long(self) -> None:
        """Read a whole number of several bytes."""
        width = self._number(1)
        if width > MOST_INTEGER:
            raise UnsafeFileError(f"a whole number in it has {width} bytes")
        self.push(int.from_bytes(self._take(width), "little", signed=True))

    def known(self) -> None:
        """Read the name of a class or function; only those of tensors are known."""
        name = Global(self._line(), self._line())
        if name not in {_ORDERED, _REBUILD} and not (name.module == "torch" and name.name in ELEMENTS):
            raise UnsafeFileError(
                f"the file asks to run {shown(f'{name.module}.{name.name}')[1:-1]}; a weight file needs tensors only"
            )
        self.push(name)

    def get(self, width: int) -> None:
        """Push a value that was remembered."""
        index = self._number(width)
        if index not in self._memo:
            raise WeightsError("a pickle in it is damaged: it refers to a value that was not there")
        self.push(self._memo[index])

    def put(self, width: int) -> None:
        """Remember the last value."""
        self._memo[self._number(width)] = self._stack[-1]

    def fill(self, pairs: bool, items: list[Any]) -> None:
        """Put items into the container on top of the stack."""
        box = self._stack[-1]
        if not isinstance(box, Box) or box.sealed or (box.kind == "list") == pairs:
            raise UnsafeFileError("a pickle in it changes a value that was made already")
        if pairs and len(items) % 2:
            raise WeightsError("a pickle in it is damaged: a key has no value")
        box.depth = max(box.depth, self._depth_around(items))
        if box.sealed:  # by itself
            raise UnsafeFileError("a container in it holds itself")
        if not pairs:
            box.items += items
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            _put(box.table, key, value)

    def build(self) -> None:
        """Take the attributes of an OrderedDict (its `_metadata`), which nothing needs."""
        state, target = self._stack.pop(), self._stack[-1]
        ordered = isinstance(target, Box) and target.kind == "OrderedDict" and not target.sealed
        if not ordered or not isinstance(state, Box) or state.kind != "dict":
            raise UnsafeFileError("a pickle in it changes a value that was made already")
        self._depth_around([state])

    def reduce(self) -> None:
        """Make what a known name makes of its arguments: an OrderedDict or a tensor."""
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Global) or not isinstance(arguments, Row):
            raise UnsafeFileError("a pickle in it calls something that is not a function of PyTorch")
        if function == _ORDERED and not arguments.items:
            self.push(Box("OrderedDict"))
        elif function == _REBUILD:
            self.push(_tensor(arguments.items))
        else:
            raise UnsafeFileError(f"the file asks to run {function.name} with arguments that PyTorch does not give it")

    def persistent(self) -> None:
        """Make the storage that a reference stands for."""
        reference = self._stack.pop()
        match reference:
            case Row(items=("storage", Global("torch", kind), str(key), str(), int(count), *rest)) if (
                kind in ELEMENTS and type(count) is int and 0 <= count < 2**48 and rest in ([], [None])
            ):
                storage = Storage(key, ELEMENTS[kind], count)
            case _:
                raise UnsafeFileError("the file refers to something that is not a tensor storage")
        if self.storages.setdefault(key, storage) != storage:
            raise UnsafeFileError(f"the storage {shown(key)} has several sizes or types")
        self.push(storage)


def _put(table: dict[Any, Any], key: Any, value: Any) -> None:
    if type(key) not in {str, int}:
        raise UnsafeFileError(f"a table in it has {shown(key)} for a key")
    if key in table:
        raise UnsafeFileError(f"a table in it has the key {shown(key)} twice")
    table[key] = value


def _is_place(number: Any) -> bool:
    return type(number) is int and 0 <= number < 2**48


def _lies_inside(storage: Storage, offset: int, shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether all numbers of a tensor are in its storage, and no more of them than that has."""
    if 0 in shape:
        return math.prod(max(side, 1) for side in shape) <= 2**48
    last = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    return last < storage.size and math.prod(shape) <= storage.size


def _tensor(arguments: tuple[Any, ...]) -> Tensor:
    """The tensor of checked arguments; gradients and hooks are of no use here."""
    match arguments:
        case (Storage() as storage, offset, Row(items=shape), Row(items=strides), bool(), Box() as hooks, *rest) if (
            hooks.kind == "OrderedDict" and not hooks.table and rest in ([], [None])
        ):
            pass
        case _:
            raise UnsafeFileError("a tensor in the file is not described by a storage and whole numbers")
    if not all(map(_is_place, (offset, *shape, *strides))):
        raise UnsafeFileError("a tensor in the file is not described by a storage and whole numbers")
    if len(shape) != len(strides) or len(shape) > MOST_RANK:
        raise UnsafeFileError(f"a tensor in the file has {len(shape)} dimensions and {len(strides)} strides")
    if not _lies_inside(storage, offset, shape, strides):
        raise UnsafeFileError(f"a tensor with shape {shape} does not lie inside its storage of {storage.size}")
    return Tensor(storage, offset, shape, strides)


_ACTIONS: dict[bytes, Callable[[Reader], None]] = {
    b"(": Reader.mark,
    b")": lambda reader: reader.push(_EMPTY),
    b"t": lambda reader: reader.row(None),
    b"\x85": lambda reader: reader.row(1),
    b"\x86": lambda reader: reader.row(2),
    b"\x87": lambda reader: reader.row(3),
    b"]": lambda reader: reader.push(Box("list")),
    b"}": lambda reader: reader.push(Box("dict")),
    b"N": lambda reader: reader.push(None),
    b"\x88": lambda reader: reader.push(True),
    b"\x89": lambda reader: reader.push(False),
    b"K": lambda reader: reader.push(reader._number(1)),
    b"M": lambda reader: reader.push(reader._number(2)),
    b"J": lambda reader: reader.push(int.from_bytes(reader._take(4), "little", signed=True)),
    b"G": lambda reader: reader.push(struct.unpack(">d", reader._take(8))[0]),
    b"\x8a": Reader.long,
    b"X": lambda reader: reader.push(reader._text(4)),
    b"U": lambda reader: reader.push(reader._text(1)),
    b"c": Reader.known,
    b"h": lambda reader: reader.get(1),
    b"j": lambda reader: reader.get(4),
    b"q": lambda reader: reader.put(1),
    b"r": lambda reader: reader.put(4),
    b"a": lambda reader: reader.fill(False, [reader._stack.pop()]),
    b"e": lambda reader: reader.fill(False, reader._marked()),
    b"s": lambda reader: reader.fill(True, [reader._stack.pop(), reader._stack.pop()][::-1]),
    b"u": lambda reader: reader.fill(True, reader._marked()),
    b"b": Reader.build,
    b"R": Reader.reduce,
    b"Q": Reader.persistent,
}
"""The opcodes that `torch.save` writes with its protocol, 2; `U` is text of the time of Python 2."""
