"""A spec and its targets come back from their text as they were; nothing outside the grammar is taken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.api import targets
from backends.api.errors import BadInput
from backends.api.spec import JobSpec
from backends.api.targets import Target

NAMES = st.text(min_size=1, max_size=40)
IDS = st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=20, unique=True).map(tuple)
CLASS_NAMES = NAMES.map(str.strip).filter(lambda text: text and ":" not in text)
TARGETS = st.one_of(
    st.builds(lambda name: Target(kind="class", name=name), CLASS_NAMES),
    st.builds(
        lambda millionths, draw: Target(kind="random", share=millionths / 10**6, draw=draw),
        st.integers(1, 90 * 10**6),
        st.integers(0, 10**9 - 1),
    ),
    st.builds(lambda ids: Target(kind="images", ids=ids), IDS),
    st.builds(
        lambda item, count: Target(kind="like", ids=(item,), count=count),
        st.integers(0, 10**9 - 1),
        st.integers(1, 10**6 - 1),
    ),
    st.builds(lambda name: Target(kind="run", name=name), CLASS_NAMES),
)
SPECS = st.builds(
    JobSpec,
    model=NAMES,
    method=NAMES,
    params=st.dictionaries(
        NAMES,
        st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | NAMES,
        max_size=5,
    ),
    forget=st.lists(NAMES, min_size=1, max_size=5).map(tuple),
    keep=st.lists(NAMES, max_size=5).map(tuple),
    seed=st.integers(0, 2**31 - 1),
    metrics=st.lists(NAMES, max_size=5).map(tuple),
    data=st.text(max_size=40),
)


@given(SPECS)
def test_a_spec_comes_back_from_json(spec):
    assert JobSpec.model_validate(json.loads(json.dumps(spec.model_dump()))) == spec
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


@given(TARGETS)
def test_a_target_comes_back_from_its_text(target):
    assert targets.parse(str(target)) == target


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_one_sentence(text):
    try:
        target = targets.parse(text)
    except BadInput as error:
        assert "\n" not in str(error) and str(error).endswith(".")
    else:
        assert targets.parse(str(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "random:0%",
        "random:91%",
        "random:ten%",
        "random:10",
        "images:a",
        "images:-1",
        "like:3",
        "like:3:0",
        "like:x:5",
    ],
)
def test_what_follows_no_form_is_refused(text):
    with pytest.raises(BadInput):
        targets.parse(text)


def test_a_file_of_ids_becomes_a_target_without_repeats(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("3, 17\n17;204\n")
    assert targets.expand(f"@{path}") == "images:3,17,204"
    assert targets.expand("Sandal") == "Sandal"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no image id"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"3\nSandal\n", "'Sandal'"),
        (b"1 " * (2**20 + 1), "at most 2 MB"),
        (b"1 " * 300_000, "at most 200,000"),
    ],
    ids=["empty", "binary", "a name", "huge", "too many"],
)
def test_a_file_that_is_no_list_of_ids_is_refused(tmp_path, content, says):
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=says):
        targets.expand(f"@{path}")


@pytest.mark.parametrize("path", ["", "nowhere.txt", "/dev/zero", "/", "\0", "~nobody-of-that-name/ids", "x" * 5000])
def test_a_path_that_is_no_file_is_refused(path):
    with pytest.raises(BadInput) as caught:
        targets.expand(f"@{path}")
    assert len(str(caught.value)) < 250
