import pytest

from support.parts import require


def test_a_missing_program_skips_by_name(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no-such-program is missing; `make test-services`"):
        require("no-such-program")


def test_in_ci_it_fails(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing"):
        require("no-such-program")


def test_a_program_that_is_there_is_named_by_its_path():
    assert require("sh").endswith("/sh")
