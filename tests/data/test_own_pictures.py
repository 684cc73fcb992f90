"""A person's pictures: taken as they come, refused in one sentence, and handed out as a zip of PNGs."""

import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from backends.api.errors import BadInput
from backends.data import _own_pictures as own


@pytest.fixture
def folder(tmp_path):
    """Two pictures, a hidden file and a folder within."""
    place = tmp_path / "mine"
    (place / "within").mkdir(parents=True)
    Image.new("RGB", (9, 7), (200, 30, 30)).save(place / "a cat.jpg")
    Image.new("L", (5, 5), 40).save(place / "a cat.png")
    (place / ".DS_Store").write_bytes(b"x")
    return place


def packed(to, files):
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return to


def test_a_folder_one_picture_and_a_zip_of_them(folder, tmp_path):
    assert [(name, one.size, one.mode) for name, one in own.pictures(folder)] == [
        ("a cat.jpg", (9, 7), "RGB"),
        ("a cat.png", (5, 5), "L"),
    ]
    assert [name for name, _ in own.pictures(folder / "a cat.png")] == ["a cat.png"]
    files = {f"deep/{one.name}": one.read_bytes() for one in folder.iterdir() if one.is_file()}
    zipped = packed(tmp_path / "mine.zip", files | {"__MACOSX/deep/._a cat.png": b"x"})
    assert sorted(name for name, _ in own.pictures(zipped)) == ["a cat.jpg", "a cat.png"]


def test_what_goes_out_has_names_of_its_own_and_leads_nowhere(folder, tmp_path):
    to = tmp_path / "out.zip"
    white = Image.fromarray(np.full((3, 3), 255, np.uint8))
    each = [*own.pictures(folder), ("../../etc/passwd", white), ("..", white)]
    names = own.write_zip(to, iter(each))
    assert names == ["a cat.png", "a cat-2.png", "passwd.png", "picture.png"]
    with zipfile.ZipFile(to) as file:
        assert file.namelist() == names
        with file.open("a cat.png") as one:
            assert Image.open(one).size == (9, 7)
    with pytest.raises(BadInput, match="already"):
        own.write_zip(to, iter(each))


def lies(to, content):
    """A zip whose list says that a file has two bytes, however many it unpacks to."""
    packed(to, {"a.png": content})
    whole = bytearray(to.read_bytes())
    entry = whole.rindex(b"PK\x01\x02")
    whole[entry + 24 : entry + 28] = struct.pack("<I", 2)
    to.write_bytes(whole)
    return to


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda at: at / "nowhere", "nothing at"),
        (lambda at: at / "nowhere.zip", "no file"),
        (lambda at: at, "no picture"),
        (lambda at: packed(at / "a.zip", {}), "no picture"),
        (lambda at: packed(at / "a.zip", {"a.png": b"words"}), "no image that can be read"),
        (lambda at: packed(at / "a.zip", {f"{n}.png": b"" for n in range(201)}), "at most 200"),
        (lambda at: packed(at / "a.zip", {"a.png": bytes(21 * 2**20)}), "at most 20 MB"),
        (lambda at: packed(at / "a.zip", {f"{n}.png": bytes(19 * 2**20) for n in range(11)}), "at most 200 MB"),
        (lambda at: lies(at / "a.zip", bytes(2**20)), "its own list|no whole zip"),
        (lambda at: (at / "a.zip").write_bytes(b"PK\x03\x04 and no more") and at / "a.zip", "no whole zip"),
        (lambda at: (at / "a.png").write_text("words") and at / "a.png", "no image that can be read"),
    ],
)
def test_what_will_not_do_is_said_in_one_sentence_and_leaves_nothing(make, words, tmp_path):
    inside, to = tmp_path / "in", tmp_path / "out.zip"
    inside.mkdir()
    with pytest.raises(BadInput, match=words) as told:
        own.write_zip(to, own.pictures(make(inside)))
    assert str(told.value).count(". ") == 0 and list(tmp_path.iterdir()) == [inside]


def test_pictures_that_are_too_large_together(folder):
    with pytest.raises(BadInput, match="pixels together"):
        list(own.pictures(folder, 80))
