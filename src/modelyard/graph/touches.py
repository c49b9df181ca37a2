"""Which packages can change what a node makes: by kind, and by engine where a kind has one.

Only these count for a node's fingerprint, so that a new `mlflow` retrains nothing. Nodes that run the user's own code
can touch whatever their `runtime.packages` declare, and those count too.
"""

_TABLES = ("duckdb", "pandas", "pyarrow")
_IMAGES = ("numpy", "pillow")
_SCORES = ("matplotlib", "numpy", "onnxruntime", "scikit-learn")

TRAIN: dict[str, tuple[str, ...]] = {
    "ultralytics": ("numpy", "onnx", "opencv-python", "torch", "torchvision", "ultralytics"),
    "sklearn": ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skl2onnx"),
    "torch": ("numpy", "onnx", "pillow", "safetensors", "torch", "torchvision"),
    "command": (),
}
EVALUATE: dict[str, tuple[str, ...]] = {
    "ultralytics": (*_SCORES, "pillow"),
    "sklearn": (*_SCORES, "pandas", "pyarrow"),
    "torch": (*_SCORES, "pandas", "pillow", "pyarrow"),
    "command": (*_SCORES, "pandas", "pillow", "pyarrow"),
}
KINDS: dict[str, tuple[str, ...]] = {
    "command": (),
    "function": (),
    "ingest": (),
    "expect": ("great-expectations", "pandas", "pyarrow"),
    "features": _TABLES,
    "materialize": _TABLES,
    "join": _TABLES,
    "register": (),
    "serve": ("numpy", "onnxruntime", "pillow", "starlette", "uvicorn"),
    "monitor": ("evidently", "pandas", "pyarrow"),
    "tracking": ("mlflow",),
}
INGEST: dict[str, tuple[str, ...]] = {"files": (), "images": _IMAGES, "table": _TABLES}
RUNS_USER_CODE = frozenset({"command", "function"})
ENGINES_WITH_USER_CODE = frozenset({"torch", "command"})


def touched(kind: str, variant: str | None = None) -> tuple[str, ...]:
    """Packages by kind; `variant` is the engine of train, evaluate and tune, and the type of an ingested source."""
    if kind == "train":
        return TRAIN.get(variant or "", ())
    if kind == "tune":
        return (*TRAIN.get(variant or "", ()), *EVALUATE.get(variant or "", ()), "optuna")
    if kind == "evaluate":
        return EVALUATE.get(variant or "", _SCORES)
    if kind == "ingest":
        return INGEST.get(variant or "", ())
    return KINDS.get(kind, ())


def runs_user_code(kind: str, variant: str | None = None) -> bool:
    """Whether what a node runs is the user's own, so that any declared package may matter."""
    if kind in {"train", "tune"}:
        return variant in ENGINES_WITH_USER_CODE or variant not in TRAIN
    return kind in RUNS_USER_CODE
