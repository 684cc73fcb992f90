"""What a regressor is to forget and to keep, as people write it.

tilt:0-30        a range of what is predicted, or of a column of a table, both ends included; of negative numbers -5--1
items:3,10-40    training items by their number, from 0
random:10%       a random share of the training items; random:10%:7 is another draw
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...api.errors import BadInput
from ...api.languages import tr
from ...api.params import quoted_value
from ...api.spec import JobSpec

NUMBER = r"[-+]?[0-9]{1,12}(?:\.[0-9]{1,9})?"
RANGE = re.compile(rf"([^:]+):\s*({NUMBER})\s*-\s*({NUMBER})")
ITEMS = re.compile(r"items:[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,9}(-[0-9]{1,9})?)*")
RANDOM = re.compile(r"random:([0-9]{1,2}(?:\.[0-9]{1,3})?)%(?::([0-9]{1,9}))?")


@dataclass(frozen=True)
class RegressorTarget:
    """One target, taken apart. `kind` says which of the fields hold."""

    kind: Literal["range", "items", "random"]
    name: str = ""
    low: float = 0.0
    high: float = 0.0
    spans: tuple[tuple[int, int], ...] = ()
    share: float = 0.0
    draw: int = 0

    def __str__(self) -> str:
        match self.kind:
            case "range":
                return f"{self.name}:{plain(self.low)}-{plain(self.high)}"
            case "items":
                return "items:" + ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.spans)
            case _:
                return f"random:{self.share:g}%" + (f":{self.draw}" if self.draw else "")


def plain(number: float) -> str:
    """A number as short as it can be written without an exponent."""
    return f"{number:.9f}".rstrip("0").rstrip(".") if number else "0"


def parse(text: str) -> RegressorTarget:
    """Take one target apart.

    Raises:
        BadInput: it follows none of the forms.
    """
    text = text.strip()
    tight = text.replace(" ", "")
    if tight.startswith("items:"):
        return _items(tight, text)
    if tight.startswith("random:"):
        match = RANDOM.fullmatch(tight)
        if not match or not 0 < float(match[1]) <= 90:
            raise BadInput(
                tr("{text} is no share; write random:10% with more than 0 and at most 90 %.", text=quoted_value(text))
            )
        return RegressorTarget("random", share=float(match[1]), draw=int(match[2] or 0))
    match = RANGE.fullmatch(text)
    if not match:
        raise BadInput(
            tr(
                "{text} is no target; write a range like tilt:0-30, items:3,10-40 or random:10%.",
                text=quoted_value(text),
            )
        )
    low, high = float(match[2]), float(match[3])
    if low > high:
        raise BadInput(tr("{text} ends before it begins; write the smaller number first.", text=quoted_value(text)))
    return RegressorTarget("range", name=match[1].strip(), low=low, high=high)


def _items(tight: str, text: str) -> RegressorTarget:
    if not ITEMS.fullmatch(tight):
        raise BadInput(tr("{text} names no items; write items:3,10-40.", text=quoted_value(text)))
    ends = [part.split("-") for part in tight.removeprefix("items:").split(",")]
    spans = tuple((int(part[0]), int(part[-1])) for part in ends)
    if any(low > high for low, high in spans):
        raise BadInput(
            tr(
                "{text} holds a span that ends before it begins; write the smaller number first.",
                text=quoted_value(text),
            )
        )
    return RegressorTarget("items", spans=spans)


def read(spec: JobSpec, card: Mapping[str, Any]) -> tuple[list[RegressorTarget], list[RegressorTarget]]:
    """The forget targets and the keep targets.

    Raises:
        BadInput: one is no target, names what the data do not have, is in both lists, or leaves nothing to keep.
    """
    forget, keep = ([checked(parse(text), card) for text in part] for part in (spec.forget, spec.keep))
    both = next((target for target in forget if target in keep), None)
    if both is not None:
        raise BadInput(tr("{both} is in the forget list and in the keep list; take it out of one.", both=str(both)))
    return forget, keep


def checked(target: RegressorTarget, card: Mapping[str, Any]) -> RegressorTarget:
    """The target again, with its name as the data spell it, when it fits the model's card (`ranges`, `train_count`); of a model that is
    not known yet as it is.

    Raises:
        BadInput: it names what the data do not have, holds nothing of them, or all.
    """
    ranges, count = dict(card.get("ranges", {})), int(card.get("train_count", 0))
    if target.kind == "range" and ranges:
        spelled = next((name for name in ranges if name.casefold() == target.name.casefold()), None)
        if spelled is None:
            raise BadInput(
                tr(
                    "There is no {name} to take a range of; there is {ranges}.",
                    name=quoted_value(target.name),
                    ranges=", ".join(list(ranges)[:20]),
                )
            )
        low, high = ranges[spelled]
        runs = {"low": plain(low), "high": plain(high)}
        if target.low > high or target.high < low:
            raise BadInput(
                tr(
                    "No item has {name} from {first} to {last}; it runs from {low} to {high}.",
                    name=spelled,
                    first=plain(target.low),
                    last=plain(target.high),
                    **runs,
                )
            )
        if target.low <= low and target.high >= high:
            raise BadInput(
                tr(
                    "{target} is everything, for {name} runs from {low} to {high}; leave something to keep.",
                    target=str(target),
                    name=spelled,
                    **runs,
                )
            )
        return RegressorTarget("range", name=spelled, low=target.low, high=target.high)
    outside = next((end for span in target.spans for end in span if count and end >= count), None)
    if outside is not None:
        raise BadInput(
            tr("There is no item {outside}; the training items run from 0 to {last}.", outside=outside, last=count - 1)
        )
    return target
