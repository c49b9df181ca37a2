"""A small workshop for what learns: real data in folders, a store, and steps run on them."""

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from modelyard.steps import STEPS
from modelyard.steps.base import StepContext, StepResult
from modelyard.store import Store
from modelyard.task import TaskDocument

HERE = Path(__file__).parent
HEAVY = ("engines", "evaluation", "tracking")
LONG = (
    "test_flights_in_cluster", "test_torchrun", "test_kubernetes_contract", "test_handover", "test_flights",
    "test_learning", "test_digits", "test_wheel", *HEAVY, "steps", "targets", "cli", "serving",
)  # fmt: skip

if "PYTEST_XDIST_WORKER" in os.environ:  # threads of several processes on the same cores spend their time waiting
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One more than there are cores: a test that waits for a process or a clock leaves its core to another."""
    from xdist.plugin import pytest_xdist_auto_num_workers as cores

    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else int(cores(config)) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file a worker, but one worker for all that imports torch, scikit-learn or MLflow: seconds, each time anew."""
    from xdist.scheduler import LoadFileScheduling

    class ByImports(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "heavy" if set(HEAVY) & set(Path(file).parts) else file

    return ByImports(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Folders of which every test is deselected are not read: each worker would import them for nothing."""
    marks = {name for name in ("e2e", "docker") if f"not {name}" in config.option.markexpr}
    return True if collection_path.parent == HERE and collection_path.name in marks else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: begun last, it would leave the other cores with nothing to do."""

    def place(item: pytest.Item) -> int:
        words = {*item.path.parts, item.path.stem}
        return next((number for number, word in enumerate(LONG) if word in words), len(LONG))

    items.sort(key=place)


@dataclass
class Workshop:
    """`table` and `scenes` make data folders; `step` runs a step on folders, as the runtime would."""

    root: Path
    store: Store
    tracking: dict[str, Any] = field(default_factory=dict)
    events: list[Mapping[str, Any]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)

    def table(self, name: str = "train", rows: int = 600, seed: int = 1, drop: tuple[str, ...] = ()) -> Path:
        """Flights that never were: numbers and categories with gaps, `late` (bool) and `delay` (float) to tell."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        random = np.random.default_rng(seed)
        temperature = np.where(random.random(rows) < 0.15, np.nan, random.normal(10, 8, rows))
        distance = random.integers(100, 3000, rows)
        carrier = random.choice(["AA", "B6", "UA", None], rows)
        delay = distance / 200 + np.where(carrier == "AA", 12, 0) + random.normal(0, 2, rows)
        columns = {
            "air temp": pa.array(temperature, from_pandas=True),
            "distance": distance,
            "carrier": pa.array(carrier.tolist(), pa.string()),
            "delay": delay,
            "late": delay > 14,
        }
        folder = self.root / "data" / name
        folder.mkdir(parents=True)
        pq.write_table(
            pa.table({key: value for key, value in columns.items() if key not in drop}), folder / "data.parquet"
        )
        return folder

    def scenes(self, name: str = "train", count: int = 8, seed: int = 1, size: int = 96) -> Path:
        """Pictures of bright squares (class 0) and dark discs (class 1) on grey, with YOLO labels."""
        import numpy as np
        from PIL import Image, ImageDraw

        random = np.random.default_rng(seed)
        folder = self.root / "data" / name
        (folder / "images").mkdir(parents=True)
        (folder / "labels").mkdir()
        for number in range(count):
            image = Image.new("RGB", (size, size), (120, 120, 120))
            pen, lines = ImageDraw.Draw(image), []
            for kind, left in ((0, 4), (1, size // 2)):
                side = int(random.integers(size // 5, size // 3))
                x, y = left + int(random.integers(0, size // 8)), int(random.integers(0, size - side))
                draw = pen.rectangle if kind == 0 else pen.ellipse
                draw([x, y, x + side - 1, y + side - 1], fill=(240, 240, 240) if kind == 0 else (10, 10, 10))
                box = ((x + side / 2) / size, (y + side / 2) / size, side / size, side / size)
                lines.append(" ".join([str(kind), *(f"{value:.6f}" for value in box)]))
            image.save(folder / "images" / f"{number:03d}.png")
            (folder / "labels" / f"{number:03d}.txt").write_text("\n".join(lines) + "\n")
        (folder / "dataset.json").write_text(json.dumps({"count": count, "classes": ["square", "disc"], "bytes": 0}))
        return folder

    def context(
        self, address: str, kind: str, config: Mapping[str, Any], inputs: Mapping[str, Path], outputs: tuple[str, ...],
        workdir: Path | None = None,
    ) -> StepContext:  # fmt: skip
        number = next(self._numbers)
        work = workdir or self.root / "work" / f"{number:02d}"
        folders = {name: self.root / "outputs" / f"{number:02d}" / name for name in outputs}
        for folder in [*folders.values(), work]:
            folder.mkdir(parents=True, exist_ok=True)
        artifacts = {port: self.store.put_tree(folder) for port, folder in inputs.items()}
        document = TaskDocument(
            project="workshop", root=str(self.root), node={"address": address, "kind": kind, "config": dict(config)},
            fingerprint=f"b3:{number}", run_id=f"r{number}", inputs=artifacts, store={}, workdir=str(work),
            result=str(work / "result.json"), tracking=self.tracking, git={"commit": "c0ffee"},
        )  # fmt: skip
        return StepContext(
            document, address, kind, config, inputs, folders, self.root, work, self.store, self.events.append
        )

    def step(self, *args: Any, **kwargs: Any) -> tuple[StepResult, Mapping[str, Path]]:
        context = self.context(*args, **kwargs)
        module, name = STEPS[context.kind].split(":")
        return getattr(import_module(module), name)(context), context.outputs

    @property
    def mlflow(self) -> Any:
        """MLflow's own client on the workshop's records. It takes seconds to import: not where tests are collected."""
        from mlflow import MlflowClient

        uri = f"sqlite:///{self.root}/.modelyard/mlflow.db"
        return MlflowClient(uri, uri)

    def texts(self, event: str) -> list[str]:
        return [str(one.get("text", "")) for one in self.events if one["event"] == event]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path)


@pytest.fixture(scope="module")
def shared_workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One for all tests of a file: for work that costs seconds and that they only look at."""
    return open_workshop(tmp_path_factory.mktemp("workshop"))


def open_workshop(root: Path) -> Workshop:
    return Workshop(root, Store.open({"path": ".modelyard/store"}, root))
