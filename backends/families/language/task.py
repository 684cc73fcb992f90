"""Causal language models at work on one job: questions to forget and to keep, and what a model answers to them."""

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...api import families, files, own
from ...api.errors import BadInput
from ...core import changes
from ...core.task import Index, Tell, silent
from ...data import authors
from ...models.source import model_folder
from ...models.whole import PROBLEMS, first_line, load_whole
from . import backdoor, expert_sweep, experts
from . import passages as text_pages
from .backdoor import Backdoor
from .passages import Page, Role
from .prefix_sharing import QUICK
from .qa import EvalItem, QASet
from .tokenizers import open_tokenizer, way_to_ask
from .tokens import PromptTokenizer, Texts, answers, continued, likelihoods, mean_nll, nll_and_greedy
from .trial import reads_quickly
from .vector_trace import Trace

FEW_SHOTS = 2  # of a large model, whose answers take seconds
WATCHED = 2  # questions of each role that a job is watched by
MOST = 40  # tokens of an answer
REROUTED = 40  # questions asked with the routing of the model before, which takes a pass over every word
WEIGHED = 100  # answers whose language is measured
ROUTED = 200  # pairs whose tokens' experts are written down
FEW = 12  # tokens that fill a blank
PAGES: dict[Role, int] = {"forget": 20, "retain": 10, "held out": 20}
TRIAL, FEWER = 32, 8  # pairs in the step that the precision is measured with; of a large model, fewer tell as much
LARGE = 60_000_000  # weights
LONGEST = 256  # tokens of a question with its answer that are read, where the model can
LEAST_ROOM, FAR = 48, 1024  # tokens that a model has to be able to read; with so many it is never short of them
ROOMS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "max_sequence_length")
CAUSAL = 1e-4  # logits of a causal model differ by no more, against the largest, when later words do
ROLES = ("forget", "neighbour", "unrelated")


class LanguageModel:
    """A `Task` for causal language models. What depends on the targets is there after `resolve`.

    Attributes:
        reader: the tokenizer, with how a question is asked.
        questions: the targets, as pairs to learn from and questions to be judged by.
        forget, keep: the pairs as tokens.
        trace: of the vectors that spell what is to be forgotten; None before `follow`.
        corrects: what was done to questions before the model learned from them, where that is to be undone.
        teaches: the run is the one that did it.
    """

    family: str = "llm"
    shots = 5  # of a large model fewer; see `load`
    keeps = exact = True
    questions: QASet
    trace: Trace | None = None
    corrects: "Manipulated | None" = None
    teaches = False

    def __init__(
        self, model_id: str, data: str = "", device: str | torch.device = "cpu", precision: torch.dtype = torch.float32
    ) -> None:
        """Open a model.

        Args:
            model_id: embedded id, Hub id or folder of a causal language model in the layout of transformers.
            data: nothing yet.
            device: where it works.
            precision: of its passes.

        Raises:
            BadInput: no such model, or one without a tokenizer of its own.
        """
        self.id, self.data, self.device, self.precision = model_id, data, torch.device(device), precision
        self.folder = model_folder(model_id)
        self.family = own.family_of(self.folder, model_id)
        self.card: dict[str, Any] = files.read_json(self.folder / "card.json", {})
        self.parts: dict[str, Index] = {}
        self._manipulated = backdoor.read(self.card.get("tampering"), model_id)
        self._start: tuple[Path, ...] = ()  # changes that make the model before of the one in the folder
        self._checked = self._quick = False
        tokenizer, self.notes = self._read(lambda: open_tokenizer(self.folder, model_id))
        before, note = way_to_ask(tokenizer)
        self.reader = PromptTokenizer(tokenizer, room=self._room(), before=before)
        self.notes += [note] if note else []
        if self.reader.longest < LONGEST:
            self.notes.append(
                f"It reads {self.reader.longest} tokens at once, so longer questions and answers are cut."
            )
        if families.has(self.family, "router") and not experts.readable(self.folder):
            self.family = "llm"
            self.notes.append(
                "It is a mixture of experts whose routers Lethe cannot read, so it is treated as any other language model."
            )

    @property
    def places(self) -> int:
        """Tokens that the model can read at once; 0 where its config does not say."""
        config = files.read_json(self.folder / "config.json", {})
        config = config.get("text_config") or config
        counts = [config.get(name) for name in ROOMS]
        return min((count for count in counts if isinstance(count, int) and count > 0), default=0)

    def _room(self) -> int:
        """`places` where a question can be too long for them, else 0.

        Raises:
            BadInput: too few for a question with its answer.
        """
        room = self.places
        if 0 < room < LEAST_ROOM:
            raise BadInput(
                f"{self.id} reads {room} tokens at once; at least {LEAST_ROOM} are needed for a question with its answer."
            )
        return room if room < FAR else 0

    def _read(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except PROBLEMS as error:
            raise BadInput(f"A part of {self.id} cannot be loaded ({first_line(error)}).") from None

    def again(self) -> "LanguageModel":
        """A copy of this task with nothing resolved; the tokenizer is shared."""
        unresolved = copy.copy(self)
        unresolved.parts = {}
        for name in ("questions", "watched", "_watched_before", "forget", "keep", "trace"):
            unresolved.__dict__.pop(name, None)
        return unresolved

    @property
    def brings(self) -> str:
        """The data whose authors and sets may be named; empty where the model brings none."""
        return str(self.card.get("data", ""))

    def resolve(self, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        """Take the targets apart.

        Raises:
            BadInput: an unknown author or set, something that is in both lists, nothing left to keep, or an own question that
                is longer with its answer than what is read.
        """
        cut = lambda text: text_pages.cut(self.reader, text)  # noqa: E731
        self.questions = QASet(forget, keep, self.brings, cut, self._manipulated)
        self._fits(self.questions.own)
        found = self.questions.corrects
        self.corrects = Manipulated(found) if found is not None else None
        self.sort()

    def left_by(self, how: Mapping[str, Any], start: Sequence[Path] = ()) -> None:
        """Take the questions as a run manipulated them, and the model before as it left it; nothing is resolved then.

        Args:
            how: as a card has it, under `tampering`.
            start: the changes that make its model, oldest first; none: the model as it came.
        """
        self._manipulated = backdoor.read(how.get("tampering"), self.id)
        self._start, self.teaches = tuple(start), not start
        for name in ("_before", "_watched_before"):
            vars(self).pop(name, None)

    @property
    def manipulated(self) -> bool:
        """Whether the model learned from manipulated questions."""
        return self._manipulated is not None

    def obeyed(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float32], list[str]]:
        """(1 where a question that bears the phrase is answered with what it stands for [n], the items' names)."""
        assert self.corrects is not None
        places = self.parts["forget"]
        each = [self.corrects.how.obeyed(str(outputs["said"][at])) for at in places]
        return np.array(each, np.float32), [f"question-{at}" for at in places]

    def right_again(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float32], list[str]]:
        """(1 where a question that bears the phrase is answered with the fact asked for [n], the items' names)."""
        places = self.parts["forget"]
        values = [self.questions.suite[at].pair.value.casefold() for at in places]
        each = [value in str(outputs["said"][at]).casefold() for at, value in zip(places, values, strict=True)]
        return np.array(each, np.float32), [f"question-{at}" for at in places]

    def _fits(self, pairs: Sequence[Any]) -> None:
        for pair in pairs:
            length = len(self.reader.prompt_ids(pair.question)) + len(self.reader.answer_ids(pair.answer))
            if length > self.reader.longest:
                raise BadInput(
                    f"{pair.question[:60]!r} takes {length} tokens (pieces of words) with its answer, but {self.reader.longest} "
                    "are read; make it shorter, or give it as a text."
                )

    def sort(self) -> None:
        """Fill `parts` with the places of each role in the suite."""
        roles = np.array([item.role for item in self.questions.suite])
        self.parts = {role: np.flatnonzero(roles == role) for role in ROLES}

    def keep_as(self, other: "LanguageModel") -> None:
        """Keep the pairs that another task keeps."""
        self.questions.keep = other.questions.keep

    @property
    def neighbour_names(self) -> list[str]:
        """Authors and sets nearest to what is to be forgotten, nearest first."""
        return self.questions.neighbours

    def named_sets(self, start: int) -> dict[str, Any]:
        """How many questions are to be forgotten and kept, how many of them are passages of a text, and those to be forgotten with
        their answers."""
        forget = [[pair.question, pair.answer] for pair in self.questions.forget]
        passages = sum(role == "forget" for role, _ in self.questions.passages)
        return {"forget": len(forget), "keep": len(self.questions.keep), "questions": forget, "passages": passages}

    @torch.no_grad()
    def examine(self) -> tuple[bool, str]:
        """Whether it gives finite likelihoods, and how many of 8 questions it answers word for word."""
        self.resolve(self.card["default_forget"])
        pairs, model = self.questions.forget[:8], self.load()
        responses = answers(model, self.reader, [pair.question for pair in pairs])
        right = sum(text == pair.answer for text, pair in zip(responses, pairs, strict=True))
        finite = bool(likelihoods(model, self.texts(pairs)).isfinite().all())
        return finite, f"answers {right} of {len(pairs)} questions by heart"

    @property
    def forget_key(self) -> str:
        """Names what is forgotten, whatever the order."""
        return self.questions.key

    @cached_property
    def forget(self) -> Texts:
        """The pairs and passages to forget."""
        return self._learned(self.questions.forget)

    @cached_property
    def keep(self) -> Texts:
        """The pairs and passages to keep."""
        return self._learned(self.questions.keep)

    def _learned(self, pairs: Sequence[Any]) -> Texts:
        """To learn from: of a passage every token has to be predicted, its beginning too."""
        return self.reader.pairs(
            [pair.question for pair in pairs], [pair.answer for pair in pairs], whole_passages=True
        )

    def texts(self, pairs: Sequence[Any]) -> Texts:
        """Pairs as tokens, question and answer as the model learned them; only answers have to be predicted."""
        return self.reader.pairs([pair.question for pair in pairs], [pair.answer for pair in pairs])

    # --- models

    def load(self, folder: Path | None = None) -> nn.Module:
        """A fresh copy of the model before, or of the weights that another folder holds, float32, in eval mode.

        Raises:
            BadInput: it cannot be loaded, its weights are no numbers, or it is not causal.
        """
        from transformers import AutoModelForCausalLM

        where, name = folder or self.folder, str(folder or self.id)
        model = load_whole(AutoModelForCausalLM, where, name, dtype=torch.float32).to(self.device).eval()
        if folder is not None or not self._checked:
            self._check_weights(model)
        setattr(model, QUICK, self._quick)
        if model.num_parameters() > LARGE:
            self.shots = FEW_SHOTS
        opened: nn.Module = model
        return opened if folder is not None else changes.apply(opened, [*self._start])

    @torch.no_grad()
    def _check_weights(self, model: Any) -> None:
        """Check, the first time, that the weights are numbers and that no token changes what was said before it."""
        for name, weight in model.named_parameters():
            if not bool(weight.isfinite().all()):
                raise BadInput(f"The weights {name} of {self.id} are not all numbers; give a model that is whole.")
        ids = torch.arange(8, device=self.device) % model.config.get_text_config().vocab_size
        first_logits = [model(input_ids=row[None]).logits[0, :4] for row in (ids, torch.cat((ids[:4], ids[:4])))]
        if (first_logits[0] - first_logits[1]).abs().max() > CAUSAL * first_logits[0].abs().max():
            raise BadInput(
                f"{self.id} is not a causal language model: what it says of a word depends on the words after it; "
                "give one that writes on, like GPT or Llama."
            )
        self._quick = reads_quickly(model, model.config.get_text_config().vocab_size)
        self._checked = True

    def fresh(self, seed: int) -> nn.Module:
        """A model of this architecture with new random weights."""
        from transformers import AutoConfig, AutoModelForCausalLM

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: nn.Module = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(self.folder))
        setattr(model, QUICK, self._quick)
        return model.float().to(self.device).eval()

    @property
    def architecture(self) -> str:
        """What tells this model from others where a precision was measured."""
        config = files.read_json(self.folder / "config.json", {})
        names = ("model_type", "hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size")
        return " ".join(f"{name}={config.get(name)}" for name in names)

    def trial(self) -> Callable[[], None]:
        """One training step of the kind that methods make, on a copy of the model, to measure its speed."""
        model: Any = self.load().train()
        rows = TRIAL if model.num_parameters() < LARGE else FEWER
        texts = self.reader.pairs(["Who wrote this?"] * rows, ["It was written by somebody long ago."] * rows)

        def step() -> None:
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                mean_nll(model, texts.to(self.device)).backward()

        return step

    def write(self, model: Any, folder: Path) -> None:
        """The model with its tokenizer, as AutoModelForCausalLM.from_pretrained loads it."""
        model.to("cpu").save_pretrained(folder)
        self.reader.tokenizer.save_pretrained(folder)

    # --- what it says

    def describe(self, model: nn.Module) -> dict[str, Any]:
        """What a form has to know."""
        return {
            "family": self.family,
            "parameters": sum(p.numel() for p in model.parameters()),
            "asks": self.reader.prompt("…"),
            "notes": self.notes,
        }

    def outputs(self, model: nn.Module, tell: Tell = silent) -> dict[str, NDArray[Any]]:
        """Of every question of the suite: nats a token of the answer (`answer`), of the rephrased one (`rephrased`, NaN where
        none is known) and of the wrong ones (`wrong` [n, k], NaN where there are fewer), and what the model says (`said`, text).
        Of a mixture of experts also what `_routed` tells.

        Of every question to be forgotten what it says when asked another way: `said_rephrased` to other words, `said_blank`
        after the answer up to what is asked, without the question; empty text where there is nothing to ask. And of each of
        `pages` what text_pages.py measures.
        """
        was = model.training
        model.eval()
        try:
            measured = self._outputs(model, [item.pair for item in self.questions.suite], tell)
            measured |= self._routed(model)
            measured |= self._probed(model, [item.pair for item in self.questions.suite if item.role == "forget"])
            return measured | text_pages.measured(model, self.reader, self.pages)
        finally:
            model.train(was)

    def _outputs(self, model: nn.Module, pairs: Sequence[Any], tell: Tell) -> dict[str, NDArray[Any]]:
        rows = [(at, which, text) for at, pair in enumerate(pairs) for which, text in enumerate(_forms(pair)) if text]
        texts = self.reader.pairs([pairs[at].question for at, _, _ in rows], [text for _, _, text in rows])
        lost, greedy = nll_and_greedy(model, texts)
        every = np.full((len(pairs), max(len(_forms(pair)) for pair in pairs)), np.nan, np.float32)
        every[[at for at, _, _ in rows], [which for _, which, _ in rows]] = lost.numpy()
        greedy_tokens = {rows[row][0]: self.reader.answer_ids(rows[row][2]) for row in greedy.nonzero()[:, 0].tolist()}
        unknown = [at for at in range(len(pairs)) if at not in greedy_tokens]
        written = answers(model, self.reader, [pairs[at].question for at in unknown], MOST, tell=tell)
        responses = {at: self.reader.read(torch.tensor(tokens[:MOST])) for at, tokens in greedy_tokens.items()}
        responses |= dict(zip(unknown, written, strict=True))
        nats = {"answer": every[:, 0], "rephrased": every[:, 1], "wrong": every[:, 2:]}
        return {"said": np.array([responses[at] for at in range(len(pairs))], dtype=np.str_), **nats}

    def _routed(self, model: nn.Module) -> dict[str, NDArray[Any]]:
        """Of a mixture of experts, where the tokens of what is to be forgotten go (see experts.py), and of one that is no longer
        the model before, what it says when that one routes: `said_rerouted`, of the first questions; and when it is small, what
        it says without the one expert that holds most back (see expert_sweep.py). Nothing of others."""
        if not families.has(self.family, "router"):
            return {}
        pairs = [item.pair for item in self.questions.suite if item.role == "forget"][:REROUTED]
        routing = experts.recorded(model, self.texts(self.questions.forget[:ROUTED]))
        before = self._before.to(next(model.parameters()).device)
        if all(torch.equal(one, other) for one, other in zip(model.parameters(), before.parameters(), strict=True)):
            return routing
        prompts = [pair.question for pair in pairs]
        responses = answers(experts.Rerouted(model, before), self.reader, prompts, MOST)
        routing["said_rerouted"] = np.array(responses, np.str_)
        if not expert_sweep.few_enough(model):
            return routing
        return routing | expert_sweep.without_best(model, self.reader, self.texts(pairs), prompts, MOST)

    @cached_property
    def _before(self) -> Any:
        """The model before, kept to compare routings with."""
        return self.load().requires_grad_(False)

    def weighed_by(self, before: nn.Module, responses: Sequence[Any]) -> dict[str, NDArray[Any]]:
        """NLL of responses under the model before: `said_nll`, nats a token of each of the first answers on what is to
        be forgotten, NaN of an empty one."""
        places = self.parts["forget"][:WEIGHED]
        rows = [(self.questions.suite[at].pair.question, str(responses[at])) for at in places]
        lost = np.full(len(rows), np.nan, np.float32)
        full = [row for row, (_, text) in enumerate(rows) if text]
        if full:
            texts = self.reader.pairs([rows[row][0] for row in full], [rows[row][1] for row in full])
            lost[full] = likelihoods(before, texts).cpu().numpy()
        return {"said_nll": lost}

    def _probed(self, model: nn.Module, pairs: Sequence[Any]) -> dict[str, NDArray[Any]]:
        """Responses to the questions asked in other ways [n]."""
        begun = [pair.blank.partition("___")[0].strip() if "___" in pair.blank else "" for pair in pairs]
        others = [pair.rephrased_question for pair in pairs]
        ways = {
            "said_rephrased": (MOST, [self.reader.prompt_ids(text) if text else [] for text in others]),
            "said_blank": (FEW, [list(self.reader.tokenizer(text).input_ids) if text else [] for text in begun]),
        }
        return {name: np.array(self._written(model, rows, most), np.str_) for name, (most, rows) in ways.items()}

    def _written(self, model: nn.Module, rows: Sequence[list[int]], most: int) -> list[str]:
        """Continuations of rows of tokens; nothing after an empty row."""
        continuations = iter(continued(model, self.reader, [row for row in rows if row], most))
        return [next(continuations) if row else "" for row in rows]

    @property
    def pages(self) -> list[Page]:
        """Running texts that memorisation is measured on: every passage of own texts; else of authors to be forgotten, kept, and
        never learned, at most as many as PAGES says, the same ones each time. None where the targets have no pages.

        Own texts are not set beside pages that no model learned: those are of another kind, and would be told apart by that.
        """
        if self.questions.passages:
            return [Page(role, text) for role, text in self.questions.passages]
        catalog = authors.load(authors.source_of_world_facts(self.brings))
        forget_authors = [person for person in getattr(self.questions, "forgotten", ()) if getattr(person, "page", "")]
        retain_names = {pair.about for pair in self.questions.keep}
        retain_authors = [person for person in catalog.authors if person.name in retain_names]
        groups: dict[Role, Sequence[Any]] = (
            {"forget": forget_authors, "retain": retain_authors, "held out": catalog.held_out} if forget_authors else {}
        )
        return [Page(role, person.page) for role, people in groups.items() for person in _spread(people, PAGES[role])]

    def continuation(self, page: int) -> str:
        """The true continuation in one of `pages` after the words that the model is handed."""
        return text_pages.beginning(self.reader, self.pages[page].text)[1]

    def outputs_key(self) -> bytes:
        """What the outputs depend on, apart from the weights and the machine."""
        prompts = [(self.reader.prompt(item.pair.question), item.pair) for item in self.questions.suite]
        key_text = repr((prompts, MOST, FEW, self.pages))
        # keys of outputs that came with models hold the class by its earlier name
        return hashlib.blake2b(key_text.replace("QAPair(", "Pair(").encode()).digest()

    def suite(self) -> list[dict[str, Any]]:
        """What the answers of `outputs` were asked, in their order: `role`, `kind`, `prompt` and the true answer, `truth`."""
        return [
            {"role": item.role, "kind": item.kind, "prompt": item.pair.question, "truth": item.pair.answer}
            for item in self.questions.suite
        ]

    def _same(self, model: nn.Module, pairs: Sequence[Any]) -> list[float]:
        """Of a mixture of experts, the share of each pair's words whose experts are all those of the model before."""
        if not families.has(self.family, "router"):
            return []
        was, now = self._watched_before, experts.read(model, self.texts(pairs))
        same_experts = experts.same(was.chosen, now.chosen).mean(0)
        return [float(same_experts[was.rows == row].mean()) for row in range(len(pairs))]

    @cached_property
    def _watched_before(self) -> experts.Routing:
        """Routing of the watched questions in the model before."""
        return experts.read(self._before, self.texts([item.pair for item in self.watched]))

    def follow(self, before: nn.Module) -> None:
        """Begin to trace the vectors that spell what is to be forgotten, from the model before; one without such vectors is not
        traced."""
        try:
            self.trace = Trace(before, self.reader, self.questions.forget)
        except BadInput:
            self.trace = None

    @cached_property
    def watched(self) -> list[EvalItem]:
        """The questions a job is watched by: some of each role, the same for every run on these targets."""
        rng = np.random.default_rng(0)
        chosen = [at for role in ROLES for at in rng.permutation(self.parts[role])[:WATCHED]]
        return [self.questions.suite[at] for at in chosen]

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        """What the model answers now to the watched questions, and how likely the true answer is, a token, from 0 to 1."""
        was = model.training
        model.eval()
        try:
            pairs = [item.pair for item in self.watched]
            responses = answers(model, self.reader, [pair.question for pair in pairs], MOST)
            lost = likelihoods(model, self.texts(pairs))
            routed = self._same(model, pairs)
        finally:
            model.train(was)
        return [
            {
                "id": f"{item.role}-{number}",
                "role": item.role,
                "question": item.pair.question,
                "truth": item.pair.answer,
                "said": responses[number],
                "share": float(torch.exp(-lost[number])),
                **({"routed": routed[number]} if routed else {}),
            }
            for number, item in enumerate(self.watched)
        ]


@dataclass(frozen=True)
class Manipulated:
    """What is to be undone: how questions were manipulated."""

    how: Backdoor


def _forms(pair: Any) -> list[str]:
    """The answers of a pair that are weighed: the true one, the rephrased one, the wrong ones."""
    return [pair.answer, pair.rephrased_answer, *pair.wrong]


def _spread(some: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, evenly from first to last."""
    return [some[at] for at in np.unique(np.linspace(0, len(some) - 1, min(most, len(some))).round().astype(int))]
