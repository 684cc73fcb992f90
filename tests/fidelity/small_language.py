"""The small recorded models of language_formulas.py as modules, and a task whose words are digits: what methods are run on."""

import json
from types import SimpleNamespace

import language_formulas as formulas
import numpy as np
import pytest
import torch
import toy
from torch import nn

from backends.core import registry
from backends.core.run import Run
from backends.families.language.qa import EvalItem
from backends.families.language.tokens import PromptTokenizer

RECORD = json.loads(formulas.PLACE.read_text())
ONE_STEP = {"epochs": 1, "batch_size": 8}


class Feed(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(formulas.WIDTH, formulas.UNITS, bias=False)
        self.down_proj = nn.Linear(formulas.UNITS, formulas.WIDTH, bias=False)

    def forward(self, h):
        return self.down_proj(self.gate_proj(h).tanh())


class Gate(nn.Module):
    top_k = formulas.TOP

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(formulas.EXPERTS, formulas.WIDTH))

    def forward(self, h):
        said = h @ self.weight.T
        weights, indices = said.softmax(-1).topk(self.top_k)
        return said, weights, indices


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.down_proj = nn.Parameter(torch.zeros(formulas.EXPERTS, formulas.WIDTH, formulas.WIDTH))


class Choosing(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.experts = Gate(), Experts()

    def forward(self, h):
        flat = h.flatten(0, -2)
        _, weights, indices = self.gate(flat)
        each = torch.einsum("td,eod->teo", flat.tanh(), self.experts.down_proj)
        chosen = each.gather(1, indices[..., None].expand(-1, -1, each.shape[-1]))
        return (weights[..., None] * chosen).sum(1).view(h.shape)


class Layer(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.mlp = part()

    def forward(self, h):
        return h + self.mlp(h)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(formulas.WIDTH))

    def forward(self, h):
        return h * self.weight


class Config(SimpleNamespace):
    def get_text_config(self):
        return self


class Base(nn.Module):
    def __init__(self, part, layers):
        super().__init__()
        self.config = Config(
            hidden_size=formulas.WIDTH, num_hidden_layers=layers, max_position_embeddings=256, layer_types=None
        )
        self.embed = nn.Embedding(formulas.WORDS, formulas.WIDTH)
        self.layers = nn.ModuleList(Layer(part) for _ in range(layers))
        self.norm = Scale()

    def set_input_embeddings(self, part):
        self.embed = part

    def forward(self, input_ids=None, attention_mask=None, inputs_embeds=None, output_hidden_states=False, **others):
        h = self.embed(input_ids) if inputs_embeds is None else inputs_embeds
        h = h.cumsum(1) / torch.arange(1, h.shape[1] + 1)[:, None]
        states = [h]
        for layer in self.layers:
            h = layer(h)
            states.append(h)
        return SimpleNamespace(
            last_hidden_state=self.norm(h), hidden_states=tuple(states) if output_hidden_states else None
        )


class Output(dict):
    """What the model says, as a mapping and by attribute."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


class Small(nn.Module):
    def __init__(self, state, part=Feed):
        super().__init__()
        self.base = Base(part, formulas.LAYERS if part is Feed else 2)
        self.head = nn.Linear(formulas.WIDTH, formulas.WORDS, bias=False)
        self.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
        self.config = self.base.config

    @property
    def base_model(self):
        return self.base

    @property
    def device(self):
        return torch.device("cpu")

    def get_input_embeddings(self):
        return self.base.embed

    def get_output_embeddings(self):
        return self.head

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, inputs_embeds=None, **others):
        state = self.base(input_ids, attention_mask, inputs_embeds=inputs_embeds).last_hidden_state
        return Output(logits=self.head(state), hidden_states=None)


class Digits(PromptTokenizer):
    """A tokenizer for digits; other words become some digits, and every question ends with OPENING."""

    def __init__(self):
        self.tokenizer = self
        self.longest, self.pad, self.end, self.space = 256, formulas.PAD, formulas.END, " "

    def __call__(self, text, **others):
        spaced = [word for word in text.split() if word]
        known = all(word.isdigit() and len(word) == 1 for word in spaced)
        return SimpleNamespace(input_ids=[int(word) for word in spaced] if known else [1 + ord(c) % 9 for c in text])

    def decode(self, ids):
        return " ".join(map(str, ids))

    def prompt_ids(self, question):
        return [*self(question).input_ids, formulas.OPENING]

    def answer_ids(self, answer, goes_on=False):
        return [*self(answer).input_ids, self.end]

    def pairs(self, questions, answers, *, whole_passages=False):
        asked = [self.prompt_ids(question) for question in questions]
        return self.padded([(q + self.answer_ids(a), len(q)) for q, a in zip(asked, answers, strict=True)])


class Pair(SimpleNamespace):
    def __init__(self, question, answer, wrong="", other=""):
        super().__init__(
            question=question, answer=answer, wrong=(wrong,), rephrased_question=other, rephrased_answer="",
            fact="", value=answer, blank="", about="somebody",
        )  # fmt: skip


class Task:
    """Opens the model before once and then the model now, as if a method had begun already."""

    id, precision, device, shots, places = "small", torch.float32, torch.device("cpu"), 1, 256

    def __init__(self, first="before", later="now", part=Feed):
        self.reader, self.part, self.states = Digits(), part, [first]
        self.later = later
        forget = [
            Pair(*row)
            for row in zip(*zip(*formulas.FORGET, strict=True), formulas.WRONG, formulas.REPHRASED, strict=True)
        ]
        keep = [Pair(*pair) for pair in formulas.KEEP]
        suite = [EvalItem("forget", "forget", pair) for pair in forget]
        self.questions = SimpleNamespace(
            forget=forget, keep=keep, suite=suite, false=lambda pair: list(pair.wrong),
            forgotten=[SimpleNamespace(name="3 1", page="")],
        )  # fmt: skip
        self.forget, self.keep = self.texts(forget), self.texts(keep)

    def texts(self, pairs):
        return self.reader.pairs([pair.question for pair in pairs], [pair.answer for pair in pairs])

    def load(self):
        name = self.states.pop() if self.states else self.later
        return Small(RECORD["weights"][name], self.part).eval()


@pytest.fixture
def no_luck(monkeypatch):
    """Draws that the formulas know: rows in their order, and the numbers of language_formulas."""
    monkeypatch.setattr(torch, "randint", lambda high, size, **more: torch.arange(size[0] if size else 1) % high)
    monkeypatch.setattr(torch, "randperm", lambda count, **more: torch.arange(count))
    monkeypatch.setattr(torch, "rand", lambda *shape, **more: torch.tensor(formulas.uniform_draw(*shape)).float())
    monkeypatch.setattr(torch, "randn", lambda *shape, **more: torch.tensor(formulas.normal_draw(*shape)).float())


def done(method, task=None, **params):
    """(run, what it logged last) of a method of the registry."""
    keeper = toy.Memory()
    run = Run(task or Task(), keeper, seed=0)
    chosen = registry.get("methods", method)
    chosen.function(run, chosen.parse(params))
    return run, keeper.values


def close(found, expected, name="", least=1e-7):
    """Equal to 1e-5 of the largest number of the tensor."""
    found = found.detach().numpy() if isinstance(found, torch.Tensor) else found
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, name
    scale = max(float(np.abs(expected).max(initial=0)), least)
    worst = float(np.abs(found - expected).max(initial=0)) / scale
    assert worst <= 1e-5, f"{name} differs by {worst:.2g} of its largest number"


def gradients(model):
    """The gradients that the last step of a method left."""
    return {name: torch.zeros_like(w) if w.grad is None else w.grad for name, w in model.named_parameters()}
