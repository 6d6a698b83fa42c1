"""Write the inputs and outputs in `docs/resources.md` from the classes in `baseten_pulumi.resources`.

Run it after a change of a resource: `python -m docs.resource_properties`. A test compares them.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pulumi

import baseten_pulumi
from docs.marked import replaced

PAGE = Path(__file__).parent / "resources.md"
RESOURCES: tuple[type[pulumi.Resource], ...] = (
    baseten_pulumi.BasetenEnvironmentSettings,
    baseten_pulumi.BasetenEnvironment,
    baseten_pulumi.BasetenAutoscalingSchedule,
    baseten_pulumi.BasetenSettingsInForce,
    baseten_pulumi.BasetenModelEnvironments,
)
_ENTRY = re.compile(r"^    (\w+): (.+?)(?=^    \w|^\w|\Z)", re.MULTILINE | re.DOTALL)


def updated(page: str) -> str:
    """Return a page with the current inputs and outputs between their markers.

    Raises:
        ValueError: the markers of a list are not there exactly once.
    """
    for resource in RESOURCES:
        page = replaced(page, f"inputs of {resource.__name__}", inputs(resource))
        page = replaced(page, f"outputs of {resource.__name__}", outputs(resource))
    return page


def inputs(resource: type[pulumi.Resource]) -> str:
    """Return an item for each argument but the name and the options, with its type and its text in the docstring."""
    init = next(it for it in _body(resource) if isinstance(it, ast.FunctionDef) and it.name == "__init__")
    _, _, section = inspect.cleandoc(ast.get_docstring(init) or "").partition("Args:\n")
    meanings = {name: " ".join(text.split()) for name, text in _ENTRY.findall(section.partition("Raises:")[0])}
    return "".join(
        _item(argument.arg, argument.annotation, meanings[argument.arg], ", required" if default is None else "")
        for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
        if argument.arg != "opts"
    )


def outputs(resource: type[pulumi.Resource]) -> str:
    """Return an item for each output, with its type and its docstring."""
    return "".join(_item(name, kind, text) for name, kind, text in _outputs(resource))


def _outputs(resource: type[pulumi.Resource]) -> Iterator[tuple[str, ast.expr | None, str]]:
    """Yield name, annotation and docstring of each property, and of each annotated attribute of the class."""
    body = _body(resource)
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(it) == "property" for it in node.decorator_list):
            yield node.name, node.returns, ast.get_docstring(node) or ""
        elif isinstance(node, ast.AnnAssign) and isinstance(following, ast.Expr):
            yield ast.unparse(node.target), node.annotation, ast.literal_eval(following.value)


def _body(resource: type[pulumi.Resource]) -> list[ast.stmt]:
    (node,) = ast.parse(inspect.getsource(resource)).body
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - for the type checker
    return node.body


class _Plain(ast.NodeTransformer):
    """Turn an annotation into what a program writes: without Input and Output, the first of several types alone."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        return node.slice if ast.unparse(node.value) in ("pulumi.Input", "pulumi.Output") else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return node.left


def _item(name: str, annotation: ast.expr | None, meaning: str, required: str = "") -> str:
    kind = "" if annotation is None else ast.unparse(_Plain().visit(annotation))
    return f"- **`{name}`** (`{kind}`{required}). {' '.join(meaning.split())}\n"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
