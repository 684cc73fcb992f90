"""What every method must do, whatever it is: a walk over the registry on the toy, of methods for models that draw on the
tiny pipeline of tests/pictures.py, of those for language models on the toy of tests/toy_language.py. A new method is in it with no edit here.

`TOY` holds parameters for methods whose defaults, chosen for models a hundred times larger, mean something else on 400 images.
The tiny pipeline has random weights, so what is forgotten there, and what is kept, stands in each method's own tests.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pictures
import pytest
import torch
import toy
import toy_language
import toy_regressor

from backends.core import registry
from backends.core.run import Cancelled, Run

METHODS = registry.entries("methods")
FOLDER = Path(registry.__file__).parent / "methods"
TOY: dict[str, dict[str, object]] = {
    "forget_vector": {"epochs": 5},
    "gradient_ascent": {"epochs": 1},  # a few steps on one class alone move the running means of so small a model far
    "guided_training": {"batch_size": 64, "epochs": 8, "learning_rate": 1e-2, "beside": "unguided"},
    "influence": {"alpha": 1.0},
    "laf": {"vae_steps": 60, "learning_rate": 3e-3, "align_rate": 6e-3},
    "scrub": {"learning_rate": 5e-3},  # two passes of three steps away, where the default is for hundreds
    "unlearnable_clusters": {"clusters": 4, "steps": 20},
    "worst_case": {"rounds": 2},
}
# of methods for models that draw, as far as they have them
SHORT = {"epochs": 3, "steps": 6, "batch_size": 2, "looked_at": 6, "probes": 12}  # of those for language models
TINY = {"steps": 6, "batch_size": 2, "pool": 4, "pool_steps": 2}


def family(name):
    """The family that a method is walked through with: the first that it works with."""
    return next(family for family, fits in METHODS[name].entry.works_with.items() if fits is True)


SORTERS = [name for name in METHODS if family(name) == "classifier"]
SPEAKERS = [name for name in METHODS if family(name) in ("llm", "moe")]
PREDICTORS = [name for name in METHODS if family(name) == "regressor"]
DRAWERS = [name for name in METHODS if family(name) == "text-to-image"]
MENDERS = [
    name for name, method in METHODS.items() if method.entry.stage != "forget"
]  # what they do stands in their own tests
TILED = ["s3t"]  # works on models that were trained in slices; what becomes of a slice stands in its own tests
FINDERS = [name for name, method in METHODS.items() if method.entry.finds]  # of a set that others can be run on
each = pytest.mark.parametrize("name", METHODS)


class Watch(toy.Memory):
    """A keeper that also counts how often the model is asked between two signs of life, and these up to each step."""

    asked = most = 0

    def __init__(self, checkpoint_at=None, cancel_at=None, stop=True):
        super().__init__(checkpoint_at, cancel_at, stop)
        self.beats_at = []

    def due(self):
        self.beats_at.append(len(self.beats))
        return super().due()

    def report(self, phase, step, of, values):
        self.most, self.asked = max(self.most, self.asked), 0
        super().report(phase, step, of, values)


class Job:
    """One method at work on the toy or the tiny pipeline. Methods that find a set search among half of all images, others
    forget a class; those for models that draw forget two concepts."""

    def __init__(self, folders, name, seed=0, keeper=None, resume=None):
        entry, folder = METHODS[name], folders["tiles" if name in TILED else family(name)]
        if name in SPEAKERS:
            self.task = toy_language.task(folder)
        elif name in DRAWERS:
            self.task = pictures.task(folder, ("cat", "noto style"))
        elif name in PREDICTORS:
            self.task = toy_regressor.task(folder)
        elif name in TILED:
            self.task = toy.task(folder, ("slice:1.1",))
        else:
            self.task = toy.task(folder, ("random:50%",) if entry.entry.finds else ("two",))
        self.before = self.task.load()
        self.parts = dict(self.task.parts)
        self.keeper = keeper or Watch()
        self.run = Run(self.task, self.keeper, seed, resume)
        owner, asking = self.asked(name)
        forward = getattr(owner, asking)

        def counted(*given, **named):
            self.keeper.asked += 1
            return forward(*given, **named)

        setattr(owner, asking, counted)
        small = TINY if name in DRAWERS else SHORT if name in SPEAKERS else {"batch_size": 16}
        self.params = entry.parse(
            {key: value for key, value in small.items() if key in entry.params.model_fields} | TOY.get(name, {})
        )
        self.go = lambda: entry.function(self.run, self.params)

    def asked(self, name):
        """What the model is asked through, whose calls are counted between two signs of life."""
        if name in SPEAKERS:
            return self.run.model, "forward"
        return (self.task.pipe, "predict") if name in DRAWERS else (self.task, "forward")

    def done(self):
        before = fingerprint(self.task.folder)
        self.go()
        self.disk = (before, fingerprint(self.task.folder))
        self.run.model.eval()
        return self

    @property
    def state(self):
        return {name: tensor.detach().clone() for name, tensor in self.run.model.state_dict().items()}


def fingerprint(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def folders(toy_folder, toy_tiles_folder, drawers, toy_language_folder, toy_mixture_folder, toy_regressor_folder):
    """Where the model of each family lies."""
    return {
        "classifier": toy_folder,
        "tiles": toy_tiles_folder,
        "text-to-image": drawers["v_prediction"],
        "llm": toy_language_folder,
        "moe": toy_mixture_folder,
        "regressor": toy_regressor_folder,
    }


@pytest.fixture(scope="session")
def finished(folders):
    """(name, seed) -> the job, done once a session."""
    return cache(lambda name, seed=0: Job(folders, name, seed).done())


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", [name for name in SORTERS if name not in FINDERS + MENDERS + TILED])
def test_forgets(finished, name):
    job = finished(name)
    before, after = (toy.accuracy(job.task, model, "forget") for model in (job.before, job.run.model))
    assert before == 100
    assert after <= 90
    loss = [toy.losses(job.task, model, job.parts["forget"]).mean() for model in (job.before, job.run.model)]
    assert loss[1] > loss[0]


@pytest.mark.parametrize("name", FINDERS)
def test_finds_a_set_that_is_harder_to_forget(finished, toy_folder, name):
    job = finished(name)
    found = job.keeper.ids
    assert len(np.unique(found)) == len(found) > 1
    assert set(found) <= set(job.parts["forget"])

    def forgotten(ids):
        """Mean loss of these images after fine-tuning on all others."""
        task = toy.task(toy_folder, ("images:" + ",".join(map(str, ids)),))
        run = Run(task, toy.Memory(), 0)
        METHODS["fine_tune"].function(run, METHODS["fine_tune"].parse({"batch_size": 16}))
        return float(toy.losses(task, run.model, np.asarray(ids)).mean())

    rng = np.random.default_rng(0)
    others = [forgotten(rng.permutation(job.parts["forget"])[: len(found)]) for _ in range(3)]
    assert forgotten(found) < min(others)


@pytest.mark.parametrize("name", DRAWERS)
def test_what_is_to_be_forgotten_is_drawn_otherwise(finished, name):
    job = finished(name)
    prompts = job.task.asking.forget_prompts
    before, after = (
        job.task.draw_latents(model, prompts, range(len(prompts))) for model in (job.before, job.run.model)
    )
    assert (before - after).abs().mean((1, 2, 3)).min() > 1e-5


@pytest.mark.parametrize("name", SORTERS)
def test_keeps_the_rest(finished, name):
    job = finished(name)
    for part, most in (("keep", 10), ("test", 15)):
        before, after = (toy.accuracy(job.task, model, part) for model in (job.before, job.run.model))
        assert after >= before - most, part


@each
def test_another_seed_gives_other_weights(finished, name):
    job = finished(name)
    trains = len({beat for beat in job.keeper.beats if beat[0]}) > 5  # without steps there may be nothing to draw
    if trains:
        assert not same(job.state, finished(name, 1).state)


@each
def test_stops_in_the_middle_and_goes_on_from_there_to_the_same_weights_bit_for_bit(finished, folders, name):
    """The job again, cancelled at the first sign of life after a checkpoint in its middle and gone on with from that."""
    whole = finished(name)
    middle = whole.keeper.steps // 2
    at = whole.keeper.beats_at[middle]
    stops = at < len(whole.keeper.beats)  # else the checkpoint itself ends it, as a kill would
    cut = Job(folders, name, keeper=Watch(middle, cancel_at=at if stops else None, stop=not stops))
    with pytest.raises(Cancelled):
        cut.go()
    assert len(cut.keeper.beats) == at
    rest = Job(folders, name, resume=cut.keeper.saved).done()
    assert rest.keeper.steps < whole.keeper.steps
    assert same(rest.state, whole.state)
    assert (rest.keeper.ids is None) == (whole.keeper.ids is None)
    assert whole.keeper.ids is None or np.array_equal(rest.keeper.ids, whole.keeper.ids)


@each
def test_leaves_the_weights_on_disk_alone(finished, name):
    before, after = finished(name).disk
    assert any(path.endswith("model.safetensors") for path in before)
    assert after == before


@each
def test_stops_within_a_step_and_at_its_start(finished, folders, name):
    assert finished(name).keeper.most <= 5  # a forward pass or a few between two looks at the flag
    job = Job(folders, name, keeper=Watch(cancel_at=0))
    with pytest.raises(Cancelled):
        job.go()
    assert job.keeper.beats == []


@each
def test_a_guard_changes_no_weight_and_every_other_method_does(finished, name):
    job = finished(name)
    before, after = job.before.state_dict(), job.run.model.state_dict()
    assert all(torch.isfinite(tensor).all() for tensor in after.values())
    weights = {key for key, _ in job.before.named_parameters()}
    if METHODS[name].entry.guard:
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert after.keys() > before.keys()
    else:
        assert {key for key, _ in job.run.model.named_parameters()} == weights  # a buffer may say how it draws
        assert not all(torch.equal(before[key], after[key]) for key in weights)


@each
def test_the_catalog_says_everything(name):
    entry = METHODS[name].entry
    assert entry.label and entry.departures.endswith(".")
    assert entry.title == entry.short or entry.title.endswith(f" ({entry.short})")
    assert entry.line.startswith(f"{entry.title}: ") and entry.line.endswith(".") and ":" not in entry.summary
    assert len(entry.summary) <= 105
    assert entry.school.rstrip().endswith(".") and len(entry.school) <= 160
    assert len(entry.student) > 150
    assert entry.source.title and entry.source.url.startswith("https://")
    for field, said in entry.params.get("properties", {}).items():
        assert said.get("description", "").endswith("."), field
        assert "default" in said, field
        assert all(bounded(kind) for kind in said.get("anyOf", [said])), field


def bounded(kind):
    """Whether a JSON Schema leaves no endless choice."""
    if "enum" in kind or "const" in kind or kind.get("type") in ("boolean", "null"):
        return True
    if kind.get("type") == "string":
        return "maxLength" in kind
    return {"minimum", "exclusiveMinimum"} & kind.keys() and {"maximum", "exclusiveMaximum"} & kind.keys()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_imports_no_other_method(path):
    siblings = {other.stem for other in FOLDER.glob("[!_]*.py")} - {path.stem}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            words = {*(node.module or "").split("."), *(alias.name for alias in node.names if not node.module)}
            near = node.level == 1 or "methods" in words
            assert not near or not siblings & (words | {alias.name for alias in node.names}), ast.unparse(node)
        if isinstance(node, ast.Import):
            assert not any(".methods." in alias.name for alias in node.names), ast.unparse(node)
