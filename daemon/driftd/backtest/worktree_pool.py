"""Scratch worktrees in which a project's stages run, and the model that lies in each."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from driftd.config import Project
from driftd.errors import DataError
from driftd.journal.layout import Layout
from driftd.retrain.dataset import batches, dvc_dataset
from driftd.retrain.evaluation import champion_scorer, stage_commands
from driftd.retrain.process.limits import Limits
from driftd.retrain.process.run_log import RunLog
from driftd.retrain.repository.dvc import Dvc
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository, Worktree, own_branch


class Bench:
    """One worktree; a model is what its stages have made."""

    def __init__(self, tree: Worktree, tools: Dvc, scratch: Path) -> None:
        self.root = tree.root
        self.tree = tree
        self.tools = tools
        self.scratch = scratch
        self._holds: Path | None = None

    def lay_out(self, names: Sequence[str], outs: Path) -> None:
        """Let the outputs be those of a model."""
        if self._holds == outs:
            return
        self._holds = None
        for name in names:
            stage_commands.remove(self.root / name)
        shutil.copytree(outs, self.root, dirs_exist_ok=True)
        self._holds = outs

    def run(self, data: dvc_dataset.Dataset, files: Sequence[Path], commands: Sequence[stage_commands.Command]) -> None:
        """Run stages on a dataset of these files."""
        self._holds = None
        stage_commands.put_rows(self.root, data, files)
        stage_commands.run(self.tools, self.root, commands)

    def score(self, data: dvc_dataset.Dataset, settings: Project, rows: Path) -> Path:
        """Run the scorer of the settings on a file of rows; return the file of its results."""
        if settings.drift.scorer and settings.drift.scorer.stages:  # they make outputs of a model anew
            self._holds = None
        return champion_scorer.run(self.tools, self.root, data, settings, rows)

    def keep(self, names: Sequence[str], outs: Path) -> None:
        """Copy what the stages have made."""
        for name in names:
            made, kept = self.root / name, outs / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            if made.is_dir():
                shutil.copytree(made, kept)
            else:
                shutil.copyfile(made, kept)


class Benches:
    """A few worktrees at the tip of the base, and what they have in common."""

    def __init__(self, name: str, settings: Project, folder: Path, count: int) -> None:
        env = environment(Layout(folder, name), settings.retrain.env, "backtest")
        self._repository = Repository(settings.repository, env)
        self.commit = self._repository.base(settings.retrain.base or self._repository.default_branch())
        if self._repository.read(self.commit, "dvc.lock") is None:  # nobody reproduced it but driftd
            self.commit = self._repository.git.commit(f"refs/heads/{own_branch(name)}") or self.commit
        self._stop = threading.Event()
        self._free: Queue[Bench] = Queue()
        self._all: list[Bench] = []
        retrain = settings.retrain
        limits = Limits(retrain.memory, retrain.free_disk, retrain.nice, (folder,))
        try:
            for number in range(count):
                place = folder / f"bench-{number}"
                tools = Dvc(env, RunLog(place), self._stop, retrain.timeout, limits)
                self._all.append(Bench(self._repository.worktree(place / "tree", self.commit), tools, place))
                self._free.put(self._all[-1])
            with self.one() as bench:
                self._look(bench, settings, folder)
        except BaseException:
            self.close()
            raise

    def _look(self, bench: Bench, settings: Project, folder: Path) -> None:
        root = bench.root
        self.commands = stage_commands.commands(root)
        self.score_commands = stage_commands.commands(root, settings.promote.score_stages)
        self.outs = sorted({out for command in self.commands for out in command.outs})
        self.data = dvc_dataset.find(bench.tree, settings.retrain.dataset)
        bench.tools(root, "checkout", "--force", self.data.pointer)
        example = Path(self.data.example(root))
        if not example.is_file():
            raise DataError(
                f"{self.data.path}: no file of the dataset is there", remedy="`dvc pull` it in the repository"
            )
        self.example = folder / f"example{batches.suffixes(example.name)}"
        shutil.copyfile(example, self.example)

    @contextmanager
    def one(self) -> Iterator[Bench]:
        """Wait for a worktree that nobody works in."""
        bench = self._free.get()
        try:
            yield bench
        finally:
            self._free.put(bench)

    def close(self) -> None:
        """End what runs, and leave the repository as it was."""
        self._stop.set()
        for bench in self._all:
            self._repository.git("worktree", "remove", "--force", "--force", str(bench.tree.path))
