"""The picture of routing: sentences token by token with the experts of each, and what is answered with another routing."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..api.goals import BACK, CHANGED, NAMED, SOME
from ..api.panels import ExpertOff, Routed, RoutingShift
from ..core.evidence import InspectContext
from ..data.authors import QAPair
from ..families.language.expert_sweep import asked_for_facts, facts_changed, few_enough, gains, names_fact
from ..families.language.experts import Rerouted, Routing, moe_layers, overlap, read, switched_off
from ..families.language.qa import EvalItem
from ..families.language.task import MOST, LanguageModel
from ..families.language.tokens import IGNORED, Texts, answers
from ._answers import chosen, items
from ._common import GROUPS, Group, percent

LONGEST = 64  # tokens of a sentence that are drawn
FOLLOWED: dict[Group, int] = {"forget": 4, "neighbour": 2, "unrelated": 3}  # sentences of each role
FEW: dict[Group, int] = {"forget": 2, "neighbour": 1, "unrelated": 1}  # of a large model, whose answers take seconds
MEASURED = 8  # forget-set questions whose probability is measured without each expert, those of expert ablation
STRONGEST = 4  # experts whose answers are asked for in advance
END = "end"  # stands for the token that ends an answer


def shift(look: InspectContext[LanguageModel], before: Routing, after: Routing) -> RoutingShift:
    """The panel; `before` and `after` are the routing of the forget set."""
    model, small = look.after, few_enough(look.after)
    places = _followed(look, FOLLOWED if small else FEW)
    facts = asked_for_facts(look.task) if small else []
    texts = [_routed(look, place) for place in look.steps(places, "following sentences")]
    every = list(dict.fromkeys([*places, *facts]))
    original, unlearned = ([str(text) for text in look.outputs(when)["said"]] for when in ("before", "after"))
    forced = _forced(look, every)
    for text, place in zip(texts, places, strict=True):
        text.original, text.unlearned, text.forced = original[place], unlearned[place], forced[place]
    pairs = [item.pair for item in items(look, facts)]
    own = [unlearned[place] for place in facts]
    sets = {"original": original, "unlearned": unlearned, "forced": forced}
    points, off = _switched_off(look, places, facts, own) if small else (np.zeros((0, 0)), [])
    stayed = 100 * float(overlap(before.chosen, after.chosen).mean())
    return RoutingShift(
        title="Routing shift: which expert works on which token",
        how="A column is a token, a word or a piece of one, of a question and its true answer; a row is a layer with its experts. The disc is the expert "
        "that counts most, the small one beside it the next; one colour and number per expert. Both models read the same tokens. A ring and a "
        "vermilion ribbon: this expert was not among those that the original model chose here. The shortest questions of each kind are offered.",
        says=_headline(points, off, len(facts), before.layers, stayed),
        layers=[f"layer {layer.number + 1}" for layer in moe_layers(model)],
        experts=before.count,
        texts=texts,
        stayed=stayed,
        over=before.chosen.shape[1],
        facts=len(facts),
        answered={
            name: sum(names_fact(pair, said[place]) for pair, place in zip(pairs, facts, strict=True))
            for name, said in sets.items()
        }
        if facts
        else {},
        points=[[float(value) for value in row] for row in points],
        off=off,
    )


def _followed(look: InspectContext[LanguageModel], count: dict[Group, int]) -> list[int]:
    """Places in the suite: of each role the shortest sentences, one of each kind in turn."""
    lengths = look.task.texts([item.pair for item in look.task.questions.suite]).mask.sum(1).tolist()
    selected = []
    for role in GROUPS:
        kinds: dict[str, list[int]] = {}
        for place in sorted(look.task.parts[role].tolist(), key=lambda place: lengths[place]):
            kinds.setdefault(look.task.questions.suite[place].kind, []).append(place)
        turns = [place for turn in _in_turn(list(kinds.values())) for place in turn]
        selected += turns[: count[role]]
    return selected


def _in_turn(queues: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    for turn in range(max(map(len, queues), default=0)):
        yield [queue[turn] for queue in queues if turn < len(queue)]


def _routed(look: InspectContext[LanguageModel], place: int) -> Routed:
    """One sentence and its routing in both models, the expert with the largest gate score first; no answers yet."""
    item: EvalItem = look.task.questions.suite[place]
    texts = look.task.texts([item.pair])
    texts = Texts(texts.ids[:, :LONGEST], texts.labels[:, :LONGEST], texts.mask[:, :LONGEST])
    reader, ids = look.task.reader, texts.ids[0].tolist()
    tokens = [END if token == reader.end else str(reader.tokenizer.decode([token])) for token in ids]
    goes = [_by_gate(read(model, texts)).tolist() for model in (look.before, look.after)]
    return Routed(
        role=item.role,
        question=str(item.pair.question),
        fact=item.pair.value,
        tokens=tokens,
        answer=int((texts.labels[0] != IGNORED).int().argmax()),
        marked=marked(tokens, item.pair),
        before=goes[0],
        after=goes[1],
    )


def _by_gate(routing: Routing) -> NDArray[np.int64]:
    """Experts of each token, the one with the largest gate score first [layers, tokens, k]."""
    return np.take_along_axis(routing.chosen, (-routing.gates).argsort(-1, kind="stable"), -1)


def marked(tokens: Sequence[str], pair: QAPair) -> list[int]:
    """The tokens that name the fact of a pair, or whom it is about."""
    ends = np.cumsum([len(token) for token in tokens])
    text, spans = "".join(tokens).casefold(), []
    for name in filter(None, (pair.value.casefold(), pair.about.casefold())):
        start = text.find(name)
        while start >= 0:
            spans.append((start, start + len(name)))
            start = text.find(name, start + 1)
    return [
        at
        for at, (token, end) in enumerate(zip(tokens, ends.tolist(), strict=True))
        if any(end - len(token.lstrip()) < stop and start < end for start, stop in spans)
    ]


def _forced(look: InspectContext[LanguageModel], places: Sequence[int]) -> dict[int, str]:
    """Answers of the unlearned model with the routing of the original one, by place; those that the job kept are taken."""
    kept_answers = look.outputs("after").get("said_rerouted", ())
    known = dict(zip(look.task.parts["forget"].tolist(), map(str, kept_answers), strict=False))
    open_places = [place for place in places if place not in known]
    look.tell("asking with the old routing", 0, 0)
    questions = [item.pair.question for item in items(look, open_places)]
    written = answers(Rerouted(look.after, look.before), look.task.reader, questions, MOST) if questions else []
    return known | dict(zip(open_places, written, strict=True))


def _switched_off(
    look: InspectContext[LanguageModel], places: Sequence[int], facts: Sequence[int], own: Sequence[str]
) -> tuple[NDArray[np.float64], list[ExpertOff]]:
    """(points of probability that the forget set gains without each expert, answers without the strongest ones)."""
    model, suite = look.after, look.task.questions.suite
    probed = [at for at in chosen(look, MEASURED) if suite[at].role == "forget"]
    texts = look.task.texts([suite[at].pair for at in probed])
    points = np.nan_to_num(gains(model, texts, partial(look.steps, phase="switching experts off")).mean(-1))
    order = np.argsort(-points.ravel(), kind="stable")[:STRONGEST]
    strongest = [int(at) for at in order if at == order[0] or points.ravel()[at] >= NAMED]
    every = list(dict.fromkeys([*places, *facts]))
    questions = [suite[place].pair.question for place in every]
    numbers = [layer.number for layer in moe_layers(model)]
    off = []
    for flat in look.steps(strongest, "asking without the strongest experts"):
        layer, expert = divmod(flat, points.shape[1])
        with switched_off(model, [(numbers[layer], expert)]):
            responses = dict(zip(every, answers(model, look.task.reader, questions, MOST), strict=True))
        regained, lost = facts_changed(
            [suite[place].pair for place in facts], own, [responses[place] for place in facts]
        )
        off.append(
            ExpertOff(
                layer=layer,
                expert=expert,
                regained=regained,
                lost=lost,
                answers=[responses[place] for place in places],
            )
        )
    return points, off


def _headline(
    points: NDArray[np.float64], off: Sequence[ExpertOff], facts: int, layers: Sequence[int], stayed: float
) -> str:
    """The strongest single expert in a sentence; without a measurement, how much moved."""
    if not off or not facts:
        return f"{percent(stayed)} of the choices on the forget set stayed where they were."
    best = max(off, key=lambda one: (one.regained, points[one.layer, one.expert]))
    gained = float(points[best.layer, best.expert])
    name = f"expert {best.expert + 1} of layer {layers[best.layer] + 1}"
    number = f"{best.regained} of {facts} forgotten facts"
    if best.regained >= SOME * facts:
        much = "hides the answers" if best.regained >= BACK * facts else "hides some of the answers"
        return f"{name[:1].upper()}{name[1:]} {much}: switch it off and {number} come back ({gained:+.0f} points of probability)."
    if gained < CHANGED:
        return "No single expert hides the answers: switching off any one of them brings nothing back."
    return f"No single expert hides the answers: the strongest, {name}, brings back {number} ({gained:+.0f} points of probability)."
