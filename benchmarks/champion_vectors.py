"""Would the vectors of the model in production help to find drift of texts? A spaCy model learns from a stream's first rows, and its vectors are judged.

    python benchmarks/champion_vectors.py FOLDER [--sets SET ...] [--kinds sudden-0.25 null] [--seeds 0 1 2] [--apart]

FOLDER has streams of driftbench (texts with entities). The named entity recogniser of `pipeline/config.cfg` learns from the reference's rows for five
epochs; a document's vector is the mean of its tokens' outputs of tok2vec. Windows are judged by texts and entities, by the vectors as a `vector` column, and by
both; beside that, outside of driftd, by Hotelling's test on the mean of the vectors' numbers and on that of their random Fourier features (Rahimi & Recht 2007),
in the stretches and with the budget of driftd. The first alarm counts: a change is found by one up to 40 windows after it, an earlier one is false. With `--apart` the reference is made of as many rows again, from which the model has not learnt, and judging begins
behind them.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pyarrow as pa
import spacy
from scipy.special import fdtrc
from spacy.language import Language
from spacy.training import Example
from spacy.util import filter_spans, fix_random_seed, load_config, minibatch

from driftd.detect.offline.replay import replay_rows
from driftd.detect.settings import DriftSettings
from driftd.readers import Column, Kind, Span, infer, read_spans

PIPELINE = Path(__file__).parents[1] / "pipeline" / "config.cfg"
EPOCHS, BATCH, LEARN_RATE, DROPOUT = 5, 32, 0.002, 0.1
NULL_WINDOWS = 150  # of a null stream that are looked at
AT_ONCE = 500  # rows that are turned into vectors at once
HORIZON = 40  # windows after a change in which an alarm counts as finding it
REFERENCE = 10_000  # rows that a young reference grows to
FEATURES = 128  # random ones of a vector
STRETCHES = (1, 2, 3, 5, 7, 11)  # newest windows that are looked at together
JUDGED = ("texts and entities", "vectors", "both", "mean of vectors", "Fourier features")


def learn(rows: list[dict[str, Any]]) -> Language:
    fix_random_seed(0)
    config = load_config(PIPELINE)
    model = config["components"]["ner"]["model"]
    for part, names in (("embed", ("width",)), ("encode", ("width", "depth"))):
        model["tok2vec"][part].update({name: config["params"][name] for name in names})
    nlp = spacy.blank(config["nlp"]["lang"])
    nlp.add_pipe("ner", config={"model": model})
    examples = []
    for row in rows:
        doc, truth = nlp.make_doc(row["text"]), nlp.make_doc(row["text"])
        spans = [doc.char_span(start, end, label) for start, end, label in row["entities"]]
        truth.ents = filter_spans([span for span in spans if span])
        examples.append(Example(doc, truth))
    nlp.initialize(lambda: examples)
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = LEARN_RATE
    for epoch in range(EPOCHS):
        random.Random(epoch).shuffle(examples)
        for each in minibatch(examples, BATCH):
            nlp.update(each, sgd=optimizer, drop=DROPOUT)
    return nlp


def vectors(nlp: Language, texts: list[str]) -> pa.Array:
    tok2vec = nlp.get_pipe("ner").model.get_ref("tok2vec").layers[0]
    found: list[list[float]] = []
    for some in minibatch(texts, AT_ONCE):
        outputs = tok2vec.predict([nlp.make_doc(text) for text in some])
        found += [(each.mean(0) if len(each) else np.zeros(each.shape[1])).tolist() for each in outputs]
    return pa.array(found, pa.list_(pa.float64()))


def alarm(batch: pa.RecordBatch, columns: list[Column], truth: dict[str, Any]) -> int | None:
    """Return the row of the first alarm."""
    settings = DriftSettings(window_rows=truth["batch_rows"])
    lines = replay_rows([batch], columns, settings, reference_rows=truth["reference_rows"], explain=False)
    return next((line["row_end"] for line in lines if line.get("drift")), None)


def fourier(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    some = reference[:200]
    width = np.median(np.linalg.norm(some[:, None] - some[None], axis=2))
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(vectors.shape[1], FEATURES)) / width
    return np.cos(vectors @ directions + rng.uniform(0, 2 * np.pi, FEATURES))


def hotelling(before: np.ndarray, now: np.ndarray) -> float:
    n, m, size = len(before), len(now), before.shape[1]
    left = n + m - 2
    pooled = ((n - 1) * np.cov(before.T) + (m - 1) * np.cov(now.T)) / left
    gap = now.mean(0) - before.mean(0)
    distance = n * m / (n + m) * gap @ np.linalg.solve(pooled, gap)
    return float(fdtrc(size, left - size + 1, distance * (left - size + 1) / (size * left)))


def mean_alarm(points: np.ndarray, truth: dict[str, Any]) -> int | None:
    """Return the first row at which the mean of some numbers of each row is an alarm."""
    first, window = truth["reference_rows"], truth["batch_rows"]
    for end in range(first + window, len(points) + 1, window):
        stretches = [each * window for each in STRETCHES if end - each * window >= first]
        p_value = min(hotelling(points[: end - rows][:REFERENCE], points[end - rows : end]) for rows in stretches)
        if p_value * len(STRETCHES) * DriftSettings().false_alarms <= 1:
            return end
    return None


def judged(truth_file: Path, *, apart: bool) -> Iterator[tuple[bool, float | None]]:
    """Yield for each of JUDGED whether its first alarm is false, and the delay of the change where it is not."""
    truth = json.loads(truth_file.read_text())
    stream, first, window = truth_file.parent / truth["stream"], truth["reference_rows"], truth["batch_rows"]
    skipped = first if apart else 0
    last = truth["rows"] if truth["changes"] else min(truth["rows"], skipped + first + NULL_WINDOWS * window)
    with stream.open(encoding="utf8") as lines:
        texts = [json.loads(line) for line, _ in zip(lines, range(last), strict=False)]
    schema = infer([str(stream)])
    read = list(read_spans([Span(str(stream), skipped, last - skipped)], schema))
    own = pa.Table.from_batches(read).combine_chunks().to_batches()[0]
    made = vectors(learn(texts[:first]), [row["text"] for row in texts[skipped:]])
    vector = Column("vector", Kind.VECTOR)
    batches = (
        (own, list(schema.columns)),
        (pa.record_batch([made], ["vector"]), [vector]),
        (pa.record_batch([*own.columns, made], [*own.schema.names, "vector"]), [*schema.columns, vector]),
    )
    points = np.array(made.to_pylist())
    found = [alarm(batch, columns, truth) for batch, columns in batches]
    found += [mean_alarm(each, truth) for each in (points, fourier(points, points[:first]))]
    change, end = next(((c["row"], c["row_ends"]) for c in truth["changes"]), (last, last))
    for row in found:
        late = None if row is None else skipped + row - change
        yield (
            late is not None and late <= 0,
            late / window if late and 0 < late <= end - change + HORIZON * window else None,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--sets", nargs="*", default=["crossner_books", "crossner_science", "news_to_tweets", "us_addresses", "wnut17"]
    )
    parser.add_argument("--kinds", nargs="*", default=["sudden-0.25", "null"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--apart", action="store_true")
    args = parser.parse_args()
    print(f"{'kind':14}{'judged by':20}{'streams':>8}{'found':>7}{'mean':>7}{'median':>8}{'false':>7}")
    for kind in args.kinds:
        files = [args.folder / f"{name}.{kind}.{seed}.truth.json" for name in args.sets for seed in args.seeds]
        told = [list(judged(each, apart=args.apart)) for each in files]
        for what, each in zip(JUDGED, zip(*told, strict=True), strict=True):
            delays = [delay for _, delay in each if delay is not None]
            false = sum(early for early, _ in each)
            print(
                f"{kind:14}{what:20}{len(files):>8}{len(delays):>7}{mean(delays or [0]):>7.1f}{median(delays or [0]):>8g}{false:>7}",
                flush=True,
            )


if __name__ == "__main__":
    main()
