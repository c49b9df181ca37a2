"""Which files count as the code of a node."""

from pathlib import Path

import pytest
from graph_builders import Project

from modelyard.errors import ModelyardError
from modelyard.graph import compile_graph
from modelyard.graph.code import CodeFinder
from modelyard.graph.filecache import FileCache
from modelyard.graph.files import DiskFiles, inside
from modelyard.spec import SpecErrors


def finder(project: Project) -> CodeFinder:
    return CodeFinder(DiskFiles(project.root), str(project.root))


def command(project: Project, *argv: str, **values: object) -> list[str]:
    return [file.path for file in finder(project).of_command(argv, values)]


def test_a_script_counts_with_all_it_imports_inside_the_project(project: Project) -> None:
    project.write(
        {
            "run.py": "import json, helpers.shapes\nfrom helpers import colours\n",
            "helpers/__init__.py": "",
            "helpers/shapes.py": "from . import deep\nfrom .deep.bottom import x\n",
            "helpers/colours.py": "def f():\n    import late\n",
            "helpers/deep/__init__.py": "",
            "helpers/deep/bottom.py": "from ...nowhere import y\nx = 1\n",
            "late.py": "",
            "unrelated.py": "",
        }
    )
    assert command(project, "python", "run.py") == [
        "helpers/__init__.py", "helpers/colours.py", "helpers/deep/__init__.py", "helpers/deep/bottom.py",
        "helpers/shapes.py", "late.py", "run.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", ["import b", "from b import *", "from b import thing", "import importlib; importlib.import_module('b')"]
)
def test_each_way_to_import_counts(project: Project, line: str) -> None:
    project.write({"a.py": line, "b.py": "thing = 1"})
    assert command(project, "python3.11", "-u", "a.py") == ["a.py", "b.py"]


def test_imports_that_go_round_end(project: Project) -> None:
    project.write({"a.py": "import b", "b.py": "import a"})
    assert command(project, "python", "a.py") == ["a.py", "b.py"]


def test_a_script_finds_modules_beside_itself_first(project: Project) -> None:
    project.write({"tools/a.py": "import b", "tools/b.py": "", "b.py": ""})
    assert command(project, "python", "tools/a.py") == ["tools/a.py", "tools/b.py"]


def test_modules_of_a_src_layout_and_of_namespace_packages_are_found(project: Project) -> None:
    project.write({"a.py": "import lib.part.deep", "src/lib/part/deep.py": ""})
    assert command(project, "python", "a.py") == ["a.py", "src/lib/part/deep.py"]


def test_a_module_run_by_name_counts_with_its_main(project: Project) -> None:
    project.write({"pkg/__init__.py": "", "pkg/__main__.py": "from . import work", "pkg/work.py": ""})
    assert command(project, "python", "-m", "pkg") == ["pkg/__init__.py", "pkg/__main__.py", "pkg/work.py"]


def test_source_on_the_command_line_counts_by_its_imports(project: Project) -> None:
    project.write({"a.py": ""})
    assert command(project, "python", "-c", "import a; print(a)") == ["a.py"]


def test_files_that_a_command_names_count_and_what_it_writes_does_not(project: Project) -> None:
    project.write({"train.sh": "", "conf/a.yaml": "", "b.json": "", "out.csv": "", "c.txt": ""})
    argv = (
        "sh",
        "train.sh",
        "--config=conf/a.yaml",
        "b.json",
        "--out",
        "out.csv",
        "--output-file=c.txt",
        "nothing.txt",
    )
    assert command(project, *argv) == ["b.json", "conf/a.yaml", "train.sh"]


def test_parameters_are_filled_in_before_files_are_looked_for(project: Project) -> None:
    project.write({"conf/big.yaml": "", "t.sh": ""})
    assert command(project, "sh", "t.sh", "conf/${params.size}.yaml", size="big") == ["conf/big.yaml", "t.sh"]


def test_files_outside_of_the_project_never_count(project: Project, tmp_path: Path) -> None:
    inner = Project(tmp_path / "inner").write({"a.py": ""})
    project.write({"secret.txt": ""})
    assert command(inner, "cat", "../secret.txt", "/etc/passwd", str(inner.root / "a.py")) == ["a.py"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a/b", "a/b"),
        ("./a//b/", "a/b"),
        ("a/../b", "b"),
        ("../b", None),
        ("a/../../b", None),
        ("/r/a", "a"),
        ("/x", None),
        ("..", None),
        (".", None),
    ],
)
def test_paths_are_made_the_projects_own(path: str, found: str | None) -> None:
    assert inside(path, "/r") == found


def test_a_syntax_error_is_told_at_its_place(project: Project) -> None:
    loaded = project.write({"a.py": "import b\n", "b.py": "x = 1\ny = (\n"}).spec(
        "steps: {a: {run: python a.py}, b: {run: python b.py}}"
    )
    with pytest.raises(SpecErrors) as caught:
        compile_graph(loaded)
    (error,) = caught.value.errors
    assert (str(error.where), error.address, error.code) == ("b.py:2:5", "steps.a", "syntax")
    assert caught.value.sources["b.py"] == "x = 1\ny = (\n"


@pytest.mark.parametrize(
    "source", ["x = '\0'", "(" * 5000 + ")" * 5000, "\xff".encode("latin-1"), "f(" * 300 + ")" * 300]
)
def test_no_source_reaches_a_traceback(project: Project, source: str | bytes) -> None:
    project.write({"a.py": source})
    with pytest.raises(ModelyardError, match="Python cannot read this"):
        command(project, "python", "a.py")


def test_a_missing_script_is_told_with_what_is_near(project: Project) -> None:
    project.write({"make_tables.py": ""})
    with pytest.raises(ModelyardError) as caught:
        command(project, "python", "make_table.py")
    assert caught.value.fix == "Did you mean `make_tables.py`?"


def test_a_missing_function_is_told_with_what_is_near(project: Project) -> None:
    project.write({"prepare.py": "def tidy(): ...\n"})
    with pytest.raises(ModelyardError) as caught:
        finder(project).of_call("prepare:tidi")
    assert caught.value.fix == "Did you mean `tidy`?"


@pytest.mark.parametrize(
    "source",
    [
        "from x import *",
        "try:\n    tidy = 1\nexcept E:\n    pass",
        "if a:\n    def tidy(): ...",
        "import x as tidy",
        "tidy: int = 3",
        "(tidy, b) = f()",
    ],
)
def test_a_function_may_be_defined_in_any_way(project: Project, source: str) -> None:
    project.write({"prepare.py": source})
    assert finder(project).of_call("prepare:tidy")[0].path == "prepare.py"


def test_a_changed_file_changes_its_digest_whatever_the_cache_remembers(project: Project) -> None:
    project.write({"a.py": "x = 1\n"})
    cache = FileCache.of(project.root)
    before = CodeFinder(DiskFiles(project.root, cache)).of_command(["python", "a.py"])
    cache.save()
    project.write({"a.py": "x = 2\n"})
    after = CodeFinder(DiskFiles(project.root, FileCache.of(project.root))).of_command(["python", "a.py"])
    assert before[0].digest != after[0].digest
    assert before[0].lines == after[0].lines == 1
