"""What every question begins with is read once: the numbers, the gradients and the answers are those of reading it each time."""

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GPT2Config, GPTNeoXConfig, LlamaConfig, MistralConfig
from transformers.models import deepseek_v3, olmoe

from backends.families.language import prefix_sharing
from backends.families.language.tokens import IGNORED, Texts, every_logit, likelihoods, logits, nll

PAD, END, WORDS, BEGINNING = 1, 0, 60, 12
SIZE = {
    "vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 4, "max_position_embeddings": 64, "pad_token_id": PAD, "eos_token_id": END,
    "bos_token_id": None,
}  # fmt: skip
DEEP = {
    "moe_intermediate_size": 16, "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2,
    "first_k_dense_replace": 1, "kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
    "v_head_dim": 8, "n_group": 2, "topk_group": 1,
}  # fmt: skip
CONFIGS = {
    "llama": LlamaConfig(**SIZE),
    "a window shorter than the beginning": MistralConfig(**SIZE, sliding_window=5),
    "windows and whole layers": Gemma3TextConfig(
        **SIZE, head_dim=8, sliding_window=6, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
    ),
    "gpt-neox": GPTNeoXConfig(**SIZE),
    "gpt2": GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, vocab_size=WORDS, eos_token_id=END, pad_token_id=PAD),
    "olmoe": olmoe.OlmoeConfig(**SIZE, num_experts=8, num_experts_per_tok=2),
    "deepseek": deepseek_v3.DeepseekV3Config(**SIZE, **DEEP),
}  # fmt: skip


@pytest.fixture(params=CONFIGS)
def model(request):
    """Random weights, large enough that words matter."""
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(CONFIGS[request.param]).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "norm" not in name and "ln_" not in name:
                weight.normal_(std=0.2)
    assert prefix_sharing.plain(made)
    return made


@pytest.fixture
def windows(request):
    """Whether a layer of the model sees only the last few words: trees and padding in between are nothing for such."""
    return "window" in request.node.callspec.params["model"]


def rows(seed=0, begins=BEGINNING):
    """(tokens, how many of them nobody has to predict) of six rows that begin alike."""
    torch.manual_seed(seed)
    beginning = torch.randint(2, WORDS, (begins,)).tolist()
    made = []
    for at in range(6):
        asked = [*beginning, 2 + at, *torch.randint(2, WORDS, (at % 3,)).tolist()]
        made.append((asked + torch.randint(2, WORDS, (3 + at,)).tolist(), len(asked)))
    return made


def texts(given):
    length = max(len(ids) for ids, _ in given)
    ids, labels = torch.full((len(given), length), PAD), torch.full((len(given), length), IGNORED)
    mask = torch.zeros_like(ids)
    for at, (row, quiet) in enumerate(given):
        ids[at, : len(row)], mask[at, : len(row)] = torch.tensor(row), 1
        labels[at, quiet : len(row)] = torch.tensor(row[quiet:])
    return Texts(ids, labels, mask)


@pytest.fixture
def read(monkeypatch):
    """The lengths of what a model reads, [(rows, tokens), …], filled as it does."""

    def watch(model):
        seen, forward = [], type(model).forward

        def reads(self, input_ids=None, **given):
            seen.append(tuple(input_ids.shape))
            return forward(self, input_ids=input_ids, **given)

        monkeypatch.setattr(type(model), "forward", reads)
        return seen

    return watch


def test_logits_and_gradients_are_those_of_reading_all(model, read):
    given, found = texts(rows()), {}
    seen = read(model)
    for way in (logits, every_logit):
        model.zero_grad()
        said, labels = way(model, given)
        where = labels != IGNORED
        nll(model, given, way)[0].sum().backward()
        found[way] = said[where].detach(), labels[where], [weight.grad.clone() for weight in model.parameters()]
    for one, other in zip(found[logits][0], found[every_logit][0], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert torch.equal(found[logits][1], found[every_logit][1])
    for one, other in zip(found[logits][2], found[every_logit][2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()) + 1e-5)
    whole = given.ids.shape[1]
    assert seen == [(1, BEGINNING), (6, whole - BEGINNING)] * 2 + [(6, whole)] * 2


@torch.no_grad()
def test_trees_are_weighed_as_their_rows(model, read, windows):
    given = [(ids + more, quiet) for ids, quiet in rows() for more in ([3, 4], [5])]
    alone = torch.cat([nll(model, texts([row]), every_logit)[0] for row in given])
    trees = prefix_sharing.grown([ids for ids, _ in given], [quiet for _, quiet in given])
    seen = read(model)
    found, _ = prefix_sharing.nll_and_greedy(model, trees, len(given))
    assert len(seen) == 1 if windows else seen[0] == (1, BEGINNING) and len(seen) == 2
    assert bool(torch.allclose(found, alone, rtol=1e-4, atol=1e-4)) is not windows
    count = torch.tensor([len(ids) - quiet for ids, quiet in given])
    torch.testing.assert_close(likelihoods(model, texts(given)), alone / count, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_greedy_answers_are_those_of_generate(model, read, windows):
    asked = [ids[:quiet] for ids, quiet in rows()]
    length = max(map(len, asked))
    ids, mask = torch.full((6, length), PAD), torch.zeros(6, length, dtype=torch.long)
    for at, row in enumerate(asked):
        ids[at, length - len(row) :], mask[at, length - len(row) :] = torch.tensor(row), 1
    made = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=10, do_sample=False, eos_token_id=END, pad_token_id=PAD
    )[:, length:]
    seen = read(model)
    ours = prefix_sharing.greedy(model, ids, mask, 10, END, PAD)
    assert ours[:, : made.shape[1]].tolist() == made.tolist()
    assert seen[:2] == ([(6, length), (6, 1)] if windows else [(1, BEGINNING), (6, length - BEGINNING)])


def test_keys_of_a_beginning_serve_again(model):
    cache = prefix_sharing.opened(model, rows()[0][0][:BEGINNING])
    first = [layer.keys for layer in cache.layers]
    many = prefix_sharing.spread(cache, 4)
    assert [layer.keys.shape[0] for layer in many.layers] == [4] * len(first)
    assert all(layer.keys is keys for layer, keys in zip(cache.layers, first, strict=True))
    assert prefix_sharing.spread(prefix_sharing.opened(model, []), 4) is None


@pytest.mark.parametrize(
    ("some", "most", "count"),
    [
        ([[*range(10), 1], [*range(10), 2, 3]], 20, 10),
        ([[*range(10), 1], [*range(10), 2, 3]], 9, 9),
        ([[*range(10)], [*range(10)]], 9, 9),
        ([[*range(7), 1], [*range(7), 2]], 20, 0),  # too few to be worth a pass of their own
        ([[*range(10)]], 9, 0),
        ([], 9, 0),
    ],
    ids=["all that is shared", "no more than wanted", "rows alike", "few", "one row", "none"],
)
def test_how_much_rows_begin_with(some, most, count):
    assert prefix_sharing.opening(some, most) == count


def test_places_are_the_same_of_a_model_that_is_more_than_its_architecture(model):
    """A loss may compare it with one that is plain."""
    given = texts(rows())
    plain = logits(model, given)
    model.guard = object()
    assert not prefix_sharing.plain(model)
    guarded = logits(model, given)
    assert plain[0].shape == guarded[0].shape and torch.equal(plain[1], guarded[1])
    assert plain[0].shape[1] < given.ids.shape[1] - BEGINNING
    nobody = Texts(given.ids, torch.full_like(given.labels, IGNORED), given.mask)
    assert logits(model, nobody)[0].shape[:2] == (6, given.ids.shape[1] - 1)
