from dataclasses import dataclass
from math import isnan, nan
from types import SimpleNamespace

import numpy as np
import pictures
import pytest

from backends.core.evidence import Evidence
from backends.core.registry import entries, get
from backends.families.text_to_image.prompts import PromptSet
from backends.metrics.fid import frechet

OBJECTS, STYLES = pictures.DOMAINS["object"], pictures.DOMAINS["style"]
DRAWN = [name for name, entry in entries("metrics").items() if entry.entry.works_with.get("text-to-image") is True]


@dataclass
class Real:
    """A judge that has real drawings: two of every pair."""

    real: dict


def evidence(forget, objects, styles, **more):
    """Evidence of pictures that the judges take for these objects and styles, in the order of the suite."""
    asking = PromptSet(pictures.CARD, "tiny", forget)
    roles = np.array([shot.role for shot in asking.suite])
    rng = np.random.default_rng(0)
    real = {
        "features": rng.normal(size=(12, 3)).astype(np.float32),
        "object": np.tile(np.arange(3), 4),
        "style": np.repeat(np.arange(2), 6),
    }
    styled = all(concept.kind == "style" for concept in asking.forget)
    task = SimpleNamespace(
        family="text-to-image", asking=asking, parts={role: np.flatnonzero(roles == role) for role in set(roles) | {"forget", "unrelated"}},
        domain="style" if styled else "object", judge=Real(real),
    )  # fmt: skip
    outputs = {
        "object": np.eye(3, dtype=np.float32)[[OBJECTS.index(name) for name in objects]],
        "style": np.eye(2, dtype=np.float32)[[STYLES.index(name) for name in styles]],
        "features": real["features"][:6],
    }
    return Evidence("after", task, more.pop("outputs", outputs), lambda name, when: nan, 3.0, 5e8, 2e6)


# the suite: cat, dog, car in flat style; then cat, dog, car in noto style
RIGHT = ["cat", "dog", "car"] * 2
STYLE = ["flat"] * 3 + ["noto"] * 3


def value(name, found):
    return get("metrics", name).function(found).value


def test_nothing_forgotten():
    found = evidence(["cat"], RIGHT, STYLE)
    assert value("unlearning_accuracy", found) == 0
    assert value("in_domain_retain_accuracy", found) == value("cross_domain_retain_accuracy", found) == 100


def test_an_object_forgotten_with_damage():
    found = evidence(
        ["cat"], ["dog", "dog", "car", "cat", "cat", "car"], ["flat", "flat", "noto", "flat", "noto", "noto"]
    )
    assert value("unlearning_accuracy", found) == 50  # one of two cats is a dog now
    assert value("in_domain_retain_accuracy", found) == 75  # one of four others is a cat now
    score = get("metrics", "cross_domain_retain_accuracy").function(found)
    assert score.value == pytest.approx(100 * 4 / 6)  # over all six, the cats among them
    assert score.parts["without the target"] == 75
    assert get("metrics", "unlearning_accuracy").function(found).parts == {"flat": 100, "noto": 0}


def test_a_style_forgotten_is_judged_by_the_judge_of_styles():
    found = evidence(["flat style"], ["dog", "dog", "car", *RIGHT[3:]], ["noto"] * 6)
    assert value("unlearning_accuracy", found) == 100
    assert value("in_domain_retain_accuracy", found) == 100
    assert value("cross_domain_retain_accuracy", found) == pytest.approx(100 * 5 / 6)


@pytest.mark.parametrize(("thing", "style", "gone"), [("cat", "noto", 0), ("dog", "noto", 100), ("cat", "flat", 100)])
def test_one_object_in_one_style_is_gone_when_either_is(thing, style, gone):
    found = evidence(["cat in noto style"], [*RIGHT[:3], thing, *RIGHT[4:]], [*STYLE[:3], style, *STYLE[4:]])
    assert value("unlearning_accuracy", found) == gone


def test_two_concepts_of_different_kinds_are_each_judged_by_their_own():
    found = evidence(["cat", "flat style"], ["dog", *RIGHT[1:]], ["flat", "noto", "noto", *STYLE[3:]])
    # cat in flat: flat is still seen; dog and car in flat: gone; cat in noto: still a cat
    assert value("unlearning_accuracy", found) == 50


def test_answers_that_are_no_numbers_are_never_right():
    found = evidence(["cat"], RIGHT, STYLE)
    found.outputs["object"][1] = np.nan
    assert value("in_domain_retain_accuracy", found) == 75


@pytest.mark.parametrize("metric", DRAWN)
def test_without_a_judge_nothing_is_measured_of_the_pictures(metric):
    found = evidence(["cat"], RIGHT, STYLE, outputs={"images": np.zeros((6, 2, 2, 3), np.uint8)})
    found.task.judge = None
    assert isnan(value(metric, found)) or metric in ("run_time", "peak_memory", "storage")


def test_room_is_megabytes():
    assert value("storage", evidence(["cat"], RIGHT, STYLE)) == 2


def test_a_clip_judge_is_asked_which_prompt_fits_best():
    asking = PromptSet({}, "own", ["grumpy cat"], ["happy dog"])
    prompts = [shot.prompt for shot in asking.suite]
    names = list(dict.fromkeys(prompts))
    fits = 20 * np.eye(len(names), dtype=np.float32)[[names.index(prompt) for prompt in prompts]]
    fits[0] = fits[0][::-1]  # the first picture of a grumpy cat fits another prompt best
    roles = np.array([shot.role for shot in asking.suite])
    parts = {role: np.flatnonzero(roles == role) for role in ("forget", "neighbour", "unrelated")}
    task = SimpleNamespace(family="text-to-image", asking=asking, parts=parts, domain="object", judge=None)
    found = Evidence("after", task, {"clip": fits}, lambda name, when: nan)
    assert value("unlearning_accuracy", found) == pytest.approx(100 / 3)
    assert value("in_domain_retain_accuracy", found) == value("cross_domain_retain_accuracy", found) == 100
    assert value("clip_score", found) == 20


def test_the_distance_of_known_gaussians():
    rng = np.random.default_rng(1)
    one = rng.normal(size=(4000, 2))
    assert frechet(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet(one, one + np.array([3, 4])) == pytest.approx(25, rel=1e-6)  # only the means differ
    # covariances I and 9 I: trace(I + 9 I - 2 * 3 I) = 2 * (1 + 9 - 6)
    spread = (one - one.mean(0)) * 3 + one.mean(0)
    assert frechet(one, spread) == pytest.approx(np.trace(np.cov(one.T)) * 4, rel=1e-6)
    assert isnan(frechet(one, np.full_like(one, np.nan)))


def test_the_distance_leaves_out_what_was_to_be_forgotten():
    found = evidence(["cat"], RIGHT, STYLE)
    real = found.task.judge.real
    keep = real["object"] != 0
    wanted = frechet(found.outputs["features"][[1, 2, 4, 5]], real["features"][keep])
    assert value("fid", found) == pytest.approx(wanted)
