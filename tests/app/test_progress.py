"""What the page says of a run is what stands in its folder."""

import json
import os
import re
import time

import pytest
from PIL import Image

from app import run_card, run_list
from backends.api import files
from pages.studio.run import _watch


def test_a_waiting_run_says_its_place(make_run):
    make_run("queued", seed=1)
    second = make_run("queued", seed=2)
    assert "Place 2 in the queue" in run_card.headline(second, [])
    assert second.state.status == "queued"


def test_a_running_run_shows_its_true_progress(make_run):
    run = make_run("running")
    shown = run_card.phases_html(run, run.events())
    assert "5 of 10" in shown and 'style="width:50.0%"' in shown and 'aria-valuenow="50"' in shown


def test_time_left_follows_the_pace_so_far(make_run):
    run = make_run("running")
    left = run_card.seconds_left(run, run.events())
    assert left is not None and 2.0 <= left <= 2.5  # 5 steps in 2.5 s, 5 steps to go


def test_a_pace_is_not_believed_when_the_next_event_is_overdue(make_run):
    run = make_run("running")
    path = run.path / "events.jsonl"
    path.write_text(
        "".join(
            json.dumps({"seconds": at, "phase": "measure", "step": step, "of": 30, "values": {}}) + "\n"
            for at, step in ((4.8, 0), (5.1, 10))
        )
    )
    assert run_card.seconds_left(run, run.events()) < 1  # nothing speaks against it yet
    os.utime(path, (time.time() - 3, time.time() - 3))
    assert run_card.seconds_left(run, run.events()) is None


def test_samples_fade_with_the_confidence(make_run):
    shown = run_card.samples(make_run("done"))
    assert "99 → <b>2" in shown and "opacity:0.08" in shown and "Neighbours" in shown


def test_drawings_stand_before_and_now_side_by_side(make_run):
    run = make_run("running", model="painter", method="esd", forget=("cat",))
    for old in (run.path / "samples").glob("*.json"):
        old.unlink()
    for number, (share, colour) in enumerate([(0.94, "white"), ("NaN", "black")]):
        when = f"01-{number:06}"
        item = {"id": "forget-0", "role": "forget", "prompt": "a cat", "share": share}
        item["picture"] = f"samples/{when}/forget-0.png"
        (run.path / "samples" / when).mkdir()
        Image.new("RGB", (64, 64), colour).save(run.path / item["picture"])
        sample = {"phase": "steer", "step": number, "of": 2, "seconds": 1.0, "items": [item]}
        files.write_json(run.path / "samples" / f"{when}.json", sample)
        shown = run_card.samples(run)
        assert ("not measured" in shown) == (share == "NaN") and ("94\u00a0%</b> sure" in shown) == (number == 0)
    assert shown.count("<img") == 2 and len(set(re.findall('src="([^"]+)"', shown))) == 2 and "still draws" in shown


def test_a_finished_run_leads_to_the_comparison_and_the_inside(make_run):
    run = make_run("done")
    head, answer, _, links, _, numbers, _, cancel, timer, *_ = _watch.look(run.id)
    assert "Forget Sandal" in head and "no longer recognises Sandal" in answer and "lethe-number" in numbers
    assert f"compare?run={run.id}" in links and f"look-inside?run={run.id}" in links
    assert cancel.visible is False and timer.active is False


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_an_ended_run_says_what_happened_what_was_kept_and_what_to_do(make_run, status):
    run = make_run(status)
    shown = run_card.ended(run)
    assert "kept" in shown.lower() and "again" in shown and run.state.message in shown
    assert ("<details>" in shown) == bool(run.state.detail)


def test_an_unchanged_piece_is_not_sent_again(make_run):
    run = make_run("running")
    *_, seen, status = _watch.look(run.id)
    head, phases, *rest = _watch.glance(run.id, seen)
    assert "Forgetting Sandal" in head and "5 of 10" in phases and rest == [{"__type__": "update"}] * 4
    assert status == f"{run.id} running"


def test_what_moved_is_sent_and_the_end_is_told(make_run):
    run = make_run("done")
    _, _, samples, _, seen, status = _watch.glance(run.id, f"{run.id} running 0 0")
    assert "Neighbours" in samples and status == f"{run.id} done" and _watch.look(run.id)[-2:] == [seen, status]


def test_a_run_that_vanishes_while_it_is_watched_is_looked_at_once_more(make_run):
    assert _watch.glance("20200101-000000-gone", "")[-1] == "gone"


def test_a_run_that_is_gone_is_one_sentence():
    shown = _watch.look("20200101-000000-gone")
    assert "There is no run" in shown[1] and "Forget something" in shown[3]


def rows_of(html, *folders):
    return {run.id: part for run in folders for part in html.split("<article")[1:] if f'data-run="{run.id}"' in part}


def test_the_list_offers_only_what_is_possible(make_run):
    running, done = make_run("running"), make_run("done", seed=3)
    parts = run_list.listed([running, done], "")
    rows = rows_of(parts.open, running) | rows_of(parts.ended, done)
    assert 'data-act="cancel"' in rows[running.id] and 'data-act="delete"' not in rows[running.id]
    assert 'data-act="delete"' in rows[done.id] and f'data-pick="{done.id}"' in rows[done.id]
