"""Two sweeps over what is forgotten: a larger and larger forget set, and one request after another.

Steps are written with semicolons between them, and things forgotten together with " + ": "Bag; Bag + Sandal". The settings of
MUSE that these show are called scalability and sustainability.
"""

from typing import Any

from app import target_choice
from backends.api import catalog, people, runs, submit
from backends.api.errors import BadInput
from backends.api.languages import later
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec

LARGER, AFTER = "*larger", "*after"
KINDS = {LARGER: later("What is forgotten: more and more"), AFTER: later("What is forgotten: one after another")}
AXES = {LARGER: later("size of the forget set"), AFTER: later("requests so far")}
HOW = {
    LARGER: later(
        "Each point is one job that forgot a larger set at once; what is kept should stay level, and the dashed line "
        "is the retrained reference for that set."
    ),
    AFTER: later(
        "Each point is the model after one more request, measured on all requests so far; the dashed line is the "
        "retrained reference for all of them."
    ),
}
STEPS, TOGETHER, MOST = 3, " + ", 12

Member = tuple[RunFolder, float]


def parse_steps(text: str | None) -> list[tuple[str, ...]]:
    """The steps written in a list: what each one forgets.

    Raises:
        BadInput: none, too many, or one twice.
    """
    steps = [tuple(part.strip() for part in step.split(TOGETHER) if part.strip()) for step in (text or "").split(";")]
    steps = [step for step in steps if step]
    if not steps:
        raise BadInput(
            f"Nothing to forget was named; write one or more steps with semicolons between, as in A; A{TOGETHER}B."
        )
    if len(steps) > MOST:
        raise BadInput(f"{len(steps)} steps were given; one sweep takes at most {MOST}.")
    twice = next((step for at, step in enumerate(steps) if step in steps[:at]), None)
    if twice:
        raise BadInput(f"{TOGETHER.join(twice)} was named twice; write each step once.")
    return steps


def suggested_steps(base: RunFolder, kind: str, owner: str = "") -> str:
    """Steps that fit a run's model, as a person would write them; empty where nothing is known of what else it could forget."""
    spec = base.spec
    entry = next((entry for entry in catalog.load().models if entry.id == spec.model), None)
    book = people.load(entry.data) if entry else people.Book()
    if kind == LARGER and set(spec.forget) <= set(book.sets):
        set_names = sorted(book.sets, key=lambda name: len(book.sets[name]))
        return "; ".join(name for name in set_names if (name,) != spec.forget)
    card = entry.card if entry else {}
    domains: dict[str, list[str]] = card.get("domains", {})
    names = [*card.get("classes", []), *next(iter(domains.values()), []), *book.names]
    casefolded = {name.casefold() for name in names}
    if not {text.casefold() for text in spec.forgotten} <= casefolded:
        return "random:2%; random:5%; random:10%" if card.get("classes") else ""
    others = [
        name
        for name in names
        if name.casefold() not in {text.casefold() for text in last_of_chain(base, owner).spec.forgotten}
    ]
    if kind == AFTER:
        return "; ".join(others[: STEPS - 1])
    return "; ".join(TOGETHER.join((*spec.forget, *others[:more])) for more in range(1, STEPS))


def members(base: RunFolder, kind: str, owner: str = "") -> list[Member]:
    """The runs of the sweep that a run belongs to and this person may see, each with its place on the axis; those that
    failed are left out."""
    return growing_runs(base, owner) if kind == LARGER else chain_of(base, owner)


def growing_runs(base: RunFolder, owner: str = "") -> list[Member]:
    """Runs that differ in nothing but how much is forgotten, each within or around the other; the newest of each size."""
    newest_by_size: dict[float, RunFolder] = {}
    for run in [base, *runs.visible(owner)]:
        if (
            _same_settings(run.spec, base.spec)
            and run.spec.after == base.spec.after
            and _nested(run.spec, base.spec)
            and _counts(run)
        ):
            newest_by_size.setdefault(_size(run), run)
    return sorted(((run, size) for size, run in newest_by_size.items()), key=lambda item: item[1])


def chain_of(base: RunFolder, owner: str = "") -> list[Member]:
    """The runs that a run builds on, itself, and those that build on it with the same settings, in their order.

    What a run builds on is part of it, so who may look at it may look at these; what others built on it is not.
    """
    chain = [base]
    while chain[0].spec.after:
        try:
            chain.insert(0, runs.find(chain[0].spec.after))
        except BadInput:
            break  # deleted: the folders that build on it hold what it changed
    every = [run for run in runs.visible(owner) if not run.shipped]
    while True:
        next_ones = [
            run
            for run in every
            if run.spec.after == chain[-1].id and _same_settings(run.spec, base.spec) and _counts(run)
        ]
        if not next_ones:
            return [(run, float(at)) for at, run in enumerate(chain, 1)]
        chain.append(next_ones[0])


def last_of_chain(base: RunFolder, owner: str = "") -> RunFolder:
    """The last run of a chain."""
    return chain_of(base, owner)[-1][0]


def submit_steps(base: RunFolder, kind: str, text: str, owner: str) -> None:
    """Check every step first, then submit them all; those that were done already are not done again.

    Raises:
        BadInput: a step cannot be done; nothing was submitted then.
    """
    steps, spec = parse_steps(text), base.spec
    if kind == LARGER:
        done_sets = {run.spec.forget for run, _ in growing_runs(base, owner)}
        specs = [submit.check(spec.model_copy(update={"forget": step})) for step in steps]
        submit.several([one for one in specs if one.forget not in done_sets], owner)
        return
    last = last_of_chain(base, owner)
    after = [spec.model_copy(update={"forget": step, "after": last.id, "earlier": ()}) for step in steps]
    submit.several(after, owner, chain=True)


def forget_text(run: RunFolder) -> str:
    """The words for what a run of the sweep forgets."""
    return target_choice.targets_in_words(run.spec.forget, run.spec.family)


def _same_settings(one: JobSpec, other: JobSpec) -> bool:
    """Whether two jobs are alike in everything but what is forgotten, and after what."""
    left_out: set[str] = {"forget", "metrics", "after", "earlier"}
    return one.model_dump(exclude=left_out) == other.model_dump(exclude=left_out)


def _counts(run: RunFolder) -> bool:
    return run.state.status not in ("failed", "cancelled")


def _size(run: RunFolder) -> float:
    """The size of a run's forget set, where that is known; else a number of its own, below all sizes."""
    result: dict[str, Any] = run.result or {}
    return float(result.get("forget_count") or -sum(map(ord, "".join(run.spec.forget))))


def _nested(one: JobSpec, other: JobSpec) -> bool:
    """Whether what one job forgets holds all that the other forgets, as far as the names tell."""
    if all(text.startswith("random:") for text in (*one.forget, *other.forget)):
        return True  # the smaller share is drawn as a part of the larger
    first, second = (_names(spec) for spec in (one, other))
    return first <= second or second <= first


def _names(spec: JobSpec) -> set[str]:
    entry = next((entry for entry in catalog.load().models if entry.id == spec.model), None)
    sets = people.load(entry.data).sets if entry else {}
    return {name.casefold() for text in spec.forget for name in sets.get(text.casefold(), [text])}
