"""Numbers as words, text that can be read, nothing fetched from elsewhere."""

import re

import pytest

from app import theme
from app.theme import CSS, HEAD, large, megabytes, percent, points, quantity, seconds


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(99.53), "99.5 %"), (percent(100), "100 %"), (percent(-0.01), "0 %"), (large(1.13e-8), "practically 0"), (large(0.0), "0"), (percent(0.0), "0 %"), (percent(float("nan")), "not measured"), (percent(None), "not measured"),
        (percent("NaN"), "not measured"), (points(1.25), "+1.2 points"), (points(-0.04), "0 points"), (points(None), "not measured"),
        (seconds(0.42), "0.4 s"), (seconds(9.97), "10 s"), (seconds(75), "1 min 15 s"), (seconds(7300), "2 h 1 min"), (seconds(59.7), "1 min"),
        (megabytes(312 * 2**20), "312 MB"), (megabytes(2**20), "1.0 MB"), (quantity(1.5, "%"), "1.5 %"), (quantity(90, "s"), "1 min 30 s"),
        (quantity(12, "MB"), "12 MB"), (quantity(0.1234, ""), "0.123"), (quantity(None, "MB"), "not measured"),
    ],
)  # fmt: skip
def test_numbers_are_written_the_same_way_everywhere(said, expected):
    assert said == expected


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours(block: str) -> dict[str, str]:
    found = re.search(re.escape(block) + r" \{(.*?)\}", CSS, re.S)
    assert found
    return dict(re.findall(r"--lethe-([a-z-]+): (#[0-9a-f]{6});", found[1]))


@pytest.mark.parametrize("block", [":root", ".dark"])
@pytest.mark.parametrize("text", ["ink", "quiet"])
@pytest.mark.parametrize("ground", ["page", "paper", "raised"])
def test_text_can_be_read_in_light_and_dark(block, text, ground):
    known = colours(block)
    assert contrast(known[text], known[ground]) >= 4.5


@pytest.mark.parametrize("block", [":root", ".dark"])
@pytest.mark.parametrize("role", list(theme.ROLE))
def test_marks_stand_out_from_the_paper_in_light_and_dark(block, role):
    assert contrast(theme.ROLE[role], colours(block)["paper"]) >= 3


def test_the_stylesheet_has_the_colours_of_the_figures():
    known = colours(":root")
    assert {role: known[role].upper() for role in theme.ROLE if role in known} == {
        role: colour for role, colour in theme.ROLE.items() if role in known
    }


def test_nothing_is_fetched_from_elsewhere():
    whole = HEAD + (theme.STATIC / "panels.js").read_text("utf-8")
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?https?:""", whole)
    assert "googleapis" not in theme.THEME._get_theme_css()


def test_no_text_is_small_and_only_numbers_inside_pictures_are_smaller():
    """Sentences are 16 px or more, notes beside them 14; the numbers of experts in their discs are 12, and said beside the picture."""
    small = [
        rule for rule in re.findall(r"[^{}]+\{[^}]*\}", CSS) if re.search(r"font-size: (\d|1[0-3])(\.\d+)?px", rule)
    ]
    assert [rule.split("{")[0].strip().split("\n")[-1] for rule in small] == [
        ".lethe-routing .second",
        ".lethe-scene .four i",
        ".lethe-scene .dots b",
    ]
    assert "body { font-size" not in CSS and ".gradio-container { font-size: 16px" in CSS
