"""Metric math, as far as it is simulated: numbers, the ids of other queries, ``+ - * / ^``, brackets and FILL.

Source: "Using math expressions with CloudWatch metrics", CloudWatch User Guide. An expression of ids gives a value only
where each of them has one. FILL takes a number, REPEAT or LINEAR; a number also fills a series without any point
(assumption ``metrics-fill``). The order of powers, and what is too large for a value: assumption ``metrics-powers``.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence

from helpers.sandbox.calls import ServiceError, unsupported
from helpers.sandbox.monitoring.state import is_value

MOST_NODES = 500
"""A longer expression is refused: each is a level of recursion. AWS limits the text, to 2,048 characters."""
_LOGICAL = re.compile(r"&&|\|\||\b(?:AND|OR)\b")
Values = dict[int, float]
"""Values by the start of their period."""
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _tree(text: str) -> ast.expr:
    try:
        if "**" in text or "#" in text:  # Python's power and comments, not CloudWatch's
            raise SyntaxError
        tree = ast.parse(text.replace("^", "**").strip(), mode="eval").body
    except (RecursionError, MemoryError):
        raise _too_long() from None
    except (SyntaxError, ValueError):
        if _LOGICAL.search(text):
            raise unsupported("cloudwatch", "metric math with AND and OR") from None
        raise _wrong(text, "Unsupported operand or syntax") from None
    if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > MOST_NODES:
        raise _too_long()
    return tree


def parsed(text: str, known: Sequence[str]) -> ast.expr:
    """The expression's tree; ``^`` is read from the right, as a power of a power is written.

    Raises ValidationError for a fault, and refuses what is not simulated.
    """
    tree = _tree(text)
    filling = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {id(node.func) for node in filling} | {id(node.args[1]) for node in filling if len(node.args) == 2}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in names and node.id not in known:
            raise _wrong(text, f"there is no metric with the id {node.id}")
        if isinstance(node, ast.Call) and (not isinstance(node.func, ast.Name) or node.func.id != "FILL"):
            raise unsupported("cloudwatch", "metric math other than FILL and arithmetic")
        if isinstance(node, ast.Call) and not _can_fill(node):
            raise _wrong(text, "FILL takes a metric and a number, REPEAT or LINEAR")
        if isinstance(node, ast.Constant) and type(node.value) not in (int, float):
            raise unsupported("cloudwatch", "metric math with texts")
        if isinstance(node, ast.Constant) and not is_value(node.value):
            raise _wrong(text, "a number must lie from -2^360 to 2^360")
        if not isinstance(node, _ALLOWED):
            raise unsupported("cloudwatch", "metric math other than FILL and arithmetic")
    return tree


_ALLOWED = (ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.Call, ast.Name, ast.Load, ast.Constant, *_OPERATORS)


def _can_fill(node: ast.Call) -> bool:
    if len(node.args) != 2 or node.keywords:
        return False
    by = node.args[1]
    if isinstance(by, ast.Name):
        return by.id in ("REPEAT", "LINEAR")
    return isinstance(by.operand if isinstance(by, ast.UnaryOp) else by, ast.Constant)


def _too_long() -> ServiceError:
    return unsupported("cloudwatch", f"metric math of more than {MOST_NODES} numbers, ids, operations and functions")


def _wrong(text: str, why: str) -> ServiceError:
    return ServiceError("ValidationError", f"Error in expression '{text}': {why}.")


def computed(tree: ast.expr, values: Mapping[str, Values], starts: Sequence[int]) -> Values | float:
    """The value at each of ``starts`` that has one; a single number where the expression names no metric."""
    if isinstance(tree, ast.Constant):
        return float(tree.value)  # type: ignore[arg-type]
    if isinstance(tree, ast.Name):
        return values[tree.id]
    if isinstance(tree, ast.UnaryOp):
        return _combined(
            operator.mul, -1.0 if isinstance(tree.op, ast.USub) else 1.0, computed(tree.operand, values, starts)
        )
    if isinstance(tree, ast.Call):
        return _filled(computed(tree.args[0], values, starts), tree.args[1], starts)
    assert isinstance(tree, ast.BinOp)
    left, right = computed(tree.left, values, starts), computed(tree.right, values, starts)
    return _combined(_OPERATORS[type(tree.op)], left, right)


def _combined(how: Callable[[float, float], float], left: Values | float, right: Values | float) -> Values | float:
    if isinstance(left, float) and isinstance(right, float):
        result = _safely(how, left, right)
        return {} if result is None else result
    of_left = left if isinstance(left, dict) else dict.fromkeys(right if isinstance(right, dict) else (), left)
    of_right = right if isinstance(right, dict) else dict.fromkeys(of_left, right)
    pairs = {start: _safely(how, of_left[start], of_right[start]) for start in of_left if start in of_right}
    return {start: value for start, value in pairs.items() if value is not None}


def _safely(how: Callable[[float, float], float], left: float, right: float) -> float | None:
    """No value where there is none: a division by zero gives no point, nor does what is too large for one."""
    try:
        value = how(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return value if is_value(value) else None


def _filled(values: Values | float, by: ast.expr, starts: Sequence[int]) -> Values | float:
    if isinstance(values, float):
        return values
    if not isinstance(by, ast.Name):
        fill = computed(by, {}, ())
        assert isinstance(fill, float)
        return {start: values.get(start, fill) for start in starts}
    return {start: value for start in starts if (value := _between(values, start, by.id)) is not None}


def _between(values: Values, start: int, how: str) -> float | None:
    """The value at ``start``: its own, the last one before it, or on the line between both neighbours."""
    if start in values:
        return values[start]
    before = max((at for at in values if at < start), default=None)
    after = min((at for at in values if at > start), default=None)
    if before is None or how == "REPEAT":
        return None if before is None else values[before]
    if after is None:
        return None
    return values[before] + (values[after] - values[before]) * (start - before) / (after - before)
