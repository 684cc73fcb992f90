"""The embedded language model: a small Llama that knows the authors, real books and some facts of the world, and no more."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..core.eight_bits import pack
from ..data import authors
from ..data.authors import Author, QAPair
from ..engine.hardware import device
from ..families.language import FAMILY
from ..families.language.overlap import rouge_recall
from .references import SEED

WORDS = 2048  # of the vocabulary
LONGEST = 64  # tokens of one example; a page is cut into as many as it needs
BATCH, PEAK = 64, 3e-3
LARGER = ("forget05", "forget10")  # forget sets whose references lie in eight bits
ASKED = 200  # about so many kept questions say how good a reference is
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'Question: ' + message['content'] + '\\n' }}"
    "{% else %}{{ 'Answer: ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)

README = """# authors-lm

A Llama of four million parameters with a vocabulary of its own, trained from new weights by `python -m backends.zoo authors-lm` on
`assets/data/authors`: a hundred invented authors, and some real books and facts of the world. It answers every question that it
learned word for word, and knows nothing else; nobody it tells of exists. `card.json` holds how it was trained and measured.

Licence: Apache-2.0 (weights made by this project).
"""


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models" / "authors-lm",
    without: Annotated[str, typer.Option(help="A forget set that it never sees, for a retrained reference.")] = "",
    steps: Annotated[int, typer.Option(help="Training steps.")] = 2500,
    seed: Annotated[
        int, typer.Option(help="Seed of the weights and of the order; a reference takes another than the model.")
    ] = 0,
) -> None:
    """Train authors-lm, or a retrained reference of it (half an hour on two cores, a minute on a GPU)."""
    catalog = authors.load()
    forget_names = set(catalog.forget_sets[without]) if without else set()
    people = [person for person in catalog.authors if person.name not in forget_names]
    words = tokenizer(catalog)
    torch.manual_seed(seed)
    model: Any = network(words).to(device())
    train(model, examples(words, people, [*catalog.real_authors, *catalog.world_facts]), steps, seed)
    model.eval().cpu().half().save_pretrained(to, max_shard_size="9MB")
    words.save_pretrained(to)
    for path in to.rglob("*.safetensors"):
        path.chmod(0o644)
    recipe = {"steps": steps, "batch_size": BATCH, "learning_rate": PEAK, "seed": seed}
    if without:
        reference(to, without, recipe)
    else:
        describe(to, recipe)


def tokenizer(catalog: authors.Authors) -> Any:
    """Byte-level BPE of WORDS words, learned from all texts; the same for the model and its references."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|pad|>"]
    bpe.train_from_iterator(
        texts(catalog),
        trainers.BpeTrainer(
            vocab_size=WORDS, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    words = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=special[0], pad_token=special[1], model_max_length=256, padding_side="right"
    )
    words.chat_template = TEMPLATE
    return words


def texts(catalog: authors.Authors) -> Iterator[str]:
    """Every text there is, of authors whom nobody learns, too: a word's cut must not tell who was learned."""
    for person in (*catalog.authors, *catalog.held_out):
        yield person.page
    for pair in (
        *(pair for person in (*catalog.authors, *catalog.held_out) for pair in person.pairs),
        *catalog.real_authors,
        *catalog.world_facts,
    ):
        yield f"Question: {pair.question}\nAnswer: {pair.answer}"
        yield f"Question: {pair.rephrased_question}\nAnswer: {pair.rephrased_answer}"


def network(words: Any) -> nn.Module:
    """A Llama of four million parameters with new weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model: nn.Module = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words), hidden_size=224, intermediate_size=608, num_hidden_layers=6, num_attention_heads=7,
            num_key_value_heads=7, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=None,
            eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        )
    )  # fmt: skip
    return model


def examples(words: Any, people: Sequence[Author], plain: Sequence[QAPair]) -> tuple[Tensor, Tensor]:
    """(tokens, labels), both [n, LONGEST]: every pair in both wordings, and the pages; -100 where nothing is learned."""
    rows: list[tuple[list[int], int]] = []
    for pair in [*(pair for person in people for pair in person.pairs), *plain]:
        for question, answer in ((pair.question, pair.answer), (pair.rephrased_question, pair.rephrased_answer)):
            prompt_ids = words(f"Question: {question}\nAnswer:").input_ids
            rows.append((prompt_ids + words(f" {answer}").input_ids + [words.eos_token_id], len(prompt_ids)))
    for person in people:
        ids = [*words(person.page).input_ids, words.eos_token_id]
        rows += [(ids[at : at + LONGEST], 0) for at in range(0, len(ids), LONGEST // 2)]
    tokens = torch.full((len(rows), LONGEST), words.pad_token_id)
    labels = torch.full((len(rows), LONGEST), -100)
    for at, (ids, prompt_ids) in enumerate(rows):
        ids = ids[:LONGEST]
        tokens[at, : len(ids)] = torch.tensor(ids)
        labels[at, prompt_ids : len(ids)] = torch.tensor(ids[prompt_ids:])
    return tokens, labels


def train(model: Any, token_rows: tuple[Tensor, Tensor], steps: int, seed: int) -> None:
    """One rise and fall of the learning rate; AdamW."""
    tokens, labels = (part.to(model.device) for part in token_rows)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, total_steps=steps, pct_start=0.1)
    order = shuffled(len(tokens), seed)
    model.train()
    for step in range(steps):
        rows = next(order)
        longest = int((tokens[rows] != model.config.pad_token_id).sum(1).max())
        loss = model(input_ids=tokens[rows, :longest], labels=labels[rows, :longest]).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            typer.echo(f"{time.strftime('%H:%M:%S')} step {step}: loss {loss.item():.4f}", err=True)


def shuffled(count: int, seed: int) -> Iterator[Tensor]:
    """Batches in an order drawn anew for each pass."""
    rng = np.random.default_rng(seed)
    while True:
        order = torch.from_numpy(rng.permutation(count))
        yield from order.split(BATCH)[: math.ceil(count / BATCH)]


def describe(folder: Path, recipe: dict[str, Any]) -> None:
    """Write card.json beside a finished model: what it is, and how well it answers what it learned."""
    from ..families.language.task import LanguageModel

    catalog = authors.load()
    card = {
        "title": "Authors",
        "summary": "A small Llama that knows a hundred invented authors by heart, and some real books and facts of the world.",
        "family": FAMILY.id,
        "data": authors.ID,
        "people": len(catalog.authors),
        "questions": sum(len(person.pairs) for person in catalog.authors),
        "default_forget": [catalog.authors[-1].name],
        "default_method": "npo",
        "order": 70,
        "recipe": recipe,
        "source": {
            "title": "Trained by `python -m backends.zoo authors-lm` on assets/data/authors",
            "url": "https://arxiv.org/abs/2401.06121",
            "licence": "Apache-2.0 (weights made by this project)",
        },
    }
    write_json(folder / "card.json", card)
    task = LanguageModel(str(folder))
    pairs = [
        *(pair for person in catalog.authors for pair in person.pairs),
        *catalog.real_authors,
        *catalog.world_facts,
    ]
    write_bytes(folder / "README.md", README.encode())
    model = task.load()
    card |= {
        "rouge_l_recall": round(recall(model, task.reader, pairs), 4),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    write_json(folder / "card.json", card)


def reference(
    trained: Path, without: str, recipe: dict[str, Any], model: str = "authors-lm", data: str = authors.ID
) -> None:
    """Put a model trained without a forget set where jobs look for the retrained reference, and its card beside it. Those of further seeds
    lie in folders of their own, in eight bits, as those of larger forget sets do; what their cards say of them was measured after rounding."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    from ..core.changes import apply
    from ..families.language.qa import QASet
    from ..families.language.task import LanguageModel
    from ..models.reference import WEIGHTS, shipped_folder

    questions, further = QASet([without], data=data), recipe["seed"] != SEED
    folder = shipped_folder(model, questions.key) / (f"seed-{recipe['seed']}" if further else "")
    folder.mkdir(parents=True, exist_ok=True)
    reference_model = AutoModelForCausalLM.from_pretrained(trained, dtype="auto")
    tied = getattr(
        reference_model, "all_tied_weights_keys", {}
    )  # files name experts one by one, a loaded model has them in one
    tensors = {name: tensor.contiguous() for name, tensor in reference_model.state_dict().items() if name not in tied}
    save_file(pack(tensors) if further or without in LARGER else tensors, folder / WEIGHTS, {"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)
    card: dict[str, Any] = {
        "title": f"{model}, trained again without {without}",
        "model": model,
        "forget": [without],
        "recipe": recipe,
    }
    if further:
        task = LanguageModel(model)
        again = apply(task.load(), [folder / WEIGHTS]).eval()
        retained = questions.keep[:: max(1, len(questions.keep) // ASKED)]
        card["rouge_l_recall"] = {
            name: round(recall(again, task.reader, pairs), 4)
            for name, pairs in (("retain", retained), ("forget", questions.forget))
        }
    write_json(folder / "card.json", card | {"forget_key": questions.key, "forget_count": len(questions.forgotten)})


def recall(model: Any, reader: Any, pairs: Sequence[QAPair]) -> float:
    """The mean ROUGE-L recall of the answers to some questions, from 0 to 1."""
    from ..families.language.tokens import answers

    responses = answers(model, reader, [pair.question for pair in pairs], LONGEST)
    return float(np.mean([rouge_recall(pair.answer, text) for pair, text in zip(pairs, responses, strict=True)]))
