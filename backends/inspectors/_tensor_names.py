"""Names of weight tensors in words: the layer or stage a tensor belongs to, and a short label that is its own there."""

import re
from collections import Counter
from collections.abc import Sequence

from torch import nn

from ._common import layer

STAGE = re.compile(r"(?:.*\.)?stages\.\d+")
NUMBERED = re.compile(r"(?:(encoder|decoder)\.)?(?:layers?|blocks?|h)\.(\d+)")
PLACES = {
    "embedder": "stem", "classifier": "head", "lm_head": "head", "fc": "head", "embed_tokens": "embeddings", "wte": "embeddings",
    "wpe": "positions", "norm": "final norm", "layernorm": "final norm", "ln_f": "final norm", "final_layernorm": "final norm",
}  # fmt: skip
PHRASES = (  # several parts of a name that are one thing
    (r"layer\.(\d+)\.convolution", r"conv_\1"),
    (r"shortcut\.convolution", "shortcut"),
    (r"(?:ff|feed_forward)\.net\.0\.proj", "mlp.fc1"),
    (r"(?:ff|feed_forward)\.net\.2", "mlp.fc2"),
    (r"to_out\.0", "to_out"),
    (r"(?:mlp|block_sparse_moe)\.gate$", "router"),
    (r"(?:mlp|block_sparse_moe)\.experts", "experts"),
    (r"(down|up)samplers\.0\.conv", r"\1_conv"),
    (r"attention\.attention", "attention"),
    (r"attention\.output\.dense", "attention.out"),
    (r"intermediate\.dense", "mlp.fc1"),
    (r"output\.dense", "mlp.fc2"),
)
PARTS = {
    "q_proj": "q", "to_q": "q", "query": "q", "k_proj": "k", "to_k": "k", "key": "k", "v_proj": "v", "to_v": "v", "value": "v",
    "o_proj": "out", "to_out": "out", "out_proj": "out", "c_attn": "q, k, v", "c_proj": "out", "c_fc": "in", "self_attn": "attn", "attention": "attn",
    "attn1": "self", "attn2": "text", "attentions": "block", "mlp": "MLP", "ff": "MLP",
    "gate_proj": "gate", "up_proj": "up", "down_proj": "down", "gate_up_proj": "gate, up", "fc1": "in", "fc2": "out",
    "convolution": "conv", "conv_shortcut": "skip", "shortcut": "skip", "resnets": "res", "time_emb_proj": "time", "proj_in": "proj in",
    "proj_out": "proj out", "embed_tokens": "tokens", "token_embedding": "tokens", "position_embedding": "position", "layers": "block",
    "position_embeddings": "position", "patch_embeddings": "patches", "cls_token": "class token", "projection": "",
}  # fmt: skip


def group_key(name: str, model: nn.Module) -> str:
    """Which tensors stand together: those of a layer, of a network with stages those of a stage."""
    own = layer(name, model)
    stage = STAGE.match(own)
    return stage[0] if stage else own


def group_words(keys: Sequence[str]) -> list[str]:
    """Short names of groups, "stage 0", "layer 3", "head"; one that would not be its own is left as it is."""
    words = [_place(key) for key in keys]
    often = Counter(words)
    return [word if often[word] == 1 else key for word, key in zip(words, keys, strict=True)]


def _place(key: str) -> str:
    if STAGE.fullmatch(key):
        return f"stage {key.rpartition('.')[2]}"
    numbered = NUMBERED.fullmatch(key)
    if numbered:
        side = "decoder " if numbered[1] == "decoder" else ""
        return f"{side}layer {numbered[2]}"
    return PLACES.get(key, key)


def labels(names: Sequence[str]) -> list[str]:
    """A short label for each tensor of a group, "conv 1", "attn q"; what all have in common is left out."""
    dotted = [_without_lone_numbers(name, names).removesuffix(".weight").split(".") for name in names]
    if len(dotted) == 1:
        (parts,) = dotted
        return [_words(parts[-1]) if len(parts) > 1 and not parts[-1].isdigit() else "weights"]
    start = 0
    while all(len(parts) > start + 1 for parts in dotted) and len({parts[start] for parts in dotted}) == 1:
        start += 1
    while start and (dotted[0][start - 1] in ATTENTIONS or any(parts[start].isdigit() for parts in dotted)):
        start -= 1  # never a number, or the q, k, v of an attention, without what it belongs to
    tails = [".".join(parts[start:]) for parts in dotted]
    words = [_words(tail) for tail in tails]
    often = Counter(words)
    return [word if word and often[word] == 1 else tail for word, tail in zip(words, tails, strict=True)]


ATTENTIONS = ("self_attn", "attn", "attn1", "attn2", "attention")
MEMBERS = re.compile(r"\b(attentions|resnets|transformer_blocks|layers)\.(\d+)\.")


def _without_lone_numbers(name: str, names: Sequence[str]) -> str:
    """A tensor's name without "resnets.0" and the like where the group has only that one."""
    for kind in ("attentions", "resnets", "transformer_blocks", "layers"):
        numbers = {number for one in names for member, number in MEMBERS.findall(one) if member == kind}
        if len(numbers) == 1:
            name = name.replace(f"{kind}.{next(iter(numbers))}.", "")
    return name


def _words(tail: str) -> str:
    for pattern, phrase in PHRASES:
        tail = re.sub(pattern, phrase, tail)
    words: list[str] = []
    for part in tail.split("."):
        word = PARTS.get(part, re.sub(r"_|(?<=[a-z])(?=\d)", " ", part))
        if word and (not words or word != words[-1]):
            words.append(word)
    return " ".join(words)


def vector_label(names: Sequence[str]) -> str:
    """What the vectors of a group are: its norms, its biases, or more than these."""
    biases = any(name.endswith("bias") for name in names)
    norms = any("norm" in name or ".ln_" in name for name in names)
    if all(name.endswith("bias") or "norm" in name or ".ln_" in name for name in names):
        return ", ".join(word for word, there in (("norms", norms), ("biases", biases)) if there)
    return "vectors"
