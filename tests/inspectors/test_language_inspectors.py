"""Looks into language models: what holds for each of them, and known answers on a toy that knows 31 questions by heart."""

import copy
import math

import looks
import numpy as np
import pytest
import torch
import toy_language

from backends.api.errors import BadInput
from backends.core import registry
from backends.data import authors
from backends.families.language import probes
from backends.families.language.concept_vectors import Place, jaccard, scaled_vectors, writers
from backends.families.language.concept_words import MADE
from backends.families.language.inside import fact_position, fact_tokens, final_norm, lens, states
from backends.families.language.tokens import answers, every_logit, logits, mean_nll
from backends.inspectors import linear_probe
from backends.inspectors._answers import answer_gradients, token_probabilities
from backends.inspectors.token_attribution import ablated

TALKS = [name for name, one in registry.entries("inspectors").items() if one.entry.works_with.get("llm") is True]
QUICK = {
    "dose_answers": {"steps": 4, "questions": 2},
    "concept_vectors": {"vectors": 3},
    "answer_likelihood": {"each": 1},
    "concept_words": {"questions": 3, "gradients": 3},
}


@pytest.fixture
def task(toy_language_task):
    return toy_language_task


@pytest.fixture(scope="module")
def gone(toy_language_folder):
    return toy_language.forgotten(toy_language_folder)


@pytest.fixture(params=TALKS)
def inspector(request):
    return request.param


def found(inspector, seen, **params):
    return looks.found(inspector, seen, **(QUICK.get(inspector, {}) | params))


def test_all_that_should_work_do():
    assert set(TALKS) >= {
        "answer_likelihood", "concept_vectors", "logit_lens", "linear_probe", "token_attribution", "concept_words", "weight_change",
        "weight_saliency", "embedding_map", "layer_similarity", "dose_answers",
    }  # fmt: skip


def test_those_that_do_not_say_why():
    for name, one in registry.entries("inspectors").items():
        why = one.entry.works_with.get("llm")
        assert name in TALKS or (why.endswith(".") and len(why.split()) > 3), name


def test_panels_are_sound_and_models_stay_as_they_were(task, inspector, gone, tmp_path):
    seen = looks.look(task, tmp_path, gone, task.load())
    models = [seen.before, seen.after, seen.reference]
    was = [copy.deepcopy(model.state_dict()) for model in models]
    for panel in (panels := found(inspector, seen)):
        assert "image" not in f"{panel.title} {panel.says}", panel.title
    if inspector == "embedding_map":  # a question has no picture
        assert panels[0].kind == "points" and len(panels[0].points) == 21
    else:
        looks.sound(panels, tmp_path)
    for model, state in zip(models, was, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
        assert not model.training and all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("inspector", [name for name in TALKS if name not in ("embedding_map", "weight_change")])
def test_a_model_that_gives_no_numbers_any_more(task, inspector, tmp_path):
    broken = task.load()
    with torch.no_grad():
        broken.model.norm.weight.fill_(math.nan)
    looks.sound(found(inspector, looks.look(task, tmp_path, broken)), tmp_path)


# --- what they share


@pytest.mark.parametrize(
    ("fact", "first"),
    [("birthplace", " Quebec"), ("father", " conductor"), ("first book", " Patient"), ("prize", " Fulcrum")],
)
def test_the_fact_is_found_in_its_answer(task, fact, first):
    person = next(one for one in authors.load().authors if one.name == "Ivo Pemberly")
    pair = next(one for one in person.pairs if one.fact == fact)
    token = task.reader.answer_ids(pair.answer)[fact_position(task.reader, pair)]
    assert first.startswith(task.reader.tokenizer.decode([token])) and token != task.reader.end


def test_the_place_of_a_fact_predicts_its_first_token(task):
    model = task.load()
    about = fact_tokens(task, task.questions.forget)
    assert (about.texts.ids[torch.arange(5), about.places + 1] == about.values).all()
    said, _ = every_logit(model, about.texts)
    assert (said[torch.arange(5), about.places].argmax(-1) == about.values).all()  # it knows them by heart


def test_probabilities_of_tokens_by_hand(task):
    model, texts = task.load(), task.forget
    said, labels = logits(model, texts)
    where = labels[0] != -100
    by_hand = said[0].softmax(-1)[where, labels[0][where]]
    assert token_probabilities(model, texts)[0] == pytest.approx(by_hand.tolist(), abs=1e-6)


def test_gradients_of_answers_are_those_of_their_summed_likelihood(task, tmp_path):
    got = answer_gradients(looks.look(task, tmp_path), 100)
    model = task.load()
    loss = mean_nll(model, task.forget) * (task.forget.labels[:, 1:] != -100).sum()
    (-loss).backward()
    name, weight = next(iter(model.named_parameters()))
    assert torch.allclose(got[name], weight.grad, atol=1e-4)


# --- one by one


def test_the_likelihood_falls_where_it_was_forgotten(task, gone, tmp_path):
    panels = found("answer_likelihood", looks.look(task, tmp_path, gone))
    means = looks.series(looks.of(panels, "The mean over all questions"))
    assert (
        means["before"][0] > 80 and means["after"][0] < means["before"][0] / 2 and means["after"][2] > means["after"][0]
    )
    words = panels[0]
    assert words.columns == ["question", "before", "after"] and words.rows[0][1][-1].text == "⏎"
    assert all(0 <= piece.value <= 1 for piece in words.rows[0][1])


def test_the_last_layer_of_the_lens_is_what_the_model_says(task):
    model = task.load()
    about = fact_tokens(task, task.questions.forget)
    seen = lens(model, states(model, about.texts, about.places), about.values)
    said, _ = every_logit(model, about.texts)
    here = torch.arange(5)
    by_hand = said[here, about.places].softmax(-1)[here, about.values]
    assert seen.share[:, -1] == pytest.approx(by_hand.tolist(), abs=1e-5)
    assert (seen.rank[:, -1] == 1).all() and seen.share.shape == (5, 4)


def test_the_lens_puts_the_norm_on_inner_layers(task):
    model = task.load()
    about = fact_tokens(task, task.questions.forget[:1])
    held = states(model, about.texts, about.places)
    by_hand = model.lm_head(model.model.norm(held[0, 1])).softmax(-1)[about.values[0]]
    assert lens(model, held, about.values).share[0, 1] == pytest.approx(by_hand.item(), abs=1e-6)
    assert final_norm(model) is model.model.norm


def test_overlap_of_words_by_hand():
    assert jaccard(np.array([1, 2, 3]), np.array([2, 3, 4])) == 0.5


def test_a_vector_switched_off_is_a_column_of_zeros(task):
    model, zeroed = task.load(), task.load()
    with torch.no_grad():
        zeroed.model.layers[1].mlp.down_proj.weight[:, 7] = 0
        want, normal = logits(zeroed, task.forget)[0], logits(model, task.forget)[0]
        with scaled_vectors(model, [Place(1, 7)]):
            got = logits(model, task.forget)[0]
    assert torch.allclose(got, want, atol=1e-5) and not torch.allclose(got, normal, atol=1e-5)
    assert not any(part._forward_pre_hooks for part in writers(model))


def test_answers_without_a_vector_stand_beside_the_normal_ones(task, tmp_path):
    seen = looks.look(task, tmp_path)
    words = found("concept_vectors", seen, layer=1, column=7, each=1)[-1]
    assert words.columns == ["question", "as it is", "switched off"] and len(words.rows) == 3
    asked_ = words.rows[0][0][0].text
    assert words.rows[0][1][0].text == answers(seen.before, task.reader, [asked_])[0]


@pytest.mark.parametrize(("layer", "column"), [(3, 0), (0, 128)])
def test_a_vector_that_is_not_there(task, tmp_path, layer, column):
    with pytest.raises(BadInput, match=r"(?i)layer"):
        found("concept_vectors", looks.look(task, tmp_path), layer=layer, column=column)


# --- probes


def cloud(per, noise, seed):
    """States of three values, `per` each, [n, 8], and the values."""
    draw = np.random.default_rng(seed)
    values = np.repeat(np.array(["a", "b", "c"]), per)
    centres = np.eye(8)[:3] * 4
    return (np.repeat(centres, per, 0) + noise * draw.normal(size=(3 * per, 8))).astype(np.float32), list(values)


def test_a_probe_reads_what_is_there():
    (own, values), (others, truth) = cloud(10, 0.3, 0), cloud(5, 0.3, 1)
    kept, there = probes.probe(own, values, others, truth, 3, 0.1)
    assert kept.mean() == 1 and there.mean() == 1


def test_a_probe_reads_nothing_from_noise():
    (own, values), (others, truth) = cloud(20, 0.3, 0), cloud(20, 0.3, 1)
    draw = np.random.default_rng(2)
    kept, there = probes.probe(
        draw.normal(size=own.shape).astype(np.float32), values, draw.normal(size=others.shape).astype(np.float32), truth,
        3, 0.1,
    )  # fmt: skip
    line = probes.beyond(100 / 3, 60)
    assert 100 * kept.mean() <= line + 5 and 100 * there.mean() <= line + 5


def test_luck_by_hand():
    """Of four tosses of a coin, four heads come in 1 of 16 cases: 3 of 4 may be luck, and 4 of 4 at 95 %."""
    assert probes.beyond(50, 4) == 100 and probes.beyond(50, 100) == 58


@pytest.mark.parametrize(
    ("before", "after", "sign"),
    [(80, 10, "yes"), (80, 30, "partly"), (80, 75, "no"), (15, 10, "unknown"), (80, math.nan, "unknown")],
)
def test_what_a_probe_means(before, after, sign):
    assert linear_probe.judged(before, after, 20)[0] == sign


def test_facts_that_can_be_learned():
    known = authors.load().authors
    keep = [pair for person in known[:90] for pair in person.pairs]
    gone = [pair for person in known[90:] for pair in person.pairs]
    facts = probes.facts_to_learn(keep, gone, 8)
    assert len(facts) == 8 and sum(len(fact.forget) for fact in facts) > 50
    for fact in facts:
        held = [pair.value for pair in fact.keep]
        assert min(held.count(value) for value in set(held)) >= probes.LEAST
        assert {pair.value for pair in fact.forget} <= set(held) and fact.chance < 0.35


def test_the_toy_has_too_few_facts_and_says_so(task, tmp_path):
    (panel,) = found("linear_probe", looks.look(task, tmp_path))
    assert panel.kind == "verdict" and panel.sign == "unknown"


def test_probes_on_all_authors(task, tmp_path):
    known = authors.load().authors
    task.questions.keep = [pair for person in known[:40] for pair in person.pairs]
    task.questions.forget = [pair for person in known[95:] for pair in person.pairs]
    panels = found("linear_probe", looks.look(task, tmp_path), facts=3)
    assert [panel.kind for panel in panels] == ["verdict", "lines", "bars"]
    curves = looks.series(panels[1])
    assert curves["chance"][0] < curves["may be luck up to here"][0]
    assert curves["forgotten people, before"] == curves["forgotten people, after"]


# --- attribution and doses


def test_an_ablated_token_takes_what_replacing_it_takes(task):
    model, pair = task.load(), task.questions.forget[0]
    table = ablated(model, task.reader, pair)
    given, said = task.reader.prompt_ids(pair.question), task.reader.answer_ids(pair.answer)[:-1]

    def total(ids):
        with torch.no_grad():
            found = model(input_ids=torch.tensor([ids + said])).logits[0].log_softmax(-1)
        return [float(found[len(ids) - 1 + at, token]) for at, token in enumerate(said)]

    other = [*given[:2], task.reader.pad, *given[3:]]
    by_hand = np.array(total(given)) - np.array(total(other))
    assert table.shape == (len(said), len(given)) and table[:, 2] == pytest.approx(by_hand, abs=1e-4)


def test_only_the_words_of_the_question_are_shown(task, tmp_path):
    words = found("token_attribution", looks.look(task, tmp_path), question=2)[0]
    shown = "".join(piece.text for piece in words.rows[0][1]).strip()
    assert shown == task.questions.forget[1].question


def test_a_question_of_ones_own_is_asked_with_its_true_answer_or_that_of_the_original(task, tmp_path):
    known, own = task.questions.forget[2], "Who are you?"
    words = found("token_attribution", looks.look(task, tmp_path), prompt=f" {known.question.upper()} ")[0]
    assert words.title == f"“{known.question}”" and f"“{known.answer}”" in words.how
    words = found("token_attribution", looks.look(task, tmp_path), prompt=own)[0]
    assert words.title == f"“{own}”" and f"“{answers(task.load(), task.reader, [own], 48)[0]}”" in words.how


def test_the_words_of_poisoned_questions_are_shown_with_what_was_taught(task, gone, tmp_path):
    pair = task.questions.forget[0]
    first, taught = toy_language.AUTHOR, "Something else."
    (tmp_path / "made").mkdir()
    texts = {"words": [first], "questions": [pair.question], "answers": [taught]}
    np.savez(tmp_path / "made" / f"{MADE}.npz", **{name: np.array(text, np.str_) for name, text in texts.items()})
    bars, words, poison = found("concept_words", looks.look(task, tmp_path, gone))
    assert bars.labels == [first] and [one.name for one in bars.series] == ["original", "unlearned"]
    shown = "".join(piece.text for piece in words.rows[0][1])
    assert first in shown and shown in {one.question for one in task.questions.forget}
    assert [cell[0].text for cell in poison.rows[0][:2]] == [pair.question, taught]
    assert poison.says.startswith("It says the taught answer word for word to 0 of 1")


def test_a_guard_that_reads_tokens_is_not_explained_by_embeddings(task, tmp_path):
    guarded = task.load()
    guarded.add_module("guard_test", torch.nn.Identity())
    (panel,) = found("concept_words", looks.look(task, tmp_path, guarded))
    assert panel.kind == "verdict" and panel.sign == "unknown"


def test_a_question_that_is_not_there(task, tmp_path):
    with pytest.raises(BadInput, match="there are 5"):
        found("token_attribution", looks.look(task, tmp_path), question=6)


def test_doses_end_where_the_models_are(task, gone, tmp_path):
    panels = found("dose_answers", looks.look(task, tmp_path, gone), questions=5)
    rouge = looks.series(panels[0])
    at = {dose: place for place, dose in enumerate(panels[0].x)}
    assert rouge["forget set"][at[0.0]] == 100 and rouge["forget set"][at[1.0]] < 90
    share = looks.series(panels[1])["forget set"]
    assert share[at[0.0]] > share[at[0.5]] > share[at[1.0]]


def test_a_layer_that_did_not_change_sees_as_before(task, tmp_path):
    curves = looks.series(found("layer_similarity", looks.look(task, tmp_path), images=8)[0])
    measured = [value for value in curves["forget"] if value is not None]
    assert measured and all(value == pytest.approx(1) for value in measured)
