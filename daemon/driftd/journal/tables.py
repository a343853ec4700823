"""From rows to records and back, for every table alike."""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, get_args

import msgspec

from driftd.journal import records
from driftd.journal.store import Journal

R = TypeVar("R", bound=records.Record)
_PLAIN = (str, bytes, int, float, bool)


class Table(Generic[R]):
    """One table: `where` and `order` are SQL, values are bound to its question marks."""

    def __init__(self, name: str, kind: type[R]) -> None:
        self.name = name
        self._kind = kind
        self._fields = msgspec.structs.fields(kind)
        self._json = {f.name for f in self._fields if not _is_plain(f.type)}
        self._bools = {f.name for f in self._fields if f.type is bool}

    def of(self, journal: Journal, project: str, order: str = "rowid") -> list[R]:
        """Return all rows of a project."""
        return self.all(journal, "project = ?", project, order=order)

    def newest(self, journal: Journal, project: str, by: str = "id") -> R | None:
        """Return the row of a project that has the largest value of a column."""
        return self.first(journal, "project = ?", project, order=f"{by} DESC")

    def all(self, journal: Journal, where: str = "1", *values: object, order: str = "rowid") -> list[R]:
        query = f"SELECT {', '.join(f.name for f in self._fields)} FROM {self.name} WHERE {where} ORDER BY {order}"
        return [self._record(row) for row in journal.rows(query, *values)]

    def first(self, journal: Journal, where: str = "1", *values: object, order: str = "rowid") -> R | None:
        found = self.all(journal, where, *values, order=f"{order} LIMIT 1")
        return found[0] if found else None

    def get(self, journal: Journal, key: int | str) -> R:
        """Return the row of a key, which must be there."""
        column = self._fields[0].name
        found = self.first(journal, f"{column} = ?", key)
        if found is None:
            raise KeyError(f"{self.name}: no row {key!r}")
        return found

    def count(self, journal: Journal, where: str = "1", *values: object) -> int:
        return int(journal.rows(f"SELECT count(*) AS n FROM {self.name} WHERE {where}", *values)[0]["n"])

    def add(self, journal: Journal, **values: object) -> int:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        return journal.run(f"INSERT INTO {self.name} ({names}) VALUES ({marks})", *self._bound(values))

    def update(self, journal: Journal, key: int | str, **values: object) -> None:
        """Change the row of a key."""
        self.set(journal, f"{self._fields[0].name} = ?", key, **values)

    def set(self, journal: Journal, where: str, *keys: object, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        journal.run(f"UPDATE {self.name} SET {names} WHERE {where}", *self._bound(values), *keys)

    def _bound(self, values: Mapping[str, object]) -> Iterable[object]:
        for name, value in values.items():
            yield msgspec.json.encode(value).decode() if name in self._json and value is not None else value

    def _record(self, row: dict[str, Any]) -> R:
        for name in self._json:
            if row[name] is not None:
                row[name] = msgspec.json.decode(row[name])
        for name in self._bools:
            row[name] = bool(row[name])
        return msgspec.convert(row, self._kind)


def _is_plain(kind: Any) -> bool:
    options = [option for option in (get_args(kind) or (kind,)) if option is not type(None)]
    return all(isinstance(option, type) and issubclass(option, _PLAIN) for option in options) and not (
        get_args(kind) and getattr(kind, "__origin__", None) in (list, dict, tuple)
    )


projects = Table("projects", records.ProjectRow)
files = Table("files", records.File)
ignored = Table("ignored", records.Ignored)
references = Table("reference_profiles", records.Reference)
windows = Table("windows", records.Window)
seasons = Table("seasons", records.Season)
incidents = Table("incidents", records.Incident)
runs = Table("runs", records.Run)
steps = Table("steps", records.Step)
models = Table("models", records.Model)
assignments = Table("assignments", records.Assignment)
scorings = Table("scorings", records.Scoring)
probations = Table("probations", records.Probation)
hooks = Table("hooks", records.HookRow)
requests = Table("requests", records.Request)
events = Table("events", records.Event)
