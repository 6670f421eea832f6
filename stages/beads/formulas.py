"""Formulas of a card: arithmetic over its columns and the properties of its categories."""

import ast

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
    names = sorted(names_in(formula))
    values = table[names].astype(float) if names else table
    result = values.eval(formula, engine="python")
    return pd.Series(result, index=table.index, dtype=float)
