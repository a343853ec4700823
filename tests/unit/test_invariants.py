import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_each_promise_names_a_test_that_exists():
    lines = [line for line in (ROOT / "docs/invariants.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(lines) > 15
    for line in lines:
        found = NAMED.findall(line)
        assert found, line
        for path, name in found:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"


def test_links_between_documents_lead_somewhere():
    for document in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(((?!https?:)[^)#]+)", document.read_text()):
            place = (document.parent / target).resolve()
            assert place.exists() or ROOT / "docs" not in place.parents, f"{document.relative_to(ROOT)}: {target}"
