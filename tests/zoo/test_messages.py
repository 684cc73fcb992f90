"""The catalogue of translations holds what the code says, no less and no more."""

import pytest

from backends.api import languages
from backends.api.languages import _po
from backends.zoo import _messages
from backends.zoo import languages as command

UNTRANSLATED = 50  # sentences at most, long ones on where a method departs from its paper


@pytest.fixture
def said(new_home, monkeypatch):
    monkeypatch.setenv("LETHE_HOME", str(new_home()))
    return command.catalogue("de")


def test_every_sentence_of_the_code_and_the_catalog_is_in_the_catalogue(said):
    for name, messages in said.items():
        written = (languages.FOLDER / "de" / f"{name}.po").read_text("utf-8")
        assert _po.written(messages, "de") == written, "python -m backends.zoo languages --write"


def test_nearly_every_sentence_is_translated(said):
    missing = [one.source for messages in said.values() for one in messages if not all(one.texts)]
    assert len(missing) <= UNTRANSLATED


def test_sentences_are_found_in_code_templates_and_scripts():
    places = {place: text for text, _, place in _messages.every_of_code()}
    for part in ("app/families/", "pages/studio/", "backends/api/", "app/templates/", "app/static/"):
        assert any(place.startswith(part) for place in places), part
