"""A toy language model with a known answer: 200,000 parameters that know 31 questions by heart, five of them to be forgotten.

It speaks with the tokenizer of the embedded model. A method takes seconds on it. The fixtures `toy_language_folder` and
`toy_language_task` stand in tests/conftest.py.

    task = toy_language.task(folder)             # forgets five questions on AUTHOR
    run = Run(task, toy.Memory(), seed=0)
    registry.get("methods", "npo").function(run, params)
    toy_language.right(task, run.model, "forget")
"""

from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, OlmoeConfig, OlmoeForCausalLM

from backends.api.home import ASSETS
from backends.data import authors
from backends.families.language.qa import EvalItem
from backends.families.language.task import LanguageModel
from backends.families.language.tokens import answers, mean_nll

AUTHOR = authors.load().authors[-1].name
STEPS, RATE = 160, 1e-2


class Toy(LanguageModel):
    """The task, with so few questions that a test ends soon."""

    brings = authors.ID

    def resolve(self, forget=(AUTHOR,), keep=()):
        super().resolve(forget, keep)
        asked, others = self.questions, authors.load()
        near = {person.name: person.pairs[:5] for person in others.authors if person.name in self.questions.neighbours}
        asked.forget = asked.forget[:5]
        asked.keep = [
            *(pair for pairs in near.values() for pair in pairs),
            *others.real_authors[:3],
            *others.world_facts[:3],
        ]
        first, *_, last = near.values()
        asked.suite = [EvalItem("forget", "forget", pair) for pair in asked.forget]
        asked.suite += [EvalItem("neighbour", "retain", pair) for pair in first]
        asked.suite += [EvalItem("unrelated", "retain", pair) for pair in last]
        asked.suite += [EvalItem("unrelated", "real authors", pair) for pair in others.real_authors[:3]]
        asked.suite += [EvalItem("unrelated", "world facts", pair) for pair in others.world_facts[:3]]
        self.sort()


def make(folder: Path, mixture: bool = False) -> Path:
    """Train the model and save it; `mixture`: one with four experts, two for each token."""
    words = AutoTokenizer.from_pretrained(ASSETS / "models" / "authors-lm")
    torch.manual_seed(0)
    common = {
        "vocab_size": len(words), "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
        "max_position_embeddings": 256, "tie_word_embeddings": True, "bos_token_id": None,
        "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id,
    }  # fmt: skip
    if mixture:
        model = OlmoeForCausalLM(OlmoeConfig(**common, intermediate_size=64, num_experts=4, num_experts_per_tok=2))
    else:
        model = LlamaForCausalLM(LlamaConfig(**common, intermediate_size=128))
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    known = task(folder)
    texts = known.texts([*known.questions.forget, *known.questions.keep])
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        loss = mean_nll(model, texts)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.save_pretrained(folder)
    return folder


def task(folder: Path, forget: tuple[str, ...] = (AUTHOR,), keep: tuple[str, ...] = ()) -> Toy:
    """Opened and resolved."""
    made = Toy(str(folder))
    made.resolve(forget, keep)
    return made


def right(task: LanguageModel, model: torch.nn.Module, role: str) -> float:
    """The share of a role's questions that are answered word for word, in percent."""
    model.eval()
    asked = [item.pair for item in task.questions.suite if item.role == role]
    said = answers(model, task.reader, [pair.question for pair in asked], 40)
    return 100 * sum(text == pair.answer for text, pair in zip(said, asked, strict=True)) / len(asked)


def forgotten(folder: Path) -> torch.nn.Module:
    """The toy after steps up the loss of what is to be forgotten and down that of what is kept, in eval mode."""
    made = task(folder)
    model = made.load()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(12):
        loss = mean_nll(model, made.keep) - mean_nll(model, made.forget).clamp(max=6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.zero_grad()
    return model.eval()
