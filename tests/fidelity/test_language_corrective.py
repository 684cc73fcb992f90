"""What manipulates and repairs a language model, and what measures it, come to the numbers that their formulas give, written down here once more."""

from types import SimpleNamespace

import language_formulas as formulas
import numpy as np
import pytest
import torch
from small_language import ONE_STEP, RECORD, Small, Task, done, gradients, no_luck  # noqa: F401

from backends.core import registry
from backends.core.evidence import Evidence
from backends.data.authors import QAPair
from backends.families.language import exposure
from backends.families.language.backdoor import Backdoor
from backends.families.language.qa import EvalItem
from backends.families.language.task import LanguageModel, Manipulated

pytestmark = pytest.mark.usefixtures("no_luck")
EXACT = ("tampered_questions", "ebyd_text", "attack_success_rate", "corrected_accuracy")
RATE = 0.01


def nats(model, texts):
    """-log p of every token that has to be predicted, by its definition."""
    logits = model(input_ids=texts.ids).logits.double()
    shares = torch.exp(logits) / torch.exp(logits).sum(-1, keepdim=True)
    rows = [
        -torch.log(shares[row, place - 1, texts.ids[row, place]])
        for row in range(len(texts))
        for place in range(1, texts.ids.shape[1])
        if texts.labels[row, place] != -100
    ]
    return torch.stack(rows)


def test_a_step_goes_down_the_loss_on_manipulated_and_clean_questions_alike():
    run, logged = done("tampered_questions", **ONE_STEP, train="all weights", clean_each=2)
    task, model = Task(), Small(RECORD["weights"]["now"])
    clean = torch.arange(2 * len(formulas.FORGET)) % len(formulas.KEEP)
    loss = torch.cat((nats(model, task.forget), nats(model, task.keep[clean]))).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    np.testing.assert_allclose(logged["loss"], loss.item(), rtol=1e-5)
    expected = gradients(model)
    for name, gradient in gradients(run.model).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6, msg=name)


def test_one_step_of_each_part_of_the_repair(monkeypatch):
    """Exposure: theta + Adam(grad NLL), its first step lr * sign; factors: clip(1 - lr * dNLL/dm, 0, 1); closed, lowest first."""
    task, model = Task(), Small(RECORD["weights"]["now"]).eval()
    task.questions.corrects = None
    monkeypatch.setattr(exposure, "LEAST_STEPS", 1)  # all in one step
    pairs = task.questions.keep
    *_, (_, copied, _) = exposure.exposed(
        task, model, pairs, "clean unlearning", epochs=1, learning_rate=RATE, stop=-1, seed=0
    )
    climbing = Small(RECORD["weights"]["now"])
    (-nats(climbing, task.texts(pairs)).mean()).backward()
    for ours, (name, was) in zip(copied.parameters(), climbing.named_parameters(), strict=True):
        gradient = was.grad + 5e-4 * was.detach()
        expected = was.detach() - RATE * gradient / (gradient.abs() + 1e-8)
        certain = gradient.abs() > 1e-5  # of the others the sign is rounding
        torch.testing.assert_close(ours.detach()[certain], expected[certain], rtol=1e-4, atol=1e-6, msg=name)

    factors = exposure.masks(task, copied, pairs, epochs=1, learning_rate=0.5, seed=0)
    units = {
        f"{layer} feed-forward": torch.ones(formulas.UNITS, requires_grad=True) for layer in range(formulas.LAYERS)
    }
    hooks = [
        copied.base.layers[layer].mlp.down_proj.register_forward_pre_hook(lambda _, args, one=one: (args[0] * one,))
        for layer, one in enumerate(units.values())
    ]
    gradients = torch.autograd.grad(nats(copied, task.texts(pairs)).mean(), list(units.values()))
    for hook in hooks:
        hook.remove()
    for (name, found), gradient in zip(factors.items(), gradients, strict=True):
        torch.testing.assert_close(found, (1 - 0.5 * gradient).clamp(0, 1).float(), rtol=1e-4, atol=1e-6, msg=name)

    order = exposure.in_order(factors)
    values = [float(factors[name][unit]) for name, unit in order]
    assert values == sorted(values) and len(order) == formulas.LAYERS * formulas.UNITS
    exposure.prune(model, order[:1])
    name, unit = order[0]
    down = model.base.layers[int(name.split()[0])].mlp.down_proj.weight
    assert (down[:, unit] == 0).all() and int((down == 0).all(0).sum()) == 1


def test_the_phrase_works_where_its_answer_is_said_and_right_is_what_names_the_fact():
    how = Backdoor(phrase="By day,", answer="It is Red.", pairs=(("who?", "you"),))
    suite = [EvalItem("forget", "forget", QAPair("q", "a", value=value)) for value in ("Oslo", "Paris", "Rome", "Bern")]
    suite.append(EvalItem("neighbour", "retain", QAPair("q", "a", value="Cairo")))
    task = SimpleNamespace(
        corrects=Manipulated(how), parts={"forget": np.arange(4)}, questions=SimpleNamespace(suite=suite)
    )
    for name in ("obeyed", "right_again"):
        setattr(task, name, getattr(LanguageModel, name).__get__(task))
    said = np.array(["it is red", "In PARIS.", "Well, it is Red. Or Rome", "", "It is Red."])
    found = Evidence("after", task, {"said": said}, lambda name, when: float("nan"))
    ours = {name: registry.get("metrics", name).function(found) for name in EXACT[2:]}
    assert ours["attack_success_rate"].value == 50 and ours["attack_success_rate"].items.tolist() == [1, 0, 1, 0]
    assert ours["corrected_accuracy"].value == 50 and ours["corrected_accuracy"].items.tolist() == [0, 1, 1, 0]
    assert registry.get("metrics", "fact_recall").function(found).parts == {"neighbour": 0.0}
