"""What MLflow's own client sets is read without MLflow."""

import subprocess
import sys
from pathlib import Path

from modelyard.tracking.aliases import alias_versions
from modelyard.tracking.database import prepare_database


def test_aliases_are_as_mlflows_client_set_them(workshop):
    database = workshop.root / ".modelyard" / "mlflow.db"
    prepare_database(database)
    client = workshop.mlflow
    client.create_registered_model("late")
    for _ in range(2):
        client.create_model_version("late", str(workshop.root))
    assert alias_versions(database, "late") == {}
    client.set_registered_model_alias("late", "production", "2")
    assert alias_versions(database, "late") == {"production": 2}
    assert alias_versions(database, "other") == {}


def test_looking_leaves_nothing_behind_and_needs_no_mlflow(tmp_path: Path):
    database = tmp_path / "mlflow.db"
    prepare_database(database)
    look = (
        "import sys, pathlib; from modelyard.tracking.aliases import alias_versions; "
        f"assert alias_versions(pathlib.Path({str(database)!r}), 'late') == {{}}; assert 'mlflow' not in sys.modules"
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    subprocess.run([sys.executable, "-c", look], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_is_no_database_of_mlflow_tells_nothing(tmp_path: Path):
    assert alias_versions(tmp_path / "none.db", "late") is None
    (tmp_path / "text.db").write_text("no database" * 500)
    assert alias_versions(tmp_path / "text.db", "late") is None
