"""What the stages of a project read and write."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

from driftd.errors import RepositoryError


@dataclass(frozen=True)
class Out:
    """Something that a stage writes or a .dvc file tracks; the path is relative to the DVC project."""

    path: str
    md5: str | None = None
    size: int = 0
    cached: bool = True
    metric: bool = False
    plot: bool = False

    @property
    def folder(self) -> bool:
        return (self.md5 or "").endswith(".dir")


@dataclass(frozen=True)
class Stage:
    """A stage as DVC runs it: one of several where dvc.yaml has a loop."""

    name: str
    commands: tuple[str, ...]
    folder: str
    deps: tuple[str, ...]
    outs: tuple[Out, ...]

    @property
    def declared(self) -> str:
        """The name under which it stands in dvc.yaml."""
        return self.name.partition("@")[0]

    def reads(self, path: str) -> bool:
        return any(overlap(dep, path) for dep in self.deps)


@dataclass(frozen=True)
class Graph:
    """The stages in the order in which they run, what .dvc files track, and what dvc.yaml says about some of the outputs."""

    stages: tuple[Stage, ...]
    sources: tuple[Out, ...]
    metrics: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)  # path of an artifact of type model, and its name

    @classmethod
    def of(
        cls,
        stages: Iterable[Stage],
        sources: Iterable[Out],
        metrics: Iterable[str] = (),
        models: Mapping[str, str] | None = None,
    ) -> "Graph":
        """Put stages into the order in which they run."""
        by_name = {stage.name: stage for stage in sorted(stages, key=lambda stage: stage.name)}
        graph = {
            stage.name: [maker.name for maker in by_name.values() if any(stage.reads(out.path) for out in maker.outs)]
            for stage in by_name.values()
        }
        try:
            order = TopologicalSorter(graph).static_order()
            found = tuple(by_name[name] for name in order)
        except CycleError as error:
            raise RepositoryError(
                f"dvc.yaml: its stages form a circle: {', '.join(error.args[1])}", remedy="see `dvc dag`"
            ) from error
        return cls(found, tuple(sources), tuple(metrics), models or {})

    def maker(self, path: str) -> Stage | None:
        """Return the stage that writes a path."""
        return next((stage for stage in self.stages for out in stage.outs if overlap(out.path, path)), None)

    def behind(self, stages: Iterable[Stage]) -> list[Stage]:
        """Return what runs after some stages because of what they write."""
        touched = {out.path for stage in stages for out in stage.outs}
        found = []
        for stage in self.stages:
            if any(stage.reads(path) for path in touched):
                found.append(stage)
                touched |= {out.path for out in stage.outs}
        return found

    def before(self, stages: Iterable[Stage], *, without: Stage | None = None) -> list[Stage]:
        """Return the stages that some stages need, not looking behind `without`."""
        wanted = list(stages)
        found: list[Stage] = []
        while wanted:
            stage = wanted.pop()
            makers = [maker for maker in self.stages if any(stage.reads(out.path) for out in maker.outs)]
            new = [maker for maker in makers if maker not in found and maker != without]
            found += new
            wanted += new
        return [stage for stage in self.stages if stage in found]

    def metric_files(self) -> Iterator[tuple[Stage, Out]]:
        """Yield the metric files that stages write."""
        for stage in self.stages:
            for out in stage.outs:
                if out.metric:
                    yield stage, out
        for path in self.metrics:
            maker = self.maker(path)
            if maker is not None and not any(out.metric and out.path == path for out in maker.outs):
                yield maker, next((out for out in maker.outs if out.path == path), Out(path, cached=False, metric=True))


def overlap(one: str, other: str) -> bool:
    """Return whether two paths are the same, or one lies in the other."""
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a.is_relative_to(b) or b.is_relative_to(a)
