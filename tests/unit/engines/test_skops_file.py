"""The same estimator is the same file, on whatever machine it was fitted."""

import numpy as np
import pytest

from modelyard.engines.skops_file import write_skops

pytest.importorskip("skops")


def test_the_threads_of_the_machine_that_fitted_it_are_not_in_the_file(tmp_path):
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    rows = np.random.default_rng(7).normal(size=(80, 2))
    digests = set()
    for threads in (1, 2, 16):
        model = HistGradientBoostingClassifier(max_iter=2, random_state=1).fit(rows, rows[:, 0] > 0)
        model._bin_mapper.n_threads = threads
        digests.add(write_skops(Pipeline([("model", model)]), tmp_path / "model.skops"))
    assert len(digests) == 1
    trusted = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    loaded = skops.io.load(tmp_path / "model.skops", trusted=trusted)
    assert (loaded.predict(rows) == model.predict(rows)).all()
