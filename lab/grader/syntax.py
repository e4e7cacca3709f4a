"""The part of Python that the grader runs, with a count of steps. Only a first defence: see `limits` for the others."""

from __future__ import annotations

import ast
from types import CodeType

LONGEST_SOURCE = 4000
MOST_NODES = 2000
LARGEST_NUMBER = 10**6
TICK, PLAIN = "_tick", "_plain"
"""Names that no program can write: names that begin with an underscore are forbidden. See `texts` for the second."""

_STATEMENTS = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.Delete, ast.For,
    ast.While, ast.If, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Nonlocal,
)  # fmt: skip
_EXPRESSIONS = (
    ast.Name, ast.Constant, ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Slice, ast.List, ast.Tuple,
    ast.Dict, ast.Set, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Lambda, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.expr_context, ast.boolop, ast.cmpop,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Not, ast.USub, ast.UAdd,
)  # fmt: skip
_METHODS = """
    append extend insert pop remove index count sort reverse copy get items keys values setdefault update add discard
    upper lower title capitalize swapcase strip lstrip rstrip split join replace find rfind startswith endswith
    isdigit isalpha isalnum isupper islower isspace
"""
METHODS = frozenset(_METHODS.split())
"""No `format`: a format string reads attributes."""


class ForbiddenError(ValueError):
    """The text is not Python, or not of the part that the grader runs."""


def compiled(source: str) -> CodeType:
    """The program, which calls `_tick` at each turn of a loop and each call of its functions, and `_plain` before `%`.

    Raises:
        ForbiddenError: the program has syntax, methods, names or constants that are not allowed.
    """
    if len(source) > LONGEST_SOURCE:
        raise ForbiddenError("too long")
    try:
        tree = ast.parse(source)
        for i, node in enumerate(ast.walk(tree)):
            if i > MOST_NODES or not _allowed(node):
                raise ForbiddenError(type(node).__name__)
        counting = ast.fix_missing_locations(_AddCalls().visit(tree))
        return compile(counting, "m.py", "exec")
    except (SyntaxError, ValueError, RecursionError, OverflowError) as error:
        raise ForbiddenError(str(error)) from error


def _allowed(node: ast.AST) -> bool:
    """No assignment to a slice with a step: Python 3.11 writes outside a list that its new items make shorter."""
    if isinstance(node, ast.Attribute):
        return node.attr in METHODS
    if isinstance(node, ast.Constant):
        return _allowed_constant(node.value)
    if isinstance(node, ast.FunctionDef):
        return not node.decorator_list and not node.name.startswith("_")
    if isinstance(node, (ast.Name, ast.arg)):
        return not (node.id if isinstance(node, ast.Name) else node.arg).startswith("_")
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return not any(isinstance(part, ast.Slice) and part.step for part in ast.walk(node.slice))
    return isinstance(node, (*_STATEMENTS, *_EXPRESSIONS))


def _allowed_constant(value: object) -> bool:
    if isinstance(value, (int, float)):  # also bool
        return abs(value) < LARGEST_NUMBER
    return value is None or isinstance(value, str)


class _AddCalls(ast.NodeTransformer):
    """Add `_tick()`, which returns True, to each loop, comprehension and function, and make `a % b` `a % _plain(b)`."""

    def _body(self, node: ast.For | ast.While | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call(TICK)))
        return node

    visit_For = visit_While = visit_FunctionDef = _body  # noqa: N815 - the names of `ast`

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, _call(TICK))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.BoolOp(ast.And(), [_call(TICK), node.body])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod) and not isinstance(node.right, ast.Constant):
            node.right = _call(PLAIN, node.right)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod):
            node.value = _call(PLAIN, node.value)
        return node


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
