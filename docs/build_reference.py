"""Write docs/reference/*.md from docstrings, flags and config keys: ``python docs/build_reference.py``.

With ``--check`` it compares and writes nothing. Reads the sources with ``ast`` and
imports nothing, so that it runs anywhere.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "paddleseg_lite"
OUT = ROOT / "docs" / "reference"
NOTE = "<!-- Made by docs/build_reference.py from the sources. Do not edit. -->\n"

PAGES = {  # page -> (title, packages or modules)
    "library": (
        "The library's public names",
        [
            "runtime.py",
            "errors.py",
            "registry.py",
            "models/build.py",
            "models/base.py",
            "models/context.py",
            "models/summary.py",
            "inference/predictor.py",
            "inference/loaded.py",
            "inference/backend.py",
            "inference/evaluation.py",
            "training/trainer.py",
            "accel/switch.py",
        ],
    ),
    "models": ("Networks", ["models"]),
    "backbones": ("Backbones", ["backbones"]),
    "layers": ("Layers", ["layers"]),
    "graph": ("Graph units, controls, introspection", ["graph", "graph/attention"]),
    "losses": ("Losses", ["losses"]),
    "metrics": ("Metrics", ["metrics"]),
    "data": ("Datasets and transforms", ["data", "data/datasets", "data/transforms"]),
    "training": ("Training, optimizers, checkpoints", ["training", "optim", "checkpoint"]),
    "inference": ("Inference and evaluation", ["inference"]),
    "postprocess": ("Dense CRF", ["postprocess"]),
}


def modules(entries):
    """Paths of the modules of a page, in the order of the page."""
    for entry in entries:
        path = PACKAGE / entry
        yield from [path] if path.suffix == ".py" else sorted(path.glob("*.py"))


def signature(node) -> str:
    """``(a, *, b=1)`` of a function, or of a class's constructor, without ``self``."""
    if isinstance(node, ast.ClassDef):
        inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        if not inits:
            return ""
        node = inits[0]
    arguments = ast.unparse(node.args)
    for first in ("self, ", "self", "cls, ", "cls"):
        if arguments.startswith(first):
            arguments = arguments[len(first) :]
            break
    returns = f" -> {ast.unparse(node.returns)}" if getattr(node, "returns", None) and node.name != "__init__" else ""
    return f"({arguments}){returns}"


def docstring(node) -> str:
    text = ast.get_docstring(node)
    return inspect.cleandoc(text) if text else ""


def members(tree):
    """Documented public functions and classes of a module."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_") and docstring(node):
            yield node


def fenced(text: str) -> str:
    """Docstrings are laid out as plain text (tables, indented equations): keep them so."""
    return f"```text\n{text}\n```\n"


def render_page(title, entries) -> str:
    parts = [NOTE, f"# {title}\n", "[All pages](README.md)\n"]
    for path in modules(entries):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = list(members(tree))
        intro = docstring(tree)
        if not found:
            continue
        name = path.relative_to(ROOT).as_posix()
        parts.append(f"## {path.relative_to(PACKAGE).with_suffix('').as_posix()}\n")
        parts.append(f"[{name}](../../{name})\n")
        parts += [fenced(intro)] if intro else []
        for node in found:
            kind = "class " if isinstance(node, ast.ClassDef) else ""
            parts.append(f"### {node.name}\n")
            parts.append(f"```text\n{kind}{node.name}{signature(node)}\n\n{docstring(node)}\n```\n")
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and docstring(method):
                        first = docstring(method).split("\n\n")[0].replace("\n", " ")
                        parts.append(f"* `{node.name}.{method.name}{signature(method)}`: {first}")
                if parts[-1].startswith("*"):
                    parts.append("")
    return "\n".join(parts)


# parts


PARTS = {  # registry -> (title, page that has its classes in full)
    "MODELS": ("Networks", "models"),
    "BACKBONES": ("Backbones", "backbones"),
    "CONTEXTS": ("Context units", "graph"),
    "LOSSES": ("Losses", "losses"),
    "DATASETS": ("Datasets", "data"),
    "TRANSFORMS": ("Transforms", "data"),
    "OPTIMIZERS": ("Optimizers", "training"),
    "SCHEDULERS": ("Learning-rate schedules", "training"),
}


def registered():
    """``(registry, name, what it is, page anchor)`` of every class or function with an ``@X.register`` decorator."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for decorator in getattr(node, "decorator_list", []):
                call = decorator if isinstance(decorator, ast.Call) else None
                function = call.func if call else decorator
                if getattr(function, "attr", "") != "register" or getattr(function.value, "id", "") not in PARTS:
                    continue
                names = [k.value.value for k in call.keywords if k.arg == "name"] if call else []
                first = docstring(node).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
                first = re.sub(r":\w+:(?=`)", "", first).replace("``", "`")
                yield function.value.id, (names or [node.name])[0], first, node.name.lower()


def render_parts() -> str:
    """A table of every kind: what a recipe may write after ``type:``."""
    found = sorted(registered(), key=lambda part: part[1].lower())
    parts = [NOTE, "# Parts by the name a recipe gives them\n", "[All pages](README.md)\n"]
    for registry, (title, page) in PARTS.items():
        rows = [f"| [{n}]({page}.md#{a}) | {what} |" for kind, n, what, a in found if kind == registry]
        parts += [f"## {title}\n", "| `type` | |", "|---|---|", *rows, ""]
    parts.append("A part of your own: [extending](../extending.md).\n")
    return "\n".join(parts)


# tools


def flags(function):
    """``(target, flag, help, default)`` of every add_argument call in a function, in order."""
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "add_argument"]
    for call in sorted(calls, key=lambda n: n.lineno):
        options = {k.arg: k.value for k in call.keywords}
        names = [a.value if isinstance(a, ast.Constant) else ast.unparse(a) for a in call.args]
        text = options["help"].value if isinstance(options.get("help"), ast.Constant) else ""
        names = ["--aug_eval` / `--aug_pred" if n == "aug" else n for n in names]
        plain = isinstance(options.get("default"), (ast.Constant, ast.List))
        default = ast.unparse(options["default"]) if plain else ""
        yield call.lineno, ", ".join(names), text, default


def flag_rows(function, first=0, last=10**9):
    """Table rows of the flags that are added between two lines of the source."""
    for line, name, text, default in flags(function):
        if name == "f'--{name}'" or not first <= line < last:
            continue
        shown = "" if default in ("", "None", "[]") else f" (default `{default}`)"
        yield f"| `{name}` | {text or 'print the version'}{shown} |"


def render_tools() -> str:
    cli = ast.parse((PACKAGE / "cli" / "common.py").read_text(encoding="utf-8"))
    shared = {n.name: n for n in cli.body if isinstance(n, ast.FunctionDef)}
    parts = [NOTE, "# Tools and their flags\n", "[All pages](README.md). `--help` says the same.\n"]
    header = ["| flag | |", "|---|---|"]
    groups = {
        "parser": "Every tool",
        "add_config_flags": "Tools that read a recipe",
        "add_test_flags": "Validation and inference",
    }
    for function, title in groups.items():
        parts += [f"## {title}\n", *header, *flag_rows(shared[function]), ""]
    for path in [PACKAGE / "cli" / p.name for p in sorted((ROOT / "tools").glob("*.py"))]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts += [f"## tools/{path.name}\n", docstring(tree) + "\n"]
        used = {getattr(n.func, "attr", "") for n in ast.walk(tree) if isinstance(n, ast.Call)}
        also = [f"[{title}](#{title.lower().replace(' ', '-')})" for f, title in groups.items() if f in used]
        parts.append(f"Takes the flags of: {', '.join(also)}.\n")
        build = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "build_parser"), None)
        if build is None:
            continue
        keys = next((n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "KEYS"), None)
        rows = list(flag_rows(build))
        if keys is not None:
            rows = [f"| `--{k.value}` | the config key `{k.value}` |" for k in keys.keys] + rows
        commands = [n for n in ast.walk(build) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "add"]
        if not commands:
            parts += [*header, *rows, ""] if rows else []
            continue
        starts = sorted(commands, key=lambda n: n.lineno)
        parts += ["Every sub-command has:\n", *header, *flag_rows(build, 0, starts[0].lineno), ""]
        for call, following in zip(starts, [*starts[1:], None]):
            parts += [
                f"### {path.stem} {call.args[0].value}\n",
                f"{call.args[1].value}\n",
                *header,
                *flag_rows(build, call.lineno, following.lineno if following else 10**9),
                "",
            ]
    return "\n".join(parts)


def render_config() -> str:
    source = (PACKAGE / "config" / "schema.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    tree = ast.parse(source)
    parts = [NOTE, "# Keys of a recipe\n", "[All pages](README.md)\n"]
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    for cls in (classes["Config"], classes["TestConfig"]):
        title = {"Config": "Top level", "TestConfig": "test_config"}[cls.name]
        parts += [f"## {title}\n", docstring(cls) + "\n", "| key | type | default | |", "|---|---|---|---|"]
        for node in cls.body:
            if isinstance(node, ast.AnnAssign):
                comment = lines[node.end_lineno - 1].partition("  # ")[2]
                default = "(required)" if node.value is None else ast.unparse(node.value)
                default = default.replace("lambda :", "lambda:")  # Python 3.9 writes it so
                default = default.replace("field(default_factory=lambda: ", "").replace("field(default_factory=", "")
                default = default[:-1] if default.endswith(")") and "(" not in default else default
                cells = [f"`{node.target.id}`", f"`{ast.unparse(node.annotation)}`", f"`{default}`", comment]
                parts.append("| " + " | ".join(c.replace("|", "or") for c in cells) + " |")
        parts.append("")
    parts += [
        "A mapping with `type` builds the class or function of that name: [networks](models.md), "
        "[backbones](backbones.md), [graph units](graph.md), [losses](losses.md), "
        "[datasets and transforms](data.md), [optimizers and schedules](training.md).\n"
    ]
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """File name -> content of every reference page."""
    made = {f"{name}.md": render_page(*spec) for name, spec in PAGES.items()}
    made["tools.md"], made["config.md"], made["parts.md"] = render_tools(), render_config(), render_parts()
    index = [NOTE, "# Reference\n", "Made from the docstrings, flags and config keys of the sources.\n"]
    titles = {"tools": "Tools and their flags", "config": "Keys of a recipe", "parts": "Parts by name"}
    titles.update({name: title for name, (title, _) in PAGES.items()})
    index += [f"* [{title}]({name}.md)" for name, title in titles.items()]
    made["README.md"] = "\n".join([*index, ""])
    return {name: text.rstrip() + "\n" for name, text in made.items()}


def main(argv=None) -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--check", action="store_true", help="write nothing; status 1 where a page is out of date")
    check = p.parse_args(argv).check
    stale = []
    OUT.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = OUT / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    print(f"{'out of date' if check else 'written'}: {', '.join(stale) or 'none'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
