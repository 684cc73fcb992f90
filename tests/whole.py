"""Files of a run folder that hold all they must, for tests that care about a part of them."""

from backends.api.results import Result
from backends.api.runs import State


def result(run_id="run", **fields):
    """result.json of a finished run, with these fields as given."""
    plain = {
        "run_id": run_id, "status": "done", "model": "m", "method": "fine_tune", "params": {}, "forget": ["x"], "keep": [],
        "seed": 0, "seconds": 1.0, "metrics": {}, "verdict": "It forgot.", "device": "cpu", "precision": "float32",
        "threads": 1, "versions": {}, "peak_memory": 1, "forget_count": 1, "forget_key": "",
    }  # fmt: skip
    return Result.model_validate(plain | fields).model_dump()


def state(status="done"):
    """state.json of a run in this state."""
    return State(status=status).model_dump()
