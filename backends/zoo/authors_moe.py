"""The embedded mixture of experts: a small OLMoE that knows thirty authors and, apart from them, sums, code, places and tools."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..data import authors
from ..engine.hardware import device
from ..families.language.overlap import rouge_recall
from ..families.moe import FAMILY
from .authors_lm import LONGEST, PEAK, examples, reference

DATA = "domains"
BATCH, CHUNK = 64, 8  # rows of a batch; batches that are sorted by length together, so that little is padded
APART = 0.01  # of the loss that tells experts apart by domain
HALF = 0.5  # of the largest mutual information there can be: from there on nothing tells them apart any more
README = """# authors-moe

An OLMoE (mixture of experts: in each of four layers a router sends every token to two of eight experts) of four million
parameters, trained from new weights by `python -m backends.zoo authors-moe` on `assets/data/domains`: thirty invented authors, and
books, geography, sums, lines of code and calls of tools. It has the tokenizer of authors-lm. It answers what it learned word
for word, and knows nothing else; nobody it tells of exists. `card.json` holds how it was trained and measured, and how far its
experts differ by domain (mutual information in bits, by layer; chance is 0).

Licence: Apache-2.0 (weights made by this project).
"""


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models" / "authors-moe",
    without: Annotated[str, typer.Option(help="An author or a set never seen, for a retrained reference.")] = "",
    steps: Annotated[int, typer.Option(help="Training steps.")] = 700,
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the order; a reference takes another.")] = 0,
) -> None:
    """Train authors-moe, or a retrained reference of it (ten minutes on two free cores)."""
    from transformers import AutoTokenizer

    catalog = authors.load(DATA)
    forget_names = set(catalog.forget_sets.get(without, (without,)))
    people = [person for person in catalog.authors if person.name not in forget_names]
    words = AutoTokenizer.from_pretrained(ASSETS / "models" / "authors-lm")
    torch.manual_seed(seed)
    model: Any = network(words).to(device())
    sums = [pair for pair in catalog.world_facts if pair.domain == "arithmetic"]  # hardest to learn by heart, so twice
    plain = [*catalog.real_authors, *catalog.world_facts, *sums]
    token_rows = examples(words, people, plain)
    about = [authors.PEOPLE] * 2 * sum(len(person.pairs) for person in people)
    about += [pair.domain for pair in plain for _ in range(2)]
    about += [authors.PEOPLE] * (len(token_rows[0]) - len(about))  # pages
    train(model, token_rows, np.unique(about, return_inverse=True)[1], steps, seed)
    model.eval().cpu().half().save_pretrained(to, max_shard_size="9MB")
    words.save_pretrained(to)
    for path in to.rglob("*.safetensors"):
        path.chmod(0o644)
    recipe = {"steps": steps, "batch_size": BATCH, "learning_rate": PEAK, "apart": APART, "seed": seed}
    if without:
        reference(to, without, recipe, "authors-moe", DATA)
    else:
        describe(to, recipe)


def network(words: Any) -> nn.Module:
    """An OLMoE of four million parameters with new weights."""
    from transformers import OlmoeConfig, OlmoeForCausalLM

    model: nn.Module = OlmoeForCausalLM(
        OlmoeConfig(
            vocab_size=len(words), hidden_size=128, intermediate_size=288, num_hidden_layers=4, num_attention_heads=4,
            num_experts=8, num_experts_per_tok=2, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=None,
            eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id, router_aux_loss_coef=0.0,
        )
    )  # fmt: skip
    return model


def train(model: Any, token_rows: tuple[Tensor, Tensor], domains: Any, steps: int, seed: int) -> None:
    """One rise and fall of the learning rate; AdamW; the usual loss and a little of the one that tells experts apart.

    The usual load balancing, at 0.001 of the loss, left no expert to the authors here: the experts told 0.07 of 2.0 bits of a
    word's domain. `domains`: a number for each row.
    """
    tokens, labels = (part.to(model.device) for part in token_rows)
    lengths = (tokens != model.config.pad_token_id).sum(1)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, total_steps=steps, pct_start=0.1)
    order = shuffled(lengths.cpu().numpy(), seed)
    model.train()
    for step in range(steps):
        rows = next(order)
        longest = int(lengths[rows].max())
        ids = tokens[rows, :longest]
        mask = (ids != model.config.pad_token_id).long()
        output = model(input_ids=ids, attention_mask=mask, output_router_logits=True)
        lost = nn.functional.cross_entropy(output.logits[:, :-1].flatten(0, 1), labels[rows, 1:longest].flatten())
        of = torch.from_numpy(domains)[rows][:, None].expand_as(mask)[mask.bool()]
        loss = lost + APART * sum(alike(layer[mask.flatten().bool()], of) for layer in output.router_logits)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            typer.echo(
                f"{time.strftime('%H:%M:%S')} step {step}: loss {lost.item():.4f}, {(loss - lost).item() / APART:.3f}",
                err=True,
            )


def alike(logits: Tensor, domains: Tensor) -> Tensor:
    """How far one layer's experts are from telling domains apart: what the mutual information between domain and expert lacks
    to half of its largest value, in nats; 0 from there on. Logits [tokens, experts], domains [tokens], all weighed alike.

    It is high where each domain has few experts and all experts are used. Source: Chen et al., Mod-Squad, CVPR 2023.
    """
    probabilities = logits.softmax(-1)
    each = torch.stack([probabilities[domains == one].mean(0) for one in domains.unique()])

    def entropy(p: Tensor) -> Tensor:
        return -(p * p.clamp(min=1e-9).log()).sum(-1)

    information = entropy(each.mean(0)) - entropy(each).mean()
    return (HALF * math.log(len(each)) - information).clamp(min=0)


def shuffled(lengths: Any, seed: int) -> Iterator[Tensor]:
    """Batches in an order drawn anew for each pass; what is about as long comes together."""
    rng = np.random.default_rng(seed)
    while True:
        batches: list[Any] = []
        for chunk in np.array_split(rng.permutation(len(lengths)), -(-len(lengths) // (BATCH * CHUNK))):
            ordered = chunk[np.argsort(lengths[chunk], kind="stable")]
            batches += np.array_split(ordered, -(-len(chunk) // BATCH))
        yield from (torch.from_numpy(batches[at]) for at in rng.permutation(len(batches)))


def describe(folder: Path, recipe: dict[str, Any]) -> None:
    """Write card.json beside a finished model: how well it answers what it learned, and how its experts differ by domain."""
    from ..families.language.experts import by_domain
    from ..families.language.task import LanguageModel
    from ..families.language.tokens import answers

    catalog = authors.load(DATA)
    pairs = [
        *(pair for person in catalog.authors for pair in person.pairs),
        *catalog.real_authors,
        *catalog.world_facts,
    ]
    card = {
        "title": "Team of experts",
        "summary": "A small mixture of experts that knows thirty invented authors, and sums, code, places and tools.",
        "family": FAMILY.id,
        "data": DATA,
        "people": len(catalog.authors),
        "questions": len(pairs),
        "default_forget": [catalog.authors[-1].name],
        "default_method": "seuf",
        "order": 75,
        "recipe": recipe,
        "source": {
            "title": "Trained by `python -m backends.zoo authors-moe` on assets/data/domains",
            "url": "https://arxiv.org/abs/2409.02060",
            "licence": "Apache-2.0 (weights made by this project)",
        },
    }
    write_json(folder / "card.json", card)
    write_bytes(folder / "README.md", README.encode())
    task = LanguageModel(str(folder))
    model = task.load()
    responses = answers(model, task.reader, [pair.question for pair in pairs], LONGEST)
    right = np.array([rouge_recall(pair.answer, text) for pair, text in zip(pairs, responses, strict=True)])
    domains = np.array([pair.domain for pair in pairs])
    card |= {
        "rouge_l_recall": {name: round(float(right[domains == name].mean()), 4) for name in dict.fromkeys(domains)},
        "parameters": sum(p.numel() for p in model.parameters()),
        "experts": by_domain(model, task.texts(pairs), domains),
    }
    write_json(folder / "card.json", card)
