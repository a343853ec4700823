"""How far a command is: shown to a person at a terminal, and to nobody else."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from driftd.cli import output
from driftd.cli.main import build_app
from support.daemon import write_settings
from support.seeded import SIGNALS, seed


def test_progress_says_what_is_done_and_goes_away():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    lines = [{"row_end": 500}, {"incident": 1}, {"row_end": 70_000}]
    assert list(output.track(lines, "rows judged", console, done=lambda line: line.get("row_end"))) == lines
    said = screen.getvalue()
    assert "rows judged 70,000" in said
    assert said.endswith("\x1b[2K"), "the last thing is that its line is emptied"
    screen.truncate(0)
    assert list(output.track("ab", "files read", console, total=2)) == ["a", "b"]
    assert "2 of 2" in screen.getvalue()


@pytest.mark.parametrize(
    ("errors", "lines", "quiet", "place"),
    [
        (True, True, False, "lines"),
        (True, False, False, "errors"),
        (False, True, False, None),
        (False, False, False, None),
        (True, True, True, None),
    ],
)
def test_progress_is_for_a_terminal_and_not_beside_json(monkeypatch, errors, lines, quiet, place):
    monkeypatch.setattr(sys, "stderr", Screen(errors))
    console = Console(file=Screen(lines))
    found = output.watched(console, quiet=quiet)
    assert {None: found is None, "lines": found is console, "errors": found is not None and found.stderr}[place]


class Screen(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("check") / "rows.csv"
    rows = "".join(f"{n % 7},{'xyz'[n % 3]}\n" for n in range(600))
    path.write_text(f"amount,[red]{SIGNALS}{'n' * 300}\n{rows}")
    return path


@pytest.mark.parametrize("command", ["check {0} {0}", "replay {0} --reference-rows 200 --batch-rows 100"])
def test_what_check_and_replay_print_fits_and_is_plain(table, capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    build_app()(command.format(table).split(), standalone_mode=False)
    said, errors = capsys.readouterr()
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said
    assert errors == ""
    if command.startswith("check"):
        assert "[red]\\x1b[31mred" in said.replace("\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("driftd re", {"replay", "report", "resume", "reject"}),
        ("driftd status inv", {"invoices"}),
        ("driftd show addresses@", {"addresses@v1.0.0", "addresses@v2.0.0"}),
    ],
)
def test_the_shell_completes_commands_projects_and_models(tmp_path, words, offered):
    seed(tmp_path / "state")
    settings = write_settings(
        tmp_path, {"invoices": {"repository": str(tmp_path), "source": {"path": str(tmp_path / "in")}}}
    )
    env = {
        "_DRIFTD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "DRIFTD_CONFIG": str(settings),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'driftd'; from driftd.cli.main import main; main()"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered
