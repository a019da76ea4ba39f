"""Who changes what a session counts for raises the version, or stores go on with sums of two kinds."""

from __future__ import annotations

import ast
import hashlib
import inspect

from nocwatch.kpis import counting
from nocwatch.state.verdict import VALID_STOPS

DEFINED = {2: "f110932df1d74fe2"}
"""Version → digest of its definitions, words and layout left aside. A new one is a new line."""


def definitions() -> str:
    """What decides: the code of the functions and the constants they go by."""
    found = [
        sorted(map(str, VALID_STOPS)),
        counting.DELIVERED_WH,
        counting.JOINED,
        counting.FORGOTTEN,
        counting.AUTHORISED,
    ]
    for function in (counting.counted, counting.start_time_ns):
        tree = ast.parse(inspect.getsource(function))
        node = tree.body[0]
        assert isinstance(node, ast.FunctionDef)
        if ast.get_docstring(node) is not None:
            del node.body[0]
        found.append(ast.unparse(tree))
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def test_another_way_of_counting_has_another_version():
    assert DEFINED[counting.VERSION] == definitions()
