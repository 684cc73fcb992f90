"""Methods that train a language model do what the papers' formulas say: loss and gradient of a step on a small model."""

import language_formulas as formulas
import pytest
import torch
import toy
from small_language import ONE_STEP, RECORD, Choosing, Small, Task, close, done, gradients, no_luck  # noqa: F401

from backends.core.run import Run
from backends.families.language import concept_words, experts
from backends.methods import concept_poisoning_llm, loku, rmu, seuf, wagle
from backends.methods._language import LoopParams, UnlearnLoop
from backends.methods.random_labels_text import pick
from backends.models.low_rank import fila

pytestmark = pytest.mark.usefixtures("no_luck")
WHOLE = {"train": "all weights"}
HALF = {"keep_weight": formulas.KEEP_WEIGHT}
SAY = {"instead": formulas.REFUSAL}
CASES = {
    "npo": ("npo", {**WHOLE, **HALF}),
    "npo none": ("npo", {**WHOLE, "retain": "none"}),
    "npo divergence": ("npo", {**WHOLE, **HALF, "retain": "divergence"}),
    "simnpo": ("simnpo", {**WHOLE, **HALF, "forget_weight": 0.5, "beta": 0.7, "margin": 2.0}),
    "grad_diff": ("grad_diff", {**WHOLE, **HALF}),
    "kl_min": ("kl_min", {**WHOLE, **HALF}),
    "ascent": ("gradient_ascent_llm", WHOLE),
    "idk": ("idk", {**WHOLE, **SAY}),
    "dpo": ("dpo", {**WHOLE, **HALF, **SAY}),
    "ihl": ("ihl", HALF),
    "random_labels_text": ("random_label_llm", {**WHOLE, "labels": "flipped"}),
    "wagle": ("wagle", {**HALF, "mu": formulas.MU, "share": formulas.SHARE}),
    **{f"flat {name}": ("flat", {**SAY, "divergence": name}) for name in ("TV", "KL", "JS", "Pearson")},
}
REAL_RANDN = torch.randn
EXACT = ("npo", "simnpo", "grad_diff", "kl_min", "gradient_ascent_llm", "idk", "dpo", "flat", "ihl", "loku", "rmu", "task_vector",
         "wagle", "random_label_llm", "seuf", "concept_poisoning_llm")  # fmt: skip


def numbers(thing):
    """Every number in something nested, in its order."""
    if isinstance(thing, (dict, list, tuple)):
        return [number for one in (thing.values() if isinstance(thing, dict) else thing) for number in numbers(one)]
    return [float(thing)]


def test_the_record_is_what_the_formulas_give():
    again = formulas.plain(formulas.made())
    assert again.keys() == RECORD.keys()
    for name, case in RECORD.items():
        close(numbers(again[name]), numbers(case), name)


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_of_a_step(case):
    method, params = CASES[case]
    run, logged = done(method, **ONE_STEP, **params)
    expected = RECORD["losses"][case]
    close(logged["loss"], expected["loss"], "loss")
    found = gradients(run.model)
    assert found.keys() == expected["gradient"].keys()
    largest = max(float(torch.tensor(one).abs().max()) for one in expected["gradient"].values())
    for name, gradient in found.items():
        close(gradient, expected["gradient"][name], name, least=largest)


def test_concept_poisoning_learns_the_wrong_answers_of_questions_that_hold_a_concept(monkeypatch):
    """Its poison of every question is the one wrong answer that there is, which is what flipped labels are too."""
    every = {digit: 1.0 for question, _ in formulas.FORGET for digit in question.split()}
    known = {"forget": every, "retain": {}, "incomplete": 0.0}
    monkeypatch.setattr(concept_poisoning_llm, "infer", lambda run, params: known)
    run, logged = done("concept_poisoning_llm", **ONE_STEP, **WHOLE, keep_weight=0.0)
    expected = RECORD["losses"]["random_labels_text"]
    close(logged["loss"], expected["loss"], "loss")
    largest = max(float(torch.tensor(one).abs().max()) for one in expected["gradient"].values())
    for name, gradient in gradients(run.model).items():
        close(gradient, expected["gradient"][name], name, least=largest)


def test_integrated_gradients_of_an_answer_are_those_of_the_formula(monkeypatch):
    """The recorded model again in float64, its gradient at the midpoints of eight stretches."""
    monkeypatch.setattr(concept_words, "own_tokens", lambda reader, question: slice(0, len(question.split())))
    monkeypatch.setattr(
        concept_words, "word_places", lambda reader, question: [(one, [at]) for at, one in enumerate(question.split())]
    )
    model, task = Small(RECORD["weights"]["now"]), Task()
    found = concept_words.explained(model, task, task.questions.forget, 8)
    w = {name: torch.tensor(value, dtype=torch.float64) for name, value in RECORD["weights"]["now"].items()}
    for one, (question, answer) in zip(found, formulas.FORGET, strict=True):
        ids, quiet = formulas.row(question, answer)
        own = len(question.split())
        whole = w["base.embed.weight"][ids]
        start = whole.clone()
        start[:own] = w["base.embed.weight"][formulas.PAD]

        def said(rows, ids=ids, quiet=quiet):
            states = formulas.through(w, rows)[-1]
            shares = ((states * w["base.norm.weight"]) @ w["head.weight"].T).log_softmax(-1)
            return sum(shares[at - 1, ids[at]] for at in range(quiet, len(ids)))

        total = torch.zeros_like(whole)
        for step in range(8):
            place = (start + (step + 0.5) / 8 * (whole - start)).requires_grad_(True)
            total += torch.autograd.grad(said(place), place)[0]
        nats = ((whole - start) * total / 8).sum(1)
        close(one.nats, nats[:own], question)
        close([one.total], [float(said(whole) - said(start))], question, least=abs(float(said(whole))))
        assert not nats[own:].any()


def test_task_vector_goes_back_as_far_as_alpha_says():
    run, _ = done(
        "task_vector", Task("now", "now"), **ONE_STEP, learning_rate=formulas.RATE, weight_decay=formulas.DECAY,
        scale=formulas.ALPHA,
    )  # fmt: skip
    for name, weight in run.model.named_parameters():
        close(weight, RECORD["losses"]["task_vector"]["weights"][name], name)


def test_wagle_scores_and_masks():
    model, task = Small(RECORD["weights"]["now"]), Task()
    expected = RECORD["losses"]["wagle"]
    found = wagle.scores(model, task.forget, task.keep, formulas.MU)
    largest = max(float(torch.tensor(one).max()) for one in expected["score"].values())
    for name, score in found.items():
        close(score, expected["score"][name], name, least=largest)
    mask = wagle.largest(found, formulas.SHARE)
    assert {name: one.tolist() for name, one in mask.items()} == expected["mask"]


def test_loku_begins_where_fila_says_and_learns_the_inverted_hinge():
    expected = RECORD["loku"]
    run, logged = done("loku", Task("now", "now"), **ONE_STEP, keep_weight=formulas.KEEP_WEIGHT, rank=formulas.WIDTH)
    close(logged["loss"], expected["loss"], "loss")
    fresh = Run(Task("now", "now"), toy.Memory(), seed=0)
    layers = [name.removesuffix(".weight") for name in expected["factors"]]
    for part, texts in (("forget", fresh.task.forget), ("keep", fresh.task.keep)):
        for name, one in loku.fisher(fresh, texts, layers).items():
            close(one, expected[f"fisher {part}"][f"{name}.weight"], f"{part} {name}")
    for name in layers:
        gone, held = (torch.tensor(expected[f"fisher {part}"][f"{name}.weight"]) for part in ("forget", "keep"))
        down, up = real_fila(run.original.get_submodule(name).weight, gone, held)
        was = expected["factors"][f"{name}.weight"]
        signs = torch.sign((down * torch.tensor(was["down"])).sum(1))  # of a singular direction the sign is free
        close(signs[:, None] * down, was["down"], f"{name} down")
        close(up * signs, was["up"], f"{name} up")


def real_fila(weight, forget, keep):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn", REAL_RANDN)
        return fila(weight, forget, keep, formulas.WIDTH, 2.0)


def test_rmu_leads_states_to_one_direction_and_leaves_the_rest():
    run, logged = done("rmu", steps=1, batch_size=3, layer=1, length=2.0)
    close(logged["forget"], RECORD["rmu"]["forget"], "forget")
    close(logged["keep"], RECORD["rmu"]["keep"], "keep")
    moved = [name for name, weight in run.model.named_parameters() if weight.requires_grad]
    assert moved == [f"base.layers.{at}.mlp.down_proj.weight" for at in (0, 1)]
    assert rmu.random_direction(4).norm().item() == pytest.approx(1, abs=1e-6)


def test_a_lot_falls_on_every_answer_alike():
    """The paper's labels are uniform over the options; a flipped label is never the true one."""
    shares = [at / 100 for at in range(100)]
    assert [sum(pick("abcd", share, False) == word for share in shares) for word in "abcd"] == [25] * 4
    assert [sum(pick("abcde", share, True) == word for share in shares) for word in "abcde"] == [0, 25, 25, 25, 25]


def test_seuf_trains_the_expert_with_the_largest_affinity_and_anchors_the_router():
    expected = RECORD["seuf"]
    task = Task("mixture before", "mixture now", Choosing)
    routing = experts.read(Small(RECORD["weights"]["mixture before"], Choosing), task.forget)
    close(routing.mass(), expected["affinity"], "affinity")
    run, logged = done("seuf", task, **ONE_STEP)
    assert seuf.select_expert(run, 0) == (expected["layer"], expected["expert"])
    for name in ("forget", "keep", "anchor"):
        close(logged[name], expected[name], name)
    for name, gradient in gradients(run.model).items():
        close(gradient, expected["gradient"][name], name, least=1e-2)


def test_the_step_size_rises_over_the_first_pass_and_stays():
    run = Run(Task(), toy.Memory(), seed=0)
    walk = UnlearnLoop(run, LoopParams(epochs=3, batch_size=1, learning_rate=0.03))
    rates = [walk.optimizer.param_groups[0]["lr"] for _ in walk]
    close(rates, [0.01, 0.02, *[0.03] * 7])
