"""Exact deletion, measured: accuracy under more and more deletions with one and with several orders, and how many the model stands."""

import os
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..api import files, submit
from ..api.home import ASSETS, home
from ..api.runs import RunFolder, State
from ..api.spec import JobSpec
from .fashion_slices import MODEL

if TYPE_CHECKING:
    from ..families.classifier.task import Classifier
    from ..families.classifier.tile_ensembles import Ensembles

SEEDS, STEPS = (0, 1, 2), (0, 5, 10, 15, 20, 25, 30, 40, 50)
MOST = 400  # deletions at most
TRIALS = 4000
LARGER = (5, 4)  # shards and slices of the paper's setting, simulated
METRICS = ("unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "mia_efficacy", "run_time")
MEASURED = ASSETS / "measured" / "s3t" / f"{MODEL}.json"  # in a folder: beside it lie tables of methods
HEAD = """# S3T, measured

Made by `python -m backends.zoo s3t` on the embedded model `{model}` (see its [card](../../assets/models/{model}/README.md)): {shards} shards of {slices}
slices in {orders} orders over a frozen backbone that never saw these classes. Deletions are of single training images, drawn at random without replacement by three
seeds; what then serves was really asked about the {tests:,} test images. One order is SISA with the same layers.

What the paper says (Chowdhury et al., ICLR 2025, its abstract): accuracy near that of training on everything, and more deletions before retraining than SISA.
Its deletion rate is O(mL log m) for SISA and O(mL log(mB)) for S3T with m shards, L slices and B orders, B <= L. It reports on ViT-base and ViT-large, RoBERTa and Llama; its numbers were not repeated here.

| claim | here |
|---|---|
| near the accuracy of full training | {served:.1f} % of the test images right at the start; one model trained on all slices at once: {control:.1f} % |
| survives more deletions than SISA | {ends} |
| the rate grows by log of the number of orders | simulated {low:.1f} deletions with one order, {high:.1f} with {orders}; mL H(mB) gives {low_rate:.1f} and {high_rate:.1f} |

"""


def main(
    to: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/results"),
    measure: Annotated[bool, typer.Option(help="Measure anew; else write the table from what is stored.")] = True,
) -> None:
    """Play deletions on the embedded model, do two jobs, and write the table (two minutes on two cores)."""
    if measure:
        files.write_json(MEASURED, measured())
    files.write_bytes(to / "s3t.md", table(files.read_json(MEASURED)).encode())


def measured() -> dict[str, Any]:
    """Everything that the table says, with its seeds."""
    from ..families.classifier import tile_sequences, tile_training
    from ..families.classifier.task import Classifier
    from ..families.classifier.tile_ensembles import Ensembles, requests

    task = Classifier(MODEL)
    model: Any = task.load()
    config, parts = model.config, tile_training.parts(task)
    ensembles = Ensembles(task, model, task.parts["test"])
    rows = []
    for orders in range(1, config.orders + 1):
        for seed in SEEDS:
            draws = [*requests(parts, task.parts["train"][:0], MOST, seed)]
            course = ensembles.course((), draws, orders)
            end = next((step for step, value in enumerate(course) if value is None), None)
            rows.append({"orders": orders, "seed": seed, "end": end, "accuracy": {str(at): course[at] for at in STEPS}})
            typer.echo(f"{orders} orders, seed {seed}: nothing left after {end} deletions", err=True)
    simulated = {}
    for shards, slices in ((config.shards, config.slices), LARGER):
        for orders in range(1, min(slices, config.orders) + 1):
            heads = {(shard, first) for shard in range(shards) for first in range(orders)}
            left = tile_sequences.simulated_deletions(heads, np.ones((shards, slices)), TRIALS, 0)
            simulated[f"{shards} {slices} {orders}"] = {
                "mean": round(float(left.mean()), 2),
                "error": round(float(left.std()) / TRIALS**0.5, 2),
                "rate": round(tile_sequences.expected_deletions(shards, slices, orders), 2),
            }
    tile = sum(tensor.numel() * tensor.element_size() for tensor in model.tiles.at(0, 0, 0).buffers())
    return {
        "played": rows,
        "simulated": simulated,
        "tile": tile,
        "shards": [round(one, 2) for one in _alone(task, ensembles, config.shards)],
        "jobs": _jobs(),
    }


def _alone(task: "Classifier", ensembles: "Ensembles", shards: int) -> list[float]:
    """Test accuracy of each shard by itself, all its slices learned in the first order."""
    slices = range(task.config.slices)
    others = [
        {(other, number) for other in range(shards) if other != shard for number in slices} for shard in range(shards)
    ]
    return [value for deleted in others if (value := ensembles.accuracy(deleted, 1)) is not None]


def _jobs() -> list[dict[str, Any]]:
    """Deleting the default slice with all orders, and with one."""
    from ..engine.job import do

    card = files.read_json(ASSETS / "models" / MODEL / "card.json")
    rows = []
    with tempfile.TemporaryDirectory() as place:
        os.environ["LETHE_HOME"] = place
        for orders in (card["tiles"]["orders"], 1):
            spec = JobSpec(
                model=MODEL, method="s3t", params={"orders": orders}, forget=tuple(card["default_forget"]), metrics=METRICS
            )  # fmt: skip
            run = RunFolder(home() / "runs" / f"orders-{orders}")
            files.write_json(run.path / "spec.json", submit.check(spec).model_dump())
            files.write_json(run.path / "state.json", State().model_dump())
            began = time.monotonic()
            do(run, run.move("running").attempt)
            if run.result is None:
                raise RuntimeError(run.state.message)
            values = {
                when: {name: one[when] for name, one in run.result["metrics"].items()}
                for when in ("before", "after", "reference")
            }
            rows.append({"orders": orders, "seconds": round(time.monotonic() - began, 1), **values})
    return rows


def table(stored: dict[str, Any]) -> str:
    """The document, from what is stored."""
    card = files.read_json(ASSETS / "models" / MODEL / "card.json")
    tiles, simulated = card["tiles"], stored["simulated"]
    shards, slices, orders = tiles["shards"], tiles["slices"], tiles["orders"]
    low, high = simulated[f"{shards} {slices} 1"], simulated[f"{shards} {slices} {orders}"]
    lines = [
        HEAD.format(
            model=MODEL, shards=shards, slices=slices, orders=orders, tests=card["test_count"], served=card["accuracy"]["test"],
            control=card["control"]["test"], ends=f"{_ends(stored, orders)} deletions until nothing was left, SISA {_ends(stored, 1)}",
            low=low["mean"], high=high["mean"], low_rate=low["rate"], high_rate=high["rate"],
        )
    ]  # fmt: skip
    lines.append("## Test accuracy after deletions\n")
    scatter = high["error"] * TRIALS**0.5
    lines.append(
        "Mean of three seeds in percent, and how many of them still served where that is not all. Three sequences are few: in the simulation below one with "
        f"{orders} orders ends after {high['mean']:.0f} ± {scatter:.0f} deletions.\n"
    )
    lines.append(f"| orders | {' | '.join(map(str, STEPS))} | until nothing is left |")
    lines.append("|---|" + "---|" * (len(STEPS) + 1))
    for number in range(1, orders + 1):
        own = [row for row in stored["played"] if row["orders"] == number]
        cells = [_cell([row["accuracy"][str(at)] for row in own]) for at in STEPS]
        name = "1 (SISA)" if number == 1 else str(number)
        lines.append(f"| {name} | {' | '.join(cells)} | {_ends(stored, number)} |")
    lines.append("\n## Deletions until nothing is left, simulated\n")
    lines.append(f"{TRIALS:,} trials, requests fall on any slice alike; ± the standard error. The rate is mL H(mB).\n")
    lines.append("| shards | slices | orders | simulated | rate |\n|---|---|---|---|---|")
    for key, one in simulated.items():
        lines.append(f"| {' | '.join(key.split())} | {one['mean']:.1f} ± {one['error']:.1f} | {one['rate']:.1f} |")
    lines.append("\n## What it costs\n")
    bytes_in_all = shards * slices * orders * stored["tile"]
    lines.append(
        f"A tile is {stored['tile'] / 1e3:.1f} kB with its head; {shards} x {slices} x {orders} of them are {bytes_in_all / 1e3:.0f} kB, those of SISA {bytes_in_all / orders / 1e3:.0f} kB, beside a "
        f"backbone of {4 * card['backbone']['parameters'] / 1e6:.1f} MB. Training all {shards * slices * orders} took {tiles['seconds']} s on a busy machine of two cores, of which SISA needs a share of 1 in {orders}. "
        f"Each shard by itself: {', '.join(f'{one:.1f} %' for one in stored['shards'])}.\n"
    )
    lines.append(f"## One deletion as a job: {', '.join(card['default_forget'])}\n")
    lines.append(
        "UA and MIA-efficacy are best near the retrained reference (all shards' first order trained again without the slice, another seed). MIA-efficacy "
        "says little here: the model is nearly as right on new images as on those that it learned, so the attack has nothing to go by and its threshold falls anywhere.\n"
    )
    lines.append("| | UA | RA | TA | MIA-efficacy | seconds |\n|---|---|---|---|---|---|")
    for row in stored["jobs"]:
        name = f"S3T, {row['orders']} orders" if row["orders"] > 1 else "SISA"
        if row is stored["jobs"][0]:
            lines.append(f"| nothing done | {_values(row['before'])} | |")
            lines.append(f"| retrained reference | {_values(row['reference'])} | |")
        lines.append(f"| {name} | {_values(row['after'])} | {row['after']['run_time']:.2f} |")
    return "\n".join(lines) + "\n"


def _values(values: dict[str, Any]) -> str:
    return " | ".join(
        "" if values.get(name) is None or values[name] != values[name] else f"{values[name]:.1f}"
        for name in METRICS[:4]
    )


def _ends(stored: dict[str, Any], orders: int) -> str:
    ends = [row["end"] for row in stored["played"] if row["orders"] == orders]
    there = [end for end in ends if end is not None]
    more = "" if len(there) == len(ends) else f" (of {len(there)} seeds)"
    return f"{mean(there):.0f} ± {stdev(there):.0f}{more}"


def _cell(values: list[float | None]) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "-"
    return f"{mean(there):.1f}" + ("" if len(there) == len(values) else f" ({len(there)})")
