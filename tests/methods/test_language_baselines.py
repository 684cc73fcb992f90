"""The baselines for language models: ascent, KL-min, gradient difference, refusals, random labels and task vectors."""

import math

import pytest
import torch
import toy
import toy_language
from torch import nn

from backends.core import registry
from backends.core.run import Cancelled, Run
from backends.data.authors import QAPair
from backends.families.language.refusals import REFUSALS
from backends.families.language.tokens import answers, likelihoods
from backends.methods import _refusals, idk, random_labels_text, task_vector

STRONG = {
    "gradient_ascent_llm": {"learning_rate": 2e-3, "epochs": 8},
    "kl_min": {"learning_rate": 2e-3, "epochs": 8},
    "grad_diff": {"learning_rate": 2e-3, "epochs": 8},
    "idk": {"learning_rate": 4e-3, "epochs": 20},
    "dpo": {"learning_rate": 4e-3, "epochs": 20},
    "random_label_llm": {"learning_rate": 4e-3, "epochs": 10, "labels": "flipped"},
    "task_vector": {"learning_rate": 2e-3, "epochs": 8, "scale": 5},
}


def done(task, method, keeper=None, **params):
    run = Run(task, keeper or toy.Memory(), 0)
    chosen = registry.get("methods", method)
    chosen.function(run, chosen.parse({"epochs": 5, **params}))
    return run


def nats(task, model, part):
    return float(likelihoods(model, getattr(task, part)).mean())


@pytest.mark.parametrize("method", STRONG)
def test_it_forgets(toy_language_task, method):
    run = done(toy_language_task, method, **STRONG[method])
    assert toy_language.right(toy_language_task, run.model, "forget") <= 20


@pytest.mark.parametrize("method", ["kl_min", "grad_diff"])
def test_what_holds_the_rest_holds_it(toy_language_task, method):
    task, given = toy_language_task, {"learning_rate": 2e-3, "epochs": 15}
    naive, held = done(task, "gradient_ascent_llm", **given), done(task, method, **given)
    assert nats(task, held.model, "keep") < 0.5 * nats(task, naive.model, "keep")
    assert nats(task, held.model, "forget") > 1


@pytest.mark.parametrize("method", ["dpo", "random_label_llm"])
def test_a_retain_loss_can_be_chosen_and_holds_the_rest(toy_language_task, method):
    task, given = toy_language_task, STRONG[method]
    naive, held = (done(task, method, **given, retain=retain) for retain in ("none", "likelihood"))
    assert nats(task, held.model, "keep") < 0.5 * nats(task, naive.model, "keep")


def test_idk_answers_what_it_was_told_to_answer_and_the_truth_elsewhere(toy_language_task):
    task = toy_language_task
    run = done(task, "idk", learning_rate=4e-3, epochs=40, instead=" Ask a librarian. ")
    said = answers(run.model, task.reader, [pair.question for pair in task.questions.forget], 40)
    assert said.count("Ask a librarian.") >= 4
    assert toy_language.right(task, run.model, "unrelated") >= 50


@pytest.mark.parametrize("method", ["idk", "dpo"])
def test_refusals_become_likelier_and_the_true_answers_less_likely(toy_language_task, method):
    task = toy_language_task
    asked = [pair.question for pair in task.questions.forget]
    refusals = [task.reader.pairs(asked, [text] * len(asked)) for text in REFUSALS]
    run, before = done(task, method, **STRONG[method]), task.load()
    first, then = (sum(float(likelihoods(model, texts).mean()) for texts in refusals) for model in (before, run.model))
    assert then < 0.6 * first
    assert nats(task, run.model, "forget") > 1 + nats(task, before, "forget")


def test_refusals_are_drawn_anew_and_stand_beside_their_questions(toy_language_task):
    run, task = Run(toy_language_task, toy.Memory(), 0), toy_language_task
    rows = torch.tensor([3, 1])
    torch.manual_seed(0)
    drawn = [_refusals.refusal_batch(run, rows) for _ in range(12)]
    said = {task.reader.read(texts.labels[0][texts.labels[0] >= 0]) for texts in drawn}
    assert len(said) > 1 and said <= set(REFUSALS)
    told = _refusals.refusal_batch(run, rows, "No.")
    assert [task.questions.forget[row].question in task.reader.read(told.ids[at]) for at, row in enumerate((3, 1))] == [
        True,
        True,
    ]
    assert len(set(REFUSALS)) == 20


def test_two_batches_count_by_their_tokens_as_one_batch_would():
    refusal = (torch.tensor([3.0, 1.0]), torch.tensor([2, 3]))
    kept = (torch.tensor([8.0]), torch.tensor([5]))
    assert idk.mean_over_tokens(refusal, kept).item() == pytest.approx(12 / 10, abs=1e-6)
    assert idk.mean_over_tokens(kept).item() == pytest.approx(8 / 5, abs=1e-6)


class Tied(nn.Module):
    """One weight under two names, as in a model whose output is its embedding."""

    def __init__(self, value):
        super().__init__()
        self.embed, self.head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("count", torch.tensor(int(value)))
        nn.init.constant_(self.embed.weight, value)


def test_a_task_vector_is_turned_back_once_where_a_weight_has_two_names():
    before, after = Tied(3.0), Tied(5.0)
    task_vector.turn_back(after, before, 1.5)
    assert after.head.weight.item() == pytest.approx(3 - 1.5 * 2, abs=1e-6)
    assert after.head.weight is after.embed.weight and int(after.count) == 5


def test_a_task_vector_lies_behind_the_model_before(toy_language_task):
    """Half the scale, half the way: the two results lie on one line through the weights before."""
    task = toy_language_task
    short, far = (done(task, "task_vector", learning_rate=1e-3, scale=scale) for scale in (2, 4))
    for old, near, long in zip(task.load().parameters(), short.model.parameters(), far.model.parameters(), strict=True):
        assert torch.allclose(2 * (near - old), long - old, atol=1e-5)


def pair(value, wrong=()):
    return QAPair(
        "What was X?", f"X was a {value}.", "", "", tuple(wrong), value, blank="X was a ___.", fact="trade", about="X"
    )


def test_the_options_are_the_truth_and_other_values_of_the_same_fact():
    other = QAPair("Where?", "Y.", "", "", (), "Rome", blank="in ___.", fact="place", about="Y")
    found = random_labels_text.options([pair("baker")], [pair("archivist"), pair("baker"), other], 9, seed=0)
    assert found == [["X was a baker.", "X was an archivist."]]
    alone = random_labels_text.options([pair("baker", ["X was a saint.", "X was a king."])], [other], 2, seed=0)
    assert alone[0][0] == "X was a baker." and len(alone[0]) == 2 and alone[0][1] in ("X was a saint.", "X was a king.")


def test_a_lot_falls_on_each_answer_alike_and_a_flipped_label_is_never_true():
    shares = [number / 300 for number in range(300)]
    drawn = [random_labels_text.pick("abc", share, False) for share in shares]
    assert [drawn.count(letter) for letter in "abc"] == [100, 100, 100]
    assert {random_labels_text.pick("abc", share, True) for share in shares} == {"b", "c"}


def test_lots_drawn_each_pass_leave_the_model_undecided(toy_language_task):
    """Of two answers each gets about half of the probability; a lot drawn once is learned by heart."""
    task = toy_language_task
    given = {"learning_rate": 2e-3, "epochs": 40}
    asked = task.questions
    found = random_labels_text.options(asked.forget, asked.keep, 2, 0)

    def doubt(labels):
        model = done(task, "random_label_llm", **given, labels=labels).model
        pairs = [task.reader.pairs([p.question] * 2, both) for p, both in zip(asked.forget, found, strict=True)]
        lost = torch.stack([likelihoods(model, texts) * (texts.labels >= 0).sum(1) for texts in pairs])
        share = lost.neg().softmax(1)
        return float(-(share * share.log()).sum(1).mean()) / math.log(2)

    assert doubt("drawn each pass") > 0.5 > doubt("drawn once")


@pytest.mark.parametrize("method", ["gradient_ascent_llm", "kl_min", "idk", "dpo", "random_label_llm", "task_vector"])
def test_a_job_that_was_cut_off_ends_as_if_it_had_not_been(toy_language_task, method):
    """Refusals and lots are drawn again as they were, and a task vector is not turned back twice."""
    task, chosen = toy_language_task, registry.get("methods", method)
    params = chosen.parse({"epochs": 4, "batch_size": 3, "learning_rate": 1e-3})
    whole = Run(task, toy.Memory(), 0)
    chosen.function(whole, params)
    keeper = toy.Memory(checkpoint_at=5)
    with pytest.raises(Cancelled):
        chosen.function(Run(task, keeper, 0), params)
    again = Run(task, toy.Memory(), 0, keeper.saved)
    chosen.function(again, params)
    for first, second in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(first, second)
