"""The studio in German: each page in the language of its address, the same parts in both, and nothing in English that is translated."""

import html
import json
import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from app import server
from backends.api import languages

HEADERS = {"Accept-Encoding": "identity", "Accept": "text/html"}
RUN = "example-author-hidden"
SHOWN = (
    "label",
    "info",
    "placeholder",
    "headers",
    "title",
)  # what Gradio shows of a part, beside choices and the value of these:
VALUED = ("html", "button", "markdown")
SPOKEN = ("aria-label", "title", "alt", "placeholder")


@pytest.fixture(scope="module")
def client(new_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(new_home()))
        with TestClient(server.create_app(), headers=HEADERS) as made:
            yield made


class Texts(HTMLParser):
    """The texts of HTML as a person reads or hears them."""

    def __init__(self):
        super().__init__()
        self.texts, self.silent = [], 0

    def handle_starttag(self, tag, attrs):
        self.silent += tag in ("script", "style", "code")
        self.texts += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag):
        self.silent -= tag in ("script", "style", "code")

    def handle_data(self, data):
        if not self.silent:
            self.texts.append(data)


def texts(value):
    """Every text in a value of the configuration."""
    if isinstance(value, str):
        if "<" not in value:
            return [value.strip()]
        parser = Texts()
        parser.feed(value)
        return [html.unescape(text).strip() for text in parser.texts]
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list | tuple) else []


def config(client, page, language):
    return client.get(f"/config?page={page}&lang={language}").json()


def shown(parts):
    """What a person reads of these parts of a page. Of the choices of a parameter the values are their own names."""
    found = []
    for part in parts:
        props = part["props"]
        values = [props.get(name) for name in (*SHOWN, *(["value"] * (part["type"] in VALUED)))]
        values += [name for name, value in props.get("choices") or [] if name != value]
        found += texts(values)
    return {text for text in found if text}


def pages(client):
    return [path for path, *_ in config(client, "", "en")["pages"]]


def test_the_pages_of_both_languages_have_the_same_parts_and_events(client):
    for page in pages(client):
        english, german = config(client, page, "en"), config(client, page, "de")
        assert [(one["id"], one["type"]) for one in english["components"]] == [
            (one["id"], one["type"]) for one in german["components"]
        ]
        assert json.dumps(english["dependencies"]) == json.dumps(german["dependencies"])
        assert english["layout"] == german["layout"]


def test_no_sentence_that_is_translated_shows_in_english_on_a_german_page(client):
    german = {one.source: one.texts[0] for one in languages.messages("de").values() if one.texts[0] != one.source}
    for page in pages(client):
        texts_shown = shown(config(client, page, "de")["components"])
        assert len(texts_shown) > 1, page
        english = {text for text in texts_shown if text in german}
        assert not english, page


def test_no_field_of_a_sentence_shows_on_any_page(client):
    for page in pages(client):
        for language in languages.NAMES:
            for text in shown(config(client, page, language)["components"]):
                assert not re.search(r"\{[a-z_]+(:[^}]*)?\}", text) or "LETHE" in text or "STUDIO" in text, text


def test_a_page_says_its_language_and_any_other_name_is_english(client):
    assert '<html lang="de"' in re.sub(r"<html\s+", "<html ", client.get("/?lang=de").text)
    for other in ("", "?lang=xx", "?lang=en", "?lang=DE"):
        page = client.get(f"/{other}").text
        assert 'lang="de"' not in page and "Make a model forget. See what is left." in page
    assert "Lass ein Modell vergessen. Sieh, was bleibt." in client.get("/?lang=de").text


def test_a_german_run_shows_its_verdict_in_german(client):
    page = client.get(f"/run?id={RUN}&lang=de").text
    for words in ("Wirklich weg?", "gültigen Tests bringen es zurück", "Ansehen", "Kommt es zurück?"):
        assert words in page
    assert "bring it back" not in page and "bring it back" in client.get(f"/run?id={RUN}").text


def test_a_first_visit_leads_to_the_language_that_the_browser_asks_for(client):
    german = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
    for path, query in (("/", ""), ("/run", "id=a&tab=ask"), ("/classroom/hidden_or_erased", "projector=1")):
        answer = client.get(f"{path}?{query}", headers=german, follow_redirects=False)
        assert answer.status_code == 307 and answer.headers["vary"] == "Accept-Language"
        assert answer.headers["location"] == f"?{query}{'&' * bool(query)}lang=de"
    assert client.get("/?lang=en", headers=german, follow_redirects=False).status_code == 200
    assert client.get("/", headers={"Accept-Language": "fr,en"}, follow_redirects=False).status_code == 200
    for program in ("/config", "/healthz", "/gradio_api/info"):
        assert client.get(program, headers=german, follow_redirects=False).status_code == 200


def test_an_event_answers_in_the_language_of_its_page(client):
    home = config(client, "", "en")["dependencies"]
    arriving = next(one for one in home if not one["queue"] and [len(one["inputs"]), len(one["outputs"])] == [1, 2])
    for query, words in (("lang=de", "Deine Läufe"), ("lang=xx", "Your runs"), ("", "Your runs")):
        event = {"fn_index": arriving["id"], "data": [""], "session_hash": "german"}
        answer = client.post(f"/gradio_api/run/predict?{query}", json=event)
        assert words in answer.json()["data"][1]
