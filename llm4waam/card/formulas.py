"""Formulas of a card: arithmetic over its columns and the properties of its categories."""

import ast
from functools import cache
from types import CodeType

import numpy as np
import pandas as pd

_ALLOWED = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Name, ast.Load)


def names_in(formula: str) -> set[str]:
    """The names a formula uses; raises ValueError for anything but arithmetic."""
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError:
        raise ValueError(f"{formula!r} is not a formula") from None
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        if not number and not isinstance(node, _ALLOWED):
            raise ValueError(f"{formula!r} holds more than + - * / ** and names")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def evaluate(formula: str, table: pd.DataFrame) -> pd.Series:
    """The formula for every row of `table`, shape (rows,), NaN where an input is missing."""
    names, code = _compiled(formula)
    values = {name: table[name].to_numpy(dtype=float) for name in names}
    with np.errstate(all="ignore"):  # a zero in the table: infinite, or not defined
        result = eval(code, {"__builtins__": {}}, values)  # arithmetic alone
    return pd.Series(result, index=table.index, dtype=float)


@cache
def _compiled(formula: str) -> tuple[list[str], CodeType]:
    # pandas' own `eval` parses the text anew every time, which takes longer than the rest of it.
    return sorted(names_in(formula)), compile(formula, "<formula>", "eval")
