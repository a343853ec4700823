"""`driftd check`: what it says of the words of two files, and of files that are too short to be compared."""

import json

import numpy as np
import pytest

from driftd.cli.main import build_app
from driftd.detect.explanation.term_changes import MOST


def test_words_that_come_far_behind_the_beginning_of_a_file_are_named(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for name, rows, new in (("before", 4 * MOST, ()), ("now", 4 * MOST, ("comet",))):
        texts = [f"{' '.join(rng.choice(['table', 'chair', 'couch', 'shelf'], 6))}" for _ in range(rows)]
        late = [" ".join([text, *new]) if place >= 2 * MOST else text for place, text in enumerate(texts)]
        lines = [json.dumps({"text": text, "entities": []}) for text in late]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    words = ["check", str(tmp_path / "before.jsonl"), str(tmp_path / "now.jsonl"), "--html", str(tmp_path / "r.html")]
    build_app()(words, standalone_mode=False)
    assert "comet" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("rows", [1, 50, 99])
def test_a_reference_that_is_too_short_to_be_compared_says_so(tmp_path, capsys, rows) -> None:
    table = np.random.default_rng(1).normal(size=(rows, 2))
    for name, shift in (("before", 0.0), ("now", 9.0)):
        np.savetxt(tmp_path / f"{name}.csv", table + shift, delimiter=",", header="a,b", comments="")
    words = ["check", str(tmp_path / "before.csv"), str(tmp_path / "now.csv"), "--json"]
    build_app()(words, standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    assert (said["drift"], said["p_value"]) == (False, 1.0)
    assert f"the reference has {rows} rows and needs 100" in said["notes"]
