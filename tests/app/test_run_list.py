"""The list of runs: a line a run with its own pictures and marks, and nothing sent twice."""

import io
import json
import re
from types import SimpleNamespace

import gradio as gr
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from app import marks, run_list, server, thumbnails
from backends.api import files, runs, stage_words, verdict
from pages.studio import runs as page

SHIPPED = [run for run in runs.all_runs() if run.shipped]
CAT, SANDAL, AUTHOR = (runs.find(f"example-{name}") for name in ("forget-cat", "forget-sandal", "author-forgotten"))


def row(html, run):
    return next(part for part in html.split("<article")[1:] if f'data-run="{run.id}"' in part)


def marks_of(run):
    return {question: (mark.sign, mark.word) for question, mark, _ in marks.of_run(run)}


@pytest.mark.parametrize("run", SHIPPED, ids=lambda run: run.id)
def test_a_line_says_of_a_run_what_its_page_says(run):
    page = list(zip(stage_words.questions(run), verdict.marks_of(run), strict=True))
    assert [(question, mark) for question, mark, _ in marks.of_run(run)] == page
    line = row(str(run_list.listed([run], "").ended), run)
    for question, mark in page:
        assert f'<span class="lethe-unseen">{question} </span>{mark.word}</span>' in line and mark.number in line
    assert marks_of(run)["Really gone?"][0] != "yes", "no attack has tried to bring it back"


def test_a_run_without_numbers_has_no_marks_but_says_so(make_run):
    run = make_run("done")
    (run.path / "metrics.json").write_text("{}")
    assert {word for _, word in marks_of(run).values()} == {"Not measured", "Not tested yet"}


def test_pictures_of_a_run_are_its_own_samples():
    two = thumbnails.pair(CAT)
    first, last = (
        json.loads(path.read_text()) for path in (sorted((CAT.path / "samples").glob("*.json"))[at] for at in (0, -1))
    )
    for side, sample in (("before", first), ("after", last)):
        content, kind = thumbnails.picture(CAT, side)
        item = next(item for item in sample["items"] if item["role"] == "forget")
        assert content == (CAT.path / item["picture"]).read_bytes() and kind == "image/png"
        assert getattr(two, side).picture.startswith(f"thumbnail/example-forget-cat/{side}")
        assert not getattr(two, side).fades


def test_an_image_that_is_looked_at_fades_by_the_probability_of_its_class_and_names_what_it_is_taken_for():
    two = thumbnails.pair(SANDAL)
    items = [json.loads(path.read_text())["items"] for path in sorted((SANDAL.path / "samples").glob("*.json"))]
    first = next(item for item in items[0] if item["role"] == "forget")
    last = next(item for item in items[-1] if item["id"] == first["id"])
    assert two.before.label == "Sandal" and two.after.label == "Sneaker"
    assert two.before.share == first["probabilities"][5] and two.after.share == last["probabilities"][5]
    html = run_list.listed([SANDAL], "").ended
    assert f"opacity:{0.12 + 0.88 * two.after.share:.2f}" in html and html.count('loading="lazy"') >= 2


def test_an_answer_is_text_and_escaped(make_run):
    two = thumbnails.pair(AUTHOR)
    assert two.before.text == "Ivo Pemberly went to university in Padua." and not two.before.picture
    assert two.after.text == "Ivo Thackery went to university in Heidelberg." and two.item.startswith("Where did")
    run = make_run("done")
    item = {
        "id": "forget-0",
        "role": "forget",
        "question": "<b>?",
        "truth": "x",
        "said": "<script>1</script>",
        "share": 0.1,
    }
    for path in (run.path / "samples").glob("*.json"):
        files.write_json(path, files.read_json(path) | {"items": [item]})
    html = row(run_list.listed([run], "").ended, run)
    assert "<script>" not in html and "&lt;script&gt;1" in html and "<b>?" not in html


def test_the_server_sends_a_picture_of_a_run_and_of_nothing_else(make_run):
    app = FastAPI()
    server.own_routes(app)
    client = TestClient(app)
    found = client.get("/thumbnail/example-forget-sandal/after")
    assert found.status_code == 200 and found.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(found.content)).size == (28, 28)
    for path in (
        "no-such-run/after",
        "example-forget-sandal/during",
        "example-author-forgotten/after",
        "..%2F..%2Fetc/after",
    ):
        assert client.get(f"/thumbnail/{path}").status_code == 404, path
    run = make_run("done")
    item = {"id": "forget-0", "role": "forget", "prompt": "p", "share": 0.1, "picture": "../../../secret.png"}
    Image.new("RGB", (8, 8)).save(run.path.parents[1] / "secret.png")
    for path in (run.path / "samples").glob("*.json"):
        files.write_json(path, files.read_json(path) | {"items": [item]})
    (run.path / "samples" / "touched").touch()
    assert client.get(f"/thumbnail/{run.id}/after").status_code == 404


def test_runs_alike_name_the_settings_that_differ(make_run):
    one, two = (make_run("done", params={"epochs": epochs}, seed=1) for epochs in (3, 4))
    other = make_run("done", forget=("Bag",), seed=2)
    html = run_list.listed([one, two, other], "").ended
    assert "<b>epochs 3</b>" in row(html, one) and "<b>epochs 4</b>" in row(html, two)
    assert "seed" not in row(html, one).replace("data-", "") and "<b>epochs" not in row(html, other)


def test_a_waiting_run_says_its_place_and_a_working_one_its_true_progress(make_run):
    working, waiting = make_run("running"), make_run("queued", seed=2)
    parts = run_list.listed([waiting, working], "")
    assert "place 2 in the queue" in row(parts.open, waiting)
    html = row(parts.open, working)
    assert "5 of 10" in html and 'aria-valuenow="50"' in html and re.search(r"about \d\.\d s left", html)
    assert not re.search(r"<article[^>]*data-run", parts.ended)


def test_what_has_ended_is_sent_once_and_again_when_it_changes(make_run):
    run = make_run("done")
    first = run_list.listed([run], "")
    again = run_list.listed([run], "", seen=first.mark)
    assert again.ended is None and again.mark == first.mark
    _, ended, mark = page.show("", seen=page.show("")[2])
    assert ended == gr.skip() and isinstance(mark, str)
    other = make_run("done", seed=2)
    assert row(run_list.listed([other, run], "", seen=first.mark).ended, other)
    (run.path / "attack").mkdir()
    assert run_list.listed([run], "", seen=first.mark).ended is not None


def test_of_hundreds_a_page_is_shown_and_the_next_when_asked_for(make_run):
    made = [make_run("done", seed=seed) for seed in range(3)]
    html = run_list.listed(made, "", most=2).ended
    assert html.count('<article class="lethe-run"') == 2 and "1 more" in html and 'data-act="more"' in html
    assert 'data-act="more"' not in run_list.listed(made, "", most=3).ended

    press = SimpleNamespace(_data={"act": "more", "run": ""})

    assert page.act("", run_list.AT_ONCE, press)[0] == 2 * run_list.AT_ONCE


def test_without_a_run_there_is_a_finished_example_with_its_picture_and_one_button():
    parts = run_list.listed(SHIPPED, "")
    card = parts.ended.split('<article class="lethe-card lethe-first-run">')[1].split("</article>")[0]
    assert card.count('src="thumbnail/example-forget-cat/') == 2 and card.count("lethe-button") == 1
    assert 'href="new"' in card and 'href="run?id=example-forget-cat"' in card and "Hidden" in card
    examples = parts.ended.split('<details class="lethe-examples">')[1]
    assert examples.count('<article class="lethe-run"') == len(SHIPPED) and 'data-act="delete"' not in examples


def test_links_lead_to_the_page_of_the_run(make_run):
    run = make_run("done")
    html = row(run_list.listed([run], "").ended, run)
    assert f'href="run?id={run.id}"' in html and f'href="new?clone={run.id}"' in html
    assert f'data-address="run?id={run.id}"' in html
