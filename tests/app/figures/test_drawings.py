"""Compare and Playground of models that draw, with a live process that answers in known colours."""

import base64
import io
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image

from app import families, generated_images, inference, run_results
from app.figures import drawings as drawn
from backends.api import files
from backends.api import run_outputs as kept
from backends.api.catalog import Metric, Model
from backends.api.errors import BadInput, LetheError
from pages.studio.run import _ask
from pages.studio.run import _see as compare

from .conftest import HEAD
from .folders import measured, write_run

FIRST, SECOND = "20261122-000001-aaa", "20261122-000002-bbb"
DOMAINS = {"object": ["cat", "dog", "car"], "style": ["flat", "noto"]}
SUITE = [
    {"role": {"cat": "forget", "dog": "neighbour", "car": "unrelated"}[thing], "prompt": f"a {thing} in {style} style",
     "object": thing, "style": style, "seed": seed}
    for seed, style in enumerate(DOMAINS["style"]) for thing in DOMAINS["object"]
]  # fmt: skip


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def grey(level: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (level,) * 3).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


BEFORE, AFTER = grey(0), grey(51)  # a fifth of the range apart


@pytest.fixture
def painter(catalog):
    """A model that draws, in the small catalog."""
    card = {"domains": DOMAINS, "templates": {"pair": "a {object} in {style} style"}}
    catalog.models.append(
        Model(
            id="painter", title="A painter", family="text-to-image", data="d", default_forget=["cat"],
            default_method="slow", card=card, **HEAD,
        )
    )  # fmt: skip
    said = HEAD | {"works_with": {"text-to-image": True}}
    catalog.metrics.append(
        Metric(id="in_domain_retain_accuracy", title="Others (IRA)", unit="%", direction="higher", **said)
    )
    return catalog


def write_drawn(home, run_id, *, forget=("cat",), model="painter", **said):
    run = write_run(home, run_id, method="slow", model=model, **said)
    files.write_json(run.path / "spec.json", run.spec.model_copy(update={"forget": forget}).model_dump())
    by_name = {
        when: {"cat": 10.0, "dog": level, "car": 99.0, "without the target": 95.0}
        for when, level in (("before", 98.0), ("after", 71.0))
    }
    metrics = {"in_domain_retain_accuracy": measured(98.0, 71.0, None, title="Others", short="IRA", parts=by_name)}
    files.write_json(run.path / "metrics.json", metrics)
    return run


@pytest.fixture
def run(home, painter):
    return write_drawn(home, FIRST)


@pytest.fixture
def asked(monkeypatch):
    """Every question to the live process, answered in grey."""
    generated_images._pairs_cache.clear()
    seen = []

    def ask(op, **args):
        seen.append((op, args))
        if op == "suite":
            return SUITE
        if op == "describe":
            return {"drawing": {"steps": 7, "guidance": 2.5}, "size": [64, 64, 3]}
        count = len(args["items"] if op == "drawn" else args["seeds"])
        found = {"before": [BEFORE] * count, "after": [AFTER] * count}
        if op == "draw":
            if args["run_or_model"] == "painter":
                del found["after"]
            found |= {"seconds": 1.25, "steps": 7, "guidance": 2.5, "size": 64}
            found["cut"] = max(0, len(args["prompt"].split()) - 5)
        return found

    monkeypatch.setattr(inference.LIVE, "ask", ask)
    yield seen
    generated_images._pairs_cache.clear()


def test_every_picture_of_the_grid_can_be_put_under_the_wipe(run, asked):
    above = list(compare.opened(f"?id={FIRST}"))[-1][2]
    offered = re.findall(r'type="radio" name="wipe" value="(\d+)"', above)
    assert sorted(offered) == sorted(re.findall(r'data-shot="(\d+)"', above)) and len(offered) == len(SUITE)
    assert len(re.findall(r'<input type="range"[^>]*aria-label="Wipe between', above)) == 1
    assert above.count('alt="before: a cat in flat style"') == 2  # under the wipe and in the grid
    assert "On average a pixel changed by 20 % of its range in pictures of the forget set, 20 %" in plain(above)


def test_the_pictures_of_a_run_are_asked_for_once(run, asked):
    for _ in range(3):
        list(compare.opened(f"?id={FIRST}"))
    assert [op for op, _ in asked].count("drawn") == 1


def test_what_a_run_kept_is_shown_without_asking_anybody(run, asked):
    black, white = (np.full((len(SUITE), 8, 8, 3), value, np.uint8) for value in (0, 255))
    files.write_json(run.path / kept.SUITE, SUITE)
    for when, images in (("before", black), ("after", white)):
        (run.path / kept.OUTPUTS).mkdir(exist_ok=True)
        np.savez(run.path / kept.OUTPUTS / f"{when}.npz", images=images)
    pairs = generated_images.pairs(FIRST, 1)
    assert asked == [] and {pair.prompt for pair in pairs} <= {shot["prompt"] for shot in SUITE}
    assert generated_images.pixel_changes([pair.before for pair in pairs], [pair.after for pair in pairs]) == [
        100.0
    ] * len(pairs)


def test_pictures_that_the_disk_lost_are_asked_for(run, asked):
    files.write_json(run.path / kept.SUITE, SUITE)
    (run.path / kept.OUTPUTS / "before.npz").write_bytes(b"PK half a file")
    assert generated_images.pairs(FIRST, 1) and [op for op, _ in asked] == ["drawn"]


def test_a_spread_takes_as_many_of_each_role_at_even_distances():
    suite = [{"role": role} for role in ["forget"] * 3 + ["unrelated"] * 100]
    assert generated_images.evenly_spaced(suite, 4) == [0, 1, 2, 15, 40, 65, 90]
    assert generated_images.evenly_spaced([], 4) == []


def test_how_far_two_pictures_are_apart():
    assert generated_images.pixel_changes([BEFORE, BEFORE], [AFTER, BEFORE]) == [pytest.approx(20), 0]


def test_a_prompt_is_never_taken_for_markup():
    pair = generated_images.ImagePair(0, "forget", 'a <b>cat</b> & "dog"', 3, BEFORE, AFTER)
    shown = drawn.compared([pair], "") + drawn.beside(
        pair.prompt, [3], {"before": [BEFORE], "after": [AFTER]}, ("before", "after")
    )
    assert "<b>cat" not in shown and 'a <b>cat</b> & "dog", seed 3' in plain(shown)


def test_pictures_that_cannot_be_had_are_said_and_the_numbers_stay(run, monkeypatch):
    def ask(op, **args):
        raise LetheError("The model could not be opened.")

    generated_images._pairs_cache.clear()
    monkeypatch.setattr(inference.LIVE, "ask", ask)
    _, numbers, more, _ = list(compare.opened(f"?id={FIRST}"))[-1]
    assert "The model could not be opened." in plain(more) and "All 1 numbers" in plain(numbers)


def test_bars_by_name_mark_what_was_forgotten_and_leave_out_the_sum(run):
    (panel,) = run_results.part_panels(run)
    assert panel.labels == ["cat", "dog", "car"] and panel.marked == [0]
    assert "dashed" not in panel.how and "dog changed most (-27 points)" in panel.says


@pytest.mark.parametrize(
    ("forget", "gone"),
    [(("flat style",), {"flat"}), (("cat -> dog",), {"cat"}), (("cat in flat style",), set()), (("cat", "noto style"), {"cat", "noto"})],
)  # fmt: skip
def test_what_was_forgotten_by_the_name_it_has_in_the_bars(home, painter, forget, gone):
    assert run_results.forgotten(write_drawn(home, FIRST, forget=forget)) == gone


def test_a_run_on_an_own_model_draws_where_drawing_was_measured(home, painter):
    assert families.of_run(write_drawn(home, FIRST, model="me/painter")) == "text-to-image"
    assert families.of_run(write_run(home, SECOND, method="slow", model="me/looker")) == "classifier"


def test_pictures_that_may_have_to_be_drawn_anew_wait_in_the_second_process(monkeypatch):
    class Process:
        def __init__(self, *_room):
            self.asked = []

        def ask(self, op, *_, **args):
            self.asked.append(op)

    monkeypatch.setattr(inference, "Live", Process)
    answers = inference.Answers()
    for op in ("drawn", "draw", "suite"):
        answers.ask(op)
    assert (answers._quick.asked, answers._long.asked) == (["draw", "suite"], ["drawn"])


# --- the tab Ask


def answered(*asked):
    """What the tab Ask shows in the end."""
    return [*_ask.answer(_ask.Ask(*asked))][-1]


def test_both_models_answer_with_the_seeds_and_wishes_of_the_form(run, asked):
    read = plain(answered(FIRST, "  a <i>cat</i> ", 3, 5, 12, 4.5, 96))
    ((op, args),) = asked
    assert op == "draw" and args == {
        "run_or_model": FIRST, "prompt": "  a <i>cat</i> ", "seeds": [5, 6, 7], "steps": 12, "guidance": 4.5,
        "size": 96, "reference": True,
    }  # fmt: skip
    assert read.startswith("a <i>cat</i> original model seed 5 seed 6 seed 7 unlearned model seed 5 seed 6 seed 7")
    assert "How it was made: 7 steps, guidance 2.5, 64 pixels a side, seeds 5 to 7, drawn in 1.2 s." in read
    assert "had no say" not in read


def test_a_prompt_that_was_cut_is_said(run, asked):
    assert "its last 2 tokens" in plain(answered(FIRST, "a b c d e f g", 1, 0, 12, 4.5, 64))


@pytest.mark.parametrize(
    ("count", "seed", "says"),
    [(9, 0, "9 pictures were asked for; ask for 1 to 8"), (1e9, 0, "ask for 1 to 8"), (0, 0, "ask for 1 to 8"),
     (2.5, 0, "2.5; a whole number"), (None, 0, "was empty; a whole number"), (4, None, "first seed was empty"),
     (4, 0.5, "first seed was 0.5")],
)  # fmt: skip
def test_numbers_that_will_not_do_are_one_sentence_and_nothing_is_asked(run, asked, count, seed, says):
    assert says in plain(answered(FIRST, "a cat", count, seed, 12, 4.5, 64))
    assert asked == []


def test_what_the_live_process_refuses_is_said(run, monkeypatch):
    def ask(op, **args):
        raise BadInput("The prompt was empty; write what to draw.")

    monkeypatch.setattr(inference.LIVE, "ask", ask)
    assert "The prompt was empty" in plain(answered(FIRST, None, 4, 0, 12, 4.5, 64))


def test_a_model_alone_has_one_side_and_an_invitation(painter, asked):
    shown = answered("painter", "a cat", 2, 0, 12, 4.5, 64)
    assert 'data-sides="1"' in shown and "the model as it came seed 0 seed 1" in plain(shown)
    assert 'href="new?model=painter"' in shown


def test_prompts_to_try_are_what_was_forgotten_a_neighbour_the_unrelated_and_both(run, asked):
    assert _ask.prompts(FIRST) == [
        ("forget", "a cat in noto style"), ("neighbour", "a dog in noto style"), ("unrelated", "a car in noto style"),
        ("amount", "a cat in noto style and a car in noto style"),
    ]  # fmt: skip
    offer = _ask.offered(FIRST)
    assert offer.prompt == "a cat in noto style" and offer.chips.count("data-prompt=") == 4 and offer.forms == ""
    assert offer.drawing == {"steps": 7, "guidance": 2.5, "size": 64}
    assert [text for _, text in _ask.prompts("painter")] == ["a cat in flat style"]


def test_states_are_said_with_where_to_go(home, painter, monkeypatch):
    write_run(home, SECOND, method="slow", model="m")
    write_run(home, FIRST, method="slow", model="painter", status="running")
    assert "This run is running" in plain(answered(FIRST, "a cat", 4, 0, 12, 4.5, 64)) and not _ask.askable(FIRST)
    assert "There is no run 'x'" in plain(answered("x", "a cat", 4, 0, 12, 4.5, 64))
    assert "Make a model forget" in plain(answered(None, "", 4, 0, 12, 4.5, 64))
    monkeypatch.setattr(families, "view", lambda family: families.View())
    monkeypatch.setattr(families, "view_of", lambda run: families.View())
    for what, link in ((SECOND, f'href="run?id={SECOND}"'), ("m", 'href="new?model=m"')):
        mute = answered(what, "a cat", 4, 0, 12, 4.5, 64)
        assert "takes no prompts, so there is nothing to ask it" in plain(mute) and link in mute


def test_the_retrained_reference_draws_too_where_there_is_one(run, asked, monkeypatch):
    draw = inference.LIVE.ask
    monkeypatch.setattr(inference.LIVE, "ask", lambda op, **args: draw(op, **args) | {"reference": [BEFORE] * 2})
    shown = answered(FIRST, "a cat", 2, 0, 12, 4.5, 64)
    assert 'data-sides="3"' in shown and "retrained reference seed 0 seed 1" in plain(shown)


def test_the_address_is_the_state_and_what_is_no_number_leaves_the_usual_one(run, asked):
    given = f"?id={FIRST}&tab=ask&prompt=a+dog&n=2&seed=x&steps=9"
    prompt, *numbers, _, _, _, line, other, settings, pictures, seen = _ask.opened(given, "")
    assert (prompt, numbers) == ("a dog", [2, 0, 9, 2.5, 64]) and "lethe-awaited" in seen
    assert line.visible and other.visible and settings.visible and not pictures.visible


def test_an_address_without_a_run_invites(catalog, home):
    prompt, *_, line, _, _, pictures, seen = _ask.opened("?tab=ask", "")
    assert prompt == "" and not line.visible and not pictures.visible and "Make a model forget" in plain(seen)
