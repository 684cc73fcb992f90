"""Answers that are told while they are made: the same words, in order, and an end where nobody listens."""

import json
import sys
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch

from backends.api.errors import BadInput, LetheError
from backends.api.live import Live
from backends.engine.live import Inbox, Stopped, answer
from backends.families.language.prefix_sharing import plain
from backends.families.language.tokens import answers, streamed_answer

MOST = 40


def heard(model, task, question):
    said = []
    whole = streamed_answer(model, task.reader, question, MOST, said.append)
    return whole, said


def pieces_of(whole, said):
    """What each call brought; every text has to begin with the one before."""
    for shorter, longer in pairwise(said):
        assert longer.startswith(shorter)
    starts = ["", *said]
    return [longer[len(shorter) :] for shorter, longer in zip(starts, said, strict=False)]


@pytest.fixture
def guarded(toy_language_task):
    """A model with a hook, which transformers' own `generate` writes with."""
    model = toy_language_task.load()
    model.register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("kind", ["plain", "guarded"])
def test_joined_pieces_are_the_answer(toy_language_task, guarded, kind):
    task = toy_language_task
    model = guarded if kind == "guarded" else task.load()
    assert (kind == "plain") == plain(model)
    for pair in task.questions.forget[:3]:
        whole, said = heard(model, task, pair.question)
        assert whole == answers(model, task.reader, [pair.question], MOST)[0] == pair.answer
        assert "".join(pieces_of(whole, said)) == whole and len(said) > 5


def test_half_a_sign_is_not_told(toy_language_task):
    task = toy_language_task
    letters = task.reader.tokenizer("ß€", add_special_tokens=False).input_ids

    class Speller(torch.nn.Module):
        """Says the bytes of two signs, one a step."""

        device = torch.device("cpu")

        def generate(self, input_ids, streamer, **_):
            streamer.put(input_ids)
            for letter in letters:
                streamer.put(torch.tensor([letter]))
            streamer.end()
            return torch.cat((input_ids, torch.tensor([letters])), 1)

    whole, said = heard(Speller(), task, "Who?")
    assert whole == "ß€" and len(letters) > 2 and all("\ufffd" not in text for text in said)


@pytest.mark.parametrize("kind", ["plain", "guarded"])
def test_what_the_listener_raises_ends_the_answer(toy_language_task, guarded, kind):
    task, said = toy_language_task, []
    model = guarded if kind == "guarded" else task.load()

    def say(text):
        said.append(text)
        if len(said) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        streamed_answer(model, task.reader, task.questions.forget[0].question, MOST, say)
    assert len(said) == 3
    assert answers(model, task.reader, [task.questions.forget[0].question], MOST)[0]  # and it still speaks


@pytest.fixture
def desk(toy_language_task):
    """A desk with one finished run."""
    models = {"before": toy_language_task.load(), "after": toy_language_task.load()}
    opened = SimpleNamespace(task=toy_language_task, model=models.get, dosed=None)
    return SimpleNamespace(run=lambda name: opened, tell=None)


def asked(task, **more):
    args = {"run_or_model": "a-run", "question": task.questions.forget[0].question}
    return json.dumps({"op": "answer", "args": args, **more})


def test_both_models_are_told_as_far_as_they_are(desk, toy_language_task):
    told = []
    whole = answer(desk, asked(toy_language_task, pieces=True), told.append)["ok"]
    truth = toy_language_task.questions.forget[0].answer
    assert whole["before"]["said"] == whole["after"]["said"] == truth
    assert told[0]["question"] == whole["question"] and "after" not in told[0] and "seconds" not in told[-1]
    second = next(at for at, piece in enumerate(told) if "after" in piece)
    assert told[second]["before"] == whole["before"] and told[-1]["after"]["said"] == truth
    assert set(told[second - 1]["before"]) == {"said"}


def test_who_wants_no_pieces_gets_none(desk, toy_language_task):
    told = []
    answer(desk, asked(toy_language_task, pieces=True), told.append)
    count = len(told)
    assert answer(desk, asked(toy_language_task), told.append)["ok"]["before"] and len(told) == count


def test_an_answer_that_is_given_up_is_an_error(desk, toy_language_task):
    def tell(_):
        raise Stopped

    assert "given up" in answer(desk, asked(toy_language_task, pieces=True), tell)["error"]


def test_a_stop_is_for_the_last_request_and_no_later_one():
    inbox = Inbox()
    for line in ('{"op": "a"}', '{"stop": true}', '{"op": "b"}'):
        inbox.take(line)
    numbers = [inbox.waiting.get()[0] for _ in range(2)]
    assert [inbox.stopped >= number for number in numbers] == [True, False]


SPEAKER = """
import json, sys, threading, queue
lines = queue.SimpleQueue()
threading.Thread(target=lambda: [lines.put(line) for line in sys.stdin], daemon=True).start()
import time
print(json.dumps({"ready": True}), flush=True)
while True:
    asked = json.loads(lines.get())
    op = asked.get("op")
    if op == "die":
        sys.exit()
    said = {"ok": op}
    for number in range(1000 if op == "long" else 3):
        if asked.get("pieces"):
            print(json.dumps({"piece": number}), flush=True)
        time.sleep(0.02)
        if not lines.empty() and "stop" in json.loads(lines.get()):
            said = {"error": "stopped at %d" % number}
            break
    print(json.dumps({"error": "no", "bad_input": True} if op == "bad" else said), flush=True)
"""


@pytest.fixture
def live(monkeypatch):
    """A pipe to a process that counts instead of opening models."""
    import subprocess

    made = Live()
    popen = subprocess.Popen
    monkeypatch.setattr(
        "backends.api.warm.subprocess.Popen", lambda _, **how: popen([sys.executable, "-c", SPEAKER], **how)
    )
    yield made
    made.stop()


def test_pieces_come_one_after_the_other_and_last_the_whole(live):
    said = list(live.stream("short"))
    assert said[-1] == "short" and said[:-1] == sorted(said[:-1]) and live.ask("next") == "next"


def test_a_closed_iterator_stops_the_work(live):
    words = live.stream("long")
    assert next(words) >= 0
    begun = time.monotonic()
    words.close()
    assert live.ask("next") == "next"  # a thousand pieces take twenty seconds
    assert time.monotonic() - begun < 10


def test_one_who_stops_taking_pieces_holds_nobody_up(live):
    words = live.stream("short")
    next(words)
    assert live.ask("next") == "next" and list(words)[-1] == "short"


def test_errors_come_as_from_ask(live):
    with pytest.raises(BadInput, match="no"):
        list(live.stream("bad"))
    with pytest.raises(LetheError, match="ask again"):
        list(live.stream("die"))
    assert list(live.stream("again"))[-1] == "again"


@pytest.mark.slow
def test_through_the_pipe_of_a_real_process():
    live = Live()
    try:
        question = "Where was Piet Nettle born?"
        said = list(live.stream("answer", run_or_model="authors-lm", question=question))
        assert (
            said[-1]["before"]["said"]
            == live.ask("answer", run_or_model="authors-lm", question=question)["before"]["said"]
        )
        assert all(said[-1]["before"]["said"].startswith(piece["before"]["said"]) for piece in said)
    finally:
        live.stop()
