"""The metrics that an evaluation of each task produces."""

METRICS = {
    "detect": ("mAP50", "mAP50_95", "precision", "recall"),
    "classify": ("accuracy", "average_precision", "brier", "f1", "log_loss", "precision", "recall", "roc_auc"),
    "regress": ("mae", "mape", "r2", "rmse"),
}
