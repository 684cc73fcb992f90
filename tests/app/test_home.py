"""Home: its scenes hold what the shipped runs hold, a damaged or missing run takes nothing else away, own runs are one's own."""

import re
import shutil
from base64 import b64decode

import pytest

from app import doors, families, own_runs, scenes
from app.figures.training import sure
from backends.api import catalog, files, findings, runs
from backends.api.home import ASSETS
from pages.studio import home as page


@pytest.fixture
def fronts(home):
    return {one.family: one for one in scenes.fronts()}


def moments(front):
    return [("original", front.scene.before), *front.scene.frames]


def samples(front):
    return [files.read_json(path) for path in sorted((ASSETS / "runs" / front.run_id / "samples").glob("*.json"))]


def test_every_family_with_a_shipped_run_has_one_scene(fronts):
    shipped = {families.of_run(run) for run in runs.all_runs() if run.shipped}
    assert {front.family for front in fronts.values()} == shipped
    assert all(runs.find(front.run_id).shipped for front in fronts.values())
    assert fronts["classifier"].run_id == "example-forget-sandal", "the first model's run that forgets"


def test_the_drawings_are_the_files_of_the_run_in_their_order(fronts):
    front = fronts["text-to-image"]
    item = "forget-1"  # what changed most
    for (_, html), sample in zip(moments(front), samples(front), strict=True):
        (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
        (path,) = (one["picture"] for one in sample["items"] if one["id"] == item)
        assert b64decode(picture) == (ASSETS / "runs" / front.run_id / path).read_bytes()
    assert "96 % → 0.2 %" in front.scene.line and "a cat in blob style" in front.scene.line


def test_images_fade_with_their_measured_probability(fronts):
    front = fronts["classifier"]
    for (_, html), sample in zip(moments(front), samples(front), strict=True):
        shares = sorted(sure(one) for one in sample["items"] if one["role"] == "forget")
        written = [float(number) for number in re.findall(r"opacity:([\d.]+)", html)]
        assert len(written) == scenes.IMAGES
        assert all(min(abs(number - 0.06 - 0.94 * share) for share in shares) < 0.006 for number in written)
    first, last = (files_mean(front, at) for at in (0, -1))
    assert f"{first:.1f} % → {last:.1f} %" in front.scene.line


def files_mean(front, at):
    every = samples(front)
    fell = {
        one["id"]: sure(one) - sure(next(first for first in every[0]["items"] if first["id"] == one["id"]))
        for one in every[-1]["items"] if one["role"] == "forget"
    }  # fmt: skip
    chosen = sorted(fell, key=fell.__getitem__)[: scenes.IMAGES]
    return sum(100 * sure(one) for one in every[at]["items"] if one["id"] in chosen) / scenes.IMAGES


def test_answers_are_those_of_one_question_through_the_steps(fronts):
    front = fronts["llm"]
    for (_, html), sample in zip(moments(front), samples(front), strict=True):
        (answer,) = (one["said"] for one in sample["items"] if one["id"] == "forget-0")
        assert answer in html
    assert "100 % → 2.6 %" in front.scene.line and front.scene.frames[-1][0] == "unlearned"


def test_experts_are_those_that_the_inspector_wrote(fronts):
    front = fronts["moe"]
    run = runs.find(front.run_id)
    panels = [
        panel for entry in catalog.load().inspectors for panel in (findings.read(run, entry.id) or {}).get("panels", [])
    ]
    text = next(text for panel in panels for text in panel.get("texts") or [] if text["role"] == "forget")
    (_, was), (_, now) = moments(front)
    drawn = [[int(number) - 1 for number in re.findall(r">(\d+)</b>", html)] for html in (was, now)]
    layers = len(text["before"])
    length = len(drawn[0]) // layers
    starts = [
        at
        for at in range(len(text["before"][0]))
        if all(
            numbers == [choice[0] for layer in text[when] for choice in layer[at : at + length]]
            for numbers, when in zip(drawn, ("before", "after"), strict=True)
        )
    ]
    assert starts and length > 3
    moved = sum(old != new for old, new in zip(*drawn, strict=True))
    assert f"{moved} of {len(drawn[0])}" in front.scene.line and now.count("data-moved") == moved > 0


@pytest.mark.parametrize("damage", ["samples", "spec.json", "picture", "nothing"])
def test_a_damaged_or_missing_shipped_run_takes_only_its_own_scene(home, monkeypatch, tmp_path, damage):
    if damage != "nothing":
        shutil.copytree(ASSETS / "runs" / "example-forget-cat", tmp_path / "runs" / "example-forget-cat")
        shutil.copytree(ASSETS / "runs" / "example-forget-sandal", tmp_path / "runs" / "example-forget-sandal")
        broken = tmp_path / "runs" / "example-forget-cat"
        if damage == "samples":
            for path in (broken / "samples").glob("*.json"):
                path.write_text('{"items": [{}], "phase": 3}')
        elif damage == "spec.json":
            (broken / "spec.json").write_text("{")
        else:
            for path in broken.glob("samples/*/forget-*.png"):
                path.write_bytes(b"no picture")
    monkeypatch.setattr(runs, "ASSETS", tmp_path)
    scenes._prepared.cache_clear()
    try:
        assert [one.run_id for one in scenes.fronts()] == ([] if damage == "nothing" else ["example-forget-sandal"])
        html = page.front()
    finally:
        scenes._prepared.cache_clear()
    assert "Make a model forget" in html and 'href="new"' in html
    assert (damage == "nothing") == ("data-pause" not in html)


def test_make_it_forget_leads_to_the_form_and_see_how_to_the_run(fronts):
    html = page.front()
    for front in fronts.values():
        assert f'href="new?model={front.model}"' in html and f'href="run?id={front.run_id}"' in html
        assert catalog.load().get("models", front.model).default_forget


def test_every_door_leads_to_a_page_that_exists(home):
    entries = catalog.load()
    ways = doors.doors("example-forget-cat")
    assert [door.name for door in ways] == ["Protect", "Learn", "Forget", "Attack", "Repair"]
    for door in ways:
        assert door.to.partition("?")[0] in ("new", "run")
        method = re.search(r"method=(\w+)", door.to)
        if method:
            assert (
                f"model={next(m.id for m in entries.models if entries.get('methods', method[1]).works_with[m.family] is True)}"
                in door.to
            )
    assert [door.name for door in doors.doors("")] == ["Protect", "Learn", "Forget", "Repair"]


def test_home_is_light(home):
    assert len(page.front().encode()) < 200_000


def test_own_runs_are_listed_with_picture_and_true_progress(make_run):
    assert "None yet. The first takes about" in own_runs.listed("")
    done, working = make_run("done"), make_run("running")
    html = own_runs.listed("")
    assert html.index(working.id) < html.index(done.id) and "None yet" not in html
    assert 'aria-valuenow="50"' in html and f'href="run?id={working.id}"' in html
    assert html.count("data:image/png;base64") == 2
    (done.path / "state.json").write_text("{")
    assert working.id in own_runs.listed("")


def test_a_stranger_sees_no_run_of_another_on_home(make_run, monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    hers = make_run("running", owner=runs.owner_mark("alice"))
    assert hers.id in page.show("alice")
    for secret in ("bob", "", None):
        assert hers.id not in page.show(secret) and "None yet" in page.show(secret)
    assert hers.id not in page.arrive("bob")[1]
