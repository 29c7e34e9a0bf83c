"""Read a pickle without running it.

A pickle is a small program; Python's own unpickler calls whatever the program
names. :class:`PickleReader` interprets the same instructions but has no call at
all: each global that weights legitimately name is one entry in a table of plain
constructions written here, and any other is refused by name. NumPy's own
``__setstate__`` is not used either (a crafted dtype can make it read wild
pointers): arrays are rebuilt from checked shape, dtype and bytes.

Formats: the pickle protocol, PEP 3154 and ``pickletools`` (which splits the
instructions); what ``paddle.save`` 2.x and 3.x emits was read off its files.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

from .arrays import PendingArray, PendingDtype
from .pickle_table import BASE_TABLE, Symbol, plain_key
from .reading import Damaged, Refused, reading

_MARK = object()


class PickleReader:
    """Interpreter of one pickle.

    Args:
        extra: further admitted globals, ``{"module.name": f(args) -> value}``.
        persistent_load: value of a persistent id (torch's storages); refused without.
    """

    def __init__(self, *, extra: dict[str, Callable] | None = None, persistent_load: Callable | None = None):
        self.table = {**BASE_TABLE, **(extra or {})}
        self.persistent_load = persistent_load
        self.budget = 0

    def read(self, stream: BinaryIO) -> Any:
        """The value of the pickle that starts at the position of ``stream``.

        Returns:
            Nested dict, list, tuple, str, numbers, bytes, :class:`PendingArray`
            and what ``extra`` makes; pass it to :func:`finished`.

        Raises:
            Refused, Damaged: as said there. Other exceptions mean damage, too.
        """
        stack: list[Any] = []
        memo: dict[int, Any] = {}
        here = stream.tell()
        self.budget = 4 * (stream.seek(0, io.SEEK_END) - here) + (1 << 20)
        stream.seek(here)
        for opcode, arg, _ in pickletools.genops(stream):
            name = opcode.name
            if name == "STOP":
                return stack.pop()
            if name in _CONSTANTS:
                stack.append(_CONSTANTS[name]())
            elif name in _LITERALS:
                stack.append(arg)
            elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
                memo[arg] = stack[-1]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[arg])
            elif name not in ("PROTO", "FRAME"):
                self._structure(name, arg, stack)
        raise Damaged("no end")

    def _structure(self, name: str, arg: Any, stack: list) -> None:
        if name == "MARK":
            stack.append(_MARK)
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            _to_mark(stack)
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple([stack.pop() for _ in range(int(name[-1]))][::-1]))
        elif name in _FROM_MARK:
            stack.append(_FROM_MARK[name](_to_mark(stack)))
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = _to_mark(stack) if name != "APPEND" else [stack.pop()]
            if type(stack[-1]) is set:
                stack[-1].update(_atoms(items))
            elif type(stack[-1]) is list:
                stack[-1].extend(items)
            else:
                raise Damaged("items for something that is not a list")
        elif name in ("SETITEM", "SETITEMS"):
            items = _to_mark(stack) if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            if type(stack[-1]) is not dict:
                raise Damaged("items for something that is not a dict")
            _fill(stack[-1], items)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, attribute = arg.split(" ", 1) if name == "GLOBAL" else (stack.pop(-2), stack.pop())
            stack.append(self._symbol(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            args, function = stack.pop(), stack.pop()
            stack.append(self._construct(function, args))
        elif name == "BUILD":
            state = stack.pop()
            _set_state(stack[-1], state)
        elif name in ("BINPERSID", "PERSID"):
            if self.persistent_load is None:
                raise Refused("a persistent id (an external object)")
            stack.append(self.persistent_load(stack.pop() if name == "BINPERSID" else arg))
        elif name == "INST":
            raise Refused(arg.replace(" ", "."))
        else:  # OBJ, NEWOBJ_EX, EXT1.., NEXT_BUFFER: no weights file has them
            raise Refused(f"the pickle instruction {name}")

    def _symbol(self, module: Any, attribute: Any) -> Symbol:
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise Damaged("a global")
        name = f"{'builtins' if module == '__builtin__' else module}.{attribute}"
        if name not in self.table:
            raise Refused(name[:120])
        return Symbol(name)

    def _construct(self, function: Any, args: Any) -> Any:
        if not isinstance(function, Symbol) or not isinstance(args, tuple):
            raise Damaged("a call of something that is not called")
        value = self.table[function.name](args)
        if isinstance(value, (bytes, bytearray, list, tuple)):  # one string of the file, copied a million times
            self.budget -= len(value)
            if self.budget < 0:
                raise Damaged("content far larger than the file")
        return value


_CONSTANTS: dict[str, Callable] = {
    **{"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False},
    **{"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set},
}
_LITERAL_NAMES = """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE
    SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8
"""
_LITERALS = frozenset(_LITERAL_NAMES.split())


def _to_mark(stack: list) -> list:
    items = []
    while True:
        if not stack:
            raise Damaged("a missing mark")
        item = stack.pop()
        if item is _MARK:
            return items[::-1]
        items.append(item)


def _atoms(items: list) -> frozenset:
    return frozenset(plain_key(item) for item in items)


def _fill(target: dict, items: list) -> dict:
    if len(items) % 2:
        raise Damaged("a dict")
    for key, value in zip(items[::2], items[1::2]):
        target[plain_key(key)] = value
    return target


def _set_state(target: Any, state: Any) -> None:
    if isinstance(target, (PendingArray, PendingDtype)):
        target.set_state(state)
    elif not (type(target) is dict and isinstance(state, dict)):  # OrderedDict attributes (torch: _metadata): dropped
        raise Damaged("a state for something that has none")


_FROM_MARK: dict[str, Callable] = {
    "TUPLE": tuple,
    "LIST": list,
    "FROZENSET": _atoms,
    "DICT": lambda items: _fill({}, items),
}


def finished(value: Any, resolve: Callable[[Any], Any] | None = None, *, limit: int = 5_000_000) -> Any:
    """Replace pending arrays in nested containers by arrays (and apply ``resolve`` to other objects).

    Raises:
        Damaged: unfinished arrays, containers that hold themselves, or more than ``limit`` values.
    """
    budget = [limit]

    def walk(node, depth):
        budget[0] -= 1
        if budget[0] < 0 or depth > 60:
            raise Damaged("endless nesting")
        if isinstance(node, PendingArray):
            if node.array is None:
                raise Damaged("an array without content")
            return node.array
        if isinstance(node, dict):
            return {key: walk(item, depth + 1) for key, item in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)([walk(item, depth + 1) for item in node])
        if isinstance(node, PendingDtype):
            return str(node.dtype)
        if isinstance(node, Symbol):
            return node.name
        if node is _MARK:
            raise Damaged("a stray mark")
        return resolve(node) if resolve is not None else node

    return walk(value, 0)


def read_pickle(path: str) -> Any:
    """The plain content of a pickle such as ``.pdparams`` or ``.pdopt``.

    Raises:
        CheckpointError: refused or damaged; the message names the file and what was refused.
    """
    with open(path, "rb") as f, reading(path):
        whole = io.BytesIO(f.read())  # in memory no length in it can make a read larger than the file is
        return finished(PickleReader().read(whole))
