"""One attempt at one run, from its spec to its result. Every way it can end has its sentence and its exit code."""

import platform
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from math import nan
from typing import Any

from safetensors.torch import save
from torch import nn

from ..api import __version__, elsewhere, estimate, families, files, learned, run_outputs, slices
from ..api.early import FILE as EARLY
from ..api.early import Early
from ..api.errors import BadInput, LetheError
from ..api.home import ASSETS
from ..api.marks import Mark
from ..api.numbers import Subject
from ..api.results import Fitted, Result
from ..api.runs import RunFolder
from ..core import changes, pack
from ..core.evidence import When
from ..core.fitting import Fit
from ..core.registry import get
from ..core.run import Cancelled, Run
from ..models import hub, low_rank, reference, source
from . import early, exit_codes, fitting, hardware, movement, outputs, start_from, verdict
from .loading import open_task
from .measure import Measurement, measure
from .recorder import FolderKeeper, Overtaken, Paused

PARTS = 10  # into which the measuring of one model is told
PACKAGES = ("torch", "transformers", "diffusers", "safetensors", "numpy", "captum", "umap-learn")


def do(run: RunFolder, attempt: int, keeper: FolderKeeper | None = None) -> int:
    """Do a run that is in the state running, in this process, and write how it ended.

    Args:
        run: its folder.
        attempt: the attempt this is; where the run has a newer one, nothing is written.
        keeper: what writes its folder, where that also decides how long the job works here.

    Returns:
        An exit code of `outcome`: DONE, FAILED, CANCELLED, STALE, FULL where not even the failure could be written, or PAUSED.
    """
    keeper = keeper or FolderKeeper(run, attempt)
    try:
        problems = _Job(run, keeper).do()
        failed = ", ".join(problems)
        note = f"Done, but {failed} could not be measured." if failed else "Done."
        return _end(keeper, "done", exit_codes.DONE, note, "\n".join(problems.values()))
    except Overtaken:
        return exit_codes.STALE
    except Paused:
        return exit_codes.PAUSED
    except Cancelled:
        if why := run.stopped_because:
            return _end(keeper, "failed", exit_codes.FAILED, why)
        return _end(keeper, "cancelled", exit_codes.CANCELLED, exit_codes.CANCELLED_NOTE)
    except LetheError as error:
        return _end(keeper, "failed", exit_codes.FAILED, str(error))
    except Exception as error:
        return _end(keeper, "failed", exit_codes.FAILED, sentence(error), traceback.format_exc())


def _end(keeper: FolderKeeper, status: Any, code: int, note: str, detail: str = "") -> int:
    """Write the end of a run, into the space held back if the disk is full."""
    try:
        keeper.free()
        keeper.run.move(status, note=note, detail=detail, attempt=keeper.attempt)
        if note == exit_codes.FULL_DISK or keeper.run.stopped_because:
            keeper.clear()  # nobody goes on from there, and the room is needed
    except BadInput:
        return exit_codes.STALE
    except OSError as error:
        print(f"{keeper.run.id}: {note} ({sentence(error)})", file=sys.stderr)
        return exit_codes.FULL if error.errno in exit_codes.NO_SPACE else exit_codes.FAILED
    return code


def sentence(error: BaseException) -> str:
    """An unexpected error as one sentence for a person."""
    message = (str(error).strip().splitlines() or [""])[0][:200]
    if isinstance(error, OSError) and error.errno in exit_codes.NO_SPACE:
        return exit_codes.FULL_DISK
    if fitting.out_of_memory(error):
        return "The job needed more memory than there is; choose a smaller batch size or a smaller model."
    return f"The job stopped on an error that Lethe did not expect ({type(error).__name__}{': ' + message if message else ''})."


@dataclass
class _Reference:
    """The retrained reference for a job: its model, where it came from, and the seconds it took where known."""

    model: nn.Module
    name: str
    seconds: float


class _Job:
    """The steps of an attempt, one after the other."""

    def __init__(self, run: RunFolder, keeper: FolderKeeper) -> None:
        self.folder, self.keeper, self.spec = run, keeper, run.spec

    def do(self) -> dict[str, str]:
        """Load, forget, measure, save. Returns the metrics that failed, with the reason."""
        keeper, spec = self.keeper, self.spec
        saved = keeper.open()
        keeper.report("load", 0, 1, {})
        self.method = get("methods", spec.method)
        params = self.method.parse(spec.params)
        keeper.setting = dict(saved.get("setting", {}))
        with hub.heard(lambda done, of: keeper.report("download", done >> 20, max(1, of >> 20), {})):
            self.task = keeper.task = open_task(spec.model, spec.data, keeper.setting)
        start_from.take_over(self.folder)
        self._resolve(params)
        keeper.parts = dict(self.task.parts)
        memory = hardware.Memory(self.task.device)
        run = Run(start_from.request(self.task, self.folder), keeper, spec.seed, saved.get("run"))
        if hasattr(self.task, "follow"):
            self.task.follow(run.original)
        keeper.report("load", 1, 1, {})
        run, seconds, peak = self._forget(run, params, saved, memory)
        changed = run.changed_tensors()
        keeper.write("after/changed.safetensors", save(pack.plain(changed), {"format": "pt"}))
        trained_again = self._reference()
        room = sum(tensor.nbytes for tensor in changed.values()), pack.moved(changed, run.original.state_dict())
        about = verdict.subject(self.task, spec.forgotten, self.method.entry, moved=bool(changed))
        measurement = self._measure(run, trained_again, seconds, peak, room, about)
        self._save(measurement, params, seconds, peak, trained_again, about)
        return measurement.problems

    def _resolve(self, params: Any) -> None:
        """The targets, and the data as the model learns from them where the method changes them."""
        start_from.resolve(self.task, self.folder)
        if self.method.entry.teaches and learned.own(self.folder.path) is None:
            how = params.learned(self.task, self.spec.seed)
            self.keeper.write(learned.FILE, start_from.teach(self.task, self.folder, how))

    def _forget(
        self, run: Run[Any], params: Any, saved: dict[str, Any], memory: hardware.Memory
    ) -> tuple[Run[Any], float, int]:
        """Let the method work, or take what an earlier attempt finished. The run, its seconds and its peak of memory."""
        keeper = self.keeper
        self.fitted = Fitted.model_validate(keeper.setting.get("fitted", {}))
        if saved.get("finished"):
            self.task.parts |= saved["parts"]
            run.model.eval()
            return run, saved["method_seconds"], saved["peak"]
        if not saved:
            keeper.sample(0, 0, 0, "before", run.original)
        self._work_on(hardware.name(self.task.device))
        keeper.start_method()
        begin = fitting.first_fit(self.task.device, keeper.setting.get("fit"))
        run, fit = fitting.fitted(lambda now: self.method.function(now, params), run, self._again(run.original), begin)
        run.model.eval()
        self.fitted = fitting.record(fit, "low-rank layers" if low_rank.low_rank_layers(run.model) else "")
        keeper.setting["fitted"] = self.fitted.model_dump()
        keeper.check_finite(low_rank.tensors_of(run.model))
        state = run.state()
        seconds, peak = keeper.end_method(state, memory.peak())
        keeper.sample(len(state["done"]) + 1, 0, 0, "after", run.model)
        return run, seconds, peak

    def _again(self, original: nn.Module) -> Callable[[dict[str, Any] | None, Fit], Run[Any]]:
        """Makes the run once more from a state, where the method has to go on with less memory."""
        keeper, parts = self.keeper, dict(self.task.parts)

        def again(state: dict[str, Any] | None, fit: Fit) -> Run[Any]:
            keeper.setting["fit"] = {"rows": fit.rows, "again": fit.again, "rests": fit.rests}
            if keeper.task.parts.keys() - parts.keys() or any(
                keeper.task.parts[name] is not ids for name, ids in parts.items()
            ):
                start_from.resolve(self.task, self.folder)  # as it was before the method
            return Run(
                start_from.request(self.task, self.folder),
                keeper,
                self.spec.seed,
                state or keeper.last_saved(),
                original,
            )

        return again

    def _work_on(self, device: str) -> None:
        """Remember where the method works: of a run that goes on elsewhere its seconds are of both."""
        devices = self.keeper.setting.get("devices", [])
        self.keeper.setting["devices"] = devices if devices[-1:] == [device] else [*devices, device]

    @property
    def _elsewhere(self) -> bool:
        """Whether the model was unlearned elsewhere, so that what it cost is not known."""
        return self.method.entry is elsewhere.ENTRY

    def _reference(self) -> _Reference | None:
        self.key = self.task.forget_key
        if self.method.entry.teaches:
            return None  # it is to be like no model that did without; the model before is beside it
        first = start_from.untouched(self.task, self.folder)
        if first is not None:
            return _Reference(first.eval(), start_from.UNTOUCHED, nan)
        path = reference.find(self.spec.model, reference.key_of(self.task), self.spec.data, self.folder.state.owner)
        if path is None:
            return None
        model = self.task.load()
        changes.apply(model, reference.parts(path))
        result = RunFolder(path.parents[1]).result if not path.is_relative_to(ASSETS / "references") else None
        where = f"run {path.parents[1].name}" if result else str(path.parent.relative_to(ASSETS.parent))
        return _Reference(model.eval(), where, files.number(result["seconds"] if result else None))

    def _measure(
        self,
        run: Run[Any],
        trained_again: _Reference | None,
        seconds: float,
        peak: int,
        room: tuple[int, float],
        about: Subject,
    ) -> Measurement:
        first = self.task.load() if self.spec.after else run.original
        models: dict[When, nn.Module] = {"before": first, "after": run.model}
        took: dict[When, float] = {"after": nan if self._elsewhere else seconds}
        if trained_again is not None:
            models["reference"], took["reference"] = trained_again.model, trained_again.seconds
        outputs_by_when: dict[When, outputs.Outputs] = {}
        cached = {
            when: stored for when, model in models.items() if (stored := outputs.cached(self.task, model)) is not None
        }

        way = PARTS * max(1, len(models) - len(cached))

        def tell(done: int = 0, of: int = 1) -> None:  # what is known is no part of the way, nor are the metrics
            step = PARTS * len(outputs_by_when.keys() - cached.keys()) + PARTS * done // of
            self.keeper.report("measure", min(step, way), way, {})

        for when, model in models.items():
            tell()
            if when in cached:
                outputs_by_when[when] = cached[when]
            elif when == "after":
                outputs_by_when[when] = early.computed(self.task, model, cached, about, tell, self._show)
            else:
                outputs_by_when[when] = outputs.computed(self.task, model, tell)
            trace = getattr(self.task, "trace", None)
            if trace and when != "reference":  # trained from nothing, its columns are others anyway
                outputs_by_when[when] = outputs_by_when[when] | trace.arrays(model)
            if hasattr(self.task, "weighed_by"):
                outputs_by_when[when] = outputs_by_when[when] | self.task.weighed_by(
                    first, outputs_by_when[when]["said"]
                )
            if self.task.keeps:
                self.keeper.write(
                    f"{run_outputs.OUTPUTS}/{when}.npz", outputs.packed(outputs_by_when[when], small=True)
                )
        if self.task.keeps:
            self.keeper.write(run_outputs.SUITE, files.dumps(self.task.suite()).encode())
        tell()
        memory = nan if self._elsewhere else peak
        measurement = measure(self.task, outputs_by_when, self.spec.metrics, took, memory, *room)
        tell(1)
        return measurement

    def _show(self, marks: list[Mark], seen: int) -> None:
        """Tell the first marks, for who is watching."""
        items = families.get(self.task.family).counted
        told = Early(attempt=self.keeper.attempt, seen=seen, of=len(self.task.suite()), items=items, marks=marks)
        self.keeper.write(EARLY, _json(told.model_dump()))

    def _save(
        self,
        measurement: Measurement,
        params: Any,
        seconds: float,
        peak: int,
        trained_again: _Reference | None,
        about: Subject,
    ) -> None:
        spec, keeper = self.spec, self.keeper
        keeper.report("save", 0, 1, {})
        metrics = {name: measured.model_dump() for name, measured in measurement.metrics.items()}
        result = Result(
            run_id=self.folder.id,
            status="done",
            family=self.task.family,
            model=spec.model,
            method=spec.method,
            params=params.model_dump(mode="json"),
            forget=list(spec.forget),
            keep=list(spec.keep),
            seed=spec.seed,
            seconds=round(seconds, 3),
            metrics=measurement.metrics,
            verdict=verdict.sentence(self.task, measurement, about),
            about=about,
            device=estimate.THEN.join(keeper.setting.get("devices") or [hardware.name(self.task.device)]),
            precision=keeper.setting["precision"],
            threads=keeper.setting["threads"],
            versions=versions(),
            peak_memory=peak,
            forget_count=len(self.task.parts["forget"]),
            forget_key=self.key,
            reference_key=reference.key_of(self.task),
            reference=trained_again.name if trained_again else "",
            commit=source.commit(spec.model, self.task.folder),
            fitted=self.fitted,
            notes=[
                *self.task.notes,
                *([elsewhere.NOTE] if self._elsewhere else []),
                *([start_from.NOTE] if self.spec.after and learned.inherited(self.folder.path) else []),
                *movement.notes(self.folder.events()),
                *slices.notes(self.folder),
            ],
        )
        keeper.write("metrics.npz", measurement.packed())
        keeper.write("metrics.json", _json(metrics))
        keeper.report("save", 1, 1, {})
        keeper.write("result.json", _json(result.model_dump()))
        keeper.clear()


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {"lethe": __version__, "python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def _json(value: Any) -> bytes:
    return (files.dumps(value, indent=1) + "\n").encode()
