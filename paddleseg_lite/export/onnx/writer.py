"""Building an ONNX graph with the ``onnx`` package: names, constants, sizes, nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import EnvironmentProblem
from ...layers.pyramid import _bin_matrix
from ...version import __version__
from .dynamic import Dim, SizeDependent, first, sizes
from .trace import Node, Value

OPSET, IR_VERSION = 17, 8  # version 8 of the format came with operator set 17: runtimes since 2022 read it


def onnx_package() -> Any:
    """The ``onnx`` package, which is needed only for writing.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as e:
        raise EnvironmentProblem(
            f"writing ONNX needs the package 'onnx': pip install -r requirements-onnx.txt ({e})."
        ) from e
    return onnx


class OnnxWriter:
    """Collects nodes and constants; a tensor is known by its name.

    Equal small constants are stored once. Numbers that follow the input's size
    (:class:`~.dynamic.Dim`) are read from tensors written before.
    """

    def __init__(self):
        self._onnx = onnx_package()
        self.nodes: list[Any] = []  # NodeProto
        self.initializers: list[Any] = []  # TensorProto
        self.producers: dict[int, Node] = {}  # the node behind a traced value, by id(value)
        self.places: dict[int, list[str]] = {}  # of max-pooling, see onnx_unpool
        self._names: dict[int, str] = {}  # of traced values, by id(value)
        self._constants: dict[tuple, str] = {}
        self._sources: dict[Dim, tuple[str, int]] = {}  # the first tensor with that side, and which side
        self._dims: dict[Dim, str] = {}
        self._count = 0

    # -- tensors -----------------------------------------------------------------------------

    def bind(self, value: Value, name: str) -> None:
        """Say which tensor holds a traced value."""
        self._names[id(value)] = name
        for axis, size in enumerate(sizes(value)):
            if isinstance(size, Dim):
                self._sources.setdefault(size, (name, axis))

    def name(self, value: Value | None) -> str:
        """The tensor that holds a traced value; ``""`` for an argument left out."""
        if value is None:
            return ""
        if id(value) not in self._names:
            if value.const is None:
                raise KeyError(f"tensor {value.name} is used before it is computed")
            same = all(np.array_equal(value.const, twin.const) for twin in value.twins)
            self._names[id(value)] = self.constant(value.const, value.name) if same else self._varying(value)
        return self._names[id(value)]

    def add(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: Any):
        """Append a node; the name of its result, or the list of them where ``outputs > 1``."""
        names = [self._fresh(op_type.lower()) for _ in range(outputs)]
        self.nodes.append(self._onnx.helper.make_node(op_type, inputs, names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def cast(self, name: str, dtype: str) -> str:
        """The tensor ``name`` as another type, by NumPy's name of it."""
        return self.add("Cast", name, to=self._code(dtype))

    def constant(self, array: Any, name: str | None = None) -> str:
        """A constant tensor."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else None
        if key in self._constants:
            return self._constants[key]
        name = self._fresh(name or "c")
        self.initializers.append(self._onnx.numpy_helper.from_array(array, name))
        if key is not None:
            self._constants[key] = name
        return name

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def _code(self, dtype: str) -> int:
        return self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def model(self, given: Mapping[str, tuple], result: str, out: tuple[str, str, Sequence[int | str]]) -> bytes:
        """The file, checked.

        Args:
            given: the inputs by name: (type, shape); a side that is a string is free and carries that name.
            result: the tensor to hand out.
            out: the name, type and shape it is handed out as.
        """
        helper = self._onnx.helper
        ends = [
            helper.make_tensor_value_info(name, self._code(dtype), shape)
            for name, dtype, shape in (*((k, *v) for k, v in given.items()), out)
        ]
        nodes = [*self.nodes, helper.make_node("Identity", [result], [out[0]], name=out[0])]
        graph = helper.make_graph(nodes, "network", ends[:-1], ends[-1:], self.initializers)
        model = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="paddleseg_lite",
            producer_version=__version__,
        )
        self._onnx.checker.check_model(model)
        return model.SerializeToString()

    # -- sizes -------------------------------------------------------------------------------

    def ints(self, values: Sequence[int | Dim]) -> str:
        """An int64 vector; constant where no entry follows the input."""
        values = list(values)
        if not any(isinstance(v, Dim) for v in values):
            return self.constant(np.asarray(values, dtype=np.int64))
        return self.add("Concat", *(self.dim(v) for v in values), axis=0)

    def dim(self, size: int | Dim) -> str:
        """An int64 vector of one size."""
        if not isinstance(size, Dim):
            return self.ints([size])
        if size not in self._dims:
            self._dims[size] = self._expression(size)
        return self._dims[size]

    def _expression(self, size: Dim) -> str:
        """Where a size comes from: a side of a tensor, a multiple, a product of two sides, or a side and a constant."""
        if size in self._sources:
            name, axis = self._sources[size]
            return self.add("Gather", self.add("Shape", name), self.ints([axis]), axis=0)
        for p in self._sources:
            factor = first(size) // first(p)
            if p * factor == size:
                return self.add("Mul", self.dim(p), self.ints([factor]))
        for p in self._sources:
            for q in self._sources:
                if p * q == size:
                    return self.add("Mul", self.dim(p), self.dim(q))
        for p in self._sources:
            if isinstance(size - p, int):
                return self.add("Add", self.dim(p), self.ints([size - p]))
        raise SizeDependent(f"where the sizes {list(size.values)} of three traces come from was not found.")

    def number(self, values: Sequence[float], dtype: str = "float32") -> str:
        """A scalar, given as it was in each trace: constant, a size, or one over a size."""
        if len(set(values)) == 1:
            return self.constant(np.asarray(values[0], dtype))
        inverse = not all(float(v).is_integer() for v in values)
        whole = [round(1 / v) if inverse else int(v) for v in values]
        if inverse and not np.allclose([1 / v for v in whole], values, rtol=1e-6):
            raise SizeDependent(f"the number {list(values)} follows the size in an unknown way.")
        scalar = self.add("Squeeze", self.dim(Dim(tuple(whole))), self.ints([0]))
        scalar = self.cast(scalar, dtype)
        return self.add("Div", self.constant(np.asarray(1, dtype)), scalar) if inverse else scalar

    def _varying(self, value: Value) -> str:
        """A constant that is different in the other traces: a number, or the matrix of an adaptive pooling."""
        traces = [value.const, *(twin.const for twin in value.twins)]
        shape = value.const.shape
        if all(t.size == 1 for t in traces):
            scalar = self.number([t.item() for t in traces], value.dtype)
            return self.add("Reshape", scalar, self.ints(shape)) if shape else scalar
        if len(shape) == 2 and all(np.array_equal(t, _bin_matrix(t.shape[1], t.shape[0])) for t in traces):
            return self._bins(shape[0], Dim(tuple(t.shape[1] for t in traces)))
        if len({t.flat[0] for t in traces}) == 1 and all((t == t.flat[0]).all() for t in traces):
            value_of_all = self.constant(np.asarray(value.const.flat[0]))
            return self.add("Expand", value_of_all, self.ints(sizes(value)))
        raise SizeDependent(f"a constant of shape {list(shape)} follows the size in an unknown way.")

    def _bins(self, count: int, length: Dim) -> str:
        """``[count, length]``: row i averages ``[floor(i L / n), ceil((i + 1) L / n))``, for any L."""
        size, n = self.dim(length), self.ints([count])
        row = np.arange(count, dtype=np.int64)[:, None]
        start = self.add("Div", self.add("Mul", self.constant(row), size), n)
        stop = self.add("Mul", self.constant(row + 1), size)
        stop = self.add("Div", self.add("Add", stop, self.ints([count - 1])), n)
        column = self.add("Range", *(self.constant(np.int64(0)), self.add("Squeeze", size), self.constant(np.int64(1))))
        inside = self.add("And", self.add("GreaterOrEqual", column, start), self.add("Less", column, stop))
        share = self.cast(self.add("Sub", stop, start), "float32")
        return self.add("Div", self.cast(inside, "float32"), share)
