"""Cards of concept vectors as they are drawn: marks of words, the path and its axis, colours of tokens, switches, tables."""

import math
import re

import pytest

from app import figures, view
from app.figures import vectors
from backends.api.panels import FiringPiece, FiringText, Lines, Series, Shift, TopWord, VectorCard, Vectors


def shift(**values):
    return Shift(**{"overlap": 0.8, "cosine": 0.95, "distance": 0.3, "activation": (4.0, 3.0)} | values)


def card(column=7, path=(1, 0.97, 0.95), **more):
    return VectorCard(
        layer=5, column=column, path=list(path), shift=shift(),
        before=[TopWord(word="sea"), TopWord(word="<b>harbour", stays=False)],
        after=[TopWord(word="sea"), TopWord(word="steel", stays=False)], **more,
    )  # fmt: skip


def panel(*cards, **more):
    return Vectors(
        **{
            "title": "Spelled", "how": "So.", "lead": "Answers fell.", "says": "Vectors stayed.", "cards": list(cards or [card()]), "first": 50,
            "steps": ["original", "forget, 4 of 20", "unlearned"], "control": shift(cosine=0.99), "control_path": [1, 0.995, 0.99],
        } | more
    )  # fmt: skip


def test_words_that_left_or_came_are_marked_by_signs_and_words():
    html = figures.figure(panel())
    assert "<s>&lt;b&gt;harbour</s>" in html and "(no longer a first word)" in html and "<b>harbour" not in html
    assert '<span aria-hidden="true">+ </span>steel' in html and html.count("among the first 50") == 1
    assert html.count('<span class="chip">sea</span>') == 2


def test_where_every_word_stays_nothing_explains_marks():
    stays = card().model_copy(update={"before": [TopWord(word="a")], "after": [TopWord(word="a")]})
    assert "among the first" not in figures.figure(panel(stays))


def test_three_cards_are_seen_and_the_others_folded():
    html = figures.figure(panel(*(card(column) for column in range(12))))
    seen, folded = html.split("<details>")
    assert seen.count("<article") == 3 and folded.count("<article") == 9 and "9 more vectors" in folded
    assert re.findall(r'data-vector="([\d.]+)"', html) == [f"5.{column}" for column in range(12)]


def heights(path):
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]


def test_the_path_is_drawn_to_scale_on_an_axis_that_all_cards_share():
    many = panel(card(), card(8, path=(1, 1, 0.92)))
    floor = vectors._floor(many)
    assert floor == 0.9
    drawn = vectors.plot(many, many.cards[1], floor)
    top, bottom = vectors.INSET, vectors.HEIGHT - vectors.INSET
    by_hand = [top + (bottom - top) * (1 - value) / 0.1 for value in (1, 1, 1, 0.92)]  # each piece has two ends
    assert heights(drawn.line) == pytest.approx(by_hand, abs=0.06)
    assert [words for _, _, words in drawn.bands][1:] == [
        "forget, 4 of 20: cosine 1, random columns 0.995", "unlearned: cosine 0.920, random columns 0.990"
    ]  # fmt: skip
    assert drawn.relearning == "" and drawn.divide is None


def test_relearning_is_a_dashed_line_only_where_it_was_measured():
    assert 'class="relearning"' not in figures.figure(panel())
    with_it = panel(card(relearning=[0.96, 0.99]), relearning_steps=["relearning, 0 of 1", "relearning, 1 of 1"])
    drawn = vectors.plot(with_it, with_it.cards[0], 0.9)
    assert drawn.relearning.count("M") == 2 and drawn.divide and len(drawn.bands) == 5
    assert 'class="relearning"' in figures.figure(with_it)


def test_what_was_not_recorded_is_no_line():
    ends = panel(card(path=(1, 0.95)), steps=["original", "unlearned"], control_path=[1, 0.99])
    drawn = vectors.plot(ends, ends.cards[0], 0.9)
    assert drawn.line == drawn.control == "" and len(drawn.dots) == 2
    assert "steps not recorded" in figures.figure(ends)
    gap = panel(card(path=(1, None, 0.95)))
    assert vectors.plot(gap, gap.cards[0], 0.9).line == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.99999, "0.99999"), (0.9982, "0.998"), (0.99987, "0.9999"), (0.0, "0"), (-1.0, "-1"), (math.nan, "not measured"), (None, "not measured")],
)  # fmt: skip
def test_less_than_1_never_reads_as_1(value, text):
    assert vectors.cosine(value) == text


def test_tokens_are_coloured_by_their_activation_with_its_sign():
    pieces = [
        FiringPiece(text=" in", before=8, after=2), FiringPiece(text=" Quebec", before=-4, after=None),
        FiringPiece(text=" <i>", before=0.1, after=0), FiringPiece(text=" …"),
    ]  # fmt: skip
    html = figures.figure(panel(card(texts=[FiringText(role="neighbour", pieces=pieces)])))
    assert (
        'data-way="more" style="--share:100%" title="activation 8.00 in the original, 2.00 in the unlearned model">in'
        in html
    )
    assert 'data-way="less" style="--share:50%" title="activation -4.00 in the original, not measured' in html
    assert html.count("data-way") == 2 and "&lt;i&gt;" in html and 'data-role="neighbour"' in html


def test_the_tables_hold_every_number():
    table = figures.table(panel())
    for number in ("80", "0.950", "0.3", "0.970", "0.995", "random columns, mean"):
        assert f">{number}<" in table, number


def test_the_headline_stands_above_and_the_rest_folds_out():
    other = Lines(title="Course", how="h", says="s", x=[0, 1], series=[Series(name="a", values=[1, 2])], folded=True)
    html = view.panels([panel(), other])
    assert "Answers fell. <strong>Vectors stayed.</strong>" in html
    assert html.count("<section") == 2 and "One more figure" in html
    assert html.index("One more figure") < html.index("Course") < html.rindex("</details>")


def test_twelve_full_cards_are_far_below_3_mb():
    pieces = [FiringPiece(text=" wordpiece", before=at / 36, after=0.5) for at in range(36)]
    texts = [FiringText(role=role, pieces=pieces) for role in ("forget", "neighbour")]
    full = [card(column, path=[0.9] * 60, texts=texts) for column in range(12)]
    html = view.panel(panel(*full, steps=[f"step {at}" for at in range(60)], control_path=[1.0] * 60))
    assert len(html.encode()) < 500_000
