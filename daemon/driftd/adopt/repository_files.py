"""Files of a repository as they are at a commit: from git, from DVC's cache, or else as they lie in the working tree. Only ever read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from driftd.adopt.stage_graph import Out
from driftd.retrain.repository.worktree import Repository


@dataclass(frozen=True)
class Contents:
    """`into` is a folder of one's own, in which files get the names by which readers know their form."""

    repository: Repository
    commit: str
    into: Path

    def text(self, path: str) -> str | None:
        """Return a file that git tracks."""
        content = self.repository.read(self.commit, path)
        return None if content is None else content.decode("utf-8", errors="replace")

    def file(self, out: Out) -> Path | None:
        """Return an output or a dataset that is one file, if it can be had without a remote."""
        if (content := self.repository.read(self.commit, out.path)) is not None:
            path = self._named(out.path)
            path.write_bytes(content)
            return path
        return self._linked(out.path, out.md5)

    def files(self, out: Out) -> Iterator[Path]:
        """Yield the files of an output or a dataset, in the order of their names, as far as they are there."""
        if not out.folder:
            single = self.file(out) if out.md5 else None
            yield from [single] if single else self._lying(out.path)
            return
        listing = self._object(out.md5)
        if listing is None:
            yield from self._lying(out.path)
            return
        for entry in sorted(json.loads(listing.read_bytes()), key=lambda entry: str(entry["relpath"])):
            if found := self._linked(f"{out.path}/{entry['relpath']}", entry["md5"]):
                yield found

    def _lying(self, path: str) -> Iterator[Path]:
        lies = self.repository.folder / path
        yield from sorted(each for each in ([lies] if lies.is_file() else lies.rglob("*")) if each.is_file())

    def _linked(self, path: str, md5: str | None) -> Path | None:
        lies = self.repository.folder / path
        kept = self._object(md5) or (lies if lies.is_file() else None)
        if kept is None:
            return None
        named = self._named(path)
        if not named.is_symlink():
            named.symlink_to(kept.absolute())
        return named

    def _named(self, path: str) -> Path:
        named = self.into / PurePosixPath(path)
        named.parent.mkdir(parents=True, exist_ok=True)
        return named

    def _object(self, md5: str | None) -> Path | None:
        if not md5:
            return None
        cache = self.repository.cache()
        places = (cache / "files" / "md5" / md5[:2] / md5[2:], cache / md5[:2] / md5[2:])  # the second is that of DVC 2
        return next((place for place in places if place.is_file()), None)
