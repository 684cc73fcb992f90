import json
from types import SimpleNamespace

import drawn_tries
import numpy as np
import pictures
import pytest
import torch

from backends.api.errors import BadInput
from backends.api.home import ASSETS
from backends.families.text_to_image import lessons
from backends.families.text_to_image.exam import NO_JUDGE, DrawingExam, blank
from backends.families.text_to_image.prompts import PromptSet

CARD = json.loads((ASSETS / "models" / "emoji-sd" / "card.json").read_text("utf-8"))


NOISE = np.random.default_rng(0).integers(0, 255, (3, 4, 4, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("own"), kind="epsilon", card=False)


def divided(card, forget):
    return lessons.divided(SimpleNamespace(asking=PromptSet(card, "a model", forget)))


@pytest.mark.parametrize("forget", [["cat"], ["twemoji style"], ["cat", "dog"], ["cat", "twemoji style"]])
def test_what_is_asked_was_never_shown(forget):
    asked, learned = divided(CARD, forget)
    shown = {(shot.object, shot.style) for shot in learned}
    assert lessons.ENOUGH <= len(asked) <= lessons.ASKED and len(shown) == len(learned) >= 2
    assert not {shot.prompt for shot in learned} & {shot.prompt for shot in asked}
    assert len({shot.prompt for shot in asked}) == len(asked)
    assert all(shot.role == "forget" for shot in [*asked, *learned])


def test_a_cat_is_learned_in_two_styles_and_asked_in_the_others_and_without_one():
    asked, learned = divided(CARD, ["cat"])
    assert {shot.style for shot in asked} | {shot.style for shot in learned} == set(CARD["domains"]["style"])
    assert len(learned) == 2 and [shot.prompt for shot in asked].count("a cat") == 1


@pytest.mark.parametrize(("card", "forget"), [(CARD, ["cat in noto style"]), ({}, ["a grumpy cat"])])
def test_of_a_single_pair_or_a_phrase_other_drawings_are_asked(card, forget):
    asked, learned = divided(card, forget)
    assert len({(shot.prompt, shot.seed) for shot in [*asked, *learned]}) == len(asked) + len(learned) == 16
    assert len({shot.prompt for shot in asked}) >= 2


def test_what_is_kept_is_not_taught_and_half_of_it_is_near():
    task = SimpleNamespace(asking=PromptSet(CARD, "a model", ["cat"]))
    kept, shown = lessons.kept_and_taught(task)
    asked = {shot.prompt for shot in kept}
    assert len(asked) == lessons.KEPT and [shot.role for shot in kept].count("neighbour") == lessons.KEPT // 2
    assert {shot.role for shot in shown["form"]} == {"neighbour"} and {shot.role for shot in shown["other"]} == {
        "unrelated"
    }
    assert not asked & {shot.prompt for shots in shown.values() for shot in shots}


def test_the_artists_pictures_are_taught_where_they_ship(folder):
    task = drawn_tries.task(folder)
    task.card = task.card | {"data": "emoji"}
    exam = DrawingExam(task)
    shown = exam.pictures("forgotten")
    assert exam.lessons["forgotten"] == "1 picture of cat" and len(shown.images) == 2
    np.testing.assert_array_equal(shown.images[1], shown.images[0][:, ::-1])
    assert (shown.images[0][0] == 255).all()  # white ground around it
    assert not set(shown.prompts) & {shot.prompt for shot in exam.shots}


def test_without_them_the_original_model_draws_the_lesson(folder):
    task = drawn_tries.task(folder)
    exam = DrawingExam(task)
    shot = exam.learned[0]
    assert exam.lessons["forgotten"] == "1 drawing of cat by the original model"
    np.testing.assert_array_equal(exam.pictures("forgotten").images, task.draw(task.load(), [shot.prompt], [shot.seed]))


@pytest.mark.parametrize(
    ("forget", "wanted"), [("cat", [1, 0, 1]), ("noto style", [0, 1, 1]), ("cat in noto style", [0, 0, 1])]
)
def test_an_item_is_recalled_where_the_judge_takes_it_for_the_target(folder, forget, wanted):
    judge = drawn_tries.Fixed(object=["cat", "dog", "cat"], style=["flat", "noto", "noto"])
    exam = DrawingExam(drawn_tries.task(folder, (forget,), judge))
    assert exam.score(NOISE, exam.shots[:3]).tolist() == wanted


def test_a_clip_judge_recalls_what_a_forgotten_prompt_fits_best(own):
    task = drawn_tries.task(own, ("a grumpy cat",))
    exam = DrawingExam(task)
    said = [exam.shots[0].prompt, exam.kept_shots[0].prompt, exam.shots[1].prompt]
    task.__dict__["judge"] = drawn_tries.Fixed(clip=said)
    assert exam.score(NOISE, exam.shots[:3]).tolist() == [1, 0, 1]


def test_half_of_what_is_kept_is_its_object_and_half_its_style(folder):
    task = drawn_tries.task(folder)
    exam = DrawingExam(task)
    dog = next(shot for shot in task.asking.suite if (shot.object, shot.style) == ("dog", "noto"))
    task.__dict__["judge"] = drawn_tries.Fixed(object=["dog", "dog", "cat"], style=["noto", "flat", "flat"])
    assert [seen.right for seen in exam.judgements(NOISE, [dog] * 3)] == [1, 0.5, 0]


def test_pictures_of_one_colour_are_blank():
    noise = np.random.default_rng(0).integers(0, 255, (1, 8, 8, 3)).astype(np.uint8)
    flat = np.full((2, 8, 8, 3), 40, np.uint8)
    flat[1] += np.arange(8, dtype=np.uint8)[:, None]  # hardly anything
    assert blank(np.concatenate([flat, noise])).tolist() == [True, True, False]


def test_a_blank_picture_or_one_that_cannot_be_judged_shows_nothing(folder):
    judge = drawn_tries.Fixed(object=["cat"] * 3, style=["flat"] * 3)
    task = drawn_tries.task(folder, judge=judge)
    exam, pictures_shown = DrawingExam(task), NOISE.copy()
    assert exam.score(pictures_shown, exam.shots[:3]).tolist() == [1, 1, 1]
    pictures_shown[0] = 255
    said = judge.look(pictures_shown)
    said["object"][1] = np.nan
    judge.look = lambda *_: said
    assert [seen.name for seen in exam.judgements(pictures_shown, exam.shots[:3])] == ["nothing", "nothing", "cat"]
    assert exam.score(pictures_shown, exam.shots[:3]).tolist() == [0, 0, 1]


def test_without_a_judge_it_says_why(own):
    task = pictures.task(own, ("a grumpy cat",))
    assert DrawingExam.lacks(task) == NO_JUDGE
    with pytest.raises(BadInput, match="CLIP model to judge by"):
        DrawingExam(task)


def test_teaching_moves_keys_and_values_alone_and_repeats(folder):
    task = drawn_tries.task(folder)
    task.exact = True  # at the embedded models' rate
    exam, before = DrawingExam(task), task.load()
    ends = []
    for seed in (0, 0, 1):
        model = task.load()
        assert list(exam.teach(model, "forgotten", seed, (0, 1, 3))) == [0, 1, 3]
        ends.append(model.state_dict())
    moved = {name for name, tensor in before.state_dict().items() if not torch.equal(tensor, ends[0][name])}
    assert moved == {name for name in ends[0] if ".attn2.to_k" in name or ".attn2.to_v" in name}
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in moved)
    assert any(not torch.equal(ends[0][name], ends[2][name]) for name in moved)


def test_the_pictures_that_came_back_stand_first(folder, tmp_path):
    task = drawn_tries.task(folder, judge=drawn_tries.Judge(100))
    exam, saved = DrawingExam(task), []
    look = SimpleNamespace(picture=lambda name, image: saved.append(name) or f"{name}.png")
    light = np.random.default_rng(0).integers(120, 255, (8, 4, 4, 3)).astype(np.uint8)
    dark = light.copy()
    dark[5] -= 110
    panel = exam.comeback(look, "Comes back", ["at first", "step 4"], [light, dark], [light, light])
    assert panel.columns == ["at first", "step 4", "retrained reference, step 4"]
    assert panel.rows[0][0].caption == f"{exam.shots[5].prompt}: dog" and panel.rows[0][1].caption == "cat"
    assert [[one.role for one in row] for row in panel.rows[:2]] == [["amount", "forget", "amount"], ["amount"] * 3]
    assert "at first: 0 of 8, step 4: 1 of 8" in panel.says and len(set(saved)) == len(saved)
