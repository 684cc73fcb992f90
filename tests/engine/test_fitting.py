"""Steps that are made to fit: the same gradients in parts and with layers computed again, one measure after the other, bodies at rest."""

import pictures
import pytest
import torch
import toy
import toy_language
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from backends.api.results import Fitted
from backends.core import fitting as core
from backends.core import registry
from backends.core.fitting import Fit, Rest, active
from backends.core.run import Run
from backends.engine import fitting
from backends.families.language.tokens import logits, mean_nll
from backends.families.text_to_image.denoising import losses

FITS = {"parts": Fit(rows=2), "layers": Fit(again=True), "both": Fit(rows=2, again=True), "one row": Fit(rows=1)}


def gradients(model: nn.Module, loss, fit: Fit) -> dict[str, torch.Tensor]:
    model.zero_grad()
    with active(fit):
        loss().backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def alike(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.allclose(one[name], other[name], rtol=1e-3, atol=1e-5 * float(one[name].abs().max() + 1)) for name in one
    )


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("drawing"))


@pytest.mark.parametrize("how", FITS)
def test_a_language_models_gradient_is_that_of_the_whole_batch(toy_language_folder, how):
    task = toy_language.task(toy_language_folder)
    model = task.load()
    texts = task.texts(task.questions.forget)
    whole, fit = gradients(model, lambda: mean_nll(model, texts), Fit()), Fit(**vars(FITS[how]))
    assert alike(whole, gradients(model, lambda: mean_nll(model, texts), fit))
    assert (fit.most, fit.layers, fit.divisible) == (5, True, True)
    assert alike(
        gradients(model, lambda: logits(model, texts)[0].logsumexp(-1).sum(), Fit()),
        gradients(model, lambda: logits(model, texts)[0].logsumexp(-1).sum(), fit),
    )


@pytest.mark.parametrize("how", FITS)
def test_a_u_nets_gradient_is_that_of_the_whole_batch(drawing, how):
    pipe = pictures.task(drawing).pipe
    model = pipe.load()
    clean, noise, t = pipe.start(range(3)), pipe.start(range(3, 6)), torch.tensor([5, 50, 90]) % pipe.times
    words = pipe.words(model, ["a cat", "a dog", "a house"]).detach()
    whole = gradients(model, lambda: losses(pipe, model, clean, noise, t, words).mean(), Fit())
    assert alike(
        whole, gradients(model, lambda: losses(pipe, model, clean, noise, t, words).mean(), Fit(**vars(FITS[how])))
    )


def test_layers_that_are_computed_again_keep_less_and_stay_in_their_mode():
    model = ViTForImageClassification(
        ViTConfig(
            hidden_size=32,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=16,
            patch_size=4,
        )
    ).eval()
    x, held = torch.randn(8, 3, 16, 16), {}
    for again in (False, True):
        seen = Counting()
        with active(Fit(again=again, guard=seen)):
            core.in_parts(model, 8, lambda rows: model(pixel_values=x[rows]).logits).sum().backward()
        held[again] = seen.held
        assert not model.training and not any(part.training for part in model.modules())
        assert not any(vars(part).get("gradient_checkpointing") for part in model.modules())
    assert 3 * held[True] < held[False]


class Counting:
    held = 0

    def look(self, held, model):
        self.held = held


def test_batch_statistics_are_those_of_the_whole_batch(toy_task):
    model, fit = toy_task.load(), Fit(rows=2)
    x = toy_task.batch(toy_task.parts["forget"][:8]).x
    with active(fit):
        toy_task.forward(model.train(), x)
    assert not fit.divisible
    with active(fit):
        toy_task.forward(model.eval(), x)
    assert fit.divisible


class Small:
    """Room for so many rows, with layers kept or not."""

    def __init__(self, rows: int, limit: int) -> None:
        self.rows, self.limit = rows, limit

    def look(self, held, model):
        if held > self.limit:
            raise torch.OutOfMemoryError("full")


def run_npo(folder, fit, keeper=None):
    task = toy_language.task(folder)
    entry = registry.get("methods", "npo")
    params = entry.parse({"epochs": 2, "batch_size": 5})
    first = Run(task, keeper or toy.Memory(), 0)
    made = []

    def again(state, less):
        made.append(less)
        return Run(task, keeper or toy.Memory(), 0, state, first.original)

    return *fitting.fitted(lambda run: entry.function(run, params), first, again, fit), made


def test_a_job_that_does_not_fit_goes_on_with_less_to_the_same_result(toy_language_folder):
    whole, fit, none = run_npo(toy_language_folder, Fit())
    assert not none and fitting.record(fit) == Fitted() and fitting.record(fit).words() == []
    counting = Counting()
    run_npo(toy_language_folder, Fit(guard=counting))
    keeper = toy.Memory()
    less, fit, made = run_npo(toy_language_folder, Fit(guard=Small(2, counting.held // 6)), keeper)
    assert made[0].again and not made[0].rows and [one.rows for one in made[1:]] == [2, 1][: len(made) - 1]
    assert fit.again and len(made) >= 2
    assert [beat for beat in keeper.beats if beat[0] == "asking the model before"] == [
        ("asking the model before", 0, 0)
    ]
    for one, other in zip(whole.model.parameters(), less.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    said = fitting.record(fit).words()
    assert said[0].startswith(f"{fit.rows} of 5 rows") and "computed again" in said[1]


def test_what_fits_with_nothing_is_told_in_one_sentence(toy_language_folder):
    with pytest.raises(fitting.TooLarge, match="more memory than there is"):
        run_npo(toy_language_folder, Fit(guard=Small(0, 1000)))


def test_other_errors_are_no_reason_to_try_again(toy_language_folder):
    def broken(run):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        fitting.fitted(broken, Run(toy_language.task(toy_language_folder), toy.Memory(), 0), None, Fit())


def test_a_processor_is_full_where_the_limit_is_reached(monkeypatch):
    layer = nn.Linear(1000, 1000)
    fitting.Room(10**12).look(10**6, layer)
    with pytest.raises(torch.OutOfMemoryError, match="too little is left"):
        fitting.Room(10**6).look(10**6, layer)
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert fitting.first_fit(cpu).guard is not None and fitting.first_fit(gpu).guard is None
    steps, fit = [], Fit(most=8, layers=True, divisible=True)
    while fit := fitting.next_fit(fit, gpu):
        steps.append((fit.rests, fit.again, fit.rows))
    assert steps == [(True, False, 0), (True, True, 0), (True, True, 4), (True, True, 2), (True, True, 1)]
    assert fitting.next_fit(Fit(most=8), cpu) is None


class Moves(nn.Linear):
    """Writes down where it is sent, and goes nowhere."""

    def __init__(self):
        super().__init__(2, 2)
        self.went = []

    def to(self, where):
        self.went.append(str(where))
        return self


def test_what_rests_comes_back_when_it_is_called_and_once():
    body, rest = Moves(), Rest(torch.device("cuda", 0))
    rest.send([body])
    rest.send([body])
    assert body.went == ["cpu"]
    body(torch.ones(1, 2))
    body(torch.ones(1, 2))
    assert body.went == ["cpu", "cuda:0"] and not body._forward_pre_hooks
    rest.send([body])
    rest.end()
    rest.end()
    assert body.went == ["cpu", "cuda:0"] * 2


def test_what_no_step_needs_rests_while_a_drawing_method_learns(drawing, monkeypatch):
    sent = []
    monkeypatch.setattr(Rest, "send", lambda self, bodies: sent.append(list(bodies)))
    task = pictures.task(drawing)
    entry = registry.get("methods", "esd")
    run = Run(task, toy.Memory(), 0)
    with active(Fit(rests=True)):
        entry.function(run, entry.parse({"steps": 1, "batch_size": 2, "pool": 4, "pool_steps": 2}))
    assert run.original in sent[0] and run.model.text_encoder in sent[0] and run.model.unet not in sent[0]
