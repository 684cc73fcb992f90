"""Shared by the metrics of language models: likelihoods, ROUGE overlap and truth ratios, as TOFU computes them.

Where definitions differ, the one taken is named with the metric. The four kinds of questions: what is to be forgotten,
what is kept (the retain set), real authors, and facts of the world. Running text is what MUSE and RWKU measure.
Likelihoods are compared as logarithms, so that a model that has run away gives numbers, too.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..core.evidence import Evidence
from ..families.language.overlap import rouge_recall
from ..families.language.task import LanguageModel

TOFU = {
    "title": "Maini et al., TOFU: A Task of Fictitious Unlearning for LLMs, COLM 2024",
    "url": "https://arxiv.org/abs/2401.06121",
    "code": "https://github.com/locuslab/tofu",
}
MUSE = {
    "title": "Shi et al., MUSE: Machine Unlearning Six-Way Evaluation for Language Models, ICLR 2025",
    "url": "https://arxiv.org/abs/2407.06460",
    "code": "https://github.com/jaechan-repo/muse_bench",
}
RWKU = {
    "title": "Jin et al., RWKU: Benchmarking Real-World Knowledge Unlearning for Large Language Models, NeurIPS 2024",
    "url": "https://arxiv.org/abs/2406.10890",
    "code": "https://github.com/jinzhuoran/RWKU",
}
SEUF = {
    "title": "Zhuang et al., SEUF: Is Unlearning One Expert Enough for Mixture-of-Experts LLMs?, ACL 2025",
    "url": "https://arxiv.org/abs/2411.18797",
}
RETAIN_KINDS = ("retain", "real authors", "world facts")
LARGEST = 60.0  # log of the largest truth ratio
Floats = NDArray[np.float64]
Index = NDArray[np.int64]


def kind_mask(evidence: Evidence[LanguageModel], kind: str) -> NDArray[np.bool_]:
    """Mask of the questions of the suite that are of a kind, [n]."""
    return np.array([item.kind == kind for item in evidence.task.questions.suite])


def probability(evidence: Evidence[LanguageModel], kind: str) -> Floats:
    """Probability of the true answer of each question of a kind, [n] from 0 to 1: exp(-NLL a token); of real authors and world facts its
    share among true and wrong answers, by the same normalised likelihoods (TOFU's code; the paper has raw ones)."""
    where = kind_mask(evidence, kind)
    true = -evidence.outputs["answer"][where].astype(np.float64)
    if kind in ("forget", "retain"):
        return np.exp(true)
    every = np.column_stack((true, -evidence.outputs["wrong"][where].astype(np.float64)))
    return np.exp(true - _log_sum(every))


def log_truth_ratio(evidence: Evidence[LanguageModel], kind: str, geometric: bool = False) -> Floats:
    """log(wrong / right) of each question of a kind [n]: mean likelihood of the wrong answers over that of the right one.

    Right is the rephrased answer, for real authors and world facts the answer itself. Likelihoods are exp(-NLL a token).
    Their mean is arithmetic in TOFU's paper and in its model utility, `geometric` in the code of its forget quality.
    NaN where there is no wrong answer.
    """
    where = kind_mask(evidence, kind)
    right = -evidence.outputs["rephrased" if kind in ("forget", "retain") else "answer"][where].astype(np.float64)
    wrong = -evidence.outputs["wrong"][where].astype(np.float64)
    count = (~np.isnan(wrong)).sum(1)
    none = np.where(count, 0, np.nan)
    if geometric:
        average: Floats = np.nansum(wrong, 1) / np.maximum(count, 1)
    else:
        average = _log_sum(wrong) - np.log(np.maximum(count, 1))
    return np.asarray(none + average - right, np.float64)


def truth_ratio(evidence: Evidence[LanguageModel], kind: str) -> Floats:
    """Truth ratio, wrong / right with the arithmetic mean, of each question of a kind [n]; capped to stay finite."""
    return np.exp(np.minimum(log_truth_ratio(evidence, kind), LARGEST))


def _log_sum(logs: Floats) -> Floats:
    """log(sum(exp(logs))) of each row without its NaN; -inf of nothing."""
    if not logs.size:
        return np.full(len(logs), -np.inf)
    return np.asarray(logsumexp(np.where(np.isnan(logs), -np.inf, logs), axis=1), np.float64)


def rouge(evidence: Evidence[LanguageModel], kind: str) -> Floats:
    """ROUGE-L recall of the greedy response to each question of a kind, [n] from 0 to 1; with stemming."""
    indices = np.flatnonzero(kind_mask(evidence, kind))
    suite = evidence.task.questions.suite
    return np.array([rouge_recall(suite[index].pair.answer, str(evidence.outputs["said"][index])) for index in indices])


def page_indices(evidence: Evidence[LanguageModel], role: str) -> Index:
    """Indices of the running texts of a role: forget, retain, held out."""
    return np.array([index for index, page in enumerate(evidence.task.pages) if page.role == role], np.int64)


def auc(higher: Floats, lower: Floats) -> float:
    """AUC: share of pairs in which one of `higher` lies above one of `lower`, ties half; NaN where either is empty or holds NaN."""
    if not len(higher) or not len(lower) or np.isnan(higher).any() or np.isnan(lower).any():
        return float("nan")
    from scipy.stats import rankdata
    from sklearn.metrics import roc_auc_score

    ranks = rankdata(np.concatenate([higher, lower]))  # which keep order and ties, and are finite
    return float(roc_auc_score(np.repeat([1, 0], [len(higher), len(lower)]), ranks))


def mean(values: Floats) -> float:
    """Mean of values, NaN of none."""
    return float(np.mean(values)) if len(values) else float("nan")
