"""`driftd runbook`: what an alert asks for, on any machine that has driftd."""

from pathlib import Path

import pytest

from driftd.cli.main import build_app
from driftd.errors import UsageError

RUNBOOKS = {path.stem: path.read_text() for path in (Path(__file__).parents[4] / "docs" / "runbooks").glob("*.md")}


def said(capsys, *words):
    build_app()(["runbook", *words], standalone_mode=False)
    return capsys.readouterr().out


def test_it_is_printed_as_it_ships_and_needs_no_settings(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIFTD_CONFIG", str(tmp_path / "none.yaml"))
    assert said(capsys, "DriftdDown") == RUNBOOKS["DriftdDown"]


def test_without_a_name_it_lists_all(capsys):
    assert said(capsys).split() == sorted(RUNBOOKS)


@pytest.mark.parametrize(
    ("name", "remedy"), [("DriftdDwon", "did you mean DriftdDown?"), ("../../README", "there are: Driftd")]
)
def test_another_name_is_refused_with_what_was_meant(capsys, name, remedy):
    with pytest.raises(UsageError) as refused:
        said(capsys, name)
    assert remedy in str(refused.value.remedy)
