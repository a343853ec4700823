"""What is what in a graph of stages."""

import pytest

from driftd.adopt.stage_graph import Graph, Out, Stage
from driftd.adopt.stage_roles import find_dataset, find_metric, find_model, find_rescoring
from driftd.errors import RepositoryError

DATA = Out("data", md5="1" * 32 + ".dir", size=1000)
SCORES = Out("scores.json", cached=False, metric=True)


def is_readable(_):
    return True


def stage(name, deps, *outs):
    made = tuple(out if isinstance(out, Out) else Out(out, md5="2" * 32, size=10) for out in outs)
    return Stage(name, (f"python {name}.py",), ".", tuple(deps), made)


def usual(**more):
    """Three stages in an order in which they do not run."""
    return Graph.of(
        [
            stage("evaluate", ["model", "features", "evaluate.py"], SCORES),
            stage("train", ["features", "train.py"], "model"),
            stage("prepare", ["data", "prepare.py"], "features"),
        ],
        [DATA],
        **more,
    )


def everything(graph, scores=None):
    """All that is found in a graph."""
    model = find_model(graph)
    measure = find_metric(graph, model, lambda _: scores or {"f1": 0.5})
    dataset, setting = find_dataset(graph, model, is_readable)
    return model, measure, setting, find_rescoring(graph, dataset, model, measure)


def test_stages_are_put_into_the_order_in_which_they_run():
    graph = usual()
    assert [stage.name for stage in graph.stages] == ["prepare", "train", "evaluate"]
    prepare, train, evaluate = graph.stages
    assert graph.behind([train]) == [evaluate]
    assert graph.before([evaluate]) == [prepare, train]
    assert graph.before([evaluate], without=train) == [prepare]


def test_a_circle_is_an_error():
    with pytest.raises(RepositoryError, match="circle"):
        Graph.of([stage("a", ["y"], "x"), stage("b", ["x"], "y")], [])


def test_the_usual_project():
    model, measure, dataset, rescoring = everything(usual())
    assert (model.out.path, model.stage.name) == ("model", "train")
    assert (measure.setting.value, measure.stage.name) == ("scores.json:f1", "evaluate")
    assert dataset.value == "data"
    assert rescoring.setting.value == ["prepare", "evaluate"]
    assert "assumed: prepare treats each row by itself" in rescoring.setting.why
    assert rescoring.fresh


def test_an_artifact_of_type_model_decides():
    graph = Graph.of(
        [
            stage("fit", ["data"], "words.bin", Out("trained_model.pkl", size=9)),
            stage("score", ["words.bin", "trained_model.pkl"], SCORES),
        ],
        [DATA],
        models={"words.bin": "words"},
    )
    model = find_model(graph)
    assert model.out.path == "words.bin"
    assert "'words'" in model.setting.why
    assert model.setting.others == ("trained_model.pkl",)


def test_where_no_name_says_it_the_largest_is_the_model():
    graph = Graph.of(
        [stage("one", ["data"], Out("a", size=5), Out("b", size=50)), stage("two", ["a", "b"], SCORES)], [DATA]
    )
    model = find_model(graph)
    assert model.out.path == "b"
    assert "largest" in model.setting.why


def test_features_that_the_evaluation_reads_are_no_model():
    graph = Graph.of(
        [
            stage("featurize", ["data"], Out("features", md5="3" * 32 + ".dir", size=10**9)),
            stage("train", ["features"], Out("out.bin", size=10)),
            stage("evaluate", ["features", "out.bin"], SCORES),
        ],
        [DATA],
    )
    assert find_model(graph).out.path == "out.bin"


def test_predictions_may_stand_between_model_and_metric():
    graph = Graph.of(
        [
            stage("split", ["data"], "train.csv", "test.csv"),
            stage("train", ["train.csv"], "model.pkl"),
            stage("predict", ["model.pkl", "test.csv"], "predictions.csv"),
            stage("measure", ["predictions.csv"], SCORES),
            stage("report", ["scores.json"], "report.html"),
            stage("publish", ["model.pkl"], "published"),
        ],
        [DATA],
    )
    model, measure, _, rescoring = everything(graph)
    assert model.out.path == "model.pkl"
    assert measure.stage.name == "measure"
    assert rescoring.setting.value == ["split", "predict", "measure"]


def test_what_the_data_do_not_concern_is_not_run_again():
    graph = Graph.of(
        [
            stage("download", ["urls.txt"], "embeddings"),
            stage("prepare", ["data"], "test.csv", "train.csv"),
            stage("train", ["train.csv", "embeddings"], "model"),
            stage("evaluate", ["model", "test.csv", "embeddings"], SCORES),
        ],
        [DATA],
    )
    assert everything(graph)[3].setting.value == ["prepare", "evaluate"]


def test_a_loop_is_named_by_its_name():
    graph = Graph.of(
        [
            stage("prepare@a", ["data"], "a.csv"),
            stage("prepare@b", ["data"], "b.csv"),
            stage("train", ["a.csv", "b.csv"], "model"),
            stage("evaluate", ["model", "a.csv", "b.csv"], SCORES),
        ],
        [DATA],
    )
    assert everything(graph)[3].setting.value == ["prepare", "evaluate"]


def test_test_rows_that_new_data_never_reach_are_noticed():
    graph = Graph.of(
        [stage("train", ["data"], "model"), stage("evaluate", ["model", "test.csv"], SCORES)],
        [DATA, Out("test.csv", md5="4" * 32, size=10**6)],
    )
    _, _, dataset, rescoring = everything(graph)
    assert dataset.value == "data"
    assert not rescoring.fresh
    assert rescoring.setting.value == ["evaluate"]


def test_metrics_that_dvc_yaml_lists_on_top_count_as_those_of_their_stage():
    graph = Graph.of(
        [stage("train", ["data"], "model"), stage("evaluate", ["model", "data"], Out("eval", md5="5" * 32 + ".dir"))],
        [DATA],
        metrics=["eval/metrics.json"],
    )
    assert [(s.name, out.path) for s, out in graph.metric_files()] == [("evaluate", "eval/metrics.json")]
    assert find_model(graph).out.path == "model"


def test_training_metrics_do_not_decide():
    graph = Graph.of(
        [
            stage("train", ["data"], "model", Out("train.json", cached=False, metric=True)),
            stage("evaluate", ["model", "data"], SCORES),
        ],
        [DATA],
    )
    assert everything(graph)[1].setting.value == "scores.json:f1"


@pytest.mark.parametrize(
    ("stages", "said", "remedy"),
    [
        ([stage("train", ["data"], "model")], "no stage writes a metric", "`metrics:`"),
        ([stage("train", ["data"], "model", SCORES)], "no metric is written by a stage that runs behind", "of its own"),
    ],
)
def test_models_that_cannot_be_compared(stages, said, remedy):
    with pytest.raises(RepositoryError, match=said) as error:
        find_model(Graph.of(stages, [DATA]))
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    ("scores", "said"),
    [({"rmse": 1.0, "loss": 2.0}, "less is better"), ({"n": 5.0}, "less is better"), ({}, "the metrics are not there")],
)
def test_metrics_that_cannot_decide(scores, said):
    graph = usual()
    with pytest.raises(RepositoryError, match=said):
        find_metric(graph, find_model(graph), lambda _: scores)


def test_a_dataset_of_which_a_stage_reads_one_file_only_would_not_grow():
    graph = Graph.of(
        [stage("train", ["data/train.csv"], "model"), stage("evaluate", ["model", "data/test.csv"], SCORES)], [DATA]
    )
    with pytest.raises(RepositoryError, match=r"reads only data/train\.csv") as error:
        find_dataset(graph, find_model(graph), is_readable)
    assert "read all files of data" in error.value.remedy


def test_of_several_files_that_are_tracked_the_largest_grows():
    graph = Graph.of(
        [stage("train", ["raw"], "model"), stage("evaluate", ["model", "raw"], SCORES)],
        [Out("raw/codes.csv", size=10), Out("raw/rows.csv", size=1000), Out("elsewhere.csv", size=10**6)],
    )
    found, setting = find_dataset(graph, find_model(graph), is_readable)
    assert found.path == "raw/rows.csv"
    assert setting.others == ("raw/codes.csv",)


def test_data_that_no_dvc_file_tracks_are_named():
    graph = Graph.of([stage("train", ["rows.csv"], "model"), stage("evaluate", ["model"], SCORES)], [])
    with pytest.raises(RepositoryError, match=r"the first one reads rows\.csv") as error:
        find_dataset(graph, find_model(graph), is_readable)
    assert "dvc add" in error.value.remedy


def test_a_form_that_driftd_does_not_read_is_an_error():
    graph = usual()
    with pytest.raises(RepositoryError, match="data: of no form"):
        find_dataset(graph, find_model(graph), lambda _: False)
