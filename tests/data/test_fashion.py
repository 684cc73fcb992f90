"""The embedded data: what is shipped is what the script draws, and small enough to ship."""

from pathlib import Path

import numpy as np
import pytest

from backends.api import files
from backends.api.errors import BadInput
from backends.data import embedded, fashion
from backends.zoo import fashion_data


def test_the_subset_is_balanced_and_named_as_its_card_says():
    data = embedded("fashion-mnist")
    card = files.read_json(fashion.FOLDER / "card.json")
    assert card["classes"] == data.names == fashion.NAMES
    for split, count in ((data.train, card["train_count"]), (data.test, card["test_count"])):
        assert split.images.shape == (count, *card["size"]) and split.images.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [count // 10] * 10


def test_no_image_was_drawn_twice():
    for name in ("train", "test"):
        with np.load(fashion.FOLDER / f"{name}.npz") as file:
            assert len(np.unique(file["index"])) == len(file["index"])


def test_an_unknown_data_set_is_named_with_those_there_are():
    with pytest.raises(BadInput, match=r"no data set 'digits'; choose one of authors, fashion-mnist"):
        embedded("digits")


def test_missing_originals_are_named(tmp_path):
    with pytest.raises(BadInput, match=r"train-images-idx3-ubyte\.gz is missing; install Debian's package"):
        fashion_data.main(source=tmp_path, to=tmp_path / "out")


@pytest.mark.skipif(not fashion_data.SOURCE.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_script_makes_the_same_bytes_again(tmp_path):
    fashion_data.main(to=tmp_path)
    for path in sorted(fashion.FOLDER.iterdir()):
        assert (tmp_path / path.name).read_bytes() == Path(path).read_bytes(), path.name
