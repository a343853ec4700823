"""`driftd check --html`: what it says of the words of two files."""

import json

import numpy as np

from driftd.cli.main import build_app
from driftd.detect.vocabulary import MOST


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
