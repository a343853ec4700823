import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from driftd.config import Settings, parse
from driftd.errors import ConfigError

SCHEMA = Settings.model_json_schema(by_alias=True)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PROJECT = "repository: /r, source: {path: /s}"
GOOD = {
    "minimal": f"projects: {{a: {{{PROJECT}}}}}",
    "units": f"projects: {{a: {{{PROJECT}, window: {{max_age: 12h, rows: 50}}, retrain: {{cooldown: 90, timeout: 1.5 h}}}}}}",
    "null": f"projects: {{a: {{{PROJECT}, window: {{max_age: null}}, retrain: {{base: null}}}}}}",
    "budget": f"projects: {{a: {{{PROJECT}, drift: {{false_alarms: 1 per 200 windows}}}}}}",
    "budget as a number": f"projects: {{a: {{{PROJECT}, drift: {{false_alarms: 200}}}}}}",
    "environment": f"projects: {{a: {{{PROJECT}, retrain: {{env: {{path: [/v/bin], pass: [AWS_PROFILE]}}}}}}}}",
    "guards": f"projects: {{a: {{{PROJECT}, promote: {{guards: [{{metric: 's.json:*.f', max_drop: 0.05}}], approval: manual}}}}}}",
    "columns": f"projects: {{a: {{{PROJECT}, columns: {{x: numeric}}, labels: [y]}}}}",
    "daemon": f"state_dir: /st\nhttp: {{listen: '[::1]:0'}}\ncompute: {{workers: 4}}\nlog: {{format: json}}\nprojects: {{a: {{{PROJECT}}}}}",
}
BAD = {
    "no project": "projects: {}",
    "unknown": f"nope: 1\nprojects: {{a: {{{PROJECT}}}}}",
    "duration": f"projects: {{a: {{{PROJECT}, window: {{max_age: 1 fortnight}}}}}}",
    "negative": f"projects: {{a: {{{PROJECT}, window: {{max_age: -1}}}}}}",
    "budget": f"projects: {{a: {{{PROJECT}, drift: {{false_alarms: 2 per 3 windows}}}}}}",
    "choice": "projects: {a: {repository: /r, source: {path: /s, after: burn}}}",
    "kind": f"projects: {{a: {{{PROJECT}, columns: {{x: number}}}}}}",
    "name": f"projects: {{A_b: {{{PROJECT}}}}}",
    "range": f"projects: {{a: {{{PROJECT}, promote: {{confidence: 1.5}}}}}}",
    "missing": "projects: {a: {repository: /r}}",
}


def test_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", GOOD)
def test_accepts_what_the_loader_accepts(name, tmp_path):
    parse(GOOD[name], tmp_path / "driftd.yaml")
    VALIDATOR.validate(yaml.safe_load(GOOD[name]))


@pytest.mark.parametrize("name", BAD)
def test_refuses_what_the_loader_refuses(name, tmp_path):
    with pytest.raises(ConfigError):
        parse(BAD[name], tmp_path / "driftd.yaml")
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(yaml.safe_load(BAD[name]))


def sections(model, seen):
    seen.add(model)
    for field in model.model_fields.values():
        stack = [field.annotation]
        while stack:
            kind = stack.pop()
            stack.extend(getattr(kind, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
                sections(kind, seen)
    return seen


@pytest.mark.parametrize("model", sorted(sections(Settings, set()), key=lambda m: m.__name__), ids=lambda m: m.__name__)
def test_every_setting_has_help_and_every_section_too(model):
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no help"


def test_the_file_written_out_in_full_is_valid(tmp_path):
    settings = parse(GOOD["minimal"], tmp_path / "driftd.yaml")
    document = settings.model_dump(mode="json", by_alias=True)
    again = parse(yaml.safe_dump(document), tmp_path / "driftd.yaml")
    assert again == settings
    VALIDATOR.validate(document)
