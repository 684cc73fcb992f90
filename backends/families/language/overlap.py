"""Overlap of words between a response and the truth: ROUGE-L."""

from functools import cache, lru_cache
from typing import Any


@lru_cache(maxsize=4096)  # the models of a run give many equal responses
def rouge_recall(truth: str, response: str) -> float:
    """ROUGE-L recall: longest common subsequence of words over the words of the truth; with stemming, as in TOFU."""
    return float(_scorer(True).score(truth, response)["rougeL"].recall)


@lru_cache(maxsize=4096)
def rouge_f1(truth: str, response: str) -> float:
    """ROUGE-L F1: harmonic mean of recall and precision of the longest common subsequence; without stemming, as in MUSE."""
    return float(_scorer(False).score(truth, response)["rougeL"].fmeasure)


@cache
def _scorer(stemming: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=stemming)
