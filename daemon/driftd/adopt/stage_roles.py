"""What is what in a graph of stages: the dataset, the model, the metric, and the stages that score a model."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from driftd.adopt import metric_choice
from driftd.adopt.proposal import Setting
from driftd.adopt.stage_graph import Graph, Out, Stage
from driftd.errors import RepositoryError

TRAINS = re.compile(r"train|fit|learn", re.IGNORECASE)
MODEL = re.compile(
    r"model|classif|regress|estimator|weights|checkpoint|\.(pkl|joblib|pt|pth|onnx|h5|keras|safetensors|cbm|ubj)$",
    re.IGNORECASE,
)
FEATURES = re.compile(r"feature|prepared|processed|split|data|matrix|vector|scaler|encoder", re.IGNORECASE)

Numbers = Callable[[Out], Mapping[str, float]]


@dataclass(frozen=True)
class Model:
    """The output that is served, and the stage that trains it."""

    out: Out
    stage: Stage
    setting: Setting


def find_model(graph: Graph) -> Model:
    """Return the output that a stage with metrics depends on and that looks most like a model."""
    measuring = [stage for stage, _ in graph.metric_files()]
    if not measuring:
        raise RepositoryError(
            "dvc.yaml: no stage writes a metric, so models cannot be compared",
            remedy="let a stage write its scores to a JSON file, and list that under the stage's `metrics:`",
        )
    found = [
        (stage, out) for stage in graph.stages for out in stage.outs if _may_be_model(graph, stage, out, measuring)
    ]
    if not found:
        names = ", ".join(dict.fromkeys(stage.name for stage in measuring))
        raise RepositoryError(
            f"dvc.yaml: no metric is written by a stage that runs behind the one that trains; metrics come from: {names}",
            remedy="score the model in a stage of its own, which depends on the model: driftd reruns it to score the model in"
            " production on new test rows",
        )
    found.sort(key=lambda pair: (_likeness(graph, *pair), _is_read(pair[1], measuring), pair[1].size), reverse=True)
    stage, out = found[0]
    others = tuple(o.path for s, o in found[1:] if _likeness(graph, s, o) >= min(2, _likeness(graph, stage, out)))
    return Model(out, stage, Setting("retrain.model", out.path, _why_model(graph, stage, out), others))


def _may_be_model(graph: Graph, stage: Stage, out: Out, measuring: list[Stage]) -> bool:
    plain = out.cached and not out.metric and not out.plot
    behind = graph.behind([stage])
    return (plain or out.path in graph.models) and any(each in behind for each in measuring if each != stage)


def _is_read(out: Out, stages: list[Stage]) -> bool:
    return any(stage.reads(out.path) for stage in stages)


def _likeness(graph: Graph, stage: Stage, out: Out) -> int:
    trains = TRAINS.search(stage.declared) and not FEATURES.search(stage.declared)
    named = 4 * bool(trains) + 2 * bool(MODEL.search(out.path)) - 2 * bool(FEATURES.search(out.path))
    return 8 * (out.path in graph.models) + named


def _why_model(graph: Graph, stage: Stage, out: Out) -> str:
    if name := graph.models.get(out.path):
        return f"dvc.yaml calls it the model {name!r}; the stage {stage.name} writes it"
    if _likeness(graph, stage, out) >= 2:  # noqa: PLR2004  # its own name or that of its stage says so
        return f"the stage {stage.name} writes it, and a stage with metrics depends on it"
    return f"the largest output that a stage with metrics depends on; the stage {stage.name} writes it"


@dataclass(frozen=True)
class Measure:
    """The metric that decides, and the stage that writes it."""

    stage: Stage
    setting: Setting


def find_metric(graph: Graph, model: Model, numbers: Numbers) -> Measure:
    """Return the best metric that is written behind the stage that trains."""
    behind = graph.behind([model.stage])
    files = [(stage, out) for stage, out in graph.metric_files() if stage in behind and stage != model.stage]
    if not files:
        raise RepositoryError(
            f"dvc.yaml: no stage behind {model.stage.name}, which trains, writes a metric",
            remedy="score the model in a stage of its own, which depends on the model",
        )
    written = {(stage.name, out.path): numbers(out) for stage, out in files}
    names = [f"{path}:{name}" for (_, path), found in written.items() for name in found]
    best = metric_choice.deciding(names)
    if not names:
        raise RepositoryError(
            f"{', '.join(out.path for _, out in files)}: the metrics are not there, so none can be chosen",
            remedy="`dvc repro` or `dvc pull` in the repository, commit dvc.lock and the metrics, and try again",
        )
    if not best:
        raise RepositoryError(
            f"of the metrics {', '.join(names)} less is better, or they say nothing about quality; driftd promotes what has more",
            remedy="let the stage also write a score of which more is better, such as r2, accuracy or a negative error",
        )
    path = best[0].partition(":")[0]
    stage = next(stage for stage, out in reversed(files) if out.path == path)
    known = "its name says that more is better" if metric_choice.known(best[0]) else "assumed: more is better"
    return Measure(
        stage, Setting("promote.metric", best[0], f"the stage {stage.name} writes it; {known}", tuple(best[1:4]))
    )


def find_dataset(graph: Graph, model: Model, readable: Callable[[Out], bool]) -> tuple[Out, Setting]:
    """Return what a .dvc file tracks and the stages before the model read as a whole."""
    before = [*graph.before([model.stage]), model.stage]
    read = [source for source in graph.sources if any(stage.reads(source.path) for stage in before)]
    if not read:
        first = ", ".join(dict.fromkeys(dep for stage in before[:1] for dep in stage.deps))
        raise RepositoryError(
            f"dvc.yaml: no stage before {model.out.path} reads data that a .dvc file tracks; the first one reads {first or 'nothing'}",
            remedy="`dvc add` the data that the first stage reads (`git rm -r --cached` it before if git tracks it), and commit",
        )
    whole = [source for source in read if all(_as_a_whole(stage, source) for stage in before)]
    if not whole:
        stage, dep, source = next((s, d, o) for o in read for s in before for d in s.deps if _inside(d, o.path))
        raise RepositoryError(
            f"{source.path}.dvc tracks the folder {source.path}, of which the stage {stage.name} reads only {dep}:"
            " rows that are added to the folder as new files would never be read",
            remedy=f"let {stage.name} read all files of {source.path}, or track {dep} by itself with `dvc add`",
        )
    usable = [source for source in whole if readable(source)]
    if not usable:
        raise RepositoryError(
            f"{', '.join(source.path for source in whole)}: of no form that driftd reads",
            remedy="use CSV, TSV, Parquet, Arrow, JSON or JSONL",
        )
    usable.sort(key=lambda source: source.size, reverse=True)
    found = usable[0]
    first = next(stage.name for stage in before if stage.reads(found.path))
    kind = "batches become files in it" if found.folder else "batches become rows at its end"
    largest = ", the largest that is" if len(usable) > 1 else ""
    why = f"tracked by {found.path}.dvc{largest} and read by the stage {first}; {kind}"
    return found, Setting("retrain.dataset", found.path, why, tuple(source.path for source in usable[1:]))


def _as_a_whole(stage: Stage, source: Out) -> bool:
    return not any(_inside(dep, source.path) for dep in stage.deps)


def _inside(path: str, folder: str) -> bool:
    return path != folder and PurePosixPath(path).is_relative_to(folder)


@dataclass(frozen=True)
class Rescoring:
    """The stages that rerun to score the champion; `fresh` says whether new rows of the dataset get there."""

    stages: tuple[Stage, ...]
    setting: Setting
    fresh: bool


def find_rescoring(graph: Graph, dataset: Out, model: Model, measure: Measure) -> Rescoring:
    """Return the stages between dataset, model and metric, without the one that trains."""
    needed = [*graph.before([measure.stage], without=model.stage), measure.stage]
    reading = [stage for stage in graph.stages if stage.reads(dataset.path)]
    concerned = [*reading, *graph.behind(reading), *graph.behind([model.stage])]
    stages = tuple(stage for stage in graph.stages if stage in needed and stage in concerned and stage != model.stage)
    before = [stage for stage in stages if stage in graph.before([model.stage])]
    names = list(dict.fromkeys(stage.declared for stage in stages))
    why = f"what makes {measure.setting.value.partition(':')[0]} of a model and its test rows"
    if before:
        said = ", ".join(dict.fromkeys(stage.declared for stage in before))
        why += f"; assumed: {said} treats each row by itself, and fits nothing to the others"
    fresh = any(stage.reads(dataset.path) for stage in stages)
    return Rescoring(stages, Setting("promote.score_stages", names, why), fresh)
