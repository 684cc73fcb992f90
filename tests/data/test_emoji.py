"""The emoji style data as it is shipped."""

import numpy as np

from backends.api.files import read_json
from backends.data import emoji


def test_every_object_is_there_in_every_style_and_no_two_are_alike():
    drawn = emoji.load()
    assert drawn.images.shape == (8, 20, 256, 256, 3) and drawn.images.dtype == np.uint8
    small = drawn.images[:, :, ::8, ::8].reshape(160, -1)
    assert len(np.unique(small, axis=0)) == 160
    assert (small.std(axis=1) > 5).all()  # nothing is blank


def test_white_is_behind_every_drawing():
    images = emoji.load().images
    edge = np.concatenate([images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1]], axis=2)
    assert (np.median(edge, axis=2) == 255).all()


def test_every_style_has_its_attribution():
    said = (emoji.FOLDER / "ATTRIBUTION.md").read_text("utf-8")
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].strip("| ") for row in rows[1:]] == emoji.STYLES
    assert all("https://" in row for row in rows[1:])


def test_the_card_names_what_is_there():
    card = read_json(emoji.FOLDER / "card.json")
    assert card["objects"] == emoji.OBJECTS and card["styles"] == emoji.STYLES


def test_how_the_model_is_asked():
    assert emoji.prompt("cat", "noto") == "a cat in noto style"
    assert emoji.prompt("umbrella", "noto") == "an umbrella in noto style"
    assert emoji.prompt("cat") == "a cat" and emoji.prompt(style="noto") == "noto style"
