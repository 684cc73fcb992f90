"""What the papers' formulas give on small recorded tensors, in float64 and without a line of the product.

`python tests/fidelity/language_formulas.py` writes language.json beside this file: the weights of two small models, other
small tensors, and the expected numbers of every case. The tests compare the product with what is recorded.

The small model: h0 = the mean of E[token] over all tokens so far, h = h + D tanh(G h) in each of three layers, logits = H (n * h).
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PLACE = Path(__file__).with_name("language.json")
WORDS, WIDTH, UNITS, LAYERS = 13, 6, 8, 3
PAD, END, OPENING = 0, 10, 11  # OPENING stands between a question and its answer
FORGET = [("3 1", "4 1 5"), ("2", "7"), ("9 2 6", "5 3")]
KEEP = [("8", "9 7"), ("3 2 3", "8"), ("4 6", "2 6 4 3")]
WRONG = ["6 6", "1 2 3", "8"]
REPHRASED = ["1 3 3", "2 2", "9 6"]
REFUSAL = "7 9"
PAGES = ["3 1 4 1 5 9 2 6 5 3", "2 7 1 8 2 8", "1 6 1 8 3 3 9", "8 8 4", "5 7 7 2 1 5 6 6 4 9 1"]
Rows = list[tuple[list[int], int]]


def tokens(text: str) -> list[int]:
    return [int(digit) for digit in text.split()]


def row(question: str, answer: str) -> tuple[list[int], int]:
    """(question, opening, answer and end; how many of them nobody has to predict)."""
    asked = [*tokens(question), OPENING]
    return asked + tokens(answer) + [END], len(asked)


def rows(pairs: list[tuple[str, str]]) -> Rows:
    return [row(*pair) for pair in pairs]


# --- the model


def drawn(seed: int, *shape: int, spread: float = 1.0) -> Tensor:
    """Numbers that float32 holds exactly."""
    values = np.random.default_rng(seed).normal(size=shape) * spread
    return torch.tensor(np.round(values * 256) / 256, dtype=torch.float64)


def weights(seed: int) -> dict[str, Tensor]:
    made = {"base.embed.weight": drawn(seed, WORDS, WIDTH)}
    for at in range(LAYERS):
        made[f"base.layers.{at}.mlp.gate_proj.weight"] = drawn(seed + 1 + at, UNITS, WIDTH, spread=0.5)
        made[f"base.layers.{at}.mlp.down_proj.weight"] = drawn(seed + 11 + at, WIDTH, UNITS, spread=0.5)
    made["base.norm.weight"] = 1 + drawn(seed + 21, WIDTH, spread=0.25)
    made["head.weight"] = drawn(seed + 22, WORDS, WIDTH, spread=0.5)
    return made


def nearby(some: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {name: value + drawn(seed + at, *value.shape, spread=0.1) for at, (name, value) in enumerate(some.items())}


def so_far(h: Tensor) -> Tensor:
    """The mean of all rows up to each."""
    return h.cumsum(0) / torch.arange(1, len(h) + 1)[:, None]


def through(w: dict[str, Tensor], h: Tensor, moved=lambda at, a: a, layers: int = LAYERS) -> list[Tensor]:
    """States after each layer, from embeddings; `moved` may change what a gate says."""
    h, states = so_far(h), []
    for at in range(layers):
        gate = moved(at, h @ w[f"base.layers.{at}.mlp.gate_proj.weight"].T)
        h = h + gate.tanh() @ w[f"base.layers.{at}.mlp.down_proj.weight"].T
        states.append(h)
    return states


def logits(w: dict[str, Tensor], ids: list[int], **more) -> Tensor:
    return (through(w, w["base.embed.weight"][ids], **more)[-1] * w["base.norm.weight"]) @ w["head.weight"].T


def logs(said: Tensor) -> Tensor:
    return said - said.logsumexp(-1, keepdim=True)


def answer_logits(w: dict[str, Tensor], one: tuple[list[int], int], say=logits) -> tuple[Tensor, list[int]]:
    """(what is said where a word of the answer has to come, those words)."""
    ids, quiet = one
    return say(w, ids)[quiet - 1 : -1], ids[quiet:]


def each_nll(w: dict[str, Tensor], some: Rows, say=logits) -> Tensor:
    """Of each row, summed over its answer."""
    found = []
    for one in some:
        said, wanted = answer_logits(w, one, say)
        found.append(-logs(said)[range(len(wanted)), wanted].sum())
    return torch.stack(found)


def lengths(some: Rows) -> Tensor:
    return torch.tensor([len(ids) - quiet for ids, quiet in some], dtype=torch.float64)


def ce(w: dict[str, Tensor], some: Rows) -> Tensor:
    return each_nll(w, some).sum() / lengths(some).sum()


def log_sigma(x: Tensor) -> Tensor:
    return -(1 + (-x).exp()).log()


# --- losses that train: (loss on the forget set, loss on what is kept)


def npo(now, before, beta=0.1):
    return -2 / beta * log_sigma(beta * (each_nll(now, FORGOT) - each_nll(before, FORGOT))).mean()


def wagle_npo(now, before, beta=0.1):
    ratio = (each_nll(now, FORGOT) - each_nll(before, FORGOT)) / lengths(FORGOT)
    return -2 / beta * log_sigma(beta * ratio).mean()


def simnpo(now, beta=0.7, margin=2.0):
    return -2 / beta * log_sigma(beta * (each_nll(now, FORGOT) / lengths(FORGOT) - margin)).mean()


def dpo(now, before, beta=0.1):
    refused = rows([(question, REFUSAL) for question, _ in FORGET])
    chosen = each_nll(before, refused) - each_nll(now, refused)
    rejected = each_nll(before, FORGOT) - each_nll(now, FORGOT)
    return -2 / beta * log_sigma(beta * (chosen - rejected)).mean()


def kl(now, before):
    """KL(before || now), mean over the answers' tokens of what is kept."""
    found = []
    for one in HELD:
        was, own = (logs(answer_logits(w, one)[0]) for w in (before, now))
        found.append((was.exp() * (was - own)).sum(-1))
    return torch.cat(found).mean()


def ihl(now):
    found = []
    for one in FORGOT:
        said, wanted = answer_logits(now, one)
        p = logs(said).exp()
        for at, word in enumerate(wanted):
            found.append(1 + p[at, word] - max(p[at, other] for other in range(WORDS) if other != word))
    return torch.stack(found).mean()


def flat(now, divergence):
    refused = rows([(question, REFUSAL) for question, _ in FORGET])
    found = []
    for wanted, unwanted in zip(refused, FORGOT, strict=True):
        e, f = (
            logs(said).exp()[range(len(words)), words].mean()
            for said, words in (answer_logits(now, one) for one in (wanted, unwanted))
        )
        if divergence == "TV":
            found.append(-0.5 * torch.tanh(e) + 0.5 * torch.tanh(f))
        elif divergence == "KL":
            found.append(-e + torch.exp(f - 1))
        elif divergence == "JS":  # g(v) = log 2 - log(1 + e^-v); f*(g(v)) = -log(2 - e^g(v)) = log((1 + e^v) / 2)
            found.append(-(math.log(2) - torch.log(1 + torch.exp(-e))) - torch.log(2 - 2 / (1 + torch.exp(-f))))
        else:
            found.append(-e + f**2 / 4 + f)
    return torch.stack(found).mean()


def trained(w: dict[str, Tensor], loss) -> dict:
    """The loss and its gradient, clipped to a norm of 1."""
    leaves = {name: value.clone().requires_grad_(True) for name, value in w.items()}
    lost = loss(leaves)
    grads = torch.autograd.grad(lost, list(leaves.values()), allow_unused=True)
    named = {name: torch.zeros_like(w[name]) if g is None else g for name, g in zip(leaves, grads, strict=True)}
    norm = torch.sqrt(sum((g**2).sum() for g in named.values()))
    share = min(1.0, float(1 / norm))
    return {"loss": lost.detach(), "gradient": {name: g * share for name, g in named.items()}, "raw": named}


FORGOT, HELD = rows(FORGET), rows(KEEP)
KEEP_WEIGHT = 0.5
MU, SHARE, ALPHA, RATE, DECAY = 0.25, 0.5, 20.0, 1e-3, 0.01


def losses(before, now) -> dict:
    k = KEEP_WEIGHT
    refused = rows([(question, REFUSAL) for question, _ in FORGET])
    flipped = rows([(question, wrong) for (question, _), wrong in zip(FORGET, WRONG, strict=True)])
    found = {
        "npo": trained(now, lambda w: npo(w, before) + k * ce(w, HELD)),
        "npo none": trained(now, lambda w: npo(w, before)),
        "npo divergence": trained(now, lambda w: npo(w, before) + k * kl(w, before)),
        "simnpo": trained(now, lambda w: 0.5 * simnpo(w) + k * ce(w, HELD)),
        "grad_diff": trained(now, lambda w: -ce(w, FORGOT) + k * ce(w, HELD)),
        "kl_min": trained(now, lambda w: -ce(w, FORGOT) + k * kl(w, before)),
        "ascent": trained(now, lambda w: -ce(w, FORGOT)),
        "idk": trained(now, lambda w: ce(w, refused + HELD)),
        "dpo": trained(now, lambda w: dpo(w, before) + k * ce(w, HELD)),
        "ihl": trained(now, lambda w: ihl(w) + k * ce(w, HELD)),
        "random_labels_text": trained(now, lambda w: ce(w, flipped)),
        **{f"flat {d}": trained(now, lambda w, d=d: flat(w, d)) for d in ("TV", "KL", "JS", "Pearson")},
    }
    wagle = trained(now, lambda w: wagle_npo(w, before) + k * ce(w, HELD))
    pull, held = (trained(now, lambda w, part=part: ce(w, part))["raw"] for part in (FORGOT, HELD))
    score = {name: ((now[name] - held[name] / MU) * pull[name]).abs() for name in now}
    limit = torch.cat([one.flatten() for one in score.values()]).sort(descending=True).values
    count = int(SHARE * len(limit))
    assert limit[count - 1] > 1.001 * limit[count] > 0
    mask = {name: one > limit[count] for name, one in score.items()}
    found["wagle"] = wagle | {
        "gradient": {name: g * mask[name] for name, g in wagle["gradient"].items()},
        "mask": mask,
        "score": score,
    }
    step = trained(now, lambda w: ce(w, FORGOT))["gradient"]  # of AdamW, the first step
    tuned = {name: now[name] * (1 - RATE * DECAY) - RATE * g / (g.abs() + 1e-8) for name, g in step.items()}
    found["task_vector"] = {"weights": {name: now[name] - ALPHA * (tuned[name] - now[name]) for name in now}}
    for case in found.values():
        case.pop("raw", None)
    return found


# --- LoKU


def loku(now) -> dict:
    """FILA from Fisher informations of pairs of two, the square of the gradient of a batch's mean loss, weighed by tokens."""
    names = [name for name in now if "_proj" in name]

    def fisher(some: Rows) -> dict[str, Tensor]:
        total = {name: torch.zeros_like(now[name]) for name in names}
        for at in range(0, len(some), 2):
            part = some[at : at + 2]
            raw = trained(now, lambda w, part=part: ce(w, part))["raw"]
            for name in names:
                total[name] += lengths(part).sum() / lengths(some).sum() * raw[name] ** 2
        return total

    gone, held = fisher(FORGOT), fisher(HELD)
    made = {}
    for name in names:
        r = (gone[name] / (held[name] + 1e-5)).sum(1).sqrt().numpy()
        u, s, v = np.linalg.svd(r[:, None] * now[name].numpy(), full_matrices=False)
        half = np.sqrt(s / 2)
        made[name] = {"down": half[:, None] * v, "up": u * half / (r[:, None] + 1e-5)}
    return {"fisher forget": gone, "fisher keep": held, "factors": made, "loss": ihl(now) + KEEP_WEIGHT * ce(now, HELD)}


# --- what steers states


def uniform_draw(*shape: int) -> np.ndarray:
    """Stands for torch.rand where a case draws."""
    return ((np.arange(math.prod(shape)) * 7) % 11 + 1).reshape(shape) / 16


def rmu(before, now, layer=1, length=2.0) -> dict:
    def states(w, some):
        return torch.cat([through(w, w["base.embed.weight"][ids])[layer] for ids, _ in some])

    u = torch.tensor(uniform_draw(WIDTH))
    goal = length * states(before, FORGOT).norm(dim=-1).mean() * u / u.norm()
    away = ((states(now, FORGOT) - goal) ** 2).mean()
    held = ((states(now, HELD) - states(before, HELD)) ** 2).mean()
    return {"forget": away, "keep": held}


# --- guards


def uld(before) -> dict:
    """Losses of an assistant made of the first layer, and logits with alpha times its own taken off."""

    def say(w, ids):
        return (through(w, w["base.embed.weight"][ids], layers=1)[-1] * w["base.norm.weight"]) @ w["head.weight"].T

    known = FORGOT + [row(other, answer) for other, (_, answer) in zip(REPHRASED, FORGET, strict=True)]
    wrong = [row(question, answer) for (question, _), answer in zip(FORGET, WRONG, strict=True)]
    remember = each_nll(before, known, say).sum() / lengths(known).sum()

    def uniform(some):
        said = torch.cat([logs(answer_logits(before, one, say)[0]) for one in some])
        return (1 / WORDS * (math.log(1 / WORDS) - said)).sum(-1).mean()

    ids, top, alpha = FORGOT[0][0], 0.2, 1.5
    base, own = logs(logits(before, ids)), say(before, ids)
    rank = max(1, int(top * WORDS))
    threshold = torch.minimum(base.sort(-1, descending=True).values[:, rank - 1], base.amax(-1) + math.log(top))
    likely = base >= threshold[:, None]
    filtered = logits(before, ids) - alpha * own * likely
    return {"forget": remember, "keep": (uniform(wrong) + uniform(HELD)) / 2, "likely": likely, "logits": filtered}


def normal_draw(*shape: int) -> np.ndarray:
    """Stands for torch.randn where a case draws."""
    shape = shape[0] if isinstance(shape[0], tuple) else shape
    return ((np.arange(math.prod(shape)) * 5) % 9 - 4).reshape(shape) / 4


def eco(now, sigma=0.5, dims=4, rate=0.25) -> dict:
    """Noise on the embeddings of the name 3 1, or of all tokens of the question but the last; one zeroth-order step."""
    pattern = torch.tensor(normal_draw(256, dims))

    def disturbed(sigma):
        def say(w, ids):
            words = w["base.embed.weight"][ids].clone()
            question = list(range(ids.index(OPENING) + 1))
            name = [at for at in question if ids[at : at + 2] == [3, 1]]
            for at in [place for first in name for place in (first, first + 1)] or question[:-1]:
                words[at, :dims] += sigma * pattern[at]
            return (through(w, words)[-1] * w["base.norm.weight"]) @ w["head.weight"].T

        return say

    goal = (
        each_nll(now, (wrong := [row(q, a) for (q, _), a in zip(FORGET, WRONG, strict=True)])) / lengths(wrong)
    ).mean()

    def m(sigma):
        return abs((each_nll(now, FORGOT, disturbed(sigma)) / lengths(FORGOT)).mean() - goal)

    eps = 0.999 * sigma
    stepped = max(sigma, float(sigma - rate * (m(sigma + eps) - m(max(sigma - eps, 1e-8))) / (2 * eps)))
    return {
        "score": m(sigma), "sigma": stepped,
        "logits": [disturbed(stepped)(now, ids) for ids, _ in FORGOT],
    }  # fmt: skip


def gates(w, some: Rows) -> Tensor:
    """What each gate says of every token [layers, tokens, units]."""
    seen: list[list[Tensor]] = [[] for _ in range(LAYERS)]
    for ids, _ in some:
        through(w, w["base.embed.weight"][ids], moved=lambda at, a: (seen[at].append(a), a)[1])
    return torch.stack([torch.cat(one) for one in seen])


def neuron_adjust(now, share=25.0) -> dict:
    forget, keep = gates(now, FORGOT), gates(now, HELD)
    (mf, sf), (mr, sr) = ((one.mean(1), one.std(1, correction=0)) for one in (forget, keep))
    order = (mf - mr).flatten().sort(descending=True).indices[: int(share / 100 * LAYERS * UNITS)].sort().values
    draw = dict(zip(order.tolist(), uniform_draw(len(order)).tolist(), strict=True))

    def density(x, mean, std):
        return math.exp(-0.5 * ((x - mean) / std) ** 2) / std

    def moved(at, a):
        a = a.clone()
        for place in range(len(a)):
            for unit in range(UNITS):
                number = at * UNITS + unit
                if number not in draw:
                    continue
                x = float(a[place, unit])
                f, r = density(x, mf[at, unit], sf[at, unit]), density(x, mr[at, unit], sr[at, unit])
                if f >= r and f / (r + f) > draw[number]:  # to the retain distribution, then mirrored at its mean
                    mapped = mr[at, unit] + sr[at, unit] * (x - mf[at, unit]) / sf[at, unit]
                    a[place, unit] = 2 * mr[at, unit] - mapped
        return a

    return {"units": order, "logits": [logits(now, ids, moved=moved) for ids, _ in FORGOT]}


def key_space(now, size=0.6) -> dict:
    """The box mean +- h k s of the last layer's keys at the questions' last tokens, k by bisection as in the paper."""
    gate = "base.layers.2.mlp.gate_proj.weight"

    def keys(ids):
        return (through(now, now["base.embed.weight"][ids])[1] @ now[gate].T).tanh()

    every = torch.stack([keys(ids)[quiet - 1] for ids, quiet in FORGOT])
    mean, std = every.mean(0), every.std(0, correction=0)
    low, high = 0.0, 100.0
    for _ in range(200):
        middle = (low + high) / 2
        fits = bool(((every >= mean - middle * std) & (every <= mean + middle * std)).all())
        low, high = (low, middle) if fits else (middle, high)
    least, most = mean - size * high * std, mean + size * high * std
    inside = [((keys(ids) >= least) & (keys(ids) <= most)).all(-1) for ids, _ in FORGOT + HELD]
    return {"low": least, "high": most, "inside": inside}


# --- O3's gate


def shrunk(centred: np.ndarray) -> np.ndarray:
    """Covariance after Ledoit and Wolf (2004), the mean being 0; at least 1 % of it is round."""
    n, p = centred.shape
    s = centred.T @ centred / n
    mu = np.trace(s) / p
    d2 = ((s - mu * np.eye(p)) ** 2).sum() / p
    b2 = sum(((np.outer(x, x) - s) ** 2).sum() for x in centred) / n**2 / p
    share = max(0.01, min(b2, d2) / d2)
    return (1 - share) * s + share * mu * np.eye(p)


def o3(zeta=10.0) -> dict:
    from scipy.stats import norm
    from sklearn.svm import OneClassSVM

    own = drawn(70, 14, 2, 5).numpy() + 3
    held = own + drawn(71, 14, 2, 5, spread=0.4).numpy()
    other = drawn(72, 9, 2, 5).numpy() + 2.5

    def layer_scores(some):
        found = np.zeros((len(some), 2))
        for layer in range(2):
            bank = own[:, layer]
            inverse = np.linalg.inv(shrunk(bank - bank.mean(0)))
            for at, x in enumerate(some[:, layer]):
                off = x - bank.mean(0)
                cosine = max(x @ one / np.linalg.norm(x) / np.linalg.norm(one) for one in bank)
                found[at, layer] = cosine - off @ inverse @ off / 2 / 1000
        return found

    svm = OneClassSVM(kernel="linear", nu=0.1).fit(layer_scores(own))
    s_own, s_held, s_other = (svm.decision_function(layer_scores(some)) for some in (own, held, other))
    mean1, mean2, std = s_own.mean(), s_held.mean(), s_held.std()

    def cdf(x):
        return 0.5 * norm.cdf(x, mean1, std) + 0.5 * norm.cdf(x, mean2, std)

    sure = 1 - np.abs(cdf(s_other) - cdf(2 * (mean1 + mean2) / 2 - s_other))
    soft = 1 / (1 + np.exp(-(zeta * sure - 2)))
    steps = [1.2 if w > 0.9 else float(w) if 0.3 < w <= 0.4 else 0.0 for w in soft]
    first, last = (drawn(seed, 6, 4, 5) for seed in (73, 74))  # three layers of two modules, rank 4, 5 inputs
    apart = np.mean([sum(float(((first[at] @ last[at].T) ** 2).sum()) for at in (2 * i, 2 * i + 1)) for i in range(3)])
    return {
        "own": own, "held": held, "other": other, "layer scores": layer_scores(other), "scores": s_other,
        "centres": [mean1, mean2], "spread": std, "soft": soft, "steps": steps,
        "first": first, "last": last, "apart": apart,
    }  # fmt: skip


# --- a mixture of experts: h + sum over the k likeliest experts of their probability times D_i tanh(h)

EXPERTS, TOP = 4, 2


def mixture(seed: int) -> dict[str, Tensor]:
    made = {"base.embed.weight": drawn(seed, WORDS, WIDTH)}
    for at in range(2):
        made[f"base.layers.{at}.mlp.gate.weight"] = drawn(seed + 1 + at, EXPERTS, WIDTH)
        made[f"base.layers.{at}.mlp.experts.down_proj"] = drawn(seed + 11 + at, EXPERTS, WIDTH, WIDTH, spread=0.5)
    made["base.norm.weight"] = 1 + drawn(seed + 21, WIDTH, spread=0.25)
    made["head.weight"] = drawn(seed + 22, WORDS, WIDTH, spread=0.5)
    return made


def mixed(w: dict[str, Tensor], ids: list[int]) -> tuple[Tensor, list[Tensor]]:
    """(logits, router probabilities of each layer [tokens, experts])."""
    h, routed = so_far(w["base.embed.weight"][ids]), []
    for at in range(2):
        p = logs(h @ w[f"base.layers.{at}.mlp.gate.weight"].T).exp()
        kept = p * (p >= p.sort(-1, descending=True).values[:, TOP - 1 : TOP])
        made = torch.stack([h.tanh() @ one.T for one in w[f"base.layers.{at}.mlp.experts.down_proj"]], 1)
        h = h + (kept[..., None] * made).sum(1)
        routed.append(p)
    return (h * w["base.norm.weight"]) @ w["head.weight"].T, routed


def seuf(before, now, beta=0.1) -> dict:
    def say(w, ids):
        return mixed(w, ids)[0]

    affinity = torch.zeros(2, EXPERTS, dtype=torch.float64)
    for ids, _ in FORGOT:
        for at, p in enumerate(mixed(before, ids)[1]):
            kept = p * (p >= p.sort(-1, descending=True).values[:, TOP - 1 : TOP])
            affinity[at] += kept.mean(0) / len(FORGOT)
    layer, expert = divmod(int(affinity.argmax()), EXPERTS)

    def parts(w):
        gone = -2 / beta * log_sigma(beta * (each_nll(w, FORGOT, say) - each_nll(before, FORGOT, say))).mean()
        held = each_nll(w, HELD, say).sum() / lengths(HELD).sum()
        p = torch.cat([mixed(w, ids)[1][layer] for ids, _ in FORGOT])
        goal = torch.eye(EXPERTS, dtype=torch.float64)[expert]
        return gone, held, ((p - goal) ** 2).sum(-1).mean()

    gone, held, anchor = parts(now)
    raw = trained(now, lambda w: sum(parts(w)))["raw"]
    moving = {f"base.layers.{layer}.mlp.gate.weight", f"base.layers.{layer}.mlp.experts.down_proj"}
    moved = {name: g if name in moving else torch.zeros_like(g) for name, g in raw.items()}
    experts = f"base.layers.{layer}.mlp.experts.down_proj"
    moved[experts] = moved[experts] * (torch.arange(EXPERTS) == expert)[:, None, None]
    norm = torch.sqrt(sum((g**2).sum() for g in moved.values()))
    clipped = {name: g * min(1.0, float(1 / norm)) for name, g in moved.items()}
    return {
        "affinity": affinity, "layer": layer, "expert": expert, "forget": gone, "keep": held, "anchor": anchor,
        "gradient": clipped,
    }  # fmt: skip


# --- concept vectors and pages


def columns(before, now, wanted=(3, 7), count=5) -> dict:
    def spelled(w):
        head = w["head.weight"] * w["base.norm.weight"]
        return torch.stack([head @ w[f"base.layers.{at}.mlp.down_proj.weight"] for at in range(LAYERS)])

    said = spelled(before)  # [layers, words, columns]
    score = (said[:, list(wanted)].mean(1) - said.mean(1)) / said.std(1, correction=1)
    first = [one.sort(1, descending=True).indices[:, :count].transpose(1, 2) for one in (said, spelled(now))]
    shared = [
        [len({*a} & {*b}) / len({*a} | {*b}) for a, b in zip(x, y, strict=True)]
        for x, y in zip(*(one.tolist() for one in first), strict=True)
    ]
    a, b = (torch.stack([w[f"base.layers.{at}.mlp.down_proj.weight"].T for at in range(LAYERS)]) for w in (before, now))
    cosine = (a * b).sum(-1) / a.norm(dim=-1) / b.norm(dim=-1)
    order = score.flatten().sort(descending=True).indices
    return {
        "score": score, "best": [divmod(int(at), UNITS) for at in order[:3]], "jaccard": shared, "cosine": cosine,
        "ascent": {name: -g for name, g in trained(now, lambda w: ce(w, FORGOT))["raw"].items() if "down_proj" in name},
    }  # fmt: skip


def lowest(values: list[float], share: float) -> float:
    count = max(1, int(share * len(values)))
    return float(np.mean(sorted(values)[:count]))


def pages(now) -> dict:
    """Scores of running text: mean log-likelihood, Min-K% (Shi et al.), Min-K%++ (Zhang et al.), bytes when packed."""
    found: dict[str, list] = {"nll": [], "min 20": [], "min 40": [], "min 20 pp": [], "zlib": []}
    for text in PAGES:
        ids = tokens(text)
        said = logs(logits(now, ids[:-1]))
        own = [float(said[at, word]) for at, word in enumerate(ids[1:])]
        scaled = []
        for at, word in enumerate(ids[1:]):
            p = said[at].exp()
            mu = float((p * said[at]).sum())
            sigma = math.sqrt(float((p * (said[at] - mu) ** 2).sum()))
            scaled.append((float(said[at, word]) - mu) / sigma)
        found["nll"].append(-float(np.mean(own)))
        found["min 20"].append(lowest(own, 0.2))
        found["min 40"].append(lowest(own, 0.4))
        found["min 20 pp"].append(lowest(scaled, 0.2))
        found["zlib"].append(len(zlib.compress(text.encode())))
    return found


# --- the record


def made() -> dict:
    before = weights(100)
    now = nearby(before, 300)
    first = mixture(500)
    second = nearby(first, 700)
    return {
        "weights": {"before": before, "now": now, "mixture before": first, "mixture now": second},
        "losses": losses(before, now),
        "loku": loku(now),
        "rmu": rmu(before, now),
        "uld": uld(before),
        "eco": eco(now),
        "neuron_adjust": neuron_adjust(now),
        "key_space_detection": key_space(now),
        "o3": o3(),
        "seuf": seuf(first, second),
        "columns": columns(before, now),
        "pages": pages(now),
    }


def plain(thing):
    """Tensors as lists, numbers with nine digits."""
    if isinstance(thing, dict):
        return {name: plain(one) for name, one in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [plain(one) for one in thing]
    if isinstance(thing, (Tensor, np.ndarray)):
        return plain(thing.detach().tolist() if isinstance(thing, Tensor) else thing.tolist())
    return float(f"{float(thing):.9g}") if isinstance(thing, (float, np.floating)) else thing


if __name__ == "__main__":
    PLACE.write_text(json.dumps(plain(made())) + "\n")
