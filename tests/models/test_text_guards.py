"""Guards of language models: each acts, is kept with the tensors, lives through a copy, and weighs as it writes."""

import copy

import pytest
import torch

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.pack import changed
from backends.core.run import restore, set_dose
from backends.families.language import gate
from backends.families.language import guards as text_guards
from backends.families.language.concept_vectors import feed_forwards
from backends.families.language.guards import attach, ends, opening, question_mask
from backends.families.language.tokens import answers
from backends.methods.eco import padded
from backends.methods.key_space_detection import SURE, Abstaining
from backends.methods.neuron_adjust import reflect
from backends.methods.o3 import every_layer
from backends.methods.uld import allowed, body
from backends.models.low_rank import linear_layers

KINDS = ("eco", "uld", "neuron_adjust", "key_space_detection", "icul", "o3")


def tensors(task, kind, model):
    """A strong guard of each kind, on every question."""
    draw = torch.Generator().manual_seed(0)
    begin, width = opening(task.reader), model.config.intermediate_size
    if kind == "eco":
        noise = 3 * torch.randn(64, 48, generator=draw)
        names = padded([[5, 6], [7]])
        return {
            "weight": torch.zeros(48), "bias": torch.tensor(1.0), "threshold": torch.tensor(0.5), "noise": noise,
            "names": names, "opening": begin,
        }  # fmt: skip
    if kind == "uld":
        states = {f"body.{name}": value + 0.3 for name, value in body(model, 2).state_dict().items()}
        return {"weight": torch.tensor(2.0), "top": torch.tensor(0.05), **states}
    if kind == "neuron_adjust":
        layer, unit = torch.arange(3).repeat_interleave(width), torch.arange(width).repeat(3)
        return {
            "layer": layer, "unit": unit, "keep_mean": torch.ones(3 * width), "keep_std": torch.ones(3 * width),
            "forget_mean": torch.zeros(3 * width), "forget_std": torch.ones(3 * width),
            "draw": torch.rand(3 * width, generator=draw), "strength": torch.tensor(1.0),
        }  # fmt: skip
    if kind == "key_space_detection":
        return {
            "layer": torch.tensor(1), "low": torch.full((width,), -1e6), "high": torch.full((width,), 1e6),
            "refusal": torch.tensor(task.reader.answer_ids("No.")), "opening": begin,
        }  # fmt: skip
    if kind == "o3":
        found = [features(task, model, pairs, begin) for pairs in (task.questions.forget, task.questions.keep[:12])]
        every = list(enumerate(map(model.get_submodule, linear_layers(model))))
        return {
            **{f"down_{at}": torch.randn(2, layer.in_features, generator=draw) for at, layer in every},
            **{f"up_{at}": torch.randn(layer.out_features, 2, generator=draw) for at, layer in every},
            **gate.stacked([gate.fit(*found)]), "zeta": torch.tensor(0.5), "steps": torch.tensor(False),
            "strength": torch.tensor(1.0), "opening": begin,
        }  # fmt: skip
    words = 5 * [*task.reader.prompt_ids(task.questions.forget[0].question), *task.reader.answer_ids("Nobody.")]
    return {"words": torch.tensor(words), "strength": torch.tensor(1.0)}


def features(task, model, pairs, begin):
    ids, mask = task.reader.prompts([pair.question for pair in pairs])
    with torch.no_grad():
        return every_layer(model, ids, mask, begin)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def guarded(toy_language_task, kind):
    model = toy_language_task.load()
    attach(model, kind, tensors(toy_language_task, kind, model))
    return model


def questions(task):
    return [pair.question for pair in task.questions.forget]


def logits(task, model):
    texts = task.forget
    with torch.no_grad():
        return model(input_ids=texts.ids, attention_mask=texts.mask).logits


def test_it_acts_and_touches_no_weight(toy_language_task, guarded, kind):
    before = toy_language_task.load()
    weights, said = before.state_dict(), guarded.state_dict()
    assert all(torch.equal(weights[name], said[name]) for name in weights)
    assert {name for name, _ in guarded.named_parameters()} == {name for name, _ in before.named_parameters()}
    assert logits(toy_language_task, guarded).shape == logits(toy_language_task, before).shape
    assert (logits(toy_language_task, guarded) - logits(toy_language_task, before)).abs().max() > 0.1
    assert answers(guarded, toy_language_task.reader, questions(toy_language_task)) != answers(
        before, toy_language_task.reader, questions(toy_language_task)
    )


def test_it_is_saved_with_what_changed_and_restored(toy_language_task, guarded, kind):
    new = changed(guarded.state_dict(), toy_language_task.load().state_dict())
    assert new and all(name.startswith(f"guard_{kind}.") for name in new)
    fresh = toy_language_task.load()
    restore(fresh, new)
    assert torch.equal(logits(toy_language_task, fresh), logits(toy_language_task, guarded))


def test_a_copy_has_a_guard_of_its_own(toy_language_task, guarded, kind):
    twin = copy.deepcopy(guarded)
    assert torch.equal(logits(toy_language_task, twin), logits(toy_language_task, guarded))
    said = logits(toy_language_task, guarded)
    for buffer in getattr(guarded, f"guard_{kind}").buffers():
        if buffer.is_floating_point():
            buffer.zero_()
    assert torch.equal(logits(toy_language_task, twin), said)
    assert not torch.equal(logits(toy_language_task, guarded), said)


def test_at_dose_zero_it_is_off(toy_language_task, guarded):
    before = toy_language_task.load()
    set_dose(guarded, before, copy.deepcopy(guarded), 0.0)
    torch.testing.assert_close(
        logits(toy_language_task, guarded), logits(toy_language_task, before), rtol=1e-5, atol=1e-5
    )


def test_answers_do_not_depend_on_who_else_is_asked(toy_language_task, guarded):
    """Padding on the left, and other questions beside, change nothing."""
    asking = questions(toy_language_task)
    alone = [answers(guarded, toy_language_task.reader, [question], 12)[0] for question in asking]
    assert answers(guarded, toy_language_task.reader, asking, 12) == alone


def test_writing_with_a_cache_is_writing_without(toy_language_task, guarded, kind):
    ids, mask = toy_language_task.reader.prompts(questions(toy_language_task)[:1])
    made = guarded.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=1
    )
    with torch.no_grad():
        said = guarded(input_ids=made).logits[0, ids.shape[1] - 1 : -1]
    if kind == "uld":  # in writing, words that the model holds unlikely cannot be said; in weighing they can
        with torch.no_grad():
            before = toy_language_task.load()(input_ids=made).logits[0, ids.shape[1] - 1 : -1]
        said = said.masked_fill(~allowed(before, 0.05), -1e3)
    assert said.argmax(-1).tolist() == made[0, ids.shape[1] :].tolist()


def test_a_second_guard_of_its_kind_is_refused(toy_language_task, guarded, kind):
    with pytest.raises(BadInput, match="has a guard of the kind"):
        attach(guarded, kind, tensors(toy_language_task, kind, guarded))


def test_the_opening_is_what_every_prompt_ends_with(toy_language_task):
    reader = toy_language_task.reader
    begin = opening(reader).tolist()
    assert begin and all(reader.prompt_ids(text)[-len(begin) :] == begin for text in questions(toy_language_task))


def test_ends_and_questions_by_hand():
    ids = torch.tensor([[9, 1, 2, 5, 1, 2, 7], [3, 3, 3, 3, 3, 0, 0]])
    mask = torch.tensor([[0, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]])
    words = torch.tensor([1, 2])
    assert ends(ids, words).long().tolist() == [[0, 0, 1, 0, 0, 1, 0], [0] * 7]
    assert question_mask(ids, mask, words).long().tolist() == [[0, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0, 0]]


def test_names_are_chosen_and_without_one_all_but_the_last(toy_language_task):
    model = toy_language_task.load()
    guard = attach(model, "eco", tensors(toy_language_task, "eco", model))
    ids = torch.tensor([[4, 5, 6, 9, 5], [4, 4, 4, 4, 4]])
    where = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
    assert guard.chosen(ids, where).long().tolist() == [[0, 1, 1, 0, 0], [1, 1, 0, 0, 0]]


def test_a_question_that_is_not_flagged_reaches_the_model_as_it_is(toy_language_task):
    model = toy_language_task.load()
    attach(model, "eco", tensors(toy_language_task, "eco", model) | {"bias": torch.tensor(0.0)})
    assert torch.equal(logits(toy_language_task, model), logits(toy_language_task, toy_language_task.load()))


def test_values_are_mirrored_at_the_mean_of_what_is_kept():
    x = torch.tensor([6.0, 1.0, 6.0])
    keep_mean, keep_std = torch.full((3,), 1.0), torch.full((3,), 2.0)
    forget_mean, forget_std = torch.full((3,), 5.0), torch.full((3,), 0.5)
    draw = torch.tensor([0.0, 0.0, 0.99])
    # 6 fits neither well: p_f = N(2) / 0.5, p_r = N(2.5) / 2, share 0.925; 1 - 2 (6 - 5) / 0.5 = -3
    moved = reflect(x, keep_mean, keep_std, forget_mean, forget_std, draw)
    assert moved.tolist() == pytest.approx([-3.0, 1.0, 6.0], abs=1e-6)


def test_the_words_allowed_by_hand():
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.04, 0.01]]).log()
    assert allowed(logits, 0.2).long().tolist() == [[1, 1, 1, 0, 0]]  # 0.2 of the best is 0.1
    assert allowed(logits, 0.9).long().tolist() == [[1, 1, 1, 1, 0]]  # the best 4 of 5 stay, however strict


def test_the_refusal_begins_where_it_is_set_off(toy_language_task):
    model = toy_language_task.load()
    guard: Abstaining = attach(model, "key_space_detection", tensors(toy_language_task, "key_space_detection", model))
    refusal = guard.refusal.tolist()
    texts = toy_language_task.forget
    said = logits(toy_language_task, model)
    first = int((texts.labels[0] != -100).long().argmax()) - 1
    assert said[0, first : first + len(refusal)].argmax(-1).tolist() == refusal
    assert said[0, first].softmax(-1).max().item() == pytest.approx(SURE, abs=1e-5)  # 2,048 words in float32
    before = logits(toy_language_task, toy_language_task.load())
    assert torch.equal(said[0, :first], before[0, :first])
    assert answers(model, toy_language_task.reader, questions(toy_language_task)) == ["No."] * 5


def test_one_coordinate_outside_the_box_is_enough(toy_language_task):
    model = toy_language_task.load()
    given = tensors(toy_language_task, "key_space_detection", model)
    given["high"][3] = -1e6
    attach(model, "key_space_detection", given)
    assert torch.equal(logits(toy_language_task, model), logits(toy_language_task, toy_language_task.load()))


def test_the_assistant_is_subtracted(toy_language_task):
    """With all layers and weight 1 nothing is left: the assistant is the model."""
    model = toy_language_task.load()
    states = {f"body.{name}": value for name, value in body(model, 3).state_dict().items()}
    attach(model, "uld", {"weight": torch.tensor(1.0), "top": torch.tensor(0.0), **states})
    assert logits(toy_language_task, model).abs().max() < 1e-4
    assert len(feed_forwards(model)) == 3


def test_examples_before_a_question_are_what_writing_them_there_is(toy_language_task):
    model, before = toy_language_task.load(), toy_language_task.load()
    words = tensors(toy_language_task, "icul", model)["words"]
    attach(model, "icul", {"words": words, "strength": torch.tensor(1.0)})
    ids = toy_language_task.forget.ids[:1]
    with torch.no_grad():
        whole = before(input_ids=torch.cat([words[None], ids], 1)).logits[:, len(words) :]
        assert torch.equal(model(input_ids=ids).logits, whole)


def test_a_guard_stands_in_the_file_of_its_method_and_has_its_id():
    guards = {
        name
        for name, one in registry.entries("methods").items()
        if one.entry.guard and one.entry.works_with["llm"] is True
    }
    assert guards == set(KINDS)
    for kind in KINDS:
        guard = text_guards.of_kind(kind)
        assert (guard.kind, guard.__module__) == (kind, f"backends.methods.{kind}")
