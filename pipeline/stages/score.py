"""Score `model/` on a file of labelled rows: `python stages/score.py ROWS RESULTS`; RESULTS has a line for each row, as evaluation/rows.jsonl.

No stage runs this: driftd does, on rows that have just come, to see whether the model has become worse. A row whose labels cannot be used has
nothing to find, so it says nothing.
"""

import sys
from pathlib import Path

import spacy
import srsly
from evaluate import MODEL, count, predictions
from preprocess import Report, document, inside
from rows import Row, RowError, read


def score(rows: Path, results: Path) -> None:
    """Write the result of each row."""
    nlp = spacy.load(MODEL)
    report = Report()
    found = list(read(rows, rows.parent))
    gold = [document(nlp, usable(row, report), report) for row in found]
    counted = ({**doc.user_data, "counts": count(actual, guess)} for doc, actual, guess in predictions(nlp, gold))
    srsly.write_jsonl(results, counted)
    print(f"{len(found)} rows scored")


def usable(row: Row, report: Report) -> Row:
    """The row itself, or without labels where one of them lies outside of its text."""
    return row if inside(row, row.entities or (), report) else Row(row.text, (), row.file, row.where)


if __name__ == "__main__":
    try:
        score(Path(sys.argv[1]), Path(sys.argv[2]))
    except RowError as error:
        sys.exit(f"error: {error}")
