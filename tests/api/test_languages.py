"""The languages: what is asked for, how a sentence is filled in, and that every translation holds what its sentence holds."""

import re
from threading import Thread

import pytest
from jinja2 import Environment
from markupsafe import Markup

from backends.api import languages
from backends.api.languages import _po, later, plural, tr

FIELD = re.compile(r"(?<!\{)\{(\w+)[^{}]*\}")
SAID = "Place {place} in the queue: {count} run is before it. It starts by itself."
SAID_MANY = "Place {place} in the queue: {count} runs are before it. It starts by itself."


def messages():
    return _po.read_folder(languages.FOLDER / "de")


def fields(text):
    return set(FIELD.findall(text))


def test_every_field_of_a_sentence_is_in_its_translation_and_no_other():
    assert len(messages()) > 1000
    for one in messages():
        for text in filter(None, one.texts):
            assert fields(text) == fields(one.source), one.source


def test_no_sentence_stands_twice_in_the_catalogue():
    sources = [one.source for one in messages()]
    assert len(sources) == len(set(sources))


def test_a_translation_begins_and_ends_with_the_spaces_of_its_sentence():
    for one in messages():
        for text in filter(None, one.texts):
            assert (text[0] == " ", text[-1] == " ") == (one.source[0] == " ", one.source[-1] == " "), one.source


def test_a_file_of_the_catalogue_reads_as_it_was_written():
    for path in (languages.FOLDER / "de").glob("*.po"):
        text = path.read_text("utf-8")
        assert _po.written(_po.read(text), "de") == text


@pytest.mark.parametrize("asked", [None, "", "xx", "DE", "de/../en", "<script>", "en"])
def test_any_language_that_there_is_not_is_english(asked):
    with languages.speaking(asked):
        assert (languages.current(), tr("Cancel")) == ("en", "Cancel")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("fr;q=0.9, de;q=0.5", "de"),
        ("fr, it", "en"),
        ("de;q=0", "en"),
        (";;;,q=,de;q=x", "de"),
    ],
)
def test_a_browser_gets_the_first_of_our_languages_that_it_asks_for(accepted, language):
    assert languages.preferred(accepted) == language


def test_numbers_and_plurals_are_written_as_the_language_writes_them():
    with languages.speaking("de"):
        assert tr("{forget:,} {noun} to forget, {keep:,} to keep", forget=1234, noun="Bilder", keep=5).startswith(
            "1.234 "
        )
        assert tr("{name} ({share:.1f} % of the images)", name="Bag", share=1.25) == "Bag (1,2 % der Bilder)"
        assert plural(SAID, SAID_MANY, 1, place=2) != plural(SAID, SAID_MANY, 3, place=4)
        assert "3 Läufe" in plural(SAID, SAID_MANY, 3, place=4)
    assert plural(SAID, SAID_MANY, 1, place=2).startswith("Place 2 in the queue: 1 run is")


def test_what_is_put_into_a_sentence_is_escaped_where_one_of_it_is_html():
    filled = tr("{name} ({reason})", name=Markup("<b>a</b>"), reason="<i>")
    assert filled == "<b>a</b> (&lt;i&gt;)" and isinstance(filled, Markup)
    assert tr("{name}", name="<i>") == "<i>"


def test_a_constant_says_itself_where_it_is_shown_and_stays_english_where_it_is_compared():
    word = later("Cancel")
    template = Environment(autoescape=True).from_string("{{ word }}")
    with languages.speaking("de"):
        assert (f"{word}", str(word), template.render(word=word)) == ("Abbrechen",) * 3
        assert word == "Cancel" and {"Cancel": 1}[word] == 1
    assert (f"{word}", template.render(word=word)) == ("Cancel", "Cancel")


def test_another_thread_does_not_speak_the_language_of_this_one():
    heard = []
    with languages.speaking("de"):
        other = Thread(target=lambda: heard.append(languages.current()))
        other.start()
        other.join()
    assert heard == ["en"]
