"""Split the labelled rows of `data/` and write them as spaCy documents: `features/{train,dev,test}.spacy`.

The part that a row belongs to follows from the hash of its text, so it is the same in every version of the data.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
from rows import Entity, Row, RowError, data_files, place, read

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span

DATA = Path("data")
FEATURES = Path("features")
SHOWN = 5  # entities of a kind of trouble that are named, before only their number is told


class Report:
    """What was done with which rows: told to the reader of the log, and kept as features/report.json."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def trouble(self, kind: str, row: Row, start: int, end: int, label: str) -> None:
        """Count an entity that cannot be used as it is, and name the first few."""
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN:
            print(f"  {kind}: {row.file}, {row.where}: [{start}, {end}, {label!r}] {row.text[start:end]!r}")

    def tell(self) -> None:
        """Print what a reader should know, and no more."""
        counts = self.counts
        told = {
            "unlabelled": "rows without labels left out",
            "impossible": "rows left out: an entity is empty, lies outside its text or has no label",
            "repeated": "rows dropped whose text was there already",
            "relabelled": "of them had other labels, which replaced the earlier ones",
            "trimmed": "entities freed of the white space at their ends",
            "overlapping": "entities left out: a longer one lies over them",
            "misaligned": "entities left out: they begin or end inside a token",
        }
        for key, words in told.items():
            if counts[key]:
                print(f"  {counts[key]} {words}")
        print(
            f"{counts['train']} rows to train on, {counts['dev']} to choose the epoch by, {counts['test']} to test on"
        )


def labelled_rows(report: Report) -> list[Row]:
    """The labelled rows of all files, each text once: labels that came later replace earlier ones."""
    files, other = data_files(DATA)
    for path in other:
        print(f"  {path}: left out, its name is not that of a file of rows")
    kept: dict[str, Row] = {}
    for path in files:
        rows = 0
        for row in read(path, DATA):
            rows += 1
            if row.entities is None:
                report.counts["unlabelled"] += 1
            elif inside(row, row.entities, report):
                _keep(row, kept, report.counts)
        print(f"  {path}: {rows} rows")
        report.counts["rows"] += rows
    return list(kept.values())


def inside(row: Row, entities: Iterable[Entity], report: Report) -> bool:
    """Whether all entities lie in their text; where one does not, no offset of the row can be trusted."""
    for start, end, label in entities:
        # an end that is one past the text's is a common slip, and means the text's end
        if not (0 <= start < min(end, len(row.text)) and end <= len(row.text) + 1 and label):
            report.trouble("impossible", row, start, end, label)
            return False
    return True


def _keep(row: Row, kept: dict[str, Row], counts: Counter[str]) -> None:
    earlier = kept.get(row.id)
    if earlier is None:
        kept[row.id] = row
        return
    counts["repeated"] += 1
    if sorted(earlier.entities or ()) != sorted(row.entities or ()):
        counts["relabelled"] += 1
        kept[row.id] = row


def part(row: Row, split: dict[str, float]) -> str:
    """Name the part that a row belongs to."""
    where = place(row.id)
    if where < split["test_share"]:
        return "test"
    return "dev" if where < split["test_share"] + split["dev_share"] else "train"


def document(nlp: "Language", row: Row, report: Report) -> "Doc":
    """Tokens with entities; those of an entity that no tokens fit are marked as unknown rather than as outside."""
    from spacy.util import filter_spans

    doc = nlp.make_doc(row.text)
    doc.user_data.update(row=row.id, file=row.file)
    spans: list[Span] = []
    unknown: set[int] = set()
    for start, end, label in _trimmed(row, report):
        span = doc.char_span(start, end, label)
        if span is None:
            report.trouble("misaligned", row, start, end, label)
            covering = doc.char_span(start, end, alignment_mode="expand")
            if covering is not None:
                unknown |= set(range(covering.start, covering.end))
        else:
            spans.append(span)
    entities = filter_spans(spans)
    for span in spans:
        if span not in entities:
            report.trouble("overlapping", row, span.start_char, span.end_char, span.label_)
    doc.set_ents(entities, missing=list(_outside(doc, unknown, entities)))
    return doc


def _trimmed(row: Row, report: Report) -> Iterator[tuple[int, int, str]]:
    for start, end, label in row.entities or ():
        text = row.text[start:end]
        left, right = len(text) - len(text.lstrip()), len(text) - len(text.rstrip())
        if left == len(text):
            report.trouble("misaligned", row, start, end, label)
            continue
        if left or right:
            report.counts["trimmed"] += 1
        yield start + left, start + len(text) - right, label


def _outside(doc: "Doc", tokens: Iterable[int], entities: Iterable["Span"]) -> Iterator["Span"]:
    covered = {token.i for entity in entities for token in entity}
    for token in sorted(set(tokens) - covered):
        yield doc[token : token + 1]


def preprocess(params: dict[str, Any]) -> None:
    """Make `features/` anew."""
    report = Report()
    print(f"reading {DATA}/", flush=True)
    rows = labelled_rows(report)
    if not rows:
        raise RowError(f"{DATA}/: no labelled rows in it")

    import spacy  # after the data are known to be readable, which a person waits for
    from spacy.tokens import DocBin

    nlp = spacy.blank(params["language"])
    parts = {name: DocBin(attrs=["ENT_IOB", "ENT_TYPE"], store_user_data=True) for name in ("train", "dev", "test")}
    for row in rows:
        name = part(row, params["split"])
        parts[name].add(document(nlp, row, report))
        report.counts[name] += 1
    report.tell()
    shutil.rmtree(FEATURES, ignore_errors=True)
    FEATURES.mkdir()
    for name, docs in parts.items():
        docs.to_disk(FEATURES / f"{name}.spacy")
    srsly.write_json(FEATURES / "report.json", dict(sorted(report.counts.items())))


if __name__ == "__main__":
    try:
        preprocess(srsly.read_yaml("params.yaml"))
    except RowError as error:
        sys.exit(f"error: {error}")
