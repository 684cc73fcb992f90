"""What is written down of concept vectors while a model changes: known answers on the toy."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backends.api import files
from backends.api.errors import BadInput
from backends.families.language.concept_vectors import columns, writers
from backends.families.language.vector_trace import FIRST, Trace, cosines, overlaps


@pytest.fixture(autouse=True)
def followed(toy_language_task):
    toy_language_task.follow(toy_language_task.load())


def test_a_model_as_it_was_has_not_moved(toy_language_task):
    seen = toy_language_task.trace.sample(toy_language_task.load())
    assert len(seen["places"]) == len(seen["words"]) == len(seen["random"]["words"]) == 12
    for found in (seen, seen["random"]):
        assert found["words"] == [1] * 12 and found["cosine"] == pytest.approx([1] * 12) and min(found["active"]) > 0
    assert files.dumps(seen)


def test_only_the_vector_that_was_turned_round_is_another(toy_language_task):
    trace, model = toy_language_task.trace, toy_language_task.load()
    with torch.no_grad():
        columns(model, trace.places[3].layer)[trace.places[3].column] *= -1
    seen = trace.sample(model)
    assert seen["cosine"][3] == pytest.approx(-1) and seen["words"][3] < 0.5
    assert seen["words"][:3] == [1, 1, 1] and seen["random"]["words"] == [1] * 12


def test_what_a_run_keeps_is_enough_for_the_metrics(toy_language_task):
    trace, model = toy_language_task.trace, toy_language_task.load()
    kept = trace.arrays(model)
    assert kept["vectors"].shape == kept["random_vectors"].shape == (12, 48)
    assert kept["vector_words"].shape == kept["random_words"].shape == (12, FIRST)
    assert kept["vector_places"].tolist() == [[place.layer, place.column] for place in trace.places]
    assert set(kept["vector_of"].tolist()) == {toy_language_task.questions.forget[0].about}


def test_a_person_is_traced_for_a_job_of_its_own_only(toy_language_task):
    assert toy_language_task.trace.places and toy_language_task.again().trace is None


def test_without_questions_there_is_nothing_to_trace(toy_language_task):
    trace = Trace(toy_language_task.load(), toy_language_task.reader, [])
    assert trace.sample(toy_language_task.load()) == {} and trace.arrays(toy_language_task.load()) == {}


def test_a_model_without_columns_is_not_traced_and_a_job_goes_on(toy_language_task):
    class Other(torch.nn.Module):
        base_model = SimpleNamespace()

    with pytest.raises(BadInput, match="no feed-forward columns"):
        writers(Other())
    toy_language_task.follow(Other())
    assert toy_language_task.trace is None


def test_cosine_and_overlap_by_hand():
    assert cosines(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])).tolist() == pytest.approx([24 / 25])
    assert overlaps(np.array([[1, 2, 3]]), np.array([[2, 3, 4]])).tolist() == [0.5]
