"""What the formulas of the papers on classifiers and drawing models come to, in plain numpy and float64.

Nothing of Lethe is imported here. `python tests/fidelity/vision_values.py` writes the inputs and the values into vision.npz, which
the tests beside it give to Lethe's own code; one test makes the values again and compares them with the file.

The classifier is linear, z = W x + b, and the "U-Net" is e = x + K h + (V h) x, by channel, with h the mean of the prompt's
embeddings after a linear text encoder E, so that every gradient can be written down.
"""

from pathlib import Path

import numpy as np
from scipy import linalg

FILE = Path(__file__).with_name("vision.npz")
DECAY, MOMENTUM = 5e-4, 0.9


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# --- the linear classifier; its weights are one vector, W row by row and then b


def answers(theta, x, classes=3):
    w, b = theta[: classes * x.shape[1]].reshape(classes, -1), theta[classes * x.shape[1] :]
    return x @ w.T + b


def back(slope, x):
    """Gradient of a loss over the weights, from that over the logits."""
    return np.concatenate([(slope.T @ x).ravel(), slope.sum(0)])


def ce(theta, x, y, weights=None):
    """Gradient over the weights of sum_i weights_i CE_i; the mean where no weights are given."""
    slope = softmax(answers(theta, x)) - np.eye(3)[y]
    return back(slope * (np.full(len(y), 1 / len(y)) if weights is None else weights)[:, None], x)


def kl(theta, x, teacher, temperature):
    """Gradient over the weights of T^2 KL(teacher || student) at temperature T, mean over the items."""
    slope = softmax(answers(theta, x) / temperature) - softmax(teacher / temperature)
    return back(temperature * slope / len(x), x)


class Sgd:
    """SGD with momentum and weight decay: v <- m v + g + wd theta, theta <- theta - rate v."""

    def __init__(self, nesterov=False):
        self.v, self.nesterov = None, nesterov

    def step(self, theta, slope, rate):
        slope = slope + DECAY * theta
        self.v = slope if self.v is None else MOMENTUM * self.v + slope
        return theta - rate * (slope + MOMENTUM * self.v if self.nesterov else self.v)


def cosine(rate, step, of):
    return rate * (1 + np.cos(np.pi * step / of)) / 2


def fine_tune(g):
    theta, sgd = g["theta"], Sgd()
    for step in range(3):
        theta = sgd.step(theta, ce(theta, g["xk"], g["yk"]), cosine(0.1, step, 3))
    return theta


def gradient_ascent(g):
    theta, sgd = g["theta"], Sgd()
    for _ in range(3):
        theta = sgd.step(theta, -ce(theta, g["xf"], g["yf"]), 0.01)
    return theta


def l1_sparse(g):
    """CE + a_t |theta|_1, a_t = alpha (1 - epoch / (E - without)), then 0."""
    theta, sgd = g["theta"], Sgd()
    for epoch in range(4):
        strength = 5e-3 * (1 - epoch / 3) if epoch < 3 else 0.0
        slope = ce(theta, g["xk"], g["yk"]) + strength * np.sign(theta)
        theta = sgd.step(theta, slope, cosine(0.1, epoch, 4))
    return theta


def relabel_slope(theta, g, labels, alpha):
    weights = np.where(g["is_forget"], 1.0, alpha) / len(labels)
    return ce(theta, g["x"], labels, weights)


def random_label(g):
    theta, sgd = g["theta"], Sgd()
    for step, labels in enumerate(g["drawn_labels"]):
        theta = sgd.step(theta, relabel_slope(theta, g, labels, 2.0), cosine(0.1, step, 3))
    return theta


def salun_mask(g, share=0.5):
    """1 for the half of all weights with the largest |sum over batches of the gradient of -CE|, one ranking."""
    parts = np.array_split(np.arange(len(g["yf"])), 2)
    score = np.abs(sum(-ce(g["theta"], g["xf"][rows], g["yf"][rows]) for rows in parts))
    mask = np.zeros(len(score), bool)
    mask[np.argsort(-score, kind="stable")[: int(share * len(score))]] = True
    return mask


def salun(g):
    """theta = m (theta_o + delta) + (1 - m) theta_o, held after every step."""
    theta, sgd, mask = g["theta"], Sgd(), salun_mask(g)
    for step, labels in enumerate(g["drawn_labels"]):
        moved = sgd.step(theta, mask * relabel_slope(theta, g, labels, 2.0), cosine(0.1, step, 3))
        theta, sgd.v = np.where(mask, moved, g["theta"]), sgd.v * mask
    return theta


def influence(g):
    """alpha H^-1 v by WoodFisher's recursion over all kept images, for every image that may come first, [kept, weights]."""
    forget, keep = len(g["yf"]), len(g["yk"])
    total = forget * ce(g["theta"], g["xf"], g["yf"]) / (forget + keep)
    v = total - keep * ce(g["theta"], g["xk"], g["yk"]) * forget / ((forget + keep) * keep)
    singles = np.array([ce(g["theta"], g["xk"][i : i + 1], g["yk"][i : i + 1]) for i in range(keep)])
    found = []
    for first in range(keep):
        k, o = v.copy(), singles[first].copy()
        for one in np.delete(singles, first, axis=0):
            s = o @ one
            k, o = k - (k @ one) / (keep + s) * o, o - s / (keep + s) * o
        found.append(g["theta"] + 0.7 * k)
    return np.array(found)


def ssd(g):
    """theta min(lambda I_D / I_f, 1) where I_f > alpha I_D, with I the mean over batches of the squared mean gradient."""

    def importance(x, y, batches):
        parts = np.array_split(np.arange(len(y)), batches)
        return np.mean([ce(g["theta"], x[rows], y[rows]) ** 2 for rows in parts], axis=0)

    forget, everything = importance(g["xf"], g["yf"], 2), importance(g["x"], g["y"], 5)
    shrunk = g["theta"] * np.minimum(0.9 * everything / forget, 1)
    return np.where(forget > 1.2 * everything, shrunk, g["theta"])


def scrub(g):
    """Passes that raise KL on the forget set, before each of the first passes that lower gamma CE + alpha KL on the rest."""
    theta, sgd = g["theta"], Sgd()
    teacher_f, teacher_k = answers(theta, g["xf"]), answers(theta, g["xk"])
    for epoch in range(3):
        if epoch < 2:
            theta = sgd.step(theta, -kl(theta, g["xf"], teacher_f, 4.0), 0.05)
        slope = 0.9 * ce(theta, g["xk"], g["yk"]) + 0.3 * kl(theta, g["xk"], teacher_k, 4.0)
        theta = sgd.step(theta, slope, 0.05)
    return theta


def bad_teacher(g):
    """KL to a network that knows nothing on the forget set, to the original on the rest."""
    teacher = np.where(g["is_forget"][:, None], answers(g["other_theta"], g["x"]), answers(g["theta"], g["x"]))
    theta, sgd = g["theta"], Sgd()
    for _ in range(3):
        theta = sgd.step(theta, kl(theta, g["x"], teacher, 1.0), 0.05)
    return theta


def forget_vector(g):
    """alpha l_r + beta l_f + lambda |delta| / B over delta, weights frozen; the step falls by 0.9 an epoch."""
    w, delta, sgd = g["theta"][:18].reshape(3, 6), np.zeros(6), Sgd()
    for epoch in range(4):
        z, y, n = answers(g["theta"], g["x"] + delta), g["y"], len(g["y"])
        rows = np.arange(n)
        others = np.where(np.eye(3, dtype=bool)[y], -np.inf, z)
        best = others.argmax(1)
        counts = z[rows, y] - z[rows, best] >= -0.4  # tau
        forget = np.zeros_like(z)
        forget[rows, y], forget[rows, best] = counts, -1.0 * counts
        retain = softmax(z) - np.eye(3)[y]
        slope = np.where(g["is_forget"][:, None], 3.0 * forget, 0.8 * retain) / n
        length = np.linalg.norm(delta)
        shrink = 0.5 * delta / length / n if length else 0.0
        delta = sgd.step(delta, (slope @ w).sum(0) + shrink, 0.2 * 0.9**epoch)
    return delta


def retrain(g):
    """SGD with Nesterov's momentum on what is kept, from new weights."""
    theta, sgd = g["other_theta"], Sgd(nesterov=True)
    for _ in range(2):
        theta = sgd.step(theta, ce(theta, g["xk"], g["yk"]), 0.1)
    return theta


def sign_steps(g):
    theta = g["theta"]
    for _ in range(2):
        theta = theta - 1e-2 * np.sign(ce(theta, g["xk"], g["yk"]))
    return theta


def worst_case(g):
    """Proj(w - rate (loss + 2 gamma w)) on 0 <= w <= 1, sum w = m: clip(w - mu, 0, 1), mu exact among its break points."""
    w = g["set_weights"] - 0.3 * (g["set_losses"] + 2 * 0.1 * g["set_weights"])
    breaks = np.sort(np.concatenate([w, w - 1]))
    sums = np.array([np.clip(w - mu, 0, 1).sum() for mu in breaks])  # falls with mu
    at = np.flatnonzero(sums >= 3)[-1]
    share = (sums[at] - 3) / (sums[at] - sums[at + 1])
    return np.clip(w - (breaks[at] + share * (breaks[at + 1] - breaks[at])), 0, 1)


# --- the linear drawer


def drawn(k, v, x, h):
    """e [n, c, i, j] of x and of the prompts' means h [n, d]."""
    return x + (h @ k.T)[:, :, None, None] + (h @ v.T)[:, :, None, None] * x


def over_weights(slope, x, h):
    """Gradients over K and V from that over e."""
    return np.array([slope.sum((2, 3)).T @ h, (slope * x).sum((2, 3)).T @ h])


def over_prompt(slope, k, v, x):
    """Gradient over h."""
    return slope.sum((2, 3)) @ k + (slope * x).sum((2, 3)) @ v


class Adam:
    """Adam; with `decay`, AdamW: theta is first made smaller by rate * decay."""

    def __init__(self, decay=0.0, betas=(0.9, 0.999)):
        self.decay, self.betas, self.m, self.s, self.count = decay, betas, 0.0, 0.0, 0

    def step(self, theta, slope, rate):
        one, two = self.betas
        self.count += 1
        self.m, self.s = one * self.m + (1 - one) * slope, two * self.s + (1 - two) * slope**2
        m, s = self.m / (1 - one**self.count), self.s / (1 - two**self.count)
        return theta * (1 - rate * self.decay) - rate * m / (np.sqrt(s) + 1e-8)


def scaled(slope, most=1.0):
    """A gradient with a norm of at most `most`."""
    return slope * min(1.0, most / np.linalg.norm(slope))


def mse(e, wanted):
    """Gradient over e of the mean squared difference."""
    return 2 * (e - wanted) / e.size


def esd(g, base):
    """e(x, c) to base - eta (e*(x, c) - e*(x)); the first form has e*(x) as its base, the later one e*(x, c)."""
    kv, adam = g["kv"], Adam()
    for step in range(2):
        x, h = g["x_t"][step], g["h_forget"][g["which"][step]]
        wanted = g[base][step] - 1.5 * (g["said"][step] - g["free"][step])
        kv = adam.step(kv, over_weights(mse(drawn(*kv, x, h), wanted), x, h), 0.01)
    return kv


def concept_ablation(g, wanted="anchor"):
    """|e(x, target) - sg e(x, anchor)|^2 summed over channels, plus keep_weight times the mean loss on what is kept."""
    kv, adam = g["kv"], Adam(0.01)
    for step in range(2):
        x, which = g["x_t"][step], g["which"][step]
        target, anchor = g["h_forget"][which], g["h_anchor"][which]
        aim = drawn(*kv, x, anchor) if wanted == "anchor" else g["truth"][step]
        e = drawn(*kv, x, target)
        slope = over_weights(2 * (e - aim) * e.shape[1] / e.size, x, target)
        x, h = g["x_keep"][step], g["h_keep"][g["which_keep"][step]]
        slope = slope + 0.7 * over_weights(mse(drawn(*kv, x, h), g["truth_keep"][step]), x, h)
        kv = adam.step(kv, scaled(slope), 0.01)
    return kv


def forget_me_not(g):
    """The norm of what is looked at on the concept's tokens, mean over rows; what is looked at is (K h) s, by token."""
    k, adam = g["kv"][0], Adam(0.01)
    for step in range(2):
        which = g["which"][step]
        h = g["h_forget"][which]
        look = h @ k.T
        marked = np.linalg.norm(g["token_weights"] * g["token_mask"][which], axis=1)
        slope = ((look / np.linalg.norm(look, axis=1, keepdims=True)) * marked[:, None] / len(h)).T @ h
        k = adam.step(k, slope, 0.01)
    return k


def looked(g):
    """The norm over places and the concept's tokens of what is looked at, mean over rows."""
    rows = g["h_forget"][g["which"][0]] @ g["kv"][0].T
    marked = g["token_weights"] * g["token_mask"][g["which"][0]]
    return np.array(np.mean([np.linalg.norm(np.outer(one, other)) for one, other in zip(rows, marked, strict=True)]))


def salun_scores(g):
    """|sum over the batches of the gradient of -|(1 + w) e(x, c) - w e(x) - noise|^2|, w 7.5."""
    kv, x, h, h0 = g["kv"], g["x_clean"], g["h_forget"][g["which_clean"]], g["h_empty"]
    total = 0.0
    for rows in (slice(0, 3), slice(3, 4)):
        one, none = h[rows], np.repeat(h0, len(x[rows]), 0)
        guided = 8.5 * drawn(*kv, x[rows], one) - 7.5 * drawn(*kv, x[rows], none)
        slope = -mse(guided, g["truth_clean"][rows])
        total = total + 8.5 * over_weights(slope, x[rows], one) - 7.5 * over_weights(slope, x[rows], none)
    return np.abs(total)


def salun_diffusion(g):
    """e(x, c_f) to sg e(x, c') and the usual loss on what is kept, within the half of the weights with the largest scores."""
    kv, score = g["kv"], salun_scores(g).ravel()
    mask = np.zeros(score.size, bool)
    mask[np.argsort(-score, kind="stable")[: score.size // 2]] = True
    mask, adam = mask.reshape(kv.shape), Adam()
    for step in range(2):
        x, which = g["x_t"][step], g["which"][step]
        target = g["h_forget"][which]
        slope = over_weights(mse(drawn(*kv, x, target), drawn(*kv, x, g["h_anchor"][which])), x, target)
        x, h = g["x_keep"][step], g["h_keep"][g["which_keep"][step]]
        slope = slope + 0.5 * over_weights(mse(drawn(*kv, x, h), g["truth_keep"][step]), x, h)
        kv = np.where(mask, adam.step(kv, mask * slope, 0.01), g["kv"])
        adam.m, adam.s = adam.m * mask, adam.s * mask
    return kv


def adv_unlearn(g):
    """min over E of ESD's loss under the prefix that Adam finds to bring e(c*) near to e_o(c), plus gamma times the rest."""
    (k, v), e, adam = g["kv"], g["encoder"], Adam()

    def mean_words(soft, words):
        return np.concatenate([soft, words], 1).mean(1)

    for step in range(2):
        which = g["which"][step]
        words, soft = g["words_forget"][which], np.zeros((len(which), 0, 3))
        if step >= 1:  # the first step is the warm-up
            soft, attacker = g["soft"][which], Adam()
            for turn in range(2):
                x = g["x_attack"][turn]
                mean = mean_words(soft, words)
                slope = 2 * (drawn(k, v, x, mean @ e.T) - g["said_attack"][turn]) / x[0].size
                inner = over_prompt(slope, k, v, x) @ e / (soft.shape[1] + words.shape[1])
                soft = attacker.step(soft, np.repeat(inner[:, None], soft.shape[1], 1), 0.05)
        x, mean = g["x_t"][step], mean_words(soft, words)
        wanted = g["free"][step] - 1.5 * (g["said"][step] - g["free"][step])
        slope = over_prompt(mse(drawn(k, v, x, mean @ e.T), wanted), k, v, x).T @ mean
        x, mean = g["x_keep"][step], g["words_keep"][g["which_keep"][step]].mean(1)
        rest = over_prompt(mse(drawn(k, v, x, mean @ e.T), g["truth_keep"][step]), k, v, x).T @ mean
        e = adam.step(e, slope + 0.3 * rest, 0.01)
    return e


def doco(g):
    """The discriminator first, then the generator against it, its gradient cleared tensor by tensor."""
    kv, judge = g["kv"], g["judge"]
    adam, learner = Adam(), Adam(betas=(0.5, 0.999))
    alpha, sigma = 0.8, 0.6
    for step in range(2):
        x, h = g["x_t"][step], g["h_forget"][g["which"][step]]
        fake = (x - sigma * drawn(*kv, x, h)) / alpha
        real = (x - sigma * g["said"][step]) / alpha

        def logit(clean, judge=judge):
            return np.einsum("nchw,c->nhw", clean, judge[:-1]) + judge[-1]

        change = 0.0
        for clean, label in ((real, 0.0), (fake, 1.0)):
            off = (sigmoid(logit(clean)) - label) / logit(clean).size
            change = change + np.concatenate([np.einsum("nhw,nchw->c", off, clean), [off.sum()]])
        judge = learner.step(judge, change, 0.05)
        out = logit(fake, judge)
        slope = (sigmoid(out) / out.size)[:, None] * judge[:-1][None, :, None, None] * (-sigma / alpha)
        away = scaled(over_weights(slope, x, h), 0.02)
        x2, h2 = g["x_keep"][step], g["h_keep"][g["which_keep"][step]]
        spare = scaled(over_weights(mse(drawn(*kv, x2, h2), g["truth_keep"][step]), x2, h2), 0.02)
        cleared = []
        for one, other in zip(away, spare, strict=True):
            dot = (one * other).sum()
            cleared.append(one - min(dot, 0.0) / (other**2).sum() * other)
        kv = adam.step(kv, np.array(cleared), 0.01)
    return np.concatenate([kv.ravel(), judge])


def discriminator_loss(g):
    """-log sigmoid of the logits where the label is 1, -log (1 - sigmoid) where it is 0, mean over patches."""
    logits = np.einsum("nchw,c->nhw", g["x_t"][0], g["judge"][:-1]) + g["judge"][-1]
    return np.array([-np.log(1 - sigmoid(logits)).mean(), -np.log(sigmoid(logits)).mean()])


def surgery(g):
    """What is left of the gradient: by projection, as the authors' code subtracts (the cosine), and without surgery."""
    a, b = g["away"], g["spare"]
    cos = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    return np.array([a - 0.8 * (a @ b) / (b @ b) * b, a - 0.8 * cos * b / np.linalg.norm(b), a + 0.1 * b])


def uce(g):
    """W = (sum a W_o g c^T + sum b W_o p p^T + l W_o) (sum a c c^T + sum b p p^T + l I)^-1."""
    w = g["uce_w"]
    left, right = 0.5 * w, 0.5 * np.eye(w.shape[1])
    for c, guide in zip(g["uce_asked"], g["uce_guides"], strict=True):
        left, right = left + 2.0 * np.outer(w @ guide, c), right + 2.0 * np.outer(c, c)
    for p in g["uce_kept"]:
        left, right = left + 0.3 * np.outer(w @ p, p), right + 0.3 * np.outer(p, p)
    return left @ np.linalg.inv(right)


def sfd(g):
    """(real - fake) ((real - drawn) - alpha (real - fake)) / omega, summed over entries; kept mean + weight forgotten mean."""
    found = []
    for real, fake, x in zip(g["sid_real"], g["sid_fake"], g["sid_drawn"], strict=True):
        omega = np.abs(real - x).mean()
        found.append(((real - fake) * ((real - x) - 1.2 * (real - fake))).sum() / omega)
    return np.array([*found, np.mean(found[:2]) + 0.4 * np.mean(found[2:])])


# --- metrics


def accuracies(g):
    """UA, RA, TA, accuracy on the forgotten class's test images, mean of the classes', of the neighbours, in percent."""
    said = {name: g[f"z_{name}"].argmax(1) == g[f"y_{name}"] for name in ("forget", "retain", "test", "gone")}
    both, labels = np.concatenate([said["test"], said["gone"]]), np.concatenate([g["y_test"], g["y_gone"]])
    near = g["y_test"] == 1
    return 100 * np.array(
        [
            1 - said["forget"].mean(), said["retain"].mean(), said["test"].mean(), said["gone"].mean(),
            np.mean([both[labels == one].mean() for one in range(3)]), said["test"][near].mean(),
        ]
    )  # fmt: skip


def average_gap(g):
    """Mean of |method - retrained| over UA, RA, TA, MIA."""
    return np.array(np.abs(g["four_after"] - g["four_again"]).mean())


def true_share(z, y):
    return softmax(z)[np.arange(len(y)), y]


def mia_efficacy(g):
    """TN / |Df| of an RBF SVM (C 3, gamma auto) on the true class's probability; members the first |Dt| retain items."""
    from sklearn.svm import SVC

    score = {name: true_share(g[f"z_{name}"], g[f"y_{name}"])[:, None] for name in ("forget", "retain", "test")}
    members, others = score["retain"][: len(score["test"])], score["test"]
    labels = [1] * len(members) + [0] * len(others)
    attacker = SVC(C=3, gamma="auto", kernel="rbf").fit(np.concatenate([members, others]), labels)
    return np.array(100 * (attacker.predict(score["forget"]) == 0).mean())


def threshold_attack(members, others, asked):
    """Percent of `asked` below the line that tells members (high) from others best, every line between two scores tried."""
    seen = np.unique(np.concatenate([members, others]))
    lines = (seen[1:] + seen[:-1]) / 2
    right = [((members >= line).mean() + (others < line).mean()) / 2 for line in lines]
    line = lines[int(np.argmax(right))]
    return np.array([100 * (asked < line).mean(), 100 * max(right)])


def mia_confidence(g):
    return threshold_attack(*(true_share(g[f"z_{name}"], g[f"y_{name}"]) for name in ("retain", "test", "forget")))


def mia_entropy(g):
    """The same with minus the entropy -sum p log p."""
    p = {name: softmax(g[f"z_{name}"]) for name in ("retain", "test", "forget")}
    return threshold_attack(*((p[name] * np.log(p[name])).sum(1) for name in p))


def fid(g):
    """|mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), covariances with n - 1."""
    one, two = g["features_drawn"], g["features_real"]
    c1, c2 = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    root = linalg.sqrtm(c1 @ c2).real
    return np.array(((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * root))


def clip_score(g):
    """Mean of max(100 cos, 0) over the pictures that do not ask for the target."""
    cos = (g["clip_image"] * g["clip_text"]).sum(1)
    cos = cos / np.linalg.norm(g["clip_image"], axis=1) / np.linalg.norm(g["clip_text"], axis=1)
    return np.array(np.mean([max(100 * one, 0) for one, asks in zip(cos, g["clip_asks"], strict=True) if not asks]))


def weights_changed(g):
    """Percent of the numbers that are others than before."""
    return np.array(100 * (g["weights_after"] != g["weights_before"]).mean())


VALUES = {
    "fine_tune": fine_tune, "gradient_ascent": gradient_ascent, "l1_sparse": l1_sparse, "random_label": random_label,
    "salun_mask": salun_mask, "salun": salun, "influence": influence, "ssd": ssd, "scrub": scrub, "bad_teacher": bad_teacher,
    "forget_vector": forget_vector, "retrain": retrain, "sign_steps": sign_steps, "worst_case": worst_case,
    "esd": lambda g: esd(g, "free"), "esd_from_concept": lambda g: esd(g, "said"), "concept_ablation": concept_ablation,
    "concept_ablation_noise": lambda g: concept_ablation(g, "noise"), "forget_me_not": forget_me_not, "looked": looked, "salun_scores": salun_scores,
    "salun_diffusion": salun_diffusion, "adv_unlearn": adv_unlearn, "doco": doco, "surgery": surgery,
    "discriminator_loss": discriminator_loss, "uce": uce, "sfd": sfd, "accuracies": accuracies, "average_gap": average_gap,
    "mia_efficacy": mia_efficacy, "mia_confidence": mia_confidence, "mia_entropy": mia_entropy, "fid": fid,
    "clip_score": clip_score, "weights_changed": weights_changed,
}  # fmt: skip


def given():
    """The inputs, drawn once: 24 items of 6 numbers and 3 classes, 9 of them to forget; prompts, latents, answers, features."""
    rng = np.random.default_rng(7)
    n = rng.normal
    y = rng.integers(3, size=24)
    x = n(size=(24, 6)) + 0.8 * np.eye(6)[y]
    is_forget = np.zeros(24, bool)
    is_forget[rng.permutation(24)[:9]] = True
    g = {"x": x, "y": y, "is_forget": is_forget, "theta": 0.5 * n(size=21), "other_theta": 0.5 * n(size=21)}
    g |= {"xf": x[is_forget], "yf": y[is_forget], "xk": x[~is_forget], "yk": y[~is_forget]}
    drawn_labels = [np.where(is_forget, rng.integers(3, size=24), y) for _ in range(3)]
    g |= {
        "drawn_labels": np.array(drawn_labels),
        "set_weights": rng.uniform(size=8),
        "set_losses": rng.exponential(size=8),
    }
    shape = (3, 2, 2, 2)  # rows, channels, places
    for name in ("x_t", "said", "free", "truth", "x_keep", "truth_keep", "x_attack", "said_attack"):
        g[name] = n(size=(2, *shape))
    g |= {"x_clean": n(size=(4, 2, 2, 2)), "truth_clean": n(size=(4, 2, 2, 2)), "which_clean": np.array([0, 1, 0, 1])}
    g |= {"which": rng.integers(2, size=(2, 3)), "which_keep": rng.integers(3, size=(2, 3))}
    g |= {"kv": 0.5 * n(size=(2, 2, 3)), "encoder": np.eye(3) + 0.2 * n(size=(3, 3)), "soft": n(size=(2, 1, 3))}
    g |= {"words_forget": n(size=(2, 4, 3)), "words_anchor": n(size=(2, 4, 3)), "words_keep": n(size=(3, 4, 3))}
    g |= {"words_empty": n(size=(1, 4, 3))}
    for name in ("forget", "anchor", "keep", "empty"):
        g[f"h_{name}"] = g[f"words_{name}"].mean(1) @ g["encoder"].T
    g |= {"token_weights": rng.uniform(0.2, 1, size=4), "token_mask": np.array([[0, 1, 1, 0], [0, 1, 0, 1]], bool)}
    away = n(size=6)
    g |= {"judge": n(size=3), "away": away, "spare": n(size=6) - away}
    g |= {
        "uce_w": n(size=(4, 5)),
        "uce_asked": n(size=(3, 5)),
        "uce_guides": n(size=(3, 5)),
        "uce_kept": n(size=(6, 5)),
    }
    g |= {f"sid_{name}": n(size=(4, 2, 2, 2)) for name in ("real", "fake", "drawn")}
    for name, count, sure in (("forget", 30, 1.0), ("retain", 60, 3.0), ("test", 40, 1.5), ("gone", 12, 0.5)):
        labels = np.full(count, 2) if name in ("forget", "gone") else rng.integers(2, size=count)
        g |= {f"y_{name}": labels, f"z_{name}": n(size=(count, 3)) + sure * np.eye(3)[labels]}
    g |= {"four_after": rng.uniform(0, 100, 4), "four_again": rng.uniform(0, 100, 4)}
    g |= {"features_drawn": n(size=(20, 3)), "features_real": n(size=(30, 3)) + 0.5}
    g |= {"clip_image": n(size=(8, 5)), "clip_text": n(size=(8, 5)), "clip_asks": rng.uniform(size=8) < 0.3}
    before = n(size=40)
    g |= {"weights_before": before, "weights_after": np.where(rng.uniform(size=40) < 0.4, before, before + 1e-6)}
    return g


def values(inputs):
    """Every value, by name."""
    return {name: np.asarray(make(inputs)) for name, make in VALUES.items()}


if __name__ == "__main__":
    inputs = given()
    np.savez_compressed(FILE, **inputs, **{f"value {name}": value for name, value in values(inputs).items()})
