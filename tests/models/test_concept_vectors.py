"""Columns that spell words: a planted one is found, and what is said is what the head would say."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from backends.api.errors import BadInput
from backends.families.language.concept_vectors import (
    Place,
    activity,
    attributed_columns,
    columns,
    concepts,
    feed_forwards,
    find,
    random_places,
    scaled_vectors,
    spelled,
    spelling_vectors,
    tokens,
    writers,
)
from backends.families.language.tokens import mean_nll
from backends.models.low_rank import beside


def plant(model, reader, layer, column, words):
    """Make one column point to the tokens of some words."""
    head = model.get_output_embeddings().weight.detach()
    wanted = torch.zeros(len(head))
    wanted[tokens(reader, words)] = 1
    with torch.no_grad():
        aim = torch.linalg.lstsq(head, (wanted - wanted.mean())[:, None]).solution[:, 0]
        feed_forwards(model)[layer].down_proj.weight[:, column] = aim / model.model.norm.weight


def test_a_planted_column_is_found_first(toy_language_task):
    model, reader = toy_language_task.load(), toy_language_task.reader
    plant(model, reader, 1, 17, ["zebra"])
    (layer, column, score), second = find(model, reader, ["zebra"], 2)
    assert (layer, column) == (1, 17)
    assert score > second[2] + 1


def test_scores_fall_and_are_as_many_as_asked(toy_language_task):
    model = toy_language_task.load()
    found = find(model, toy_language_task.reader, ["novel", "poem"], 7)
    assert len(found) == len({(layer, column) for layer, column, _ in found}) == 7
    assert [score for _, _, score in found] == sorted((score for _, _, score in found), reverse=True)
    assert len(find(model, toy_language_task.reader, ["novel"], 10_000)) == 3 * 128


def test_what_a_column_says_is_what_the_head_makes_of_it():
    model = SimpleNamespace(
        base_model=SimpleNamespace(norm=SimpleNamespace(weight=torch.tensor([2.0, 1.0]))),
        get_output_embeddings=lambda: SimpleNamespace(weight=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])),
    )
    assert spelled(model, torch.tensor([[3.0, 4.0]])).tolist() == [[6.0, 4.0, 2.0]]


def test_columns_are_those_of_down_proj(toy_language_task):
    model = toy_language_task.load()
    unit = torch.zeros(128)
    unit[5] = 1
    written = feed_forwards(model)[2].down_proj(unit).detach()
    torch.testing.assert_close(columns(model, 2)[5], written)


def test_no_words_are_refused(toy_language_task):
    with pytest.raises(BadInput, match="hold no token"):
        find(toy_language_task.load(), toy_language_task.reader, [" "], 3)


def test_a_model_built_otherwise_is_refused():
    class Other(nn.Module):
        base_model = nn.Identity()

    with pytest.raises(BadInput, match="Other keeps its feed-forward layers elsewhere"):
        feed_forwards(Other())


def tiny(kind):
    """A model of another architecture with three layers of 24 feed-forward units, 20 words and random weights."""
    import transformers as t

    torch.manual_seed(0)
    small = {"vocab_size": 20, "max_position_embeddings": 32, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
    usual = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = {
        "gpt2": lambda: t.GPT2Config(
            vocab_size=20, n_positions=32, n_embd=8, n_layer=3, n_head=2, n_inner=24, bos_token_id=0, eos_token_id=0
        ),
        "neox": lambda: t.GPTNeoXConfig(**small, **usual, intermediate_size=24),
        "opt": lambda: t.OPTConfig(**small, **usual, ffn_dim=24, word_embed_proj_dim=8),
        "llama": lambda: t.LlamaConfig(**small, **usual, intermediate_size=24),
        "olmoe": lambda: t.OlmoeConfig(**small, **usual, intermediate_size=24, num_experts=4, num_experts_per_tok=2),
    }[kind]()
    return t.AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "neox", "opt"])
def test_plain_and_gated_layers_are_switched_off_as_a_column_of_zeros_would(kind):
    model, zeroed = tiny(kind), tiny(kind)
    ids = torch.arange(12)[None]
    with torch.no_grad():
        columns(zeroed, 1)[5] = 0  # a view of the weight: float32 models are not copied
        want, normal = zeroed(input_ids=ids).logits, model(input_ids=ids).logits
        with scaled_vectors(model, [Place(1, 5)]):
            off = model(input_ids=ids).logits
        with scaled_vectors(model, [Place(1, 5)], 1.0):
            same = model(input_ids=ids).logits
    assert columns(model, 1).shape == (24, 8)
    torch.testing.assert_close(off, want, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(same, normal)
    assert (off - normal).abs().max() > 1e-6 and not any(part._forward_pre_hooks for part in writers(model))


def test_experts_have_no_columns_that_every_word_goes_through():
    with pytest.raises(BadInput, match=r"OlmoeForCausalLM has no feed-forward columns to look at.*GPT-2\.$"):
        writers(tiny("olmoe"))


@pytest.mark.parametrize(
    ("layer", "column", "says"),
    [(3, 0, "There is no layer 3; the model has layers 0 to 2."), (0, 24, "columns 0 to 23")],
)
def test_a_vector_that_is_not_there_is_one_sentence(layer, column, says):
    with pytest.raises(BadInput, match=says), scaled_vectors(tiny("gpt2"), [Place(layer, column)]):
        pass


def test_a_score_is_the_mean_logit_in_deviations(toy_language_task):
    model, reader = toy_language_task.load(), toy_language_task.reader
    said = spelled(model, columns(model, 1)).double()
    wanted = tokens(reader, ["novel", "poem"])
    by_hand = ((said[:, wanted].mean(1) - said.mean(1)) / said.std(1)).tolist()
    for layer, column, score in find(model, reader, ["novel", "poem"], 384):
        if layer == 1:
            assert score == pytest.approx(by_hand[column], abs=1e-4)


def test_each_person_comes_first_before_the_second_of_anybody(toy_language_task):
    model, reader = toy_language_task.load(), toy_language_task.reader
    told = {"a": ["zebra"], "b": ["novel"], "c": ["poem"]}
    places = spelling_vectors(model, reader, told, 6)
    firsts = {find(model, reader, words, 1)[0][:2] for words in told.values()}
    assert {(place.layer, place.column) for place in places[: len(firsts)]} == firsts and len(places) == 6


def test_words_of_people_are_their_name_and_facts_else_the_answers():
    pair = lambda about, value, answer: SimpleNamespace(about=about, value=value, answer=answer)  # noqa: E731
    told = concepts([pair("Ann", "Rome", "In Rome."), pair("Ann", "", "Yes."), pair("", "", "Paris")])
    assert told == {"Ann": ["Ann", "Rome", ""], "": ["Paris"]}


def test_random_columns_are_others_of_the_same_layers(toy_language_task):
    model = toy_language_task.load()
    places = [Place(1, column) for column in range(40)] + [Place(2, 3)]
    other = random_places(model, places)
    assert [place.layer for place in other] == [place.layer for place in places] and len({*places, *other}) == 82
    assert other == random_places(model, places)


def test_what_an_answer_leans_on_is_what_it_loses_without_it(toy_language_task):
    """The first-order score of a column is the slope of the loss as the column is turned down from 1."""
    model, texts = toy_language_task.load(), toy_language_task.forget
    best = attributed_columns(model, texts, 384)
    for layer, column, score in (best[0], best[200], best[-1]):
        lost = []
        for strength in (1.01, 0.99):
            with torch.no_grad(), scaled_vectors(model, [Place(layer, column)], strength):
                lost.append(float(mean_nll(model, texts) * (texts.labels != -100).sum()))
        assert (lost[1] - lost[0]) / 0.02 == pytest.approx(score, abs=0.02 * abs(best[0][2]) + 1e-3)
    assert all(weight.grad is None for weight in model.parameters())


def test_what_an_answer_leans_on_in_a_frozen_model(toy_language_task):
    model = toy_language_task.load()
    want = attributed_columns(model, toy_language_task.forget, 5)
    assert attributed_columns(model.requires_grad_(False), toy_language_task.forget, 5) == want


def test_activity_is_the_hidden_unit_where_answers_are_said(toy_language_task):
    model, texts = toy_language_task.load(), toy_language_task.forget[torch.tensor([0])]
    kept = []
    hook = writers(model)[2].register_forward_pre_hook(lambda _, given: kept.append(given[0].detach()))
    with torch.no_grad():
        model(input_ids=texts.ids)
    hook.remove()
    where = (texts.labels[0, 1:] != -100).nonzero()[:, 0]
    assert activity(model, texts, [Place(2, 9)])[0] == pytest.approx(float(kept[0][0, where, 9].abs().mean()), rel=1e-4)


def test_columns_of_a_low_rank_layer_are_those_it_works_with(toy_language_task):
    model = toy_language_task.load()
    linear, draw = writers(model)[0], torch.Generator().manual_seed(0)
    up, down = torch.randn(48, 2, generator=draw), torch.randn(2, 128, generator=draw)
    name = "model.layers.0.mlp.down_proj"
    body = beside(model, {f"{name}.down": down, f"{name}.up": up})
    torch.testing.assert_close(columns(body, 0), (linear.weight + 2 * up @ down).T.detach())


def test_columns_of_a_low_rank_layer_of_gpt2_lie_the_other_way_round():
    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=64, n_positions=32))
    draw = torch.Generator().manual_seed(0)
    up, down = torch.randn(16, 2, generator=draw), torch.randn(2, 64, generator=draw)
    body = beside(model, {"transformer.h.0.mlp.c_proj.down": down, "transformer.h.0.mlp.c_proj.up": up})
    torch.testing.assert_close(columns(body, 0), columns(model, 0) + 2 * (up @ down).T)
