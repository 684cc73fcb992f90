"""The catalog as a document: everything that is there, and a plain word where a card or lesson lacks something."""

import json
import subprocess
import sys

import pytest

from backends import catalog
from backends.api import files, people
from backends.api.catalog import KINDS, Catalog
from backends.api.errors import LetheError


def test_it_holds_what_the_registry_and_the_cards_say():
    made = catalog.build()
    assert {"fine_tune"} <= {method.id for method in made.methods}
    assert [method.order for method in made.methods] == sorted(method.order for method in made.methods)
    for model in made.models:
        assert (
            model.works_with == {model.family: True}
            and any(model.card.get(name) for name in ("classes", "domains", "ranges"))
            | bool(people.load(model.data).names)
            and model.data in {d.id for d in made.data}
        )
    assert Catalog.model_validate(json.loads(files.dumps(made.model_dump()))) == made


def test_every_method_says_what_it_does_to_a_model():
    made = catalog.build()
    assert {method.kind for method in made.methods} == set(KINDS)
    for method in made.methods:
        assert (method.kind == "hide") == method.guard, f"{method.id} leaves the weights as they are, or does not"
        assert not method.reference or method.kind == "retain", method.id


def test_lessons_are_read_without_being_run(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "LESSONS", tmp_path)
    (tmp_path / "02_later.py").write_text('"""Second.\n\nOne\nparagraph.\n\nAnother.\n"""\nraise SystemExit')
    (tmp_path / "01_first_steps.py").write_text('"""First.\n\nWhat it is.\n"""\n')
    (tmp_path / "_shared.py").write_text("1 / 0")
    assert [lesson.model_dump() for lesson in catalog._lessons()] == [
        {"id": "first_steps", "title": "First.", "summary": "What it is.", "minutes": 1},
        {"id": "later", "title": "Second.", "summary": "One paragraph.", "minutes": 1},
    ]


@pytest.mark.parametrize("text", ["x = 1", '"""Only a title."""'])
def test_a_lesson_without_a_summary(tmp_path, monkeypatch, text):
    monkeypatch.setattr(catalog, "LESSONS", tmp_path)
    (tmp_path / "01_x.py").write_text(text)
    with pytest.raises(LetheError, match=r"01_x\.py needs a docstring"):
        catalog._lessons()


@pytest.mark.parametrize("missing", ["title", "data", "family"])
def test_a_card_that_lacks_something(tmp_path, monkeypatch, missing):
    card = {
        "title": "T", "summary": "S", "source": {"title": "x"}, "family": "classifier", "data": "d",
        "default_forget": ["a"], "default_method": "m",
    }  # fmt: skip
    files.write_json(tmp_path / "models" / "m" / "card.json", {k: v for k, v in card.items() if k != missing})
    monkeypatch.setattr(catalog, "ASSETS", tmp_path)
    with pytest.raises(LetheError, match=f"models/m/card.json says nothing about '{missing}'"):
        catalog._models()


@pytest.mark.slow
def test_as_a_command_it_replaces_older_ones(tmp_path):
    old, other = tmp_path / "catalog-old.json", tmp_path / "precision.json"
    old.write_text("{}"), other.write_text("{}")
    path = tmp_path / "catalog-new.json"
    assert subprocess.run([sys.executable, "-m", "backends.catalog", str(path)]).returncode == 0
    assert Catalog.model_validate(files.read_json(path)).methods
    assert not old.exists() and other.exists()


def test_a_place_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["catalog", str(tmp_path / "file" / "c.json")])
    monkeypatch.setattr(
        catalog,
        "build",
        lambda: Catalog(models=[], data=[], methods=[], metrics=[], inspectors=[], attacks=[], lessons=[]),
    )
    with pytest.raises(SystemExit, match="could not be written"):
        catalog.main()
