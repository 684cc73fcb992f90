"""The settings that tell runs apart."""

from collections.abc import Sequence

from backends.api.runs import RunFolder


def differences(folders: Sequence[RunFolder]) -> list[tuple[RunFolder, str]]:
    """Each run with the settings that tell it from the others, as "layer 3, seed 1"; with nothing where none does, or it is alone."""
    if len(folders) < 2:
        return [(run, "") for run in folders]
    settings = [(run.result or {}).get("params", {}) | run.spec.params | {"seed": run.spec.seed} for run in folders]
    names = [
        name for name in dict.fromkeys(key for one in settings for key in one)
        if len({repr(one.get(name)) for one in settings}) > 1
    ]  # fmt: skip
    return [
        (run, ", ".join(f"{name.replace('_', ' ')} {one[name]}" for name in names if one.get(name) is not None))
        for run, one in zip(folders, settings, strict=True)
    ]
