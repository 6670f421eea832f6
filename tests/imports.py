"""The real import graph of the project, all the way down from a stage script."""

import ast
from pathlib import Path

from conftest import ROOT

LIBRARY = "llm4waam"


def module_file(name: str) -> Path | None:
    """The file of a project module, relative to the root; None for a package or a stranger."""
    file = Path(*name.split(".")).with_suffix(".py")
    ours = name.startswith(("stages.", f"{LIBRARY}."))
    return file if ours and (ROOT / file).is_file() else None


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


def places(file: Path) -> set[str]:
    """What a stage script depends on: scripts by file, the library by room."""
    return {str(one if one.parts[0] == "stages" else Path(*one.parts[:2])) for one in closure(file)}
