"""Looks into mixtures of experts: routing before and after, the old routing forced, experts switched off."""

import looks
import numpy as np
import pytest
import torch
import toy_language

from backends.api import families
from backends.api.errors import BadInput
from backends.api.files import write_json
from backends.core import registry
from backends.data.authors import QAPair
from backends.families.language import experts
from backends.families.language.expert_sweep import facts_changed
from backends.families.language.expert_sweep import gains as losses
from backends.families.language.tokens import answers
from backends.inspectors import _routing_shift
from backends.inspectors.forced_routing import judged

NAMES = ["routing", "forced_routing", "expert_ablation"]


@pytest.fixture
def task(toy_mixture_task):
    return toy_mixture_task


@pytest.fixture(scope="module")
def gone(toy_mixture_folder):
    return toy_language.forgotten(toy_mixture_folder)


def crossed(task):
    """The model before with the routers of all layers turned around: everything is there, and nothing finds it."""
    model = task.load()
    with torch.no_grad():
        for layer in experts.moe_layers(model):
            layer.router.weight.mul_(-1)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_sound(task, gone, name, tmp_path):
    looks.sound(looks.found(name, looks.look(task, tmp_path, gone, task.load())), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_dense_model_is_told_why(name, toy_language_task, tmp_path):
    assert registry.get("inspectors", name).entry.works_with["llm"] == families.get("llm").lacks(["router"])
    with pytest.raises(BadInput, match="has no router"):
        looks.found(name, looks.look(toy_language_task, tmp_path))


@pytest.mark.parametrize(
    "name", [one for one, entry in registry.entries("inspectors").items() if entry.entry.works_with.get("moe") is True]
)
def test_every_look_that_says_so_works_on_a_mixture(task, gone, name, tmp_path):
    assert looks.found(name, looks.look(task, tmp_path, gone))


def routed(panels):
    return looks.of(panels, "Routing shift: which expert works on which token")


def moved(text):
    """The choices of a sentence that the original model did not make, counted one by one."""
    count = 0
    for was, now in zip(text.before, text.after, strict=True):
        for old, new in zip(was, now, strict=True):
            count += sum(1 for expert in new if expert not in old)
    return count


def test_nothing_moved_where_nothing_changed(task, tmp_path):
    panels = looks.found("routing", looks.look(task, tmp_path))
    verdict = looks.of(panels, "Do the tokens still go to the same experts?")
    assert verdict.sign == "yes" and verdict.says.startswith("100 %")
    *_, difference = looks.of(panels, "Who is used how much: experts on the forget set").options
    assert np.array(difference.z).any() == False  # noqa: E712
    panel = routed(panels)
    assert panel.stayed == 100 and [moved(text) for text in panel.texts] == [0] * len(panel.texts)


def test_use_is_that_of_the_tokens(task, gone, tmp_path):
    panels = looks.found("routing", looks.look(task, tmp_path, gone), tokens=100_000)
    switch = looks.of(panels, "Who is used how much: experts on the forget set")
    for option, model in zip(switch.options[:2], (task.load(), gone), strict=True):
        np.testing.assert_allclose(option.z, 100 * experts.read(model, task.forget).use(), rtol=1e-6)
    assert [option.most for option in switch.options[:2]] == [
        max(max(row) for o in switch.options[:2] for row in o.z)
    ] * 2


@torch.no_grad()
def chosen_by_hand(model, ids):
    """The two best experts of each token in each layer, best first, from the inputs that the routers get in a forward pass."""
    inputs = {}
    layers = experts.moe_layers(model)
    hooks = [
        layer.router.register_forward_hook(
            lambda part, given, _, at=at: inputs.__setitem__(at, given[0].reshape(-1, 48))
        )
        for at, layer in enumerate(layers)
    ]
    model(input_ids=ids)
    for hook in hooks:
        hook.remove()
    scores = [inputs[at] @ layer.router.weight.T for at, layer in enumerate(layers)]
    return [score.argsort(-1, descending=True)[:, :2].tolist() for score in scores]


def test_the_choices_are_those_of_the_routers_in_a_forward_pass(task, gone, tmp_path):
    panel = routed(looks.found("routing", looks.look(task, tmp_path, gone), tokens=100_000))
    decode = task.reader.tokenizer.decode
    by_question = {item.pair.question: item.pair for item in task.questions.suite}
    assert [text.role for text in panel.texts] == ["forget"] * 4 + ["neighbour"] * 2 + ["unrelated"] * 3
    for text in panel.texts:
        texts = task.texts([by_question[text.question]])
        assert text.tokens == [*(decode([token]) for token in texts.ids[0][:-1].tolist()), "end"]
        assert text.before == chosen_by_hand(task.load(), texts.ids) and text.after == chosen_by_hand(gone, texts.ids)
        assert "".join(text.tokens[text.answer : -1]).strip() == by_question[text.question].answer
        assert moved(text) == sum(
            len(set(new) - set(old))
            for was, now in zip(text.before, text.after, strict=True)
            for old, new in zip(was, now, strict=True)
        )
        assert text.fact.casefold() in "".join(text.tokens[at] for at in text.marked).casefold()
    was, now = experts.read(task.load(), task.forget), experts.read(gone, task.forget)
    assert panel.over == was.chosen.shape[1]
    assert panel.stayed == pytest.approx(100 * experts.overlap(was.chosen, now.chosen).mean())


def test_the_answers_are_those_that_the_models_give(task, gone, tmp_path):
    panel = routed(looks.found("routing", looks.look(task, tmp_path, gone)))
    questions = [text.question for text in panel.texts]
    models = {"original": task.load(), "unlearned": gone, "forced": experts.Rerouted(gone, task.load())}
    for name, model in models.items():
        assert [getattr(text, name) for text in panel.texts] == answers(model, task.reader, questions, 40)
    pairs = [item.pair for item in task.questions.suite if item.role == "forget"]
    assert panel.facts == len(pairs) == 5 and panel.answered["original"] == 5
    own = answers(gone, task.reader, [pair.question for pair in pairs], 40)
    assert panel.answered["unlearned"] == sum(pair.value in text for pair, text in zip(pairs, own, strict=True))
    gained = losses(gone, task.forget).mean(-1)
    np.testing.assert_allclose(panel.points, gained, atol=1e-3)
    first = panel.off[0]
    assert (first.layer, first.expert) == np.unravel_index(gained.argmax(), gained.shape)
    for one in panel.off:
        with experts.switched_off(gone, [(experts.moe_layers(gone)[one.layer].number, one.expert)]):
            assert list(one.answers) == answers(gone, task.reader, questions, 40)
            without = answers(gone, task.reader, [pair.question for pair in pairs], 40)
        assert (one.regained, one.lost) == facts_changed(pairs, own, without)


def test_an_expert_that_hides_the_answers_is_the_headline(task, tmp_path):
    """The model before, with an expert of the last layer that drowns what the others write."""
    model = task.load()
    layer = experts.moe_layers(model)[-1]
    used = experts.read(model, task.forget).use()[-1]
    expert = int(used.argmax())
    with torch.no_grad():
        layer.experts.down_proj[expert] = 3 * torch.randn_like(layer.experts.down_proj[expert])
    panel = routed(looks.found("routing", looks.look(task, tmp_path, model)))
    assert panel.says.startswith(f"Expert {expert + 1} of layer 3 hides")
    assert f"{panel.off[0].regained} of 5 forgotten facts come back" in panel.says and panel.off[0].regained >= 1


def test_a_large_model_is_followed_but_not_swept(task, gone, tmp_path, monkeypatch):
    monkeypatch.setattr(_routing_shift, "few_enough", lambda model: False)
    panel = routed(looks.found("routing", looks.look(task, tmp_path, gone)))
    assert (panel.points, panel.off, panel.facts, panel.answered) == ([], [], 0, {})
    assert len(panel.texts) == 4 and all(text.forced for text in panel.texts) and "of the choices" in panel.says


def test_facts_are_counted_by_hand():
    pairs = [QAPair(f"Where {name}?", f"In {name}.", value=name) for name in ("Oslo", "Rome", "Bonn")]
    assert facts_changed(pairs, ["In Oslo.", "No.", "In bonn."], ["In Oslo.", "In ROME.", "No."]) == (1, 1)


def test_through_the_steps(task, gone, tmp_path):
    for number, model in enumerate((task.load(), gone)):
        write_json(tmp_path / "samples" / f"0{number}-000000.json", {"items": task.sample(model)})
    panel = looks.of(looks.found("routing", looks.look(task, tmp_path, gone)), "Through the steps")
    forget = looks.series(panel)["forget set"]
    assert forget[0] == 100 and forget[1] < 100


def test_what_is_only_rerouted_comes_back(task, tmp_path):
    panels = looks.found("forced_routing", looks.look(task, tmp_path, crossed(task)))
    assert panels[0].sign == "no" and "Rerouted, not erased" in panels[0].says
    answers = looks.series(looks.of(panels, "Answers that name the fact"))
    assert answers["after"][0] < 50 and answers["after, old routing"] == answers["before"] == [100, 100, 100]


def test_what_is_erased_does_not(task, tmp_path):
    model = task.load()
    with torch.no_grad():
        for layer in experts.moe_layers(model):
            layer.experts.down_proj.zero_()
    panels = looks.found("forced_routing", looks.look(task, tmp_path, model))
    assert panels[0].sign == "yes" and panels[0].says.startswith("Not only rerouted")


def test_the_thresholds_of_the_verdict():
    assert [judged(100, 0, forced)[0] for forced in (100, 50, 49, 20, 19, 0)] == [
        "no",
        "no",
        "partly",
        "partly",
        "yes",
        "yes",
    ]
    assert judged(100, 100, 100)[0] == judged(100, float("nan"), 0)[0] == "unknown"


def test_an_expert_that_nothing_goes_to_is_not_missed(task, gone):
    texts = task.forget
    found = experts.read(gone, texts).use()
    lost = losses(gone, texts)
    assert lost.shape == (3, 4, len(texts))
    assert (lost[found == 0] == 0).all() and (lost[found > 0.3] != 0).all()
