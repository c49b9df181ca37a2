"""A project as a commit has it."""

import subprocess
from pathlib import Path

import pytest
from graph_builders import FLIGHTS, FLIGHTS_FILES, Project, addresses, paths

from modelyard.errors import ModelyardError
from modelyard.graph import compile_graph
from modelyard.graph.code import CodeFinder
from modelyard.graph.codec import graph_to_json
from modelyard.graph.data import uri_only
from modelyard.graph.files import DiskFiles
from modelyard.graph.gitref import GitFiles, compile_at, compile_here
from modelyard.spec import LoadedSpec


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


def committed(project: Project, text: str = FLIGHTS, **options: object) -> LoadedSpec:
    """A project inside a folder of a repository, committed, and its spec."""
    loaded = project.spec(text, **options)
    git(project.root.parent, "init", "-q")
    git(project.root.parent, "add", ".")
    git(project.root.parent, "commit", "-qm", "one")
    return loaded


@pytest.fixture
def inner(tmp_path: Path) -> Project:
    return Project(tmp_path / "my ü project").write(FLIGHTS_FILES)


def test_a_commit_gives_the_graph_of_the_working_tree_it_was_made_of(inner: Project) -> None:
    loaded = committed(inner)
    assert graph_to_json(compile_at(loaded, "HEAD")) == graph_to_json(compile_here(loaded))


def test_what_changed_since_does_not_show(inner: Project) -> None:
    loaded = committed(inner)
    before = compile_at(loaded, "HEAD")
    inner.write({"shapes.py": "ROWS = 4\n", "mlops.yaml": FLIGHTS.replace("max_iter: 200", "max_iter: 300")})
    (inner.root / "prepare.py").unlink()
    then = compile_at(loaded, "HEAD")
    assert graph_to_json(then) == graph_to_json(before)
    assert then.nodes["training.late"].config["params"] == {"max_iter": 200}
    assert paths(then.nodes["steps.tidy"]) == ["prepare.py"]


def test_code_that_changed_is_what_two_commits_differ_in(inner: Project) -> None:
    loaded = committed(inner)
    inner.write({"shapes.py": "ROWS = 4\n"})
    then, now = compile_at(loaded, "HEAD"), compile_here(loaded)
    changed = [address for address in now.nodes if now.nodes[address].code != then.nodes[address].code]
    assert changed == ["steps.tables"]


def test_data_counts_by_its_address_only(inner: Project) -> None:
    loaded = committed(inner)
    inner.write({"data/weather.csv": "other"})
    then, now = compile_at(loaded, "HEAD"), compile_here(loaded)
    assert (
        then.nodes["sources.weather"].external
        == now.nodes["sources.weather"].external
        == uri_only("data/weather.csv", "table")
    )


def test_a_variable_that_is_given_now_may_be_new(inner: Project) -> None:
    committed(inner)
    text = FLIGHTS.replace("max_iter: 200", 'max_iter: "${var.trees}"') + "variables: {trees: {type: int}}\n"
    loaded = inner.spec(text, variables={"trees": "7"})
    assert compile_here(loaded).nodes["training.late"].config["params"] == {"max_iter": 7}
    assert compile_at(loaded, "HEAD").nodes["training.late"].config["params"] == {"max_iter": 200}
    git(inner.root.parent, "commit", "-qam", "two")
    assert compile_at(loaded, "HEAD").nodes["training.late"].config["params"] == {"max_iter": 7}


def test_a_lock_and_an_extended_spec_are_read_from_the_commit(inner: Project) -> None:
    lock = 'version = 1\npython = "3.11"\ndeclared = []\n[packages]\nscikit-learn = "1.0"\n'
    inner.write({"mlops.lock": lock, "base.yaml": FLIGHTS})
    loaded = committed(inner, "version: 1\nproject: flights\nextends: base.yaml\n")
    inner.write({"mlops.lock": lock.replace("1.0", "2.0"), "base.yaml": "version: 1\nproject: flights\n"})
    then = compile_at(loaded, "HEAD").nodes["training.late"]
    assert ("scikit-learn", "1.0") in then.environment.packages


def test_links_inside_the_project_are_followed(inner: Project) -> None:
    inner.write({"lib/real.py": "x = 1\n"})
    (inner.root / "alias.py").symlink_to("lib/real.py")
    (inner.root / "loop.py").symlink_to("loop.py")
    committed(inner)
    with GitFiles(inner.root, "HEAD") as files:
        assert files.lookup("alias.py") == DiskFiles(inner.root).lookup("lib/real.py")
        assert files.lookup("loop.py") is None
        assert [file.path for file in CodeFinder(files).of_command(["python", "alias.py"])] == ["alias.py"]


@pytest.mark.parametrize("ref", ["nowhere", "-x", "--output=/tmp/x", "", "HEAD^{tree}"])
def test_an_unknown_commit_is_told(inner: Project, ref: str) -> None:
    loaded = committed(inner)
    with pytest.raises(ModelyardError, match="git knows no commit") as caught:
        compile_at(loaded, ref)
    assert caught.value.code == "git"


def test_a_commit_without_the_spec_is_told(inner: Project) -> None:
    git(inner.root.parent, "init", "-q")
    git(inner.root.parent, "add", ".")
    git(inner.root.parent, "commit", "-qm", "no spec yet")
    with pytest.raises(ModelyardError, match=r"HEAD has no `mlops\.yaml`"):
        compile_at(inner.spec(FLIGHTS), "HEAD")


def test_a_project_in_no_repository_is_told(inner: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(inner.root.parent))
    with pytest.raises(ModelyardError, match="is in no git repository"):
        compile_at(inner.spec(FLIGHTS), "HEAD")


def test_the_working_tree_of_a_repository_compiles_as_ever(inner: Project) -> None:
    loaded = committed(inner)
    assert addresses(compile_graph(loaded)) == addresses(compile_at(loaded, "HEAD"))
