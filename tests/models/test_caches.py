"""A hook finds the cache under every name and at every place, and a model is handed it by the name that it knows."""

import inspect
import warnings

import pytest
import torch
from test_text_guards import KINDS, tensors
from torch import nn
from transformers import DynamicCache, LlamaForCausalLM

from backends.families.language.caches import NAMES, cache_in, handing, inputs_by_name
from backends.families.language.guards import attach


class Older(nn.Module):
    def forward(self, input_ids=None, past_key_values=None, attention_mask=None, **others):
        return {"past_key_values": past_key_values}


class Newer(nn.Module):
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, cache=None, **others):
        return {"cache": cache}


class Unheard(nn.Module):
    def forward(self, input_ids=None, attention_mask=None, memory=None, **others):
        return {"memory": memory}


def noted(model, *args, **kwargs):
    """What a hook before and a hook after a call find: (arguments by name, their cache, the output's cache)."""
    seen = []

    def before(module, args, kwargs):
        seen.append(inputs_by_name(module, args, kwargs))
        seen.append(cache_in(seen[0]))

    handles = [
        model.register_forward_pre_hook(before, with_kwargs=True),
        model.register_forward_hook(lambda module, args, output: seen.append(cache_in(output))),
    ]
    model(*args, **kwargs)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize(("kind", "name"), [(Older, "past_key_values"), (Newer, "cache"), (Unheard, "memory")])
def test_it_is_found_by_name_and_by_place(kind, name):
    ids, cache = torch.tensor([[1, 2]]), DynamicCache()
    places = list(inspect.signature(kind.forward).parameters)[1:]
    by_place = [ids, *[None] * (places.index(name) - 1), cache]
    for found in (noted(kind(), input_ids=ids, **{name: cache}), noted(kind(), *by_place)):
        assert found[0]["input_ids"] is ids and found[0][name] is cache
        assert found[1] is cache and found[2] is cache
    assert noted(kind(), ids)[1:] == [None, None]


@pytest.mark.parametrize(("kind", "name"), [(Older, "past_key_values"), (Newer, "cache")])
def test_it_is_handed_over_by_the_name_that_a_model_knows(kind, name):
    cache = DynamicCache()
    assert handing(kind(), cache) == {name: cache}
    assert handing(kind(), None) == {name: None}


def spoken(model, ids, mask, name):
    """Four words of an answer, the cache handed over under a name; "" by its place."""
    made, cache = [], DynamicCache(config=model.config)
    place = next(at for at, word in enumerate(inspect.signature(type(model).forward).parameters) if word in NAMES) - 1
    for _ in range(4):
        by_place = [ids, mask, *[None] * (place - 2), cache]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of the older name in a newer transformers
            said = (
                model(input_ids=ids, attention_mask=mask, use_cache=True, **{name: cache})
                if name
                else model(*by_place, use_cache=True)
            )
        ids = said.logits[:, -1:].argmax(-1)
        mask = torch.cat((mask, mask.new_ones(len(mask), 1)), 1)
        made.append(ids)
    return torch.cat(made, 1).tolist()


@pytest.mark.parametrize("name", ["cache", "past_key_values", ""])
@pytest.mark.parametrize("kind", KINDS)
def test_every_guard_writes_the_same_under_both_names(toy_language_task, kind, name):
    if name == "cache" and name not in inspect.signature(LlamaForCausalLM.forward).parameters:
        pytest.skip("this transformers does not know the newer name")
    model = toy_language_task.load()
    attach(model, kind, tensors(toy_language_task, kind, model))
    ids, mask = toy_language_task.reader.prompts([pair.question for pair in toy_language_task.questions.forget[:2]])
    made = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=4, do_sample=False, eos_token_id=None, pad_token_id=1
    )
    assert spoken(model, ids, mask, name) == made[:, ids.shape[1] :].tolist()
