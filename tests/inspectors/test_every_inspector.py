"""What holds for every inspector of classifiers, those added later too: on a ResNet and a ViT, with and without a reference."""

import copy
import math

import looks
import pytest
import torch
import toy

from backends.api.runs import create
from backends.api.spec import JobSpec
from backends.core import registry
from backends.families.classifier import exposure
from backends.families.classifier.guards import attach_input_delta

INSPECTORS = sorted(
    name for name, one in registry.entries("inspectors").items() if one.entry.works_with.get("classifier") is True
)


@pytest.fixture(params=["resnet", "vit"])
def task(request, toy_folder, vit_folder):
    return toy.task(toy_folder if request.param == "resnet" else vit_folder)


@pytest.fixture(params=INSPECTORS)
def inspector(request, monkeypatch):
    monkeypatch.setattr(exposure, "STEPS", 10)  # of 120 for the trigger of each class: what holds here holds after few
    return request.param


def numbers(panels):
    """The findings as one comparable text."""
    return [panel.model_dump_json() for panel in panels]


def hooks(model):
    """How many hooks hang on a model."""
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


@pytest.mark.parametrize("reference", [False, True], ids=["alone", "with reference"])
def test_panels_are_sound_and_repeat_and_models_are_left_as_they_were(task, inspector, reference, tmp_path):
    seen = looks.look(
        task, tmp_path, looks.shaken(task), looks.shaken(task, strength=0.2, seed=1) if reference else None
    )
    models = [seen.before, seen.after, *([seen.reference] if reference else [])]
    states = [copy.deepcopy(model.state_dict()) for model in models]
    first = looks.found(inspector, seen)
    once = [hooks(model) for model in models]  # transformers itself leaves some where hidden states are asked for
    looks.sound(first, tmp_path)
    assert numbers(looks.found(inspector, seen)) == numbers(first)
    assert [hooks(model) for model in models] == once
    for model, state in zip(models, states, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
        assert not model.training
        assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_frozen_models_can_be_looked_into(toy_folder, inspector, tmp_path):
    task = toy.task(toy_folder)
    seen = looks.look(task, tmp_path, looks.shaken(task).requires_grad_(False))
    seen.before.requires_grad_(False)
    looks.sound(looks.found(inspector, seen), tmp_path)


@pytest.mark.parametrize("forget", [("random:10%",), ("images:3",), ("zero", "one", "three", "four")])
def test_every_kind_of_forget_set(toy_folder, inspector, tmp_path, forget):
    task = toy.task(toy_folder, forget)
    looks.sound(looks.found(inspector, looks.look(task, tmp_path, looks.shaken(task))), tmp_path)


def test_a_model_that_gives_no_numbers_any_more(toy_folder, inspector, tmp_path):
    task = toy.task(toy_folder)
    broken = task.load()
    with torch.no_grad():
        task.head(broken).weight.fill_(math.nan)
        next(broken.parameters()).fill_(math.nan)
    looks.sound(looks.found(inspector, looks.look(task, tmp_path, broken)), tmp_path)


def test_a_model_whose_weights_stayed_behind_a_filter(toy_folder, inspector):
    task = toy.task(toy_folder)
    delta = torch.randn(1, toy.SIDE, toy.SIDE, generator=torch.Generator().manual_seed(0))
    run = create(JobSpec(model=str(toy_folder), method="forget_vector", forget=("two",)))
    looks.sound(looks.found(inspector, looks.look(task, run.path, attach_input_delta(task.load(), delta))), run.path)


def test_says_what_it_is(inspector):
    entry = registry.get("inspectors", inspector).entry
    assert entry.summary.endswith(".") and entry.source.title


def test_every_title_is_the_name_in_the_literature_and_what_it_does():
    titles = [one.entry.title for one in registry.entries("inspectors").values()]
    halves = [title.partition(": ") for title in titles]
    assert [title for title, (name, _, does) in zip(titles, halves, strict=True) if not name or not does] == []
    assert len(set(titles)) == len(titles)
    assert {
        "Integrated gradients (IG)", "Confusion matrix", "Cross-attention maps (DAAM)", "UMAP", "Linear probe",
        "Centered kernel alignment (CKA)", "Logit lens", "Membership inference (MIA)", "Weight saliency",
    } <= {name for name, _, _ in halves}  # fmt: skip


def test_those_that_are_not_for_classifiers_say_why():
    for name, one in registry.entries("inspectors").items():
        why = one.entry.works_with["classifier"]
        assert name in INSPECTORS or why.endswith("."), name


def test_parameters_have_bounds_and_help(inspector):
    for field in registry.get("inspectors", inspector).entry.params["properties"].values():
        assert field["description"].endswith(".")
        assert field.keys() & {"minimum", "exclusiveMinimum", "maxLength", "enum"}


def test_the_most_striking_come_first():
    order = list(registry.entries("inspectors"))
    known = [
        "weight_saliency", "embedding_map", "attribution", "confusion", "layer_similarity", "weight_change", "membership",
        "dose", "input_guard",
    ]  # fmt: skip
    assert [name for name in order if name in known] == known
