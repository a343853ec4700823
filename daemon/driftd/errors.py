"""Every error that driftd raises on purpose.

DriftdError                      exit  raised when
├── UsageError                    2    the command was called with words that do not fit
├── ConfigError                   3    a settings file is wrong; names file, line and remedy
├── DataError                     4    data that a person gave cannot be used
│   ├── UnreadableFileError       4    a file is not what its name says, is damaged, or nobody may read it
│   ├── SchemaMismatchError       4    a column is missing or of another kind than the project's
│   └── TooManyBadRowsError       4    more rows than `intake.bad_rows` allows cannot be read
├── OperationError                5    something that driftd tried did not work
│   ├── CommandError              5    a program (git, dvc, a stage) failed; carries its output
│   ├── CommandTimeoutError       5    a program ran longer than it may
│   ├── CommandLimitError         5    a program used more memory or disk than it may
│   ├── JournalError              5    the journal cannot be opened, read or written
│   └── RepositoryError           5    the DVC repository is not in a state that driftd can work with
└── RefusedError                  5    driftd could, but must not: a limit, a gate or a missing token
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a `driftd` command ends with."""

    DONE = 0
    DRIFT = 1
    USAGE = 2
    CONFIG = 3
    DATA = 4
    FAILED = 5


class DriftdError(Exception):
    """An error that a person can act on: what happened, where, and the remedy."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # keyword arguments do not survive the default pickling, and workers raise these across processes
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[DriftdError], args: tuple[object, ...], state: dict[str, object]) -> DriftdError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(DriftdError):
    """The command was called with words that do not fit."""

    exit_code = ExitCode.USAGE


class ConfigError(DriftdError):
    """A settings file is wrong."""

    exit_code = ExitCode.CONFIG


class DataError(DriftdError):
    """Data that a person gave cannot be used."""

    exit_code = ExitCode.DATA


class UnreadableFileError(DataError):
    """A file is not what its name says, is damaged, or may not be read."""


class SchemaMismatchError(DataError):
    """A column is missing or of another kind than the project's."""


class TooManyBadRowsError(DataError):
    """More rows than `intake.bad_rows` allows cannot be read."""


class OperationError(DriftdError):
    """Something that driftd tried did not work."""


class CommandError(OperationError):
    """A program failed."""

    def __init__(self, message: str, *, output: str = "", code: int | None = None, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.output = output
        self.code = code


class CommandTimeoutError(CommandError):
    """A program ran longer than it may."""


class CommandLimitError(CommandError):
    """A program used more memory or disk than it may."""


class JournalError(OperationError):
    """The journal cannot be opened, read or written."""


class RepositoryError(OperationError):
    """The DVC repository is not in a state that driftd can work with."""


class RefusedError(DriftdError):
    """Something that driftd could do but must not."""
