"""Drawing the emoji style data from packages."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from backends.api.errors import BadInput
from backends.data.emoji import OBJECTS, STYLES
from backends.zoo import emoji_data

RED = '<path d="M0 0h8v8H0z" fill="#f00"/>'
SET = {
    "width": 16,
    "height": 16,
    "icons": {"square": {"body": RED}, "ink": {"body": '<path d="M0 0h8v8H0z" fill="currentColor"/>'}},
    "aliases": {"block": {"parent": "brick"}, "brick": {"parent": "square"}},
}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_an_icon_is_drawn_on_white():
    drawn = pixels(emoji_data.draw(SET, "square"))
    assert drawn.shape == (256, 256, 3)
    assert drawn[10, 10].tolist() == [255, 0, 0] and drawn[200, 200].tolist() == [255, 255, 255]


def test_an_alias_is_its_parent_and_one_colour_is_ink():
    assert emoji_data.draw(SET, "block") == emoji_data.draw(SET, "square")
    assert pixels(emoji_data.draw(SET, "ink"))[10, 10].tolist() == [0x22, 0x22, 0x22]


def test_a_sets_own_corner_is_kept():
    moved = SET | {"icons": {"square": {"body": RED, "left": 4, "top": 4}}}
    drawn = pixels(emoji_data.draw(moved, "square"))
    assert drawn[10, 10].tolist() == [255, 0, 0] and drawn[100, 100].tolist() == [255, 255, 255]


@pytest.fixture
def packages(tmp_path):
    """The eight packages as npm packs them, with one square for every object."""
    named = {emoji_data.ICONS.get(thing, thing): {"body": RED} for thing in OBJECTS}
    content = json.dumps(SET | {"icons": named}).encode()
    for package, version, *_ in emoji_data.SETS.values():
        with tarfile.open(tmp_path / f"iconify-json-{package}-{version}.tgz", "w:gz") as packed:
            entry = tarfile.TarInfo("package/icons.json")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return tmp_path


def test_the_command_draws_everything(packages, tmp_path):
    emoji_data.main(packages, tmp_path / "made")
    drawn = sorted(path.relative_to(tmp_path / "made").as_posix() for path in (tmp_path / "made").glob("*/*.png"))
    assert drawn == sorted(f"{style}/{thing}.png" for style in STYLES for thing in OBJECTS)
    assert all((tmp_path / "made" / name).is_file() for name in ("ATTRIBUTION.md", "README.md", "card.json"))


def test_a_missing_package_is_one_sentence(packages, tmp_path):
    next(packages.glob("*twemoji*")).unlink()
    with pytest.raises(BadInput, match=r"twemoji.* is missing; fetch @iconify-json/twemoji"):
        emoji_data.main(packages, tmp_path / "made")
