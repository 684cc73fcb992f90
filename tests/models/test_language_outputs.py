"""What a language model is asked for metrics: the fast ways give what the plain ones give."""

import numpy as np
import pytest
import torch

from backends.families.language import passages, prefix_sharing, tokens
from backends.families.language.passages import Page
from backends.families.language.tokens import IGNORED, answers, likelihoods, nll


def forms(task, count=12):
    """Questions with all their answers, flat."""
    pairs = [item.pair for item in task.questions.suite][:count]
    rows = [(pair.question, text) for pair in pairs for text in (pair.answer, pair.rephrased_answer, *pair.wrong)]
    return task.reader.pairs([question for question, _ in rows], [text for _, text in rows])


def shaken(model):
    """A model that is sure of nothing."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model


@pytest.fixture
def slow(monkeypatch):
    """Call it to have everything read the plain way from then on."""
    return lambda: monkeypatch.setattr(prefix_sharing, "plain", lambda model: False)


def test_trees_give_the_likelihoods_of_reading_each_answer_alone(toy_language_task):
    model, given = shaken(toy_language_task.load()), forms(toy_language_task)
    found = tokens._as_trees(model, given)
    assert found is not None
    with torch.no_grad():
        alone = torch.cat([nll(model, given[[at]])[0] for at in range(len(given))])
    assert found[0].tolist() == pytest.approx(alone.tolist(), rel=1e-5)
    assert likelihoods(model, given).tolist() == pytest.approx(
        (alone / (given.labels != IGNORED).sum(1)).tolist(), rel=1e-5
    )


def test_a_tree_holds_what_answers_share_once():
    (tree,) = prefix_sharing.grown([[5, 6, 7, 8], [5, 6, 7, 9], [5, 6, 3]], [2, 2, 2])
    assert (tree.tokens, tree.depths) == ([5, 6, 7], [0, 1, 2])
    assert tree.above == [[0], [0, 1], [0, 1, 2]]
    assert tree.steps == [(0, 1, 7), (0, 2, 8), (1, 1, 7), (1, 2, 9), (2, 1, 3)]


def test_greedy_answers_are_those_of_generate(toy_language_task, slow):
    model, asked = toy_language_task.load(), [item.pair.question for item in toy_language_task.questions.suite]
    for one in (model, shaken(model)):
        assert prefix_sharing.plain(one)
        ids, mask = toy_language_task.reader.prompts(asked)
        end, pad = toy_language_task.reader.end, toy_language_task.reader.pad
        ours = [toy_language_task.reader.read(row) for row in prefix_sharing.greedy(one, ids, mask, 24, end, pad)]
        made = one.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=24, do_sample=False, eos_token_id=end, pad_token_id=pad
        )
        assert ours == [toy_language_task.reader.read(row) for row in made[:, ids.shape[1] :]]


def test_an_answer_does_not_depend_on_who_stands_beside_it(toy_language_task):
    model, reader = shaken(toy_language_task.load()), toy_language_task.reader
    asked = [item.pair.question for item in toy_language_task.questions.suite][:8]
    mask = reader.prompts(asked)[1]
    assert mask[:, -1].all() and not mask[:, 0].all()  # padded on the left
    assert answers(model, reader, asked, 12) == [answers(model, reader, [one], 12)[0] for one in asked]


def test_outputs_are_the_same_both_ways(toy_language_task, slow):
    model = toy_language_task.load()
    fast = toy_language_task.outputs(model)
    slow()
    plain = toy_language_task.outputs(model)
    assert fast.keys() == plain.keys()
    for name, values in plain.items():
        if values.dtype.kind == "U":
            assert fast[name].tolist() == values.tolist()
        else:
            np.testing.assert_allclose(fast[name], values, rtol=1e-4, atol=1e-5)


def test_known_answers_are_seen_while_they_are_weighed(toy_language_task):
    model, given = toy_language_task.load(), forms(toy_language_task)
    greedy = tokens.nll_and_greedy(model, given)[1].tolist()
    assert greedy == [at % 7 == 0 for at in range(len(given))]


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "guard", object()),
        lambda model: model.add_module("guard_some", torch.nn.Identity()),
        lambda model: setattr(model, "forward", model.forward),
        lambda model: model.model.layers[0].register_forward_hook(lambda *given: None),
        lambda model: setattr(model.generation_config, "repetition_penalty", 1.2),
    ],
    ids=["guard", "guard module", "forward", "hook", "rule for answers"],
)
def test_what_is_more_than_an_architecture_is_read_the_plain_way(toy_language_task, change):
    model = toy_language_task.load()
    assert prefix_sharing.plain(model)
    change(model)
    assert not prefix_sharing.plain(model)


def test_a_model_that_trees_do_not_suit_is_read_the_plain_way(toy_language_task, monkeypatch):
    """One that hands back other numbers for trees, as one that takes no notice of such masks."""
    model, given = toy_language_task.load(), forms(toy_language_task, 4)
    true = likelihoods(model, given)
    right = prefix_sharing.nll_and_greedy
    monkeypatch.setattr(prefix_sharing, "nll_and_greedy", lambda *of: (right(*of)[0] + 1, right(*of)[1]))
    assert likelihoods(model, given).tolist() == pytest.approx(true.tolist(), rel=1e-5)


def test_token_scores_by_hand():
    said = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    found = passages._scores(said, torch.tensor([1, 2]))
    for row, (own, shares) in zip(found.tolist(), [(0.25, (0.5, 0.25, 0.25)), (0.8, (0.1, 0.1, 0.8))], strict=True):
        mean = sum(p * np.log(p) for p in shares)
        spread = sum(p * np.log(p) ** 2 for p in shares) - mean**2
        assert row == pytest.approx([np.log(own), (np.log(own) - mean) / spread**0.5], abs=1e-5)


def test_least_takes_the_lowest_share():
    assert passages.least(np.array([-1.0, -5, -2, -4, -3]), 0.4) == -4.5
    assert passages.least(np.array([-1.0, -5]), 0.2) == -5
    assert np.isnan(passages.least(np.zeros(0), 0.2))


def test_a_text_is_scored_but_for_the_first_token_of_each_piece(toy_language_task):
    reader = toy_language_task.reader
    text = toy_language_task.pages[0].text
    count = len(reader.tokenizer(text).input_ids)
    ((logs, scaled), (none, _)) = passages.token_scores(toy_language_task.load(), reader, [text, "a"])
    assert len(logs) == len(scaled) == count - -(-count // passages.PIECE) and len(none) == 0


def test_pages_are_of_three_kinds_and_none_is_in_two(toy_language_task):
    roles = [page.role for page in toy_language_task.pages]
    assert {role: roles.count(role) for role in set(roles)} == {"forget": 1, "retain": 4, "held out": 20}
    assert len({page.text for page in toy_language_task.pages}) == len(roles)


def test_targets_without_pages_have_none_measured(toy_language_task):
    toy_language_task.questions.forgotten = []
    found = toy_language_task.outputs(toy_language_task.load())
    assert toy_language_task.pages == []
    assert {len(values) for name, values in found.items() if name.startswith("page_")} == {0}


def test_a_begun_text_ends_where_a_piece_does(toy_language_task):
    reader = toy_language_task.reader
    first, rest = passages.beginning(reader, toy_language_task.pages[0].text)
    assert len(first) == passages.BEGINNING
    assert toy_language_task.pages[0].text.startswith(reader.tokenizer.decode(first) + " " + rest[:5])
    assert toy_language_task.continuation(0) == rest
    assert Page("forget", "x").role == "forget"
