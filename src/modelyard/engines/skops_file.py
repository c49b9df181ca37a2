"""A fitted scikit-learn estimator as a skops file: no pickle, and the same bytes for the same estimator.

skops names things by their place in memory and stamps the time; here they are numbered in order of appearance and the
time is fixed, so that a rerun that finds the same model makes the same digest.
"""

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelyard.digests import digest_file

_ID = re.compile(r'("__id__": |"file": ")(\d+)')


def write_skops(estimator: Any, path: Path) -> str:
    """Write the estimator and give the file's digest."""
    with _without_torch():
        import skops.io

    _forget_machine(estimator)
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as source:
        schema = source.read("schema.json").decode()
        names = {number: str(index) for index, number in enumerate(dict.fromkeys(m[1] for m in _ID.findall(schema)))}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            _put(target, "schema.json", _ID.sub(lambda found: found[1] + names[found[2]], schema).encode())
            for name in sorted(source.namelist(), key=lambda name: int(names.get(name.split(".")[0], "-1"))):
                if name != "schema.json":
                    stem, dot, suffix = name.partition(".")
                    _put(target, names.get(stem, stem) + dot + suffix, source.read(name))
    return digest_file(path)


def _forget_machine(estimator: Any) -> None:
    """Histogram boosting keeps how many threads it was fitted with; None is as many as there are where it predicts."""
    for part in (estimator, *(step for _, step in getattr(estimator, "steps", ()))):
        mapper: Any = getattr(part, "_bin_mapper", None)
        if hasattr(mapper, "n_threads"):
            mapper.n_threads = None


@contextmanager
def _without_torch() -> Iterator[None]:
    """skops looks through all of scikit-learn as it is imported, and that loads PyTorch where it finds it: seconds."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch"]


def _put(target: zipfile.ZipFile, name: str, content: bytes) -> None:
    target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
