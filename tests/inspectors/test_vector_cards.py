"""Cards of concept vectors: every number on them equals what is computed by hand from the weights, a forward pass and the run folder."""

import copy
import math

import looks
import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from backends.api import files
from backends.api.panels import Found, Shift
from backends.core import registry
from backends.engine.session import Desk
from backends.families.language.concept_vectors import (
    Place,
    activations,
    columns,
    concepts,
    spelled,
    spelling_vectors,
    word,
    writers,
)
from backends.inspectors import _vectors
from backends.inspectors.concept_vectors import _moved

SHIPPED = "example-author-forgotten"


@pytest.fixture
def task(toy_language_task):
    return toy_language_task


def cards(seen, **params):
    panels = looks.found("concept_vectors", seen, **({"vectors": 3, "texts": 4} | params))
    return panels[0], panels[1:]


def turned(seen, card):
    """The unlearned model with one vector turned round and half as long."""
    with torch.no_grad():
        columns(seen.after, card.layer)[card.column] *= -0.5


def test_vectors_that_did_not_move(task, tmp_path):
    panel, others = cards(looks.look(task, tmp_path))
    assert panel.kind == "vectors" and len(panel.cards) == 3 and panel.steps == ["original", "unlearned"]
    for card in panel.cards:
        assert (card.shift.overlap, card.shift.distance) == (1, 0) and card.path == [1, pytest.approx(1)]
        assert [one.word for one in card.before] == [one.word for one in card.after] and card.relearning == []
    assert "did not move" in panel.says and "stayed at" in panel.lead
    assert all(one.folded for one in others)


def test_words_and_distances_are_those_of_the_weights(task, tmp_path):
    seen = looks.look(task, tmp_path)
    first = cards(seen)[0].cards[0]
    turned(seen, first)
    panel, _ = cards(seen)
    card = panel.cards[0]
    assert (card.layer, card.column) == (first.layer, first.column)
    for model, words in ((seen.before, card.before), (seen.after, card.after)):
        logits = spelled(model, columns(model, card.layer)[card.column][None])[0]
        by_hand = [word(task.reader, token) for token in logits.topk(len(words)).indices.tolist()]
        assert [one.word for one in words] == by_hand
    sets = [
        set(spelled(model, columns(model, card.layer)[card.column][None])[0].topk(panel.first).indices.tolist())
        for model in (seen.before, seen.after)
    ]
    assert card.shift.overlap == pytest.approx(len(sets[0] & sets[1]) / len(sets[0] | sets[1]))
    assert card.shift.cosine == pytest.approx(-1) and card.shift.distance == pytest.approx(1.5)
    assert card.path == [1, card.shift.cosine]
    tokens = {word(task.reader, token) for token in sets[1]}
    assert [one.stays for one in card.before] == [one.word in tokens for one in card.before]
    assert not all(one.stays for one in card.after)
    assert panel.control.overlap == 1 and panel.control.distance == 0


def hidden_unit(model, card, ids):
    """The activation of a card's vector at each token, by a plain forward pass."""
    units = []
    hook = writers(model)[card.layer].register_forward_pre_hook(
        lambda _, given: units.append(given[0][0, :, card.column])
    )
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]))
    hook.remove()
    return units[0].tolist()


def test_activations_are_those_of_a_forward_pass(task, tmp_path):
    seen = looks.look(task, tmp_path, looks.shaken(task, 0.1))
    panel, _ = cards(seen, texts=100)
    for card in panel.cards:
        assert [text.role for text in card.texts] == ["forget", "neighbour"]
        for text in card.texts:
            said = "".join(piece.text for piece in text.pieces).strip()
            pairs = [task.questions.suite[at].pair for at in task.parts[text.role]]
            pair = next(one for one in pairs if said == f"{one.question} {one.answer}")
            question, answer = task.reader.prompt_ids(pair.question), task.reader.answer_ids(pair.answer)
            asked = len(text.pieces) - (len(answer) - 1)  # the answer's end is left out, and the form of the question
            first = next(
                at for at, token in enumerate(question) if task.reader.tokenizer.decode([token]) == text.pieces[0].text
            )
            where = [*range(first, first + asked), *range(len(question), len(question) + len(answer) - 1)]
            for when, model in (("before", seen.before), ("after", seen.after)):
                by_hand = hidden_unit(model, card, [*question, *answer])
                got = [getattr(piece, when) for piece in text.pieces]
                assert got == pytest.approx([by_hand[at] for at in where], abs=1e-4)


def test_the_text_is_the_one_where_it_fires_most(task, tmp_path):
    seen = looks.look(task, tmp_path)
    card = cards(seen, texts=100)[0].cards[0]
    text = next(one for one in card.texts if one.role == "forget")
    peak = max(abs(piece.before) for piece in text.pieces)
    texts = task.texts([task.questions.suite[at].pair for at in task.parts["forget"]])
    own = _vectors.own_places(task.reader, texts, [pair.question for pair in task.questions.forget])
    units = activations(seen.before, texts, [Place(card.layer, card.column)])[0]
    assert peak == pytest.approx(float(np.abs(units[own]).max()), abs=1e-4)
    assert np.isnan(units[texts.mask.numpy() == 0]).all() and np.isfinite(units[texts.mask.numpy() == 1]).all()


def test_a_long_text_is_cut_around_its_peak(task):
    ids, own = list(range(300, 400)), np.ones(100, bool)
    values = np.zeros(100)
    values[60] = -9
    pieces = _vectors._pieces(task.reader, ids, own, values, values)
    assert len(pieces) == _vectors.WINDOW + 2 and pieces[0].text == "… " and pieces[-1].text == " …"
    assert -9 in [piece.before for piece in pieces]


def sample(task, model, at, of):
    recorded = {"items": task.sample(model), "vectors": task.trace.sample(model)}
    return {"phase": "forget", "step": at, "of": of} | recorded


def test_the_path_is_what_the_job_recorded_and_an_attack_after_it(task, tmp_path):
    task.follow(task.load())
    halfway, end = looks.shaken(task, 0.2), looks.shaken(task, 0.4)
    for at, model in enumerate([task.load(), task.load(), halfway, end, end]):
        files.write_json(tmp_path / "samples" / f"01-{at:06d}.json", sample(task, model, at, 4))
    seen = looks.look(task, tmp_path, end)
    panel, others = cards(seen)
    assert panel.steps == ["original", "forget, 2 of 4", "unlearned"] and panel.relearning_steps == []
    for card in panel.cards:
        was, middle = (columns(model, card.layer)[card.column].double() for model in (seen.before, halfway))
        by_hand = float(torch.nn.functional.cosine_similarity(was, middle, dim=0))
        assert card.path == [
            pytest.approx(1),
            pytest.approx(by_hand, abs=1e-6),
            pytest.approx(card.shift.cosine, abs=1e-6),
        ]
    assert panel.control_path[-1] < 1
    course = looks.of(others, "Answers and vectors over the steps")
    assert looks.series(course)["words of the vectors"][0] == 100 and course.x == panel.steps
    for at, model in enumerate([end, task.load()]):
        files.write_json(tmp_path / "attack" / "any" / "samples" / f"00-{at:06d}.json", sample(task, model, at, 1))
    panel, _ = cards(seen)
    assert panel.relearning_steps == ["relearning, 0 of 1", "relearning, 1 of 1"]
    assert [card.relearning[-1] for card in panel.cards] == [pytest.approx(1)] * 3


@pytest.mark.parametrize(
    "recorded",
    [None, [], {"places": 3}, {"places": [[0, 1, ""]], "cosine": [], "words": [], "random": {"cosine": [], "words": []}},
     {"places": [[0, 1, ""]], "cosine": ["x"], "words": [1], "random": {"cosine": [1], "words": [1]}}],
)  # fmt: skip
def test_a_damaged_sample_is_none(task, tmp_path, recorded):
    for at in range(3):
        broken = {"phase": "forget", "step": at, "of": 2, "items": [], "vectors": recorded}
        files.write_json(tmp_path / "samples" / f"01-{at:06d}.json", broken)
    panel, _ = cards(looks.look(task, tmp_path))
    assert panel.steps == ["original", "unlearned"]


def shift(overlap, distance=0.1):
    return Shift(overlap=overlap, cosine=0.9, distance=distance, activation=(1, 1))


@pytest.mark.parametrize(
    ("own", "control", "says"),
    [
        (shift(1, 0), shift(1, 0), "The vectors that spell X did not move: all of their first 50 words stay."),
        (shift(0.9), shift(0.91), "barely moved: their first 50 words overlap by 90 %, as those of random columns do (91 %)."),
        (shift(0.6), shift(0.9), "moved in part: their first 50 words overlap by 60 %, those of random columns by 90 %."),
        (shift(0.2), shift(0.9), "are others now"),
        (shift(None), shift(None), "cannot be compared"),
    ],
)  # fmt: skip
def test_the_headline_says_what_was_measured(own, control, says):
    assert says in _moved("X", own, control, 50)


def test_cards_of_a_shipped_run_are_the_arrays_in_its_folder(new_home):
    new_home()
    opened = Desk().run(SHIPPED)
    entry = registry.get("inspectors", "concept_vectors")
    panel = entry.function(opened.look("inspect", "concept_vectors"), entry.parse({}))[0]
    before, after = (np.load(opened.folder.path / "outputs" / f"{when}.npz") for when in ("before", "after"))
    for at, card in enumerate(panel.cards):
        assert [card.layer, card.column] == before["vector_places"][at].tolist()
        one, other = (arrays["vectors"][at].astype(np.float64) for arrays in (before, after))
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert card.shift.cosine == pytest.approx(cosine, abs=1e-5)
        for words, arrays in ((card.before, before), (card.after, after)):
            tokens = arrays["vector_words"][at][: len(words)].tolist()
            assert [one.word for one in words] == [word(opened.task.reader, token) for token in tokens]
    vector_words = opened.folder.metrics["concept_vector_words"]
    assert 100 * np.mean([card.shift.overlap for card in panel.cards]) == pytest.approx(vector_words["after"], abs=0.5)
    facts = opened.folder.metrics["fact_recall"]["parts"]
    assert (
        panel.lead
        == f"Right answers about Ivo Pemberly went from {facts['before']['forget']:.0f} % to {facts['after']['forget']:.0f} %."
    )
    samples = sorted((opened.folder.path / "samples").glob("*.json"))
    recorded = files.read_json(samples[-1])["vectors"]["cosine"]
    assert [card.path[-1] for card in panel.cards] == pytest.approx(recorded) and len(panel.steps) == 6


def test_shapes_of_a_large_model_stay_small(task, tmp_path):
    """11,008 columns in each of 32 layers; narrow ones, so that the test is quick."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(task.reader.tokenizer), hidden_size=8, intermediate_size=11_008, num_hidden_layers=32,
        num_attention_heads=2, max_position_embeddings=256,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    seen = looks.look(task, tmp_path)
    seen.before, seen.after = model, copy.deepcopy(model)
    places = _vectors_of(seen)
    own, control = _vectors.measured(seen, [places, places[:2]], 50)
    made = _vectors.cards(seen, own, _vectors.CosinePath(), _vectors.CosinePath(), 2)
    assert len(made) == 12 and max(card.layer for card in made) < 32 and len(control.places) == 2
    assert all(math.isfinite(value) for card in made for value in card.path)
    assert sum(len(card.model_dump_json()) for card in made) < 300_000


def _vectors_of(seen):
    return spelling_vectors(seen.before, seen.task.reader, concepts(seen.task.questions.forget), 12)


def test_findings_of_earlier_versions_still_open():
    old = {"kind": "bars", "title": "How far each vector moved", "how": "h", "labels": ["a"], "series": []}
    (panel,) = Found.model_validate({"what": "concept_vectors", "panels": [old]}).panels
    assert panel.kind == "bars" and not panel.folded
