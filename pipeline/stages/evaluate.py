"""Score `model/` on features/test.spacy: scores.json, and in `evaluation/` the results of each row and what `dvc plots` shows.

An entity is found when its label and both its ends are right, as spaCy's own scorer has it. A label that the model does not
know counts as missed, so models of different label sets can be compared on the same rows.
"""

import csv
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

TEST = Path("features/test.spacy")
MODEL = Path("model")
SCORES = Path("scores.json")
EVALUATION = Path("evaluation")
NOTHING = "(none)"

Found = dict[tuple[int, int], str]
Counts = dict[str, list[int]]
TP, FP, FN = range(3)


def predictions(nlp: Language, gold: list[Doc]) -> Iterator[tuple[Doc, Found, Found]]:
    """Each row with its entities and those that the model finds, as labels by their first and last character."""
    predicted = nlp.pipe([doc.text for doc in gold])
    for doc, guess in zip(gold, predicted, strict=True):
        unknown = {place for token in doc if token.ent_iob == 0 for place in range(token.idx, token.idx + len(token))}
        known = (span for span in guess.ents if unknown.isdisjoint(range(span.start_char, span.end_char)))
        yield doc, _labels(doc.ents), _labels(known)


def _labels(spans: Iterable[Span]) -> Found:
    return {(span.start_char, span.end_char): span.label_ for span in spans}


def count(actual: Found, found: Found) -> Counts:
    """[tp, fp, fn] of each label in one row."""
    counts: Counts = {}
    for where, label in sorted(actual.items()):
        counts.setdefault(label, [0, 0, 0])[TP if found.get(where) == label else FN] += 1
    for where, label in sorted(found.items()):
        if actual.get(where) != label:
            counts.setdefault(label, [0, 0, 0])[FP] += 1
    return dict(sorted(counts.items()))


def prf(counts: list[int]) -> dict[str, float]:
    """Precision, recall and F1; 0 where there is nothing to divide by."""
    tp, fp, fn = counts
    parts = {"p": (tp, tp + fp), "r": (tp, tp + fn), "f": (2 * tp, 2 * tp + fp + fn)}
    return {name: round(above / below, 6) if below else 0.0 for name, (above, below) in parts.items()}


def scores(rows: list[Counts]) -> dict[str, float | dict[str, float]]:
    """Micro-averaged over all labels, and for each label that is there or was predicted."""
    sums: Counts = {}
    for counts in rows:
        for label, values in counts.items():
            sums[label] = [a + b for a, b in zip(sums.get(label, [0, 0, 0]), values, strict=True)]
    total = [sum(values[index] for values in sums.values()) for index in (TP, FP, FN)]
    overall = {f"ents_{name}": value for name, value in prf(total).items()}
    return {**overall, **{label: prf(sums[label]) for label in sorted(sums)}}


def confusions(actual: Found, found: Found) -> Iterator[tuple[str, str]]:
    """Each entity as its actual and its predicted label."""
    for where in sorted(actual | found):
        yield actual.get(where, NOTHING), found.get(where, NOTHING)


def evaluate() -> None:
    """Make scores.json and `evaluation/` anew."""
    nlp = spacy.load(MODEL)
    gold = list(DocBin().from_disk(TEST).get_docs(nlp.vocab))
    if not gold:
        print("no rows to test on, so all scores are 0: the test share is too small for so few rows")
    results: list[dict[str, Any]] = []
    confused: list[tuple[str, str]] = []
    for doc, actual, found in predictions(nlp, gold):
        results.append({**doc.user_data, "counts": count(actual, found)})
        confused += confusions(actual, found)
    summary = scores([result["counts"] for result in results])
    labels = [{"label": label, **values} for label, values in summary.items() if isinstance(values, dict)]
    tell(len(gold), summary)
    srsly.write_json(SCORES, summary)
    shutil.rmtree(EVALUATION, ignore_errors=True)
    EVALUATION.mkdir()
    srsly.write_jsonl(EVALUATION / "rows.jsonl", results)
    _table(EVALUATION / "labels.csv", ["label", "p", "r", "f"], [list(row.values()) for row in labels])
    _table(EVALUATION / "confusion.csv", ["actual", "predicted"], confused)


def tell(rows: int, summary: dict[str, float | dict[str, float]]) -> None:
    """Print the scores as a table."""
    print(f"{rows} rows to test on")
    print(f"{'':24}       p      r      f")
    print(f"{'all labels':24}  {summary['ents_p']:6.3f} {summary['ents_r']:6.3f} {summary['ents_f']:6.3f}")
    for label, values in summary.items():
        if isinstance(values, dict):
            print(f"{label:24}  {values['p']:6.3f} {values['r']:6.3f} {values['f']:6.3f}")


def _table(path: Path, names: list[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


if __name__ == "__main__":
    evaluate()
