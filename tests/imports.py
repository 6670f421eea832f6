"""The real import graph of the project: which modules a stage script needs, all the way down."""

import ast
from pathlib import Path

from conftest import ROOT


def module_file(name: str) -> Path | None:
    """The file of a project module, relative to the root; None for a package or a stranger."""
    file = Path(*name.split(".")).with_suffix(".py")
    return file if name.startswith("stages.") and (ROOT / file).is_file() else None


def imports_of(file: Path) -> set[Path]:
    """Project files that a file imports itself."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {found for name in names if (found := module_file(name))}


def closure(file: Path) -> set[Path]:
    """The file and every project file that it needs."""
    seen, waiting = set(), {file}
    while waiting:
        one = waiting.pop()
        seen.add(one)
        waiting |= imports_of(one) - seen
    return seen
