"""Memory descriptors, compiled primitives and the cache that keeps them.

Everything cached here belongs to one thread: a primitive's memory objects hold
the pointers of the call under way, so threads must not share them. A thread
that asks for the same operation builds its own; oneDNN's own cache makes the
machine code common. After a fork the child starts with an empty cache.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from . import dnnl
from .dnnl import Dims, ExecArg, Handle, Library

CACHE_SIZE = 512  # operations a thread keeps: enough for the largest network at several input sizes


class Desc:
    """A memory descriptor that frees itself."""

    __slots__ = ("_as_parameter_", "_destroy")

    def __init__(self, library: Library, handle: Handle):
        self._as_parameter_, self._destroy = handle, library.memory_desc_destroy

    def __del__(self):
        self._destroy(self._as_parameter_)


def desc(library: Library, shape: Sequence[int], dtype: int, strides: Sequence[int] | None = None) -> Desc:
    """Describe a tensor with the given strides (in elements), or of a layout of the library's choice."""
    handle = Handle()
    if strides is None:
        library.memory_desc_create_with_tag(ctypes.byref(handle), len(shape), Dims(*shape), dtype, dnnl.TAG_ANY)
    else:
        library.memory_desc_create_with_strides(ctypes.byref(handle), len(shape), Dims(*shape), dtype, Dims(*strides))
    return Desc(library, handle)


def vector(library: Library, length: int, dtype: int = dnnl.F32) -> Desc:
    """Describe ``length`` adjacent values."""
    return desc(library, (length,), dtype, (1,))


def channels_last(library: Library, shape: Sequence[int], dtype: int = dnnl.F32) -> Desc:
    """Describe a tensor of shape ``[N, C, H, W]`` whose channels are adjacent in memory."""
    n, c, h, w = shape
    return desc(library, (n, c, h, w), dtype, (h * w * c, 1, w * c, c))


def plain(library: Library, shape: Sequence[int], dtype: int = dnnl.F32) -> Desc:
    """Describe a row-major tensor."""
    return desc(library, shape, dtype, row_major(shape))


def row_major(shape: Sequence[int]) -> list[int]:
    """Strides of a contiguous tensor of that shape."""
    strides, step = [], 1
    for side in reversed(shape):
        strides.append(step)
        step *= max(int(side), 1)
    return strides[::-1]


class Attributes:
    """Execution attributes: scratch memory is ours, and what is fused behind the operation."""

    def __init__(self, library: Library, *, bf16: bool = False, then: Sequence[tuple] = ()):
        self._library, self._as_parameter_ = library, Handle()
        library.primitive_attr_create(ctypes.byref(self._as_parameter_))
        library.primitive_attr_set_scratchpad_mode(self._as_parameter_, 1)
        if bf16:  # f32 data may be rounded to bf16 on the fly (used on AMX)
            library.primitive_attr_set_fpmath_mode(self._as_parameter_, 1)
        if then:
            ops = Handle()
            library.post_ops_create(ctypes.byref(ops))
            for kind, argument in then:
                if kind == "relu":
                    library.post_ops_append_eltwise(ops, dnnl.RELU, 0.0, 0.0)
                elif kind == "prelu":  # a slope for each index of the second axis
                    library.post_ops_append_prelu(ops, 1 << 1)
                else:  # ("add" | "mul", descriptor of the second operand)
                    algorithm = {"add": dnnl.BINARY_ADD, "mul": dnnl.BINARY_MUL}[kind]
                    library.post_ops_append_binary(ops, algorithm, argument)
            library.primitive_attr_set_post_ops(self._as_parameter_, ops)
            library.post_ops_destroy(ops)

    def __del__(self):
        self._library.primitive_attr_destroy(self._as_parameter_)


class Primitive:
    """One compiled operation: built from a descriptor, called with a pointer per argument.

    Args:
        create: a ``*_primitive_desc_create`` function of the library.
        arguments: its arguments after the output handle.
        slots: argument numbers in the order of the pointers of a call, each with
            its descriptor: a :class:`Desc` or ``("query", what)``.
        hint: the forward primitive, for a backward one.
    """

    def __init__(
        self,
        library: Library,
        create: Callable,
        arguments: Sequence,
        slots: Sequence[tuple[int, Any]],
        *,
        allow_reference: bool = False,
    ):
        self._library = library
        self._desc, self._primitive, self._memories = Handle(), Handle(), []
        create(ctypes.byref(self._desc), *arguments)
        if not allow_reference and self.implementation.startswith("ref"):
            raise dnnl.Unimplemented(f"only the reference implementation ({self.implementation})")
        library.primitive_create(ctypes.byref(self._primitive), self._desc)
        scratch = library.primitive_desc_query_md(self._desc, dnnl.QUERY_SCRATCHPAD, 0)
        self.scratch_bytes = library.memory_desc_get_size(scratch)
        count = len(slots) + (self.scratch_bytes > 0)
        self._arguments, self._count = (ExecArg * count)(), count
        for index, (number, described) in enumerate(slots):
            self._attach(index, number, self.queried(described[1]) if isinstance(described, tuple) else described)
        if self.scratch_bytes:
            self._attach(count - 1, dnnl.SCRATCHPAD, Handle(scratch))
        self._raw = [m.value for m in self._memories]

    def _attach(self, index: int, number: int, described) -> None:
        memory = Handle()
        self._library.memory_create(ctypes.byref(memory), described, self._library.engine, None)
        self._memories.append(memory)
        self._arguments[index].arg, self._arguments[index].memory = number, memory

    @property
    def handle(self) -> Handle:
        """The primitive descriptor, as a hint for a backward operation."""
        return self._desc

    @property
    def implementation(self) -> str:
        """Name of the implementation chosen, as ``brg_conv_fwd:avx512_core``."""
        text = ctypes.c_char_p()
        self._library.primitive_desc_query(self._desc, dnnl.QUERY_IMPL, 0, ctypes.byref(text))
        return text.value.decode()

    def queried(self, what: int) -> Handle:
        """A descriptor that the library chose (owned by the primitive)."""
        return Handle(self._library.primitive_desc_query_md(self._desc, what, 0))

    def bytes(self, what: int) -> int:
        """Size of an argument in bytes; 0 where there is none."""
        found = self._library.primitive_desc_query_md(self._desc, what, 0)
        return self._library.memory_desc_get_size(found) if found else 0

    def __call__(self, *pointers: int) -> None:
        raw, put = self._raw, self._library.set_pointer
        for index, pointer in enumerate(pointers):
            put(raw[index], pointer)
        if self.scratch_bytes:
            put(raw[-1], scratch_pointer(self.scratch_bytes))
        self._library.primitive_execute(self._primitive, self._library.stream, self._count, self._arguments)

    def __del__(self):
        for memory in self._memories:
            self._library.memory_destroy(memory)
        if self._primitive:
            self._library.primitive_destroy(self._primitive)
        if self._desc:
            self._library.primitive_desc_destroy(self._desc)


class _Store(threading.local):
    def __init__(self):
        self.operations: OrderedDict[Hashable, Any] = OrderedDict()
        self.scratch: ctypes.Array | None = None
        self.packed: ctypes.Array | None = None


_store = _Store()


def cached(key: Hashable, build: Callable[[], Any]) -> Any:
    """Return this thread's object for ``key``, building it on first use; the least recently used go first."""
    operations = _store.operations
    found = operations.get(key)
    if found is None:
        found = operations[key] = build()
        if len(operations) > CACHE_SIZE:
            operations.popitem(last=False)
    else:
        operations.move_to_end(key)
    return found


def scratch_pointer(size: int) -> int:
    """Address of at least ``size`` bytes that this thread may overwrite during one call of a primitive."""
    return _lent("scratch", size)


def packed_pointer(size: int) -> int:
    """The same for what one primitive hands to the next, as weights in the order that it asks for."""
    return _lent("packed", size)


def _lent(name: str, size: int) -> int:
    buffer = getattr(_store, name)
    if buffer is None or len(buffer) < size + 64:
        buffer = (ctypes.c_char * (size + 64))()
        setattr(_store, name, buffer)
    address = ctypes.addressof(buffer)
    return address + -address % 64


def clear() -> None:
    """Drop this thread's operations and scratch memory."""
    _store.operations.clear()
    _store.scratch = _store.packed = None


def size() -> int:
    """Operations this thread holds."""
    return len(_store.operations)


_inherited = []


def _after_fork() -> None:
    global _store
    _inherited.append(_store)  # never freed: another thread of the parent may have been inside the library
    _store = _Store()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
