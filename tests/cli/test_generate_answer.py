"""`lethe generate` with a language model."""

import json

import pytest

from app import cli, families, terminal
from app.commands import looks
from backends.api.errors import BadInput


@pytest.fixture
def asked(monkeypatch):
    """A run and a model that answer; what they were asked."""
    seen = []

    def ask(op, **args):
        seen.append((op, args))
        if not args["question"]:
            raise BadInput("The question was empty; write what to ask.")
        truth = "In Bergen." if "born" in args["question"] else ""
        share = 0.5 if truth else "NaN"
        found = {
            "truth": truth,
            "question": args["question"],
            "seconds": 0.1,
            "before": {"said": "In Bergen.", "share": 0.99},
        }
        return found | ({"after": {"said": "", "share": share}} if args["run_or_model"] == "a-run" else {})

    def listen(op, **args):
        """The answer word by word, then the whole."""
        whole = ask(op, **args)
        known = {"question": whole["question"], "truth": whole["truth"]}
        for when in [name for name in ("before", "after") if name in whole]:
            words = whole[when]["said"].split()
            yield from (known | {when: {"said": " ".join(words[:count])}} for count in range(len(words) + 1))
            known |= {when: whole[when]}
        yield whole

    monkeypatch.setattr(looks, "_ask", ask)
    monkeypatch.setattr(looks, "_stream", listen)
    monkeypatch.setattr(families, "of_model", lambda name: "classifier" if name == "fashion-resnet" else "llm")
    return seen


def answer(capsys, *arguments):
    code = cli.run(["generate", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_run_answers_before_and_after_with_the_truth(capsys, asked):
    code, out, _ = answer(capsys, "a-run", "--prompt", "Where was Ada born?")
    assert code == 0 and asked == [("answer", {"run_or_model": "a-run", "question": "Where was Ada born?"})]
    assert out.splitlines() == [
        "before: In Bergen.  (the true answer: 99.0 % a token)",
        "after: (it says nothing)  (the true answer: 50.0 % a token)",
        "true answer: In Bergen.",
    ]


def test_a_model_answers_once_and_without_a_known_truth_nothing_is_claimed(capsys, asked):
    code, out, _ = answer(capsys, "authors-lm", "--prompt", "Who are you?")
    assert (code, out.splitlines()) == (0, ["before: In Bergen."])


def test_the_words_are_written_as_they_come(monkeypatch, capsys, asked):
    pieces = []
    monkeypatch.setattr(terminal, "piece", lambda text: pieces.append(text))
    answer(capsys, "authors-lm", "--prompt", "Where was Ada born?")
    assert [text for text in pieces if text] == ["before: ", "In", " Bergen."]


def test_an_answer_that_becomes_another_begins_a_new_line(capsys):
    said = [{"truth": "", "before": {"said": text}} for text in ("In", "I am")]
    looks._print_stream(iter([*said, {"truth": "", "before": {"said": "I am", "share": "NaN"}}]))
    assert capsys.readouterr().out.splitlines() == ["before: In", "before: I am"]


def test_the_answer_is_a_document_on_request_and_in_a_file(capsys, asked, tmp_path):
    to = tmp_path / "said.json"
    code, out, _ = answer(capsys, "a-run", "--prompt", "Where was Ada born?", "--json", "--out", str(to))
    assert code == 0 and json.loads(out) == json.loads(to.read_text()) and json.loads(out)["truth"] == "In Bergen."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["authors-lm"], "give --prompt with a question"),
        (["authors-lm", "--prompt", "Who?", "--item", "test-3"], "no --image or --item"),
        (["authors-lm", "--prompt", ""], "The question was empty"),
    ],
)
def test_a_wrong_question_is_one_sentence(capsys, asked, arguments, says):
    code, out, err = answer(capsys, *arguments)
    assert code != 0 and out == "" and says in err and "Traceback" not in err
