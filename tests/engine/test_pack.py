"""State that is saved comes back the same, bit by bit and in the same memory order."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from torch import nn

from backends.core import pack


@st.composite
def tensors(draw):
    dtype = draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    seed = draw(st.integers(0, 99))
    made = (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 100).to(dtype)
    if len(shape) == 4 and draw(st.booleans()):
        made = made.contiguous(memory_format=torch.channels_last)
    return made


plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=20)
)
states = st.recursive(
    st.one_of(plain, tensors()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=8), st.integers(-5, 500)), inner, max_size=4),
    ),
    max_leaves=12,
)


def order(tensor) -> tuple[bool, bool]:
    """In which orders a tensor lies in memory; strides of dimensions of size 0 and 1 say nothing."""
    if not tensor.numel():
        return True, True
    return tensor.is_contiguous(), tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and order(one) == order(other) and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(states)
def test_round_trip(state):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        pack.save_state(path, state)
        assert same(pack.load_state(path), state)
        assert [found.name for found in Path(folder).iterdir()] == [path.name]


def test_an_optimiser_goes_on_where_it_stopped(tmp_path):
    def made(seed):
        torch.manual_seed(seed)
        model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    def step(model, optimizer, seed):
        x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    model, optimizer = made(0)
    step(model, optimizer, 1)
    pack.save_state(tmp_path / "s", {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    step(model, optimizer, 2)
    other, other_optimizer = made(1)
    saved = pack.load_state(tmp_path / "s")
    other.load_state_dict(saved["model"])
    other_optimizer.load_state_dict(saved["optimizer"])
    step(other, other_optimizer, 2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_arrays_stay_arrays_and_numpy_numbers_become_numbers(tmp_path):
    pack.save_state(tmp_path / "s", {"ids": np.arange(3), "share": np.float32(0.5)})
    saved = pack.load_state(tmp_path / "s")
    assert saved["ids"].dtype == np.int64 and saved["ids"].tolist() == [0, 1, 2]
    assert saved["share"] == 0.5


def test_a_cut_file_is_an_error(tmp_path):
    path = tmp_path / "s"
    pack.save_state(path, {"a": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(SafetensorError):
        pack.load_state(path)


def test_no_pickle_is_in_the_file(tmp_path):
    path = tmp_path / "s"
    pack.save_state(path, {"a": [1, {"b": torch.ones(2)}]})
    size = int.from_bytes(path.read_bytes()[:8], "little")
    assert set(json.loads(path.read_bytes()[8 : 8 + size])) == {"__metadata__", "0"}


def test_changed_names_new_and_different_tensors():
    before = {"a": torch.zeros(2), "b": torch.zeros(2)}
    after = {"a": torch.zeros(2), "b": torch.ones(2), "c": torch.ones(1)}
    assert list(pack.changed(after, before)) == ["b", "c"]


def test_tensors_that_share_memory_are_saved_apart(tmp_path):
    table = torch.arange(6.0)
    pack.save_state(tmp_path / "s", {"words": table, "head": table, "part": table[2:4], "turned": table.view(2, 3).T})
    saved = pack.load_state(tmp_path / "s")
    assert torch.equal(saved["words"], table) and torch.equal(saved["head"], table)
    assert saved["part"].tolist() == [2, 3] and saved["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert pack.plain({"a": table})["a"].data_ptr() == table.data_ptr()  # a large model is not copied


def test_the_share_of_changed_numbers_counts_tied_tensors_once():
    weights = torch.zeros(2, 3)
    original = {"in": weights, "out": weights, "other": torch.zeros(4)}
    now = torch.tensor([[1.0, 0, 0], [0, 0, 2.0]])
    model = {"in": now, "out": now, "other": torch.zeros(4)}
    assert pack.moved(pack.changed(model, original), original) == pytest.approx(100 * 2 / 10)
    assert pack.moved({}, original) == 0
    assert pack.moved({"guard": torch.ones(5)}, original) == pytest.approx(50)
