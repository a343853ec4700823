import ast
from pathlib import Path

from driftd.observe import events

SOURCE = Path(events.__file__).parents[1]
DOCS = SOURCE.parents[1] / "docs" / "metrics.md"


def emitted():
    """Yield the kind of every event that the code emits: the first argument of emit, _emit and the like."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
                "emit",
                "_emit",
            ):
                literals = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)] if node.args else []
                yield from ((kind, path.name) for kind in literals if isinstance(kind, str))


def test_every_kind_that_is_emitted_has_a_meaning_and_every_meaning_an_emitter():
    kinds = dict(emitted())
    assert kinds.keys() - events.KINDS.keys() == set(), "say what they mean in observe/events.py"
    assert events.KINDS.keys() - kinds.keys() == set()


def test_the_docs_have_them():
    assert events.table() in DOCS.read_text()
