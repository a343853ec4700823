"""Settings for a DVC repository that exists: proposed from what it says about itself, without touching it."""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from driftd.adopt import code_evidence, dvc_graph, project_environment, stage_roles
from driftd.adopt.proposal import Proposal, Setting
from driftd.adopt.repository_files import Contents
from driftd.adopt.settings_file import render
from driftd.adopt.stage_graph import Graph, Out
from driftd.config import parse
from driftd.config.settings import StageEnvironment
from driftd.errors import DriftdError, OperationError, RepositoryError, UsageError
from driftd.journal.layout import Layout
from driftd.readers import Kind, supported
from driftd.retrain.evaluation.scores import read_scores
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository

WINDOW = 500
WINDOWS = (500, 250, 200, 100, 50, 20, 10)
OF_REFERENCE = 8  # windows that the reference should be worth


def propose(folder: Path, outside: Mapping[str, str] = os.environ) -> Proposal:
    """Read a repository at the tip of the branch that runs will start from, and say what its settings could be."""
    folder = folder.absolute()
    _require_project(folder)
    with TemporaryDirectory(prefix="driftd-init-") as own:
        env = environment(Layout(Path(own), "home"), StageEnvironment(), "init", outside)
        repository = Repository(folder, env)
        base = project_environment.find_base(repository.git)
        contents = Contents(repository, repository.base(base.value), Path(own) / "files")
        graph = dvc_graph.read(repository, contents.commit, base.value)
        try:
            return _proposal(repository, graph, contents, base, outside)
        except DriftdError as error:
            error.message = error.message.replace(f"{contents.into}/", "")
            error.args = (error.message,)
            raise


def _proposal(
    repository: Repository, graph: Graph, contents: Contents, base: Setting, outside: Mapping[str, str]
) -> Proposal:
    model = stage_roles.find_model(graph)
    measure = stage_roles.find_metric(graph, model, lambda out: _numbers(contents, out))
    dataset, dataset_setting = stage_roles.find_dataset(graph, model, lambda out: _readable(contents, out))
    rescoring = stage_roles.find_rescoring(graph, dataset, model, measure)
    before = graph.before([model.stage])
    lines = code_evidence.code(contents, [*before, model.stage, measure.stage])
    data = code_evidence.look(contents, dataset)
    labels = code_evidence.find_labels(data.schema, lines, code_evidence.params(contents)) if data else None
    per_row = code_evidence.find_per_row(contents, rescoring.stages)
    split = code_evidence.find_split(data, labels.value if labels else (), per_row[1] if per_row else None, lines)
    top = Path(repository.git("rev-parse", "--show-toplevel"))
    settings = [
        labels,
        _window(data),
        code_evidence.find_scorer(per_row and per_row[0], split, rescoring),
        base,
        dataset_setting,
        model.setting,
        project_environment.find_environment(repository.folder, top, outside),
        measure.setting,
        per_row and per_row[0],
        split,
        rescoring.setting,
    ]
    tags = repository.git("tag", "--list", "*@v*").splitlines()
    warnings = [
        *_unknown(data, labels),
        *code_evidence.runners(graph.stages),
        *code_evidence.cautions(rescoring, model.stage.name, before, contents),
    ]
    return Proposal(
        project_environment.find_name(graph, model.out.path, repository.folder, tags),
        repository.folder,
        tuple(setting for setting in settings if setting is not None),
        tuple(warnings),
    )


def write(proposal: Proposal, file: Path) -> None:
    """Write a new settings file, and the folder for new data beside it."""
    file = file.absolute()
    if file.resolve().is_relative_to(proposal.repository.resolve()):
        raise UsageError(
            f"{file} lies in the repository, in which driftd changes nothing",
            remedy="name a folder outside of it: driftd init DIR --repository PATH",
        )
    text = render(proposal)
    parse(text, file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
        (file.parent / "incoming").mkdir(exist_ok=True)
    except FileExistsError as error:
        raise UsageError(
            f"{error.filename} exists already", remedy="move it away, or name another file with --output"
        ) from error
    except OSError as error:
        raise OperationError(f"{file}: {error.strerror}", remedy="name a folder that you may write") from error


def _require_project(folder: Path) -> None:
    if (folder / ".dvc").is_dir():
        return
    near = [path for path in (*folder.parents, *sorted(folder.glob("*/"))) if (path / ".dvc").is_dir()]
    raise RepositoryError(
        f"{folder} is no DVC project: it has no folder .dvc" if folder.is_dir() else f"{folder} does not exist",
        remedy=f"did you mean {near[0]}?" if near else "name the folder in which `dvc init` was run",
    )


def _readable(contents: Contents, out: Out) -> bool:
    """Return whether driftd reads such data; where none are there, nothing says that it does not."""
    names = [path.name for path in islice(contents.files(out), code_evidence.FILES)]
    return any(map(supported, names)) if names else out.folder or supported(out.path)


def _numbers(contents: Contents, out: Out) -> Mapping[str, float]:
    path = contents.file(out)
    if path is None:
        return {}
    return {name.partition(":")[2]: value for name, value in read_scores(path.parent, [path.name]).items()}


def _window(data: code_evidence.Data | None) -> Setting:
    if data is None or data.rows is None or data.rows >= OF_REFERENCE * WINDOW:
        return Setting("window", {"rows": WINDOW}, "rows that are judged together")
    rows = next((rows for rows in WINDOWS if data.rows >= OF_REFERENCE * rows), WINDOWS[-1])
    return Setting(
        "window", {"rows": rows}, f"rows that are judged together; the dataset has {data.rows} to compare with"
    )


def _unknown(data: code_evidence.Data | None, labels: Setting | None) -> Iterator[str]:
    if data is None:
        yield "the dataset is neither in DVC's cache nor in the working tree, so nothing is known of its columns; `dvc pull` it"
    elif labels is None and not data.schema.of_kind(Kind.ENTITIES):
        yield f"no column is known to be a label; set `labels` to those of: {', '.join(data.schema.names)}"
