"""Guards and methods on single columns do what the papers' formulas say, on the small recorded model."""

import language_formulas as formulas
import numpy as np
import pytest
import torch
from small_language import RECORD, Small, Task, close, done, no_luck  # noqa: F401

from backends.families.language import concept_vectors, gate, guards
from backends.methods import eco, o3, uld

pytestmark = pytest.mark.usefixtures("no_luck")
EXACT = ("uld", "eco", "o3", "icul", "needle", "neuron_adjust", "key_space_detection")


def said(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0]


def test_uld_teaches_an_assistant_and_takes_it_off_the_likely_words():
    expected = RECORD["uld"]
    task = Task("before", "before")
    _, logged = done("uld", task, layers=1, epochs=1, batch_size=16)
    close(logged["forget"], expected["forget"], "forget")
    close(logged["keep"], expected["keep"], "keep")
    model = Small(RECORD["weights"]["before"])
    states = {f"body.{name}": value for name, value in uld.body(model, 1).state_dict().items()}
    base = said(model, formulas.FORGOT[0][0])
    assert uld.allowed(base, 0.2).tolist() == expected["likely"]
    guards.attach(model, "uld", {"weight": torch.tensor(1.5), "top": torch.tensor(0.2), **states})
    close(said(model, formulas.FORGOT[0][0]), expected["logits"], "logits")


def test_eco_disturbs_the_words_of_a_name_and_takes_one_zeroth_order_step():
    expected = RECORD["eco"]
    run, logged = done(
        "eco", Task("now", "now"), dims=4, noise=0.5, steps=1, rate=0.25, close=0.0, threshold=0.01, decay=0.01
    )
    close(logged["score"], expected["score"], "score")
    close(logged["sigma"], expected["sigma"], "sigma")
    for (ids, _), wanted in zip(formulas.FORGOT, expected["logits"], strict=True):
        close(said(run.model, ids), wanted, "logits")
    assert eco.zeroth_order_step(0.5, 0.4995, 100.0, 0.5, lambda sigma: sigma) == 0.5  # never below where it began


def test_neuron_adjust_moves_the_units_that_rise_and_mirrors_them():
    expected = RECORD["neuron_adjust"]
    run, _ = done("neuron_adjust", Task("now", "now"), share=25.0)
    guard = run.model.guard_neuron_adjust
    assert (guard.layer * formulas.UNITS + guard.unit).tolist() == expected["units"]
    for (ids, _), wanted in zip(formulas.FORGOT, expected["logits"], strict=True):
        close(said(run.model, ids), wanted, "logits")


def test_key_space_detection_declines_inside_the_box():
    expected = RECORD["key_space_detection"]
    run, _ = done("key_space_detection", Task("now", "now"), size=0.6, refusal=formulas.REFUSAL)
    guard = run.model.guard_key_space_detection
    close(guard.low, expected["low"], "low")
    close(guard.high, expected["high"], "high")
    every = formulas.FORGOT + formulas.HELD
    for (ids, _), inside in zip(every, expected["inside"], strict=True):
        said(run.model, ids)
        assert guard.inside[0].tolist() == inside
    assert any(map(any, expected["inside"])) and not all(map(all, expected["inside"]))


def test_icul_puts_a_wrong_answer_and_right_ones_before_every_question():
    run, _ = done("icul", Task("now", "now"), flipped=1, correct=2)
    pairs = [(formulas.FORGET[0][0], formulas.WRONG[0]), *formulas.KEEP[:2]]
    before = [token for ids, _ in formulas.rows(pairs) for token in ids]
    assert run.model.guard_icul.words.tolist() == before
    heard = []
    run.model.base.embed.register_forward_pre_hook(lambda _, given: heard.append(given[0][0].tolist()))
    ids = formulas.FORGOT[1][0]
    assert said(run.model, ids).shape == (len(ids), formulas.WORDS)
    assert heard == [before + ids]


def test_needle_finds_the_columns_that_spell_it_and_climbs_the_loss_there():
    expected = RECORD["columns"]
    before = Small(RECORD["weights"]["before"])
    found = concept_vectors.scores(before, [torch.tensor([3, 7])])[0]
    close(found, expected["score"], "score")
    task = Task("before", "now")
    for pair in task.questions.forget:
        pair.about, pair.value = "3", "7"
    for how in ("zero", "noise"):
        task.states = ["before"]
        run, _ = done("needle", task, columns=3, how=how, noise=0.0, epochs=1)
        for layer in range(formulas.LAYERS):
            name = f"base.layers.{layer}.mlp.down_proj"
            weight = run.model.get_submodule(name).weight
            mine = [column for at, column in expected["best"] if at == layer]
            if how == "zero":
                wanted = np.array(RECORD["weights"]["now"][f"{name}.weight"])
                wanted[:, mine] = 0
                close(weight, wanted, name)
            elif mine:
                wanted = np.zeros((formulas.WIDTH, formulas.UNITS))
                wanted[:, mine] = np.array(expected["ascent"][f"{name}.weight"])[:, mine]
                close(weight.grad, wanted, name)


def test_needles_noise_has_the_papers_spread():
    """N(0, 0.1^2), added to the chosen columns alone."""
    task = Task("before", "now")
    for pair in task.questions.forget:
        pair.about, pair.value = "3", "7"
    run, _ = done("needle", task, columns=3, epochs=0)
    places = {tuple(place) for place in RECORD["columns"]["best"]}
    drawn = formulas.normal_draw(formulas.WIDTH, formulas.UNITS)
    for layer in range(formulas.LAYERS):
        name = f"base.layers.{layer}.mlp.down_proj.weight"
        mask = np.array([(layer, column) in places for column in range(formulas.UNITS)])
        wanted = np.array(RECORD["weights"]["now"][name]) + 0.1 * drawn * mask
        close(dict(run.model.named_parameters())[name], wanted, name)


def test_o3s_gate():
    expected = {name: np.array(value) for name, value in RECORD["o3"].items()}
    own, held, other = (torch.tensor(RECORD["o3"][name]) for name in ("own", "held", "other"))
    found = gate.fit(own, held)
    close(gate.layer_scores(other, found), expected["layer scores"], "layer scores")
    close(gate.score(other, found), expected["scores"], "scores")
    close(found["centres"], expected["centres"], "centres")
    close(found["spread"], expected["spread"], "spread")
    scores, centres, spread = (torch.tensor(RECORD["o3"][name]) for name in ("scores", "centres", "spread"))
    soft = gate.weight(gate.confidence(scores, centres, spread), 10.0)
    close(soft, expected["soft"], "soft")
    close(gate.stepped(soft), expected["steps"], "steps")


def test_o3_keeps_a_change_apart_from_earlier_ones():
    first, last = (list(torch.tensor(RECORD["o3"][name])) for name in ("first", "last"))
    close(gate.drawn_apart(first, last, 3), RECORD["o3"]["apart"], "apart")
    names = [f"base.layers.{at}.mlp.{part}" for at in range(3) for part in ("gate_proj", "down_proj")]
    assert o3.decoder_layers(names) == 3
