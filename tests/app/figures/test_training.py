"""Watching a job: curves of its events, fading of its samples."""

import pytest
from PIL import Image

from app.figures import training

SANDAL = {"id": "test-1", "role": "forget", "label": 0, "probabilities": [0.9, 0.1]}
FADED = SANDAL | {"probabilities": [0.2, 0.8]}
BAG = {"id": "test-2", "role": "unrelated", "label": 1, "probabilities": [0.1, 0.9]}
SAMPLES = [
    {"phase": "", "step": 0, "of": 10, "seconds": 0.0, "items": [SANDAL, BAG]},
    {"phase": "salun", "step": 10, "of": 10, "seconds": 1.0, "items": [FADED, BAG]},
]


def event(phase: str, step: int, **values: object) -> dict[str, object]:
    return {"seconds": 0.1, "phase": phase, "step": step, "of": 9, "values": values}


def test_steps_of_a_second_phase_follow_those_of_the_first():
    panel = training.loss_panel([event("mask", 1, loss=3.0), event("mask", 2, loss=2.0), event("tune", 1, loss=1.0)])
    assert panel.x == [1, 2, 3] and panel.series[0].values == [3, 2, 1]
    assert "fell from 3 to 1" in panel.says


def test_no_number_yet_is_no_curve():
    assert training.loss_panel([]) is None
    assert training.loss_panel([event("load", 1), event("load", 2, note="words")]) is None


def test_a_lost_number_is_a_gap_and_what_a_value_is_about_gives_its_role():
    panel = training.loss_panel([event("a", 1, forget_loss="NaN", keep_loss=1.0), event("a", 2, forget_loss=2.0)])
    assert [series.role for series in panel.series] == ["forget", "neighbour"]
    assert panel.series[1].values == [1.0, None]


def test_a_loss_that_ends_where_it_began_neither_rose_nor_fell():
    same = training.loss_panel([event("a", at, loss=value) for at, value in ((1, 2.771), (2, 3.0), (3, 2.774))])
    assert same.says == "The loss is at the end what it was at the start, 2.77, over 3 recorded steps."
    assert training.loss_panel([event("a", 1, loss=1.0), event("a", 2, loss=2.0)]).says.startswith(
        "The loss rose from 1 to 2"
    )


def test_a_long_job_is_thinned_to_what_a_screen_can_show_and_keeps_its_last_number():
    panel = training.loss_panel([event("a", at, loss=float(at)) for at in range(1, 5001)])
    assert len(panel.x) <= training.MOST + 1 and panel.series[0].values[-1] == 5000


def test_fading_is_the_mean_probability_of_the_true_class_by_role():
    panel = training.fading_panel(SAMPLES)
    assert {series.role: series.values for series in panel.series} == {"forget": [90, 20], "unrelated": [90, 90]}
    assert "from 90 % to 20 % (forget set)" in panel.says
    assert training.fading_panel(SAMPLES[:1]) is None


def drawn(share: object, when: str) -> dict[str, object]:
    """What a model that draws shows of one prompt at one step."""
    return {"id": "forget-0", "role": "forget", "prompt": "a <cat>", "share": share, "picture": f"samples/{when}/forget-0.png"}  # fmt: skip


@pytest.fixture
def drawings(tmp_path):
    """Samples of a run on a model that draws, and its folder: white before, large and black after."""
    for when, size, colour in (("00-000000", 64, "white"), ("01-000010", 512, "black")):
        path = tmp_path / "samples" / when / "forget-0.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (size, size), colour).save(path)
    samples = [
        {"phase": "", "step": 0, "of": 10, "items": [drawn(0.94, "00-000000")]},
        {"phase": "steer", "step": 10, "of": 10, "items": [drawn(0.02, "01-000010")]},
    ]
    return samples, tmp_path


def test_how_a_drawing_fades_is_what_the_judge_says(drawings):
    panel = training.fading_panel(drawings[0])
    assert {series.role: series.values for series in panel.series} == {"forget": [94, 2]}
    assert "How sure the judge is of what was asked went from 94 % to 2 %" in panel.says
