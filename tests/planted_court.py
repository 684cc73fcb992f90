"""Outcomes of attacks as models of a known kind would give them, for the court to be tried with.

Items differ in difficulty, models in strength, and each seed is drawn again: what a model has of an item is right or wrong by chance.
"""

import numpy as np

from backends.api.attacked import Attacked

# attack and kind: what a model that never saw it still gets, as measured on the small models that come along
NEVER_SAW = {"plain": 0.003, "ask": 0.005, "sample": 0.01, "relearn": 0.02, "inside": 0.01}
KNOWS, KEEPS = 0.97, 0.93


def outcomes(chance, level, difficulty, models, seeds, spread):
    """[models, seeds, 1, items] of 0 and 1, a share of about `level`."""
    strength = chance.normal(0, spread, (models, 1, 1, 1))
    odds = np.log(level / (1 - level)) if 0 < level < 1 else np.inf * (level - 0.5)
    right = 1 / (1 + np.exp(-(odds + strength + difficulty)))
    return (chance.random((models, seeds, 1, len(difficulty))) < right).astype(np.float32)


def recalled(chance, levels, items, references, seeds, spread):
    """By when, for one test; `levels` of original, unlearned, reference."""
    difficulty = chance.normal(0, 1, items)
    before, after = (outcomes(chance, level, difficulty, 1, seeds, spread)[0] for level in levels[:2])
    values = {"before": before, "after": after}
    if references:
        values["reference"] = outcomes(chance, levels[2], difficulty, references, seeds, spread)
    return values


def planted(
    seed=0, unlearned=None, original=KNOWS, floor=NEVER_SAW, items=140, references=5, seeds=1, spread=0.3, keeps=KEEPS, broken=0.01,
    kept_items=200, **more,
):  # fmt: skip
    """Five tests of a run.

    Args:
        seed: of all chance.
        unlearned: what the unlearned model gets by kind; left out, what the reference gets.
        original: what the original gets, a share or by kind.
        floor: what the reference gets, by kind.
        items, references, seeds, kept_items: how many.
        spread: of the strength of models, in log odds.
        keeps: what the unlearned model keeps; the others keep `KEEPS`.
        broken: share of the unlearned model's answers that are none.
        more: fields of each `Attacked`.
    """
    chance = np.random.default_rng(seed)
    tests = []
    for kind, level in floor.items():
        knows = original[kind] if isinstance(original, dict) else original
        levels = (knows, (unlearned or floor).get(kind, level), level)
        kept = recalled(chance, (KEEPS, keeps, KEEPS), kept_items, references, 1, spread / 3) if kind == "plain" else {}
        told = {"after": broken, "before": 0.01} | ({"reference": 0.01} if references else {})
        tests.append(
            attacked(kind, recalled(chance, levels, items, references, seeds, spread), kept, broken=told, **more)
        )
    return tests


def attacked(kind, values, kept=None, attack="", **more):
    """One test of one place, from [..., seeds, 1, items]."""
    items = [f"item {number}" for number in range(values["before"].shape[-1])]
    return Attacked(
        attack=attack or kind, kind=kind, x=[0.0], x_title="", recalled=values, items=items, noun="facts", kept=kept or {}, **more
    )  # fmt: skip


def exactly(kind, before, after, reference=None, items=15, references=5, **more):
    """One test in which so many of the items are right, the first ones, for every seed and reference."""

    def first(count):
        return (np.arange(items) < count).astype(np.float32)[None, None]

    values = {"before": first(before), "after": first(after)}
    if reference is not None:
        values["reference"] = np.stack([first(reference)] * references)
    return attacked(kind, values, **more)
