"""Concept inference and data poisoning: concepts with a known answer, exact attributions, which labels are poison, and what is taught."""

import numpy as np
import planted_concepts as planted
import pytest
import torch
import toy
from captum.attr import IntegratedGradients

from backends.api.errors import BadInput
from backends.core.run import Run
from backends.families.classifier import concepts
from backends.methods.concept_poisoning import ConceptPoisoning, concept_poisoning, drawn, infer, targeted


def test_planted_concepts_are_found_and_one_that_is_not_there_is_not():
    found = concepts.fit(planted.BANK, planted.FEATURES, planted.LABELS)
    assert found.auroc[:2].min() > 0.99
    for at, axis in enumerate(planted.AXES):
        vector = found.vectors[at] / np.linalg.norm(found.vectors[at])
        assert vector @ axis > 0.95
    noise = np.random.default_rng(1).normal(size=planted.FEATURES.shape).astype(np.float32)
    assert abs(concepts.fit(planted.BANK, noise, planted.LABELS).auroc - 0.5).max() < 0.1


def test_scores_are_in_deviations_from_the_mean_image():
    scores = concepts.fit(planted.BANK, planted.FEATURES, planted.LABELS).scores(planted.FEATURES)
    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scores.std(0), 1, atol=1e-9)


def test_attributions_are_the_integrated_gradients_of_a_linear_model_exactly():
    rng = np.random.default_rng(0)
    weights, scores = rng.normal(size=(3, 5)), rng.normal(size=(7, 4))
    layer = torch.nn.Linear(4, 3).double()
    layer.load_state_dict({"weight": torch.from_numpy(weights[:, :4]), "bias": torch.from_numpy(weights[:, 4])})
    for label in range(3):
        captum = IntegratedGradients(layer).attribute(
            torch.from_numpy(scores), torch.zeros(1, 4).double(), target=label
        )
        ours = concepts.attributions(weights[label], scores)
        np.testing.assert_allclose(ours, captum.detach().numpy(), atol=1e-12)
        logits = scores @ weights[label, :4] + weights[label, 4]
        np.testing.assert_allclose(ours.sum(1), logits - weights[label, 4], atol=1e-12)  # complete


def test_a_class_is_explained_by_the_concepts_that_it_has():
    found = concepts.fit(planted.BANK, planted.FEATURES, planted.LABELS)
    scores = found.scores(planted.FEATURES)
    weights = concepts.head(scores, planted.LABELS, 4)
    assert ((scores @ weights[:, :-1].T + weights[:, -1]).argmax(1) == planted.LABELS).mean() > 0.95
    for label in range(4):
        mean = concepts.attributions(weights[label], scores[label == planted.LABELS]).mean(0)
        assert (mean > 0.2).all()  # having what it has and lacking what it lacks both speak for it
        np.testing.assert_array_equal(np.sign(weights[label, :2]), 2 * planted.BANK.has[:, label] - 1)


def test_random_poison_is_any_free_label_but_the_own_one():
    wrong = drawn(np.repeat([0, 2], 300), np.array([1, 2, 3]), np.random.default_rng(0))
    assert set(wrong[:300]) == {1, 2, 3} and set(wrong[300:]) == {1, 3}
    assert np.bincount(wrong[:300])[1:].min() > 70


def test_targeted_poison_is_the_class_with_the_most_similar_concepts():
    profiles = np.array([[1.0, 1.0], [1.0, 0.8], [-1.0, 0.1], [1.0, 1.1]])
    assert targeted(np.array([0, 0, 2]), np.array([1, 2, 3]), profiles).tolist() == [3, 3, 3]
    assert targeted(np.array([0]), np.array([1, 2]), profiles).tolist() == [1]


def test_no_label_is_left():
    with pytest.raises(BadInput, match="every class but one is to be forgotten"):
        drawn(np.array([1]), np.array([1]), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("sleeves", "'sleeves' is no concept; write a name and its classes"),
        ("sleeves: shoe", "The concept 'sleeves' names 'shoe'; choose of zero, one, two, three, four."),
        ("all: zero, one, two, three, four", "belongs to every class or to none"),
        ("; ;", "names no concept"),
    ],
)
def test_bad_concepts_get_one_sentence(toy_task, written, says):
    with pytest.raises(BadInput, match=says):
        concepts.bank(toy_task, written)


def test_whose_concepts_are_taken(toy_task):
    assert concepts.bank(toy_task).names == toy.NAMES  # the toy brings none
    bank = concepts.bank(toy_task, "even: zero, two, four; small: zero, one")
    assert bank.names == ["even", "small"] and bank.has.tolist() == [[1, 0, 1, 0, 1], [1, 1, 0, 0, 0]]


def test_what_is_poisoned_and_what_is_taught(toy_task):
    """Half of the forget set, twice as many to keep with their true labels, and nothing else."""
    run = Run(toy_task, toy.Memory(), 0)
    params = ConceptPoisoning(share=0.5, clean=2.0)
    made = infer(run, concepts.bank(toy_task), params)
    labels, items = made["labels"].numpy(), made["items"].numpy()
    true = toy_task.data.train.labels
    poisoned = np.flatnonzero(labels != true)
    assert len(poisoned) == 40 and set(poisoned) <= set(toy_task.parts["forget"])
    assert toy.NAMES.index("two") not in labels[poisoned]
    assert len(items) == 120 and set(poisoned) < set(items)
    assert not set(items) & (set(toy_task.parts["forget"]) - set(poisoned))


def test_targeted_pours_into_one_class(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    concept_poisoning(run, ConceptPoisoning(poison="targeted", batch_size=16))
    says = toy_task.outputs(run.model.eval())["test"][toy_task.parts["test_forget"]].argmax(1)
    assert np.bincount(says).max() > 0.7 * len(says)
    assert toy.NAMES.index("two") not in says
