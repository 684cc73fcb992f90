"""Whether what a run forgot comes back: one attack after the other, each kept as soon as it is done."""

from typing import Any

from ..api import attacked, begun, visits
from ..api.attacked import UNFIT
from ..api.errors import BadInput, LetheError
from ..core.registry import Registered, entries
from .looking import findings_of
from .session import Desk


def fitting(desk: Desk, run: str, deep: bool) -> tuple[list[Registered], dict[str, str]]:
    """(the attacks that are made on a finished run, in their order; why not, by id, of the others that know models of its family).

    Raises:
        BadInput: there is no such run, it is not done, or models of its family cannot be examined.
    """
    opened = desk.run(run)
    each: list[Registered] = []
    reasons: dict[str, str] = {}
    for name, one in entries("attacks").items():
        works = one.entry.works_with.get(opened.task.family, "")
        if works is not True:
            continue
        if reason := one.lacks(opened.look("attack", name)):
            reasons[name] = reason
        elif one.entry.quick or deep:
            each.append(one)
    if not each:
        raise BadInput(f"No attack knows models of the family {opened.task.family}.")
    return each, reasons


def test(desk: Desk, run: str, deep: bool = False, joins: bool | None = None) -> dict[str, Any]:
    """Make the quick attacks on a finished run with their default settings, with `deep` all that fit it; those that were made are not
    made again. While it works, the desk's `tell` hears {"phase", "done", "of", "attack"}, done and of in hundredths of all attacks.

    Returns:
        `ran`, the ids of the attacks that were made; `failed`, of others the sentence why not; `unfit`, why others do not fit the run.
    """
    each, unfit = fitting(desk, run, bool(deep))
    outer, ran, failed = desk.tell, [], dict[str, str]()
    folder = desk.run(run).folder
    part_of_run = visits.joins(folder) if joins is None else joins

    def note() -> None:
        begun.write(folder, bool(deep), [one.id for one in each], failed, part_of_run)

    note()
    for number, one in enumerate(each):
        title = one.entry.title.partition(": ")[0]

        def tell(piece: dict[str, Any], number: int = number, title: str = title, name: str = one.id) -> None:
            share = piece["done"] / piece["of"] if piece.get("of") else 0.0
            done = int(100 * (number + min(1.0, share)))
            outer({"phase": f"{title}: {piece['phase']}", "done": done, "of": 100 * len(each), "attack": name})

        desk.tell = tell
        try:
            findings_of(desk, run, "attacks", "attack", one.id, {}, joins)
            ran.append(one.id)
        except LetheError as error:
            failed[one.id] = str(error)
        except (ValueError, RuntimeError, ArithmeticError) as error:  # the others are made all the same
            failed[one.id] = f"It stopped on {type(error).__name__}: {str(error)[:200]}"
        finally:
            desk.tell = outer
        if one.id in failed:
            note()
    opened = desk.run(run)
    if part_of_run:
        attacked.write_unfit(opened.place("attack", UNFIT)[1].parent, unfit)
    return {"params": {"deep": bool(deep)}, "ran": ran, "failed": failed, "unfit": unfit}
