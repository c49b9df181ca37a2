"""Metrics of a classifier, from class indices and probabilities, by scikit-learn's definitions."""

import numpy as np
from sklearn import metrics as sk


def classification_metrics(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """`accuracy`, `f1`, `precision`, `recall`, `log_loss`, `brier`, and `roc_auc`, `average_precision` where defined.

    `truth` (n,) holds indices into the columns of `probabilities` (n, classes). With two classes, precision, recall
    and f1 are the second class's; with more they are averaged over the classes that occur. A row whose class the
    model does not know has the index -1: it counts as wrong, and the scores of probabilities leave it out.
    """
    count = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    binary = count == 2
    average = {"average": "binary", "pos_label": 1} if binary and set(truth) <= {0, 1} else {"average": "macro"}
    found = {
        "accuracy": float(np.mean(truth == predicted)),
        "precision": sk.precision_score(truth, predicted, zero_division=0, **average),
        "recall": sk.recall_score(truth, predicted, zero_division=0, **average),
        "f1": sk.f1_score(truth, predicted, zero_division=0, **average),
    }
    known = truth >= 0
    if known.any():
        found |= _probability_metrics(truth[known], probabilities[known])
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _probability_metrics(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    count = probabilities.shape[1]
    chance = np.clip(probabilities[np.arange(len(truth)), truth], 1e-15, 1)
    hot = np.eye(count)[truth]
    squared = np.sum((probabilities - hot) ** 2, axis=1)
    found = {"log_loss": float(-np.log(chance).mean()), "brier": float(squared.mean()) / (2 if count == 2 else 1)}
    present = np.unique(truth)
    if count == 2 and len(present) == 2:
        found["roc_auc"] = sk.roc_auc_score(truth, probabilities[:, 1])
        found["average_precision"] = sk.average_precision_score(truth, probabilities[:, 1])
    elif count > 2 and len(present) > 1:
        # One against the rest, over the classes that occur: scikit-learn's own multi-class form refuses absent ones.
        found["roc_auc"] = float(np.mean([sk.roc_auc_score(truth == one, probabilities[:, one]) for one in present]))
    return found
