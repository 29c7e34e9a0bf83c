"""A network as a list of operations.

Paddle's own static-graph translation runs the network once on shapes and
records a program; :func:`trace` reads that program into the few classes below,
which the ONNX writer walks. Every side of every tensor is a number here: Python
code that looks at ``x.shape`` has seen real sizes, so no control flow is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paddle

from ...errors import EnvironmentProblem
from ..recording import recording


@dataclass(eq=False)
class Value:
    """A tensor: an input, the result of a node, or (with ``const``) a constant.

    ``twins`` are the same tensor in traces at other sizes (see :mod:`.dynamic`).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    const: np.ndarray | None = None
    twins: tuple[Value, ...] = ()


@dataclass(eq=False)
class Node:
    """One operation, under the name and with the argument names of Paddle's operator table."""

    op: str
    inputs: dict[str, Value | list[Value] | None]
    outputs: dict[str, Value | list[Value]]
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Graph:
    """Nodes in the order they run."""

    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]


def can_trace() -> bool:
    """Whether this Paddle has PIR, its intermediate representation since 3.0."""
    return hasattr(paddle.framework, "use_pir_api") and bool(paddle.framework.use_pir_api())


def trace(network: paddle.nn.Layer, shape: tuple[int, int, int, int]) -> Graph:
    """Record what ``network`` computes in eval mode for float32 images of ``shape``; it is left as it was found.

    Raises:
        EnvironmentProblem: this Paddle has no PIR.
    """
    if not can_trace():
        raise EnvironmentProblem(
            f"tracing a network needs Paddle 3 with its PIR programs; this is {paddle.__version__} with PIR off. "
            "Install paddlepaddle>=3.0 (and do not set FLAGS_enable_pir_api=0), or use the dygraph or static backend."
        )
    with recording(network):
        spec = paddle.static.InputSpec(list(shape), "float32", "image")
        # not_to_static: run the Python code as it is, on recording tensors. Translating its source instead is
        # for data-dependent control flow, which no network here has, and takes ten times as long.
        run = paddle.jit.not_to_static(lambda image: network(image))
        program = paddle.jit.to_static(run, input_spec=[spec], full_graph=True).concrete_program
        tensors, values = program.parameters
        constants = {v.id: t for t, v in zip(tensors, values)}
        return _Reader(constants).read(program)


class _Reader:
    """From a PIR program to a :class:`Graph`."""

    def __init__(self, constants: dict[int, paddle.Tensor]):
        self.constants = constants  # by the id of the program's value
        self.values: dict[int, Value | list[Value]] = {}  # by the id of the program's value
        self.inputs: list[Value] = []

    def read(self, program) -> Graph:
        nodes = []
        for op in program.main_program.global_block().ops:
            node = self._structure(op) if op.name().startswith("builtin.") else self._operation(op)
            if node is not None:
                nodes.append(node)
        outputs = [self.values[v.id] for v in _flat(program.outputs)]
        return Graph(self.inputs, outputs, nodes)

    def _structure(self, op) -> None:
        """Parameters, and the lists that concat and split use."""
        kind = op.name()
        if kind == "builtin.parameter":
            result = op.results()[0]
            self._new(result).const = self.constants[result.id].numpy()
        elif kind == "builtin.combine":
            self.values[op.results()[0].id] = [self.values[v.id] for v in op.operands_source()]
        elif kind == "builtin.split":
            for value, part in zip(op.results(), self.values[op.operands_source()[0].id]):
                self.values[value.id] = part
        elif kind == "builtin.slice":
            self.values[op.results()[0].id] = self.values[op.operands_source()[0].id][op.attrs()["index"]]
        elif kind != "builtin.shadow_output":
            raise NotImplementedError(f"the traced program holds '{kind}', which the exporter does not know.")

    def _operation(self, op) -> Node | None:
        name = op.name().split(".", 1)[1].rstrip("_")
        attrs = {k: v for k, v in op.attrs().items() if k not in ("op_callstack", "stop_gradient", "struct_name")}
        operands = op.operands_source()
        inputs = {key: self.values[v.id] if v.initialized() else None for key, v in zip(op.get_input_names(), operands)}
        outputs = {key: self._new(v) for key, v in zip(op.get_output_names(), op.results())}
        if name == "data":
            self.inputs.append(outputs["out"])
            return None
        constant = _constant(name, attrs)
        if constant is not None:
            outputs["out" if "out" in outputs else "output"].const = constant
            return None
        return Node(name, inputs, outputs, attrs)

    def _new(self, value) -> Value | list[Value] | None:
        if not value.initialized():
            own = None
        elif value.type().as_vec_type() is not None:
            parts = value.type().as_vec_type().as_list()
            own = [Value(f"v{len(self.values)}_{i}", tuple(t.shape), _dtype(t.dtype)) for i, t in enumerate(parts)]
        else:
            own = Value(f"v{len(self.values)}", tuple(value.shape), _dtype(value.dtype))
        self.values[value.id] = own
        return own


def _constant(name: str, attrs: dict[str, Any]) -> np.ndarray | None:
    """Value of an operation that only makes a constant."""
    if name == "full":
        return np.full(attrs["shape"], attrs["value"], dtype=_dtype(attrs["dtype"]))
    if name == "full_int_array":
        return np.asarray(attrs["value"], dtype=np.int64)
    if name == "assign_value":
        return np.asarray(attrs["values"]).astype(_dtype(attrs["dtype"])).reshape(attrs["shape"])
    return None


def _dtype(dtype) -> str:
    """NumPy's name of a Paddle type (``paddle.float32``, ``DataType.FLOAT32``, ``VarType.FP32``)."""
    name = str(dtype).rsplit(".", 1)[-1].split(":")[0].strip("<> ").lower()
    return {"fp32": "float32", "fp64": "float64", "fp16": "float16"}.get(name, name)


def _flat(outputs) -> list:
    """The program's results, out of whatever dict or list the network returned; ``"out"`` first."""
    if isinstance(outputs, dict):
        return _flat([outputs["out"]] if "out" in outputs else list(outputs.values()))
    if isinstance(outputs, (list, tuple)):
        return [v for item in outputs for v in _flat(item)]
    return [outputs]
