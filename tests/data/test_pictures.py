"""Pictures of every mode that Pillow opens come to what a person sees in them."""

import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from backends.api.errors import BadInput
from backends.data._images import ALPHA, DEEP, _plain, read_image

GREY = np.linspace(30, 220, 32).round()[None].repeat(32, 0)
EIGHT = Image.fromarray(GREY.astype(np.uint8))
DEEPER = Image.fromarray((GREY * 257).astype(np.uint16))

TO_LAB = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")


def clear(mode):
    """Black, and as transparent as the picture is light: on white it looks like it."""
    made = Image.new("RGBA", EIGHT.size, (0, 0, 0, 0))
    made.putalpha(EIGHT.point(lambda value: 255 - value))
    return made if mode == "RGBA" else made.convert(mode)


def palette_with_alpha():
    made = EIGHT.convert("P")
    made.info["transparency"] = bytes([255] * 256)
    return made


MODES = {
    "1": (lambda: EIGHT.convert("1"), ""),
    "L": (lambda: EIGHT, ""),
    "P": (lambda: EIGHT.convert("P"), ""),
    "RGB": (lambda: EIGHT.convert("RGB"), ""),
    "RGBX": (lambda: EIGHT.convert("RGB").convert("RGBX"), ""),
    "CMYK": (lambda: EIGHT.convert("RGB").convert("CMYK"), ""),
    "YCbCr": (lambda: EIGHT.convert("YCbCr"), ""),
    "HSV": (lambda: EIGHT.convert("RGB").convert("HSV"), ""),
    "LAB": (lambda: ImageCms.applyTransform(EIGHT.convert("RGB"), TO_LAB), ""),
    "RGBA": (lambda: clear("RGBA"), ALPHA),
    "RGBa": (lambda: clear("RGBa"), ALPHA),
    "LA": (lambda: clear("LA"), ALPHA),
    "La": (lambda: clear("LA").convert("La"), ALPHA),
    "PA": (lambda: EIGHT.convert("PA"), ""),
    "palette with alpha": (palette_with_alpha, ""),
    "I;16": (lambda: DEEPER, DEEP),
    "I;16B": (lambda: Image.frombytes("I;16B", DEEPER.size, (GREY * 257).astype(">u2").tobytes()), DEEP),
    "I": (lambda: Image.fromarray((GREY * 257).astype(np.int32)), DEEP),
    "F": (lambda: Image.fromarray((GREY / 255).astype(np.float32)), DEEP),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_mode_is_what_a_person_sees(mode):
    make, change = MODES[mode]
    given = make()
    assert given.mode == mode.partition(" ")[0].replace("palette", "P")
    found, changed = _plain(given, "a.png", "TIFF")
    assert found.mode in ("L", "RGB") and changed == change
    values = np.asarray(found, float)
    assert values.mean() == pytest.approx(GREY.mean(), abs=2)
    if mode != "1":
        assert np.abs(values.reshape(32, 32, -1).mean(-1) - GREY).max() <= 3


def test_all_modes_are_in_the_table():
    ours = {mode.partition(" ")[0] for mode in MODES} | {"I;16L", "I;16N"}  # other names of I;16
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {*Image.MODES} - ours - {"palette"} == set()


FILES = {
    "deep.png": (lambda: DEEPER, DEEP),
    "deep.tif": (lambda: DEEPER, DEEP),
    "fractions.tif": (lambda: Image.fromarray((GREY / 255).astype(np.float32)), DEEP),
    "clear.png": (lambda: clear("RGBA"), ALPHA),
    "clear.webp": (lambda: clear("RGBA"), ALPHA),
    "print.jpg": (lambda: EIGHT.convert("RGB").convert("CMYK"), ""),
    "palette.gif": (lambda: EIGHT, ""),
    "opaque.png": (lambda: EIGHT.convert("RGBA"), ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_it_looks(tmp_path, name):
    make, change = FILES[name]
    make().save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    found, changed = read_image(tmp_path / name)
    assert changed == change and np.asarray(found, float).mean() == pytest.approx(GREY.mean(), abs=2)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (GREY.astype(np.float32), "holds values from 30 to 220, but fractions have to be from 0 to 1"),
        (np.full((4, 4), np.nan, np.float32), "holds values from nan to nan, but fractions"),
        (
            (GREY * 3e5).astype(np.int32),
            "but whole numbers have to be of 8 or 16 bits without a sign; save it with 8 bits",
        ),
        (GREY.astype(np.int32), "holds values from 30 to 220, but whole numbers"),
        ((GREY * -1).astype(np.int32), "holds values from -220 to -30, but whole numbers"),
    ],
)
def test_values_that_may_mean_anything_are_refused(tmp_path, values, says):
    Image.fromarray(values).save(tmp_path / "odd.tif")
    with pytest.raises(BadInput) as caught:
        read_image(tmp_path / "odd.tif")
    assert says in str(caught.value) and str(caught.value).startswith("odd.tif")
