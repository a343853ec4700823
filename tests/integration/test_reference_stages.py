"""The stages of the reference project with spaCy and without DVC."""

import json
import shutil
from collections import Counter

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Example

from support.pipeline import (
    IOWA,
    NATIONWIDE,
    attempt,
    files_of,
    lines,
    scores,
    set_params,
    stage,
    write_data,
)

pytestmark = pytest.mark.slow

preprocess = stage("preprocess")
evaluate = stage("evaluate")
NLP = spacy.blank("en")


def row(text, *entities):
    return preprocess.Row(text, entities, "a.jsonl", "line 1")


def document(*args):
    report = preprocess.Report()
    return preprocess.document(NLP, row(*args), report), report.counts


def ents(doc):
    return [(entity.text, entity.label_) for entity in doc.ents]


def test_entities_become_spans_of_tokens():
    doc, counts = document("Uber blew through $1 million", (18, 28, "MONEY"), (0, 4, "ORG"))
    assert ents(doc) == [("Uber", "ORG"), ("$1 million", "MONEY")]
    assert doc.user_data["file"] == "a.jsonl"
    assert not counts


def test_white_space_at_the_ends_of_an_entity_is_trimmed():
    doc, counts = document("Uber blew  through", (0, 5, "ORG"), (9, 11, "SPACE"))
    assert ents(doc) == [("Uber", "ORG")]
    assert counts == {"trimmed": 1, "misaligned": 1}


def test_of_entities_over_each_other_the_longer_one_stays(capsys):
    doc, counts = document("New York City", (0, 8, "STATE"), (0, 13, "CITY"))
    assert ents(doc) == [("New York City", "CITY")]
    assert counts == {"overlapping": 1}
    assert "overlapping: a.jsonl, line 1: [0, 8, 'STATE'] 'New York'" in capsys.readouterr().out


def test_tokens_of_a_misaligned_entity_are_unknown(capsys):
    doc, counts = document("Uberlandia is far from Uber", (0, 4, "ORG"), (23, 27, "ORG"))
    assert [token.ent_iob_ for token in doc] == ["", "O", "O", "O", "B"]
    assert counts == {"misaligned": 1}
    assert "misaligned: a.jsonl, line 1: [0, 4, 'ORG'] 'Uber'" in capsys.readouterr().out


def test_trouble_is_named_a_few_times_and_counted_always(capsys):
    report = preprocess.Report()
    for _ in range(9):
        preprocess.document(NLP, row("Uberlandia", (0, 4, "ORG")), report)
    report.tell()
    told = capsys.readouterr().out
    assert told.count("misaligned: a.jsonl") == preprocess.SHOWN
    assert "9 entities left out: they begin or end inside a token" in told


@pytest.fixture
def project(tmp_path):
    return files_of(tmp_path / "project")


def features(project, name):
    return list(DocBin().from_disk(project / "features" / f"{name}.spacy").get_docs(NLP.vocab))


def report(project):
    return json.loads((project / "features" / "report.json").read_text())


def test_every_row_is_in_the_part_that_its_text_says(project):
    write_data(project, iowa=lines(IOWA, 300))
    assert attempt(project, "python", "stages/preprocess.py").returncode == 0
    rows = stage("rows")
    parts = {name: features(project, name) for name in ("train", "dev", "test")}
    for name, low, high in (("test", 0, 0.2), ("dev", 0.2, 0.25), ("train", 0.25, 1)):
        assert parts[name]
        assert all(low <= rows.place(rows.row_id(doc.text)) < high for doc in parts[name])
    assert report(project) == {"rows": 300, **{name: len(docs) for name, docs in parts.items()}}


def test_a_text_is_there_once_with_its_latest_labels(project):
    write_data(
        project,
        a=['{"text": "Uber is big", "entities": []}\n', '{"text": "Lyft is big", "entities": [[0, 4, "ORG"]]}\n'],
        b=['{"text": "Lyft is big", "entities": [[0, 4, "ORG"]]}\n', '{"text": "Lyft is big"}\n'],
        c=['{"text": "Uber is big", "entities": [[0, 4, "ORG"]]}\n', '{"text": "Bolt", "entities": [[0, 9, "ORG"]]}\n'],
    )
    done = attempt(project, "python", "stages/preprocess.py")
    assert done.returncode == 0
    found = [doc for name in ("train", "dev", "test") for doc in features(project, name)]
    assert {doc.text: (ents(doc), doc.user_data["file"]) for doc in found} == {
        "Uber is big": ([("Uber", "ORG")], "c.jsonl"),
        "Lyft is big": ([("Lyft", "ORG")], "a.jsonl"),
    }
    counted = Counter(report(project))
    assert (counted["rows"], counted["repeated"], counted["relabelled"]) == (6, 2, 1)
    assert (counted["unlabelled"], counted["impossible"]) == (1, 1)
    assert "1 rows left out: an entity is empty, lies outside its text" in done.stdout


@pytest.mark.parametrize("content", [[], ['{"text": "nobody labelled this"}\n']])
def test_no_labelled_row_is_an_error(project, content):
    write_data(project, a=content)
    done = attempt(project, "python", "stages/preprocess.py")
    assert (done.returncode, done.stderr) == (1, "error: data/: no labelled rows in it\n")


def test_nothing_to_learn_is_an_error(project):
    write_data(project, a=[json.dumps({"text": f"row {number}", "entities": []}) + "\n" for number in range(20)])
    assert attempt(project, "python", "stages/preprocess.py").returncode == 0
    done = attempt(project, "python", "stages/train.py")
    assert done.returncode == 1
    assert "no row has an entity, so there is nothing to learn" in done.stderr


GOLD = {(0, 4): "ORG", (18, 28): "MONEY", (30, 35): "DATE"}


def test_counts_of_a_row():
    found = {(0, 4): "ORG", (18, 28): "DATE", (40, 44): "ORG"}
    assert evaluate.count(GOLD, found) == {"DATE": [0, 1, 1], "MONEY": [0, 0, 1], "ORG": [1, 1, 0]}
    assert sorted(evaluate.confusions(GOLD, found)) == [
        ("(none)", "ORG"),
        ("DATE", "(none)"),
        ("MONEY", "DATE"),
        ("ORG", "ORG"),
    ]


def test_scores_are_micro_averages():
    rows = [{"ORG": [3, 1, 0]}, {"ORG": [0, 0, 2], "DATE": [0, 1, 0]}]
    assert evaluate.scores(rows) == {
        "ents_p": 0.6,
        "ents_r": 0.6,
        "ents_f": 0.6,
        "DATE": {"p": 0.0, "r": 0.0, "f": 0.0},
        "ORG": {"p": 0.75, "r": 0.6, "f": 0.666667},
    }
    assert evaluate.scores([]) == {"ents_p": 0.0, "ents_r": 0.0, "ents_f": 0.0}


def run_all(project, seed="random"):
    for name in ("preprocess", "train", "evaluate"):
        done = attempt(project, "python", f"stages/{name}.py", PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trained on both kinds of addresses so briefly that it misses labels and confuses others."""
    project = files_of(tmp_path_factory.mktemp("trained") / "project", epochs=2, test_share=0.4)
    write_data(project, iowa=lines(IOWA, 150), nationwide=lines(NATIONWIDE, 100))
    return run_all(project, seed="1")


def results(project):
    return [json.loads(line) for line in (project / "evaluation" / "rows.jsonl").read_text().splitlines()]


def test_scores_are_those_of_spacys_own_scorer(trained):
    nlp = spacy.load(trained / "model")
    gold = DocBin().from_disk(trained / "features" / "test.spacy").get_docs(nlp.vocab)
    theirs = nlp.evaluate([Example(nlp.make_doc(doc.text), doc) for doc in gold])
    ours = scores(trained)
    assert 0 < ours["ents_f"] < 1
    assert all(ours[f"ents_{name}"] == pytest.approx(theirs[f"ents_{name}"], abs=1e-6) for name in "prf")
    assert {name: values for name, values in ours.items() if isinstance(values, dict)} == {
        label: pytest.approx(values, abs=1e-6) for label, values in theirs["ents_per_type"].items()
    }


def test_rows_add_up_to_the_scores(trained):
    rows = results(trained)
    assert len({result["row"] for result in rows}) == len(rows) == report(trained)["test"]
    assert {result["file"] for result in rows} == {"iowa.jsonl", "nationwide.jsonl"}
    assert evaluate.scores([result["counts"] for result in rows]) == scores(trained)


def test_rows_that_no_stage_has_seen_are_scored_as_test_rows_are(trained, tmp_path):
    tested = results(trained)
    texts = {
        preprocess.Row(each["text"], (), "", "").id: each
        for each in map(json.loads, (*lines(IOWA, 150), *lines(NATIONWIDE, 100)))
    }
    rows = [texts[result["row"]] for result in tested] + [{"text": "short", "entities": [[0, 99, "PlaceName"]]}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    done = attempt(trained, "python", "stages/score.py", str(tmp_path / "rows.jsonl"), str(tmp_path / "results.jsonl"))
    assert done.returncode == 0, done.stderr
    scored = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(each["row"], each["counts"]) for each in scored[:-1]] == [(each["row"], each["counts"]) for each in tested]
    assert not any(expected for expected, _, _ in scored[-1]["counts"].values())  # its labels are of no use


def contents(project):
    kept = [project / "scores.json", *(project / name for name in ("features", "model", "evaluation"))]
    files = [path for top in kept for path in ([top] if top.is_file() else sorted(top.rglob("*"))) if path.is_file()]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


def test_the_same_data_and_seed_give_the_same_bytes(trained, tmp_path):
    again = tmp_path / "elsewhere"
    shutil.copytree(trained, again, ignore=shutil.ignore_patterns("features", "model", "evaluation", "scores.json"))
    run_all(again, seed="2")
    first, second = contents(trained), contents(again)
    assert len(first) > 10
    assert [name for name in first | second if first.get(name) != second.get(name)] == []


def test_another_seed_gives_another_model(trained, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    set_params(other, seed=1, epochs=0)
    assert attempt(other, "python", "stages/train.py").returncode == 0
    first = contents(other)
    set_params(other, seed=2)
    assert attempt(other, "python", "stages/train.py").returncode == 0
    assert contents(other)["model/ner/model"] != first["model/ner/model"]


def test_a_trained_pipeline_can_be_trained_on_with_new_labels(trained, tmp_path):
    project = files_of(tmp_path / "project", base="base", learn_rate=0.01, epochs=4)
    shutil.copytree(trained / "model", project / "base")
    new = [json.dumps({"text": f"Unit {n} Iowa City", "entities": [[0, 4, "NEW"]]}) + "\n" for n in range(60)]
    write_data(project, iowa=lines(IOWA, 60), new=new)
    run_all(project)
    known = spacy.load(project / "model").get_pipe("ner").labels
    assert "NEW" in known
    assert "USPSBoxType" in known  # from the base alone
    assert scores(project)["NEW"]["f"] > 0.9


def test_a_base_without_entities_is_an_error(project):
    write_data(project, iowa=lines(IOWA, 40))
    NLP.to_disk(project / "base")
    set_params(project, base="base")
    assert attempt(project, "python", "stages/preprocess.py").returncode == 0
    done = attempt(project, "python", "stages/train.py")
    assert done.returncode == 1
    assert "the base base has no entity recogniser" in done.stderr
