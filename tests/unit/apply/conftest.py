from collections.abc import Iterator
from pathlib import Path

import pytest
from apply_fakes import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard.at(tmp_path)
    yield made
    made.state.close()
