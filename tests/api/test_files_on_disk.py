"""What is written comes back: NaN, infinities, half-written lines, and nothing where the write failed."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.api import files
from backends.api.results import Measured

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(VALUES)
def test_plain_values_come_back_as_they_were(value):
    assert json.loads(files.dumps(value)) == value


@given(st.floats())
def test_every_float_comes_back_and_the_json_is_strict(value):
    text = files.dumps([value])
    back = files.number(json.loads(text, parse_constant=pytest.fail)[0])
    assert back == value or (math.isnan(back) and math.isnan(value))


def test_none_is_not_measured():
    assert math.isnan(files.number(None))


def test_numpy_values_are_written_as_plain_ones():
    assert json.loads(files.dumps({1: np.float32(0.5), "a": np.arange(3), "n": np.float64("nan")})) == {
        "1": 0.5,
        "a": [0, 1, 2],
        "n": "NaN",
    }


@given(before=st.floats(), after=st.floats(), reference=st.none() | st.floats())
def test_a_measurement_survives_its_file(before, after, reference):
    measured = Measured(before=before, after=after, reference=reference, unit="%", direction="higher")
    back = Measured.model_validate(json.loads(files.dumps(measured.model_dump())))
    assert [repr(back.before), repr(back.after), repr(back.reference)] == [repr(before), repr(after), repr(reference)]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "state.json"
    files.write_json(path, {"status": "queued"})
    with pytest.raises(TypeError):
        files.write_json(path, {"status": object()})
    with pytest.raises(TypeError):
        files.write_bytes(path, "no bytes")
    assert files.read_json(path) == {"status": "queued"}
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path):
    path = tmp_path / "events.jsonl"
    files.append_line(path, {"step": 1})
    files.append_line(path, {"step": 2})
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    assert list(files.read_lines(path)) == [{"step": 1}]


def test_what_is_not_there_reads_as_its_default(tmp_path):
    assert files.read_json(tmp_path / "none.json", {"a": 1}) == {"a": 1}
    assert list(files.read_lines(tmp_path / "none.jsonl")) == []


def test_what_is_nested_too_deeply_is_no_crash(tmp_path):
    deep = tmp_path / "config.json"
    deep.write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(ValueError, match="nested too deep"):
        files.read_json(deep)
    assert list(files.read_lines(deep)) == []
