"""Prompts of which it is known how hard they are to erase: each moves by its own gain when its weights take a step.

The prediction of prompt i is gain_i W[:, i], at the start u_i with u_i = gain_i W[:, i]; without a prompt it is 0. A step of r against
the sign of a gradient moves every entry of W[:, i] by r, and so the prediction by gain_i r.
"""

from types import SimpleNamespace

import torch
from torch import nn

from backends.families.text_to_image.pipeline import Words
from backends.methods import worst_case_prompts
from backends.methods._drawing import Pool

WIDTH = 3


class Drawer(nn.Module):
    """One layer of cross-attention, where its pattern looks for it."""

    def __init__(self, start, gains):
        super().__init__()
        layer = nn.Linear(len(gains), WIDTH, bias=False)
        with torch.no_grad():
            layer.weight.copy_((start / gains[:, None]).T)
        self.unet = nn.ModuleDict({"block": nn.ModuleDict({"attn2": nn.ModuleDict({"to_v": layer})})})

    def predict(self, hidden):
        return self.unet["block"]["attn2"]["to_v"](hidden[:, 0])[:, :, None, None]


def searched(monkeypatch, gains, params, start=None, every=False):
    """What a search among prompts with these gains found; `every`: each step takes all prompts, whatever their weights."""
    gains = torch.as_tensor(gains, dtype=torch.get_default_dtype())
    count = len(gains)
    start = torch.ones(count, WIDTH) if start is None else start
    model, original = Drawer(start, gains), Drawer(start, gains).requires_grad_(False)
    hidden = (torch.eye(count) * gains)[:, None]
    said = original.predict(hidden)[None]
    tensors = {"x": 0 * said, "t": torch.zeros(1).long(), "which": torch.arange(count), "said": said, "free": 0 * said}
    monkeypatch.setattr(worst_case_prompts, "pool", lambda *given: Pool(tensors | {"clean": said[0]}))
    monkeypatch.setattr(
        worst_case_prompts, "encode_prompts", lambda *given: Words(hidden, torch.zeros(count, 1).long())
    )
    if every:
        rows = (tensors["x"][0], torch.zeros(count).long(), said[0], 0 * said[0], torch.arange(count))
        monkeypatch.setattr(worst_case_prompts, "weighted", lambda *given: rows)
    pipe = SimpleNamespace(kind="epsilon", predict=lambda model, x, t, words: model.predict(words.hidden))

    def steps(name, number):
        for at in range(number):
            torch.manual_seed(at)
            yield at

    run = SimpleNamespace(
        model=model, original=original, seed=0, cached=lambda name, make: make(), steps=steps, report=lambda *told: None,
        log=lambda **told: None, task=SimpleNamespace(pipe=pipe, drawing={"guidance": 1.0}),
    )  # fmt: skip
    names = [f"prompt {at}" for at in range(count)]
    return worst_case_prompts.search(run, names, max(1, round(params.share * count)), params)
