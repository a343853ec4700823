"""Labels that come days after their rows, through a real daemon: by a re-delivery, and by a file with a key."""

import csv
import json

import pytest

from support.daemon import wait_until
from support.project import write_rows
from support.running import RETRAIN, Kinds

pytestmark = pytest.mark.slow


def lines(kinds, number, which):
    path = write_rows(kinds.folder / "aside" / f"{number}.csv", which, start=number * 10_000, each=30)
    with path.open(newline="") as file:
        return [row | {"n": number * 10_000 + place} for place, row in enumerate(csv.DictReader(file))]


def drop(kinds, name, found, columns=("n", "kind", "label"), **changed):
    aside = kinds.folder / "aside" / "out.csv"
    with aside.open("w", newline="") as file:
        out = csv.DictWriter(file, columns, extrasaction="ignore")
        out.writeheader()
        out.writerows(row | changed for row in found)
    target = kinds.incoming / name
    target.parent.mkdir(exist_ok=True)
    aside.rename(target)


def held(kinds):
    [view] = kinds.json("status")["projects"]
    return view["held"] or {"gate": None, "reason": ""}


def test_a_drift_waits_for_labels_and_runs_once_they_are_there(watched, tmp_path):
    source = {"path": str(tmp_path / "incoming"), "scan_every": 1, "settle": 0.2, "labels": "labels"}
    kinds = Kinds.copy(
        watched, tmp_path, source=source, key="n", retrain=RETRAIN | {"min_labels": 200, "to_label": 120}
    )
    arrived = {number: lines(kinds, number, "cd") for number in range(1, 6)}
    with kinds.daemon():
        kinds.wait_for_model()
        for number, found in arrived.items():
            drop(kinds, f"{number}.csv", found, label="")
        wait_until(lambda: held(kinds)["gate"] == "labels", what="the labels gate holds")
        windows = kinds.rows("SELECT count(*), sum(rows) FROM windows")

        wanted = kinds.folder / "state" / "kinds" / "to_label.jsonl"
        wait_until(lambda: str(wanted) in held(kinds)["reason"], what="the rows to label are named")
        assert str(wanted) in kinds.json("incidents", "list")[0]["to_label"]["file"]
        asked = [json.loads(line) for line in wanted.read_text().splitlines()]
        truth = {str(row["n"]): row["label"] for found in arrived.values() for row in found}
        back = kinds.folder / "aside" / "labelled.jsonl"
        back.write_text("".join(json.dumps(row | {"label": truth[str(row["n"])]}) + "\n" for row in asked))
        back.rename(kinds.incoming / back.name)
        kinds.wait_for_event("labels-joined")
        wait_until(lambda: "120 of 200" in held(kinds)["reason"], what="the labels are counted")
        every = [row for found in arrived.values() for row in found]
        drop(kinds, "labels/side.csv", [*every, {"n": 77, "label": "X"}], columns=("n", "label"))
        kinds.wait_for_event("run-promoted", times=2)

        said = kinds.rows("SELECT data ->> 'joined', data ->> 'unknown' FROM events WHERE kind = 'labels-joined'")
        assert said == [(120, 0), (300, 1)]
        assert kinds.rows("SELECT count(*), sum(rows) FROM windows") == windows
        wait_until(lambda: not wanted.exists(), what="the file has gone with the incident")
        assert (
            kinds.one("SELECT sum(value ->> 'rows') FROM steps, json_each(result, '$.batches') WHERE name = 'snapshot'")
            == 300
        )
    assert kinds.json("verify")["ok"]
