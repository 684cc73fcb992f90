"""Weight tensors under a mask: the page holds the numbers of the run folder, and refuses files that are not its own."""

import base64
import json
import zipfile
from html import unescape

import numpy as np
import pytest

from app import figures, view
from app.figures import tiles
from backends.api import findings
from backends.api.home import ASSETS
from backends.api.panels import Found, Tiles

from .panels import ONE_OF_EACH

PAGE = 3_000_000  # bytes
SHIPPED = sorted(path.parents[2].name for path in ASSETS.glob("runs/*/inspect/weight_saliency/tiles.npz"))
(PANEL,) = (panel for panel in ONE_OF_EACH if isinstance(panel, Tiles))
GOOD = {
    "weights": np.array([6]), "salient": np.array([[1, 4]]), "furthest": np.array([[1, 4]]), "both": np.array([[0, 3]]),
    "pull": np.array([0, 2, 9, 200, 255, 0], np.uint8), "move": np.array([2, 2, 2, 9, 9, 255], np.uint8),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / "tiles.npz", **GOOD)
    return tmp_path


def data(html, name):
    """What an attribute of the page holds."""
    return unescape(str(html).partition(f'data-{name}="')[2].partition('"')[0])


def unpacked(html, name, kind="<u4"):
    return np.frombuffer(base64.b64decode(data(html, name)), kind).tolist()


def panel_of(run):
    stored = json.loads((ASSETS / "runs" / run / "inspect" / "weight_saliency" / "found.json").read_text("utf-8"))
    (panel,) = Found.model_validate(stored).panels
    return panel


def test_a_page_holds_the_arrays_of_the_run_folder(folder):
    html = figures.figure(PANEL, folder)
    assert unpacked(html, "salient") == unpacked(html, "furthest") == [1, 4]
    assert (
        unpacked(html, "pull", "u1") == GOOD["pull"].tolist() and unpacked(html, "move", "u1") == GOOD["move"].tolist()
    )
    assert "conv &lt;b&gt;" in html and 'width="3" height="2"' in html and 'title="a.b (2 × 3): 6 weights"' in html
    assert html.count("<b>17\u00a0%</b>") == 2  # one weight of six, in the mask and among those that moved furthest


def test_the_slider_says_what_each_size_is(folder):
    html = figures.figure(PANEL, folder)
    first, last = json.loads(data(html, "states"))
    assert first == {
        "mask": "20 % of the weights with a gradient",
        "says": "Most is in one.",
        "overlap": "0\u00a0%",
        "chance": "10\u00a0%",
    }
    assert last["mask"] == "100 % of the weights with a gradient: every one of them"
    assert (last["overlap"], last["chance"]) == ("75\u00a0%", "75\u00a0%")
    assert "(33\u00a0% have none at all)" in html and 'value="0"' in html and "moved at all" not in html


def test_where_some_gradients_are_no_number_that_is_said(folder):
    html = figures.figure(PANEL.model_copy(update={"not_measured": 1}), folder)
    assert "17\u00a0% have none at all; at 17\u00a0% it is not a number" in html


def test_where_nothing_moved_there_is_no_second_row(folder):
    html = figures.figure(PANEL.model_copy(update={"moved": 0, "overlap": [], "chance": []}), folder)
    assert html.count("<canvas") == 1 and "What moved furthest" not in html and data(html, "move") == ""


def test_where_few_moved_that_is_said(folder):
    assert "Only 33.3 % of the weights moved at all." in figures.figure(PANEL.model_copy(update={"moved": 2}), folder)


def test_the_numbers_are_a_table_too(folder):
    table = figures.table(PANEL, folder)
    assert "in the mask of 20 %" in table and "stem, conv &lt;b&gt;" in table


@pytest.mark.parametrize(
    ("count", "of", "words"),
    [
        (0, 9, "0 %"),
        (1, 1000, "<1 %"),
        (5, 1000, "1 %"),
        (994, 1000, "99 %"),
        (999, 1000, ">99 %"),
        (9, 9, "100 %"),
        (0, 0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(count, of, words):
    assert tiles.share(count, of) == words.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": np.array([6, 6])},
        {"pull": np.zeros(5, np.uint8)},
        {"salient": np.array([[1.0, 2.0]])},
        {"both": None},
    ],
    ids=["too many", "too few pixels", "no counts", "missing"],
)
def test_arrays_that_do_not_fit_are_not_drawn(tmp_path, wrong):
    np.savez(tmp_path / "tiles.npz", **{name: one for name, one in (GOOD | wrong).items() if one is not None})
    assert tiles.MISSING in figures.figure(PANEL, tmp_path)


def test_only_arrays_of_the_own_folder_are_read(folder, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.npz").symlink_to(folder / "tiles.npz")
    (inside / "damaged.npz").write_bytes(b"PK\x03\x04")
    np.savez(inside / "objects.npz", a=np.array([{}], object))
    with zipfile.ZipFile(inside / "huge.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", bytes(findings.LARGEST + 1))
    names = [
        "../tiles.npz",
        str(folder / "tiles.npz"),
        "link.npz",
        "damaged.npz",
        "objects.npz",
        "huge.npz",
        "none.npz",
        ".npz",
        "a\0.npz",
    ]
    assert [findings.arrays(inside, name) for name in names] == [None] * len(names)
    assert findings.arrays(folder, "tiles.npz").keys() == GOOD.keys()


def test_one_run_of_each_family_is_shipped_with_its_tiles():
    assert len({json.loads((ASSETS / "runs" / run / "spec.json").read_text())["model"] for run in SHIPPED}) == 5


@pytest.mark.parametrize("run", SHIPPED)
def test_a_shipped_run_shows_its_arrays_and_its_page_is_small(run):
    panel, folder = panel_of(run), ASSETS / "runs" / run
    html, stored = view.panel(panel, folder), findings.arrays(folder, panel.arrays)
    assert len(html.encode()) < PAGE and tiles.MISSING not in html
    assert unpacked(html, "pull", "u1") == stored["pull"].tolist()
    assert unpacked(html, "salient") == stored["salient"].flatten().tolist()
    assert panel.mask == stored["salient"].sum(0).tolist() and panel.says == panel.says_at[panel.start]
    assert panel.overlap == pytest.approx((100 * stored["both"].sum(0) / stored["mask"]).tolist())
    assert panel.mask[panel.start] < panel.with_gradient
