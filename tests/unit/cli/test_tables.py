"""What commands print of a state that holds everything: within 80 columns, plain in a pipe, and deaf to hostile names."""

import json
import sys
import unicodedata

import pytest

from driftd.cli import main as cli
from driftd.cli.main import build_app
from support.daemon import write_settings
from support.seeded import SCRIPT, TURNED, seed

NAMES = ("addresses", "invoices", "orders", "sensors", "hostile")
COMMANDS = {
    "status": "status",
    "history hostile": "history",
    "history orders -n 5": "history",
    "incidents list --all": "incidents",
    "quarantine list": "quarantine",
    "show 2": "run",
    "show addresses@v2.0.0": "model",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    seed(folder / "state")
    projects = {name: {"repository": str(folder), "source": {"path": str(folder / "in" / name)}} for name in NAMES}
    return write_settings(folder, projects)


def told(command, settings, capsys) -> str:
    build_app()([*command.split(), "-c", str(settings)], standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_fit_eighty_columns_and_pipe_cleanly(command, settings, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = told(command, settings, capsys)
    assert said
    # lines of prose are left to the terminal to break; nothing of a table may be
    assert max(len(line) for line in said.splitlines() if "  " in line.strip() and "daemon" not in line) <= 80
    assert not [c for c in said if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]


@pytest.mark.parametrize("command", ["show", "logs", "approve", "incidents dismiss", "quarantine drop"])
def test_a_number_that_no_journal_gives_is_a_mistake(command, settings, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["driftd", *command.split(), "9" * 5000, "-c", str(settings)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_one_document(command, settings, capsys):
    assert json.loads(told(f"{command} --json", settings, capsys))


def test_a_hostile_name_is_shown_as_text(settings, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    said = told("quarantine list hostile", settings, capsys)
    assert TURNED not in said
    assert "\\u202egnp.exe" in said
    assert "\\x1b[31mred\\x07" in said
    assert SCRIPT in told("history hostile", settings, capsys)


def test_where_a_refused_file_lies_is_said(settings, capsys):
    file, *_ = json.loads(told("quarantine list invoices --json", settings, capsys))
    assert f"retry {file['id']}` takes it as it is now: mend {file['location']}" in told(
        "quarantine list invoices", settings, capsys
    )


def test_a_name_of_ten_thousand_characters_leaves_room_for_the_others(settings, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert len(told("quarantine list hostile", settings, capsys).splitlines()) < 60
    assert len(told("status", settings, capsys).splitlines()) < 80


def test_a_run_shows_the_bounds_of_a_change_where_its_decision_has_them(settings, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert "+0.453 and +0.533" in told("show 2", settings, capsys)
    older = told("show 4", settings, capsys)
    assert "ents_f" in older
    assert "+0.002" in older
    assert "between" not in older
