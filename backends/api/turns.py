"""Whose turn it is: the order in which waiting jobs start.

Jobs of one person start in the order they came. Where strangers share a studio they take turns: nobody's second job comes
before another's first, and of two whose turn it is, the one who was served longer ago comes first.
"""

from collections import Counter
from collections.abc import Mapping

from .home import shared
from .reading import State
from .spec import Status

WORKING: tuple[Status, ...] = ("running", "cancelling")


def party(state: State) -> str:
    """Who takes turns with others: a visitor of a shared studio; on one's own machine everybody is one party."""
    return state.owner if shared() else ""


def since(state: State) -> float:
    """When a run was asked for: ids tell seconds apart, this tells every two."""
    return state.history[0].at if state.history else 0.0


def last_served(state: State) -> float:
    """When a run last left the queue; 0 where it never did."""
    return max((moment.at for moment in state.history if moment.status == "running"), default=0.0)


def order(states: Mapping[str, State], served: Mapping[str, float] | None = None) -> list[str]:
    """Ids of the runs that wait, the next one first.

    Args:
        states: of every run, by its id; ended ones may be left out where `served` holds what they tell.
        served: when each party's last job started, as far as it is known from elsewhere.
    """
    last: dict[str, float] = dict(served or {})
    working: Counter[str] = Counter()
    for state in states.values():
        who = party(state)
        last[who] = max(last.get(who, 0.0), last_served(state))
        working[who] += state.status in WORKING
    queued = {name: state for name, state in states.items() if state.status == "queued" and state.history}
    waiting = [(since(state), name, party(state)) for name, state in queued.items()]
    ranked = []
    for at, name, who in sorted(waiting):
        ranked.append((working[who], last[who], at, name))
        working[who] += 1
    return [name for *_, name in sorted(ranked)]
