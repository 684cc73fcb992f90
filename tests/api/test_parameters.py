"""Parameters are checked by the schema that the catalog carries, and what is wrong is said in one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from backends.api import catalog, params
from backends.api.errors import BadInput
from backends.core.registry import Params, Registered


class Example(Params):
    """One parameter of every kind."""

    epochs: int = Field(default=5, ge=1, le=200)
    learning_rate: float = Field(default=0.01, gt=0, le=1)
    way: str = Field(default="soft", pattern="^(soft|hard)$")
    sure: bool = False
    share: float | None = None
    layers: list[str] = Field(default=["all"], max_length=3)


SCHEMA = Example.model_json_schema()
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def check(**given_params):
    return params.checked("example", SCHEMA, given_params)


def test_what_is_left_out_has_its_default():
    assert check(epochs=3) == Example(epochs=3).model_dump()


def test_what_is_filled_in_is_what_the_class_takes():
    assert Example(**check()).model_dump() == Example().model_dump()


@pytest.mark.parametrize(
    ("given_params", "sentence"),
    [
        ({"learning_rate": 5}, "example: learning_rate was 5, but at most 1 is allowed."),
        ({"learning_rate": 0}, "example: learning_rate was 0, but more than 0 is allowed."),
        ({"epochs": 0}, "example: epochs was 0, but at least 1 is allowed."),
        ({"epochs": 2.5}, "example: epochs was 2.5, but a whole number is needed."),
        ({"epochs": True}, "example: epochs was True, but a whole number is needed."),
        ({"epochs": "five"}, "example: epochs was 'five', but a whole number is needed."),
        ({"share": "much"}, "example: share was 'much', but a number or nothing is needed."),
        ({"epochs": float("nan")}, "example: epochs was nan, but a finite number is needed."),
        ({"layers": ["a"] * 4}, "example: layers was ['a', 'a', 'a', 'a'], but at most 3 entries are allowed."),
        ({"layers": [1]}, "example: layers.0 was 1, but a text is needed."),
        ({"epochs": None}, "example: epochs was empty; give from 1 to 200."),
        ({"way": None}, "example: way was empty; give a text."),
        (
            {"rate": 1},
            "example has no parameter 'rate'; it has epochs, learning_rate, way, sure, share, layers.",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(given_params, sentence):
    with pytest.raises(BadInput) as caught:
        check(**given_params)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("given_params", [{"learning_rate": 5}, {"epochs": None}, {"epochs": "5"}, {"rate": 1}])
def test_the_job_says_of_a_parameter_what_the_form_and_the_command_line_say(given_params):
    entry = catalog.Method.model_construct(id="example", params=SCHEMA)
    with pytest.raises(BadInput) as at_the_job:
        Registered(entry, print, Example).parse(given_params)
    with pytest.raises(BadInput) as before:
        check(**given_params)
    assert str(at_the_job.value) == str(before.value)
    assert Registered(entry, print, Example).parse({"layers": ("a", "b")}) == Example(layers=["a", "b"])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "dose was empty; it can be from 0 to 1.5."),
        ("much", "dose was 'much'; it can be from 0 to 1.5."),
        (2, "dose was 2.0; it can be from 0 to 1.5."),
        (float("nan"), "dose was nan; it can be from 0 to 1.5."),
    ],
)
def test_a_number_of_a_request_is_named_with_its_bounds(value, sentence):
    with pytest.raises(BadInput) as caught:
        params.within("dose", value, 0, 1.5)
    assert str(caught.value) == sentence


def test_whole_numbers_and_lines_of_a_request():
    assert (params.within("dose", 1, 0, 1.5), params.whole_number("steps", 3.0, 1, 9)) == (1.0, 3)
    for value, sentence in (
        (2.5, "steps was 2.5; a whole"),
        ("3", "steps was '3'; a whole"),
        (10, "steps was 10; it can"),
    ):
        with pytest.raises(BadInput, match=sentence):
            params.whole_number("steps", value, 1, 9)
    assert params.line("The prompt", " a \n cat ", 9) == "a cat" and params.line("The prompt", " ", 9) == ""
    for text, sentence in (
        (" ", "was empty; write it."),
        ("a" * 10, "has 10 characters; at most 9"),
        ("\x00", "control"),
    ):
        with pytest.raises(BadInput, match=f"The prompt .*{sentence}"):
            params.line("The prompt", text, 9, "write it")


def test_too_much_is_refused():
    with pytest.raises(BadInput, match="at most 100,000"):
        check(way="x" * 200_000)


@given(st.dictionaries(st.sampled_from([*SCHEMA["properties"], "other"]), ANY, max_size=4))
def test_whatever_is_given_ends_in_parameters_or_in_one_sentence(given_params):
    try:
        complete = params.checked("example", SCHEMA, given_params)
    except BadInput as error:
        assert "\n" not in str(error) and str(error).endswith(".") and len(str(error)) < 400
    else:
        Example(**complete)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("epochs=3", 3),
        ("learning_rate = 1e-3", 0.001),
        ("way=hard", "hard"),
        ("sure=True", True),
        ("share=null", None),
        ("layers=a, b", ["a", "b"]),
        ('layers=["a"]', ["a"]),
    ],
)
def test_a_value_is_read_as_the_schema_says(text, value):
    name = text.partition("=")[0].strip()
    assert params.from_text("example", SCHEMA, text) == (name, value)


@given(st.text(max_size=40))
def test_any_setting_is_read_or_refused_in_one_sentence(text):
    try:
        name, _ = params.from_text("example", SCHEMA, text)
    except BadInput as error:
        assert "\n" not in str(error) and str(error).endswith(".")
    else:
        assert name in SCHEMA["properties"]
