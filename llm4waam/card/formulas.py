"""Formulas of a card: arithmetic over its columns and the properties of its categories."""

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd

LONGEST = 2000  # characters
SHOWN = 60  # of them, in an error
DEEPEST = 100  # operations inside each other
_OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
Value = float | np.ndarray


@cache
def names_in(formula: str) -> frozenset[str]:
    """The names a formula uses; raises ValueError for anything but arithmetic.

    Also for a formula that is too long or too deep, and for a part of it that is the same in every
    row and no finite number, such as 1 / 0 and 9 ** 9 ** 9.
    """
    tree = _parsed(formula)
    _check(tree, formula, 0)
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def constant(formula: str) -> float | None:
    """The value of a formula that uses no name, None where it uses one."""
    return None if names_in(formula) else float(_value(_parsed(formula), {}))


def evaluate(formula: str, table: pd.DataFrame) -> pd.Series:
    """The formula for every row of `table`, shape (rows,).

    NaN where an input is missing, and where the result is no finite number: a zero below the line.
    """
    names_in(formula)
    with np.errstate(all="ignore"):
        result = _value(_parsed(formula), table)
    found = pd.Series(result, index=table.index, dtype=float)
    return found.where(np.isfinite(found))


@cache
def _parsed(formula: str) -> ast.expr:
    """What the formula consists of: operations, names and numbers alone."""
    if len(formula) > LONGEST:
        reason = f"{len(formula)} characters are too many; expected at most {LONGEST}"
        raise ValueError(f"{_short(formula)}: {reason}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python: 1or 2 is no good style
            return ast.parse(formula.strip(), mode="eval").body
    except RecursionError:
        raise ValueError(_too_deep(formula)) from None
    except (SyntaxError, ValueError, MemoryError, OverflowError):
        raise ValueError(f"{_short(formula)} is not a formula") from None


def _too_deep(formula: str) -> str:
    return f"{_short(formula)} is nested too deep; expected at most {DEEPEST} levels"


def _short(formula: str) -> str:
    return repr(formula if len(formula) <= SHOWN else f"{formula[:SHOWN]}...")


def _check(node: ast.expr, formula: str, level: int) -> float | None:
    """Raise ValueError for what is no arithmetic; the value of what is the same in every row."""
    if level > DEEPEST:
        raise ValueError(_too_deep(formula))
    if isinstance(node, ast.Name):
        return None
    known = isinstance(node, (ast.BinOp, ast.UnaryOp)) and type(node.op) in _OPERATORS
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if not known and not number:
        raise ValueError(f"{_short(formula)} holds more than + - * / ** and names")
    parts = [_check(part, formula, level + 1) for part in _operands(node)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and parts[1] == 0:
        raise ValueError(f"{_short(formula)} divides by zero")
    if None in parts:
        return None
    value = _value(node, {})
    if not math.isfinite(value):
        raise ValueError(f"{_short(formula)}: {_short(ast.unparse(node))} is no finite number")
    return value


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [node.operand] if isinstance(node, ast.UnaryOp) else []


def _value(node: ast.expr, table: Mapping[str, pd.Series]) -> Value:
    """The value of a part of a formula; NumPy's own where Python would raise."""
    if isinstance(node, ast.Name):
        return table[node.id].to_numpy(dtype=float)
    try:
        if isinstance(node, ast.Constant):
            return float(node.value)
        found = _OPERATORS[type(node.op)](*(_value(part, table) for part in _operands(node)))
    except (ZeroDivisionError, OverflowError):  # of two numbers that no column is part of
        return math.inf
    return math.nan if isinstance(found, complex) else found
