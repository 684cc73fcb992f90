"""What the tab See and the marks of a run show is what stands in its folder."""

import html
import json
import re
from types import SimpleNamespace

import pytest

from app import board, bullets, families, marks, theme
from backends.api import files, run_outputs, runs, verdict
from pages.studio.run import _see

SHIPPED = ["example-forget-sandal", "example-forget-cat", "example-author-forgotten", "example-experts-one"]


def data_of(shown):
    return json.loads(html.unescape(re.search('data-board="([^"]+)"', str(shown))[1]))


@pytest.mark.parametrize("run_id", SHIPPED)
def test_each_step_of_the_board_shows_that_sample_of_the_run(run_id):
    run = runs.find(run_id)
    samples, steps = run.samples(), data_of(board.board(run, board.Reference(note="None."), doses=True))["steps"]
    shown = [item["id"] for item in board.chosen(samples)]
    assert len(steps) == len(samples) and steps[0]["name"] == "original" and steps[-1]["name"] == "unlearned"
    for step, sample in zip(steps, samples, strict=True):
        by_id = {item["id"]: item for item in sample["items"]}
        assert list(step["cells"]) == shown
        for name, cell in step["cells"].items():
            item = by_id[name]
            if "picture" in item:
                assert f'src="{board.drawing(run.path, item)}"' in cell
            elif "said" in item:
                words = html.unescape(re.sub("<[^>]+>", "", cell))
                assert words == f"{item['said']} {theme.percent(round(100 * item['share']))}"
            else:
                assert theme.percent(round(100 * item["probabilities"][item["label"]])) in cell


def test_the_reference_of_a_language_model_says_what_its_folder_holds():
    run = runs.find("example-author-forgotten")
    items = families.view_of(run).reference(run, run.samples()[0]["items"])
    suite, answers = run_outputs.suite(run), run_outputs.answers(run, "reference")
    held = {one["prompt"]: text for one, (text, _) in zip(suite, answers, strict=True)}
    assert [item["said"] for item in items] == [held[item["question"]] for item in items]


def test_where_no_model_was_retrained_there_is_no_row_but_one_sentence():
    boards, *_ = list(_see.opened("?id=example-forget-cat"))[-1]
    assert "No model was retrained without cat" in boards and 'data-when="reference"' not in boards


@pytest.mark.parametrize("run_id", SHIPPED)
def test_bullets_are_the_numbers_of_the_run(run_id):
    run = runs.find(run_id)
    shown = bullets.of_run(run)
    assert 3 <= len(shown) <= bullets.MOST
    for bullet in shown:
        one = run.metrics[bullet.metric]
        part = re.search(r"parts\.after\.(\w+)$", bullet.where)
        value = one["parts"]["after"][part[1]] if part else one["after"]
        assert bullet.text == theme.large(value, one["unit"])
        assert bullet.after == pytest.approx(value * (1 if one["unit"] == "%" else 100))


@pytest.mark.parametrize(
    ("run_id", "words"),
    [
        ("example-forget-sandal", ("Yes", "Yes", "Hidden")),
        ("example-forget-cat", ("Yes", "Yes", "Hidden")),
        ("example-author-hidden", ("Yes", "Yes", "Filter")),
        ("example-author-refused", ("Yes, but broken language", "Damaged", "Hidden")),
        ("example-experts-one", ("Yes", "Yes", "Hidden")),
        ("example-experts-all", ("Yes", "Damaged", "Hidden")),
    ],
)
def test_the_marks_of_the_shipped_runs(run_id, words):
    run = runs.find(run_id)
    assert tuple(mark.word for mark in verdict.marks_of(run)) == words
    assert all(f"<b>{word}" in marks.row(run) for word in words)


def planted(monkeypatch, run_id, **changes):
    """The marks of a shipped run with other numbers: metric -> its entry changed, or None where it was not measured."""
    run = runs.find(run_id)
    metrics = json.loads(json.dumps(run.metrics))
    for name, change in changes.items():
        metrics.pop(name) if change is None else metrics[name].update(change)
    return verdict.marks_of(SimpleNamespace(metrics=metrics, result=run.result, spec=run.spec, path=run.path))


def test_where_nothing_was_forgotten_the_mark_is_no(monkeypatch):
    first, *_ = planted(monkeypatch, "example-forget-sandal", unlearning_accuracy={"after": 1.0})
    assert (first.sign, first.word, first.number) == ("no", "Hardly", "1 % wrong on the forget set")
    first, *_ = planted(monkeypatch, "example-forget-cat", unlearning_accuracy={"after": 0.0})
    assert (first.sign, first.number, first.beside) == ("no", "100 % of its pictures still show it", "100 % before")


def test_where_everything_broke_the_mark_is_damaged(monkeypatch):
    lost = {"after": 10.0}
    _, second, _ = planted(monkeypatch, "example-forget-sandal", remaining_accuracy=lost, testing_accuracy=lost)
    assert (second.sign, second.word, second.number) == ("no", "Damaged", "10 % right on new images")


def test_what_was_not_measured_says_so(monkeypatch):
    one, two, three = planted(monkeypatch, "example-author-forgotten", fact_recall=None, forget_rouge=None)
    assert (one.word, two.word, three.word) == ("Not measured", "Not measured", "Cannot tell"), (
        "attacks were made on it"
    )


def test_a_dose_is_asked_for_a_run_of_the_page_alone_and_once(monkeypatch):
    run, asked = runs.find("example-forget-sandal"), []
    after = run.samples()[-1]["items"]
    monkeypatch.setattr(families.LIVE, "ask", lambda op, **args: asked.append((op, args)) or after)
    families.watched.cache.clear()

    def answer(**data):
        return json.loads(_see.ask(f"?id={run.id}", SimpleNamespace(_data=data)))

    cells = data_of(board.board(run, board.Reference(note="None.")))["steps"][-1]["cells"]
    for _ in range(2):
        assert answer(run=run.id, alpha=1.2) == {"run": run.id, "alpha": 1.2, "cells": cells}
    assert asked == [("watched", {"run": run.id, "dose": 1.2})]
    assert "not on the page" in answer(run="example-forget-cat", alpha=1.2)["wrong"]
    for wrong in (7, "1.2", True, None):
        assert "There is no such dose" in answer(run=run.id, alpha=wrong)["wrong"]
    assert len(asked) == 1


def test_a_board_can_be_made_of_samples_alone(make_run):
    run = make_run("running")
    for old in (run.path / "samples").glob("*.json"):
        old.unlink()
    item = {"id": "row-3", "role": "forget", "question": "Row 3", "said": "71", "truth": "80", "share": 0.9}
    files.write_json(run.path / "samples" / "00-000000.json", {"phase": "", "step": 0, "of": 0, "items": [item]})
    shown = board.board(run, board.Reference(note="None."))
    assert "Row 3" in shown and data_of(shown)["doses"] == [] and "90 %" in data_of(shown)["steps"][0]["cells"]["row-3"]
