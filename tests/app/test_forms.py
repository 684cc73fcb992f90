"""A form shows what the schema says, and gives back what it was shown."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model

from app import forms
from backends.api import params
from backends.api.errors import BadInput


class Example(BaseModel):
    model_config = ConfigDict(extra="forbid")
    epochs: int = Field(default=5, ge=1, le=200, description="Passes over the data.")
    learning_rate: float = Field(default=0.013, gt=0, le=1, description="Step size.")
    share: float = Field(default=0.5, ge=0, le=1)
    mode: str = Field(default="soft", json_schema_extra={"enum": ["soft", "hard"]})
    freeze: bool = False
    limit: int | None = Field(default=None, ge=1, le=10)
    names: list[str] = ["a", "b"]
    weights: dict[str, float] = {}


SCHEMA = Example.model_json_schema()


def shown(schema):
    return [widget.value for widget in forms.widgets(schema).values()]


def test_an_untouched_form_gives_the_defaults():
    assert forms.from_widgets("example", SCHEMA, shown(SCHEMA)) == Example().model_dump()


def test_widgets_carry_bounds_descriptions_and_are_interactive():
    made = forms.widgets(SCHEMA)
    assert (made["epochs"].minimum, made["epochs"].maximum, made["epochs"].value) == (1, 200, 5)
    assert "Passes over the data." in made["epochs"].info and "from 1 to 200" in made["epochs"].info
    assert made["share"].minimum == 0 and made["share"].maximum == 1
    assert made["learning_rate"].label == "Learning rate" and "more than 0, at most 1" in made["learning_rate"].info
    assert all(widget.interactive for widget in made.values())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("epochs", 0, "at least 1"),
        ("epochs", 201, "at most 200"),
        ("epochs", 2.5, "a whole number"),
        ("epochs", None, "from 1 to 200"),
        ("learning_rate", 0, "more than 0"),
        ("mode", "other", "one of soft, hard"),
        ("limit", 11, "at most 10"),
    ],
)
def test_what_is_out_of_range_is_named_with_its_range(name, value, sentence):
    values = shown(SCHEMA)
    values[list(forms.properties(SCHEMA)).index(name)] = value
    assert sentence in forms.problem("example", SCHEMA, values)
    with pytest.raises(BadInput):
        forms.from_widgets("example", SCHEMA, values)


def test_typed_numbers_are_neither_rounded_nor_refused_before_the_check():
    made = forms.widgets(SCHEMA)
    assert made["epochs"].preprocess(2.5) == 2.5
    assert made["epochs"].preprocess(500) == 500
    assert made["share"].preprocess(7) == 7


whole = st.tuples(st.integers(-500, 500), st.integers(0, 500), st.integers(0, 500)).map(
    lambda t: (int, Field(default=t[0], ge=t[0] - t[1], le=t[0] + t[2]))
)
real = st.tuples(st.floats(-50, 50), st.floats(0, 50), st.floats(0, 50)).map(
    lambda t: (float, Field(default=t[0], ge=t[0] - t[1], le=t[0] + t[2]))
)
text = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1).map(lambda t: (str, Field(default=t)))
flag = st.booleans().map(lambda b: (bool, Field(default=b)))
maybe = st.one_of(st.none(), st.integers(1, 9)).map(lambda n: (int | None, Field(default=n, ge=1, le=9)))
words = st.lists(st.text("abc", min_size=1)).map(lambda w: (list[str], Field(default=w)))
names = st.text("abcdefgh", min_size=1, max_size=8).map(lambda n: f"p_{n}")
schemas = st.dictionaries(names, st.one_of(whole, real, text, flag, maybe, words), max_size=6).map(
    lambda fields: create_model("Made", __config__=ConfigDict(extra="forbid"), **fields).model_json_schema()
)


@settings(max_examples=60, deadline=None)
@given(schemas)
def test_schema_to_widgets_to_parameters_gives_the_defaults(schema):
    given = forms.from_widgets("made", schema, shown(schema))
    assert given == {name: said.get("default") for name, said in schema.get("properties", {}).items()}
    assert forms.from_widgets("made", schema, forms.to_widgets(schema, given)) == given


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(list(SCHEMA["properties"])),
        st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(), st.booleans()),
        max_size=8,
    )
)
def test_any_values_give_checked_parameters_or_one_sentence(values):
    row = [values.get(name, value) for name, value in zip(forms.properties(SCHEMA), shown(SCHEMA), strict=True)]
    said = forms.problem("example", SCHEMA, row)
    if said:
        assert "\n" not in said and said.endswith(".") and len(said) < 400
    else:
        given = forms.from_widgets("example", SCHEMA, row)
        assert params.checked("example", SCHEMA, given) == given
        json.dumps(given)
