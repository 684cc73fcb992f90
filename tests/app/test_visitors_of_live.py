"""Who asks the warm processes, as the pages know it: each page its own visitor."""

from types import SimpleNamespace

from gradio.context import LocalContext

from app.inference import Answers
from backends.api.live import Live


def test_a_page_is_a_visitor_and_a_look_goes_to_the_process_for_long_ones(monkeypatch):
    asked = []
    monkeypatch.setattr(Live, "ask", lambda self, op, visitor, **args: asked.append((self, op, visitor, args)))
    answers = Answers()
    token = LocalContext.request.set(SimpleNamespace(session_hash="a-page"))
    try:
        answers.ask("ping")
        answers.ask("export", run="r")
    finally:
        LocalContext.request.reset(token)
    answers.ask("ping")
    quick, long = answers._quick, answers._long
    assert asked == [
        (quick, "ping", "a-page", {}),
        (long, "export", "a-page", {"run": "r"}),
        (quick, "ping", "", {}),
    ]
