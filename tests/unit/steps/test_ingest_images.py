"""Images with YOLO labels, in the layouts that tools write."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.errors import ModelyardError
from modelyard.steps import ingest

SPLIT = {"fractions": {"train": 0.5, "test": 0.5}, "by": "hash", "seed": 0}


def take(context: Callable[..., Any], splits: tuple[str, ...] = (), **config: Any) -> tuple[Any, Any]:
    given = {"type": "images", "path": "d", "labels": "yolo", **config}
    ctx = context("sources.s", "ingest", given, ["data", *splits])
    return ctx, ingest.run(ctx)


def dataset(ctx: Any, output: str = "data") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ctx.outputs[output] / "dataset.json").read_text())
    return found


def names(ctx: Any, output: str = "data", folder: str = "images") -> list[str]:
    return sorted(path.name for path in (ctx.outputs[output] / folder).iterdir())


def test_images_beside_labels_with_names_in_data_yaml(
    context: Any, picture: Any, write_csv: Any, tmp_path: Path
) -> None:
    for split, name in (("train", "a"), ("val", "b")):
        picture(tmp_path / f"d/images/{split}/{name}.png", grey=ord(name))
        write_csv(f"d/labels/{split}/{name}.txt", "1 0.5 0.5 0.25 0.25\n")
    write_csv("d/data.yaml", "path: .\ntrain: images/train\nnames: {0: cat, 1: dog}\n")
    ctx, result = take(context)
    assert names(ctx) == ["a.png", "b.png"]
    assert dataset(ctx)["classes"] == ["cat", "dog"]
    assert dataset(ctx)["boxes"] == {"cat": 0, "dog": 2}
    assert (ctx.outputs["data"] / "labels/a.txt").read_text() == "1 0.5 0.5 0.25 0.25\n"
    assert result.metrics["boxes"] == 2
    assert result.summary.startswith("2 images, ")


@pytest.mark.parametrize(
    ("file", "text"), [("classes.txt", "zero\none\n"), ("data.yaml", "names: [zero, one]"), ("obj.names", "zero\none")]
)
def test_labels_next_to_images_and_lists_of_names(
    context: Any, picture: Any, write_csv: Any, tmp_path: Path, file: str, text: str
) -> None:
    picture(tmp_path / "d/a.jpg")
    write_csv("d/a.txt", "0 0.5 0.5 1 1\n")
    write_csv(f"d/{file}", text)
    ctx, _ = take(context)
    assert dataset(ctx)["classes"] == ["zero", "one"]
    assert names(ctx, folder="labels") == ["a.txt"]


def test_without_names_classes_are_their_numbers(context: Any, picture: Any, write_csv: Any, tmp_path: Path) -> None:
    picture(tmp_path / "d/a.png")
    write_csv("d/a.txt", "2 0.5 0.5 1 1\n")
    assert dataset(take(context)[0])["classes"] == ["0", "1", "2"]
    ctx, result = take(context, classes=["x"])
    assert dataset(ctx)["classes"] == ["x", "1", "2"]
    assert "only 1 class has a name" in result.warnings[0]


def test_equal_names_in_two_folders_stay_apart(context: Any, picture: Any, write_csv: Any, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        picture(tmp_path / f"d/{folder}/1.png")
        write_csv(f"d/{folder}/1.txt", "0 0.5 0.5 1 1\n")
    picture(tmp_path / "d/x/2.png")
    picture(tmp_path / "d/x/2.jpg")
    ctx, _ = take(context)
    assert names(ctx) == ["x__1-png.png", "x__2-jpg.jpg", "x__2-png.png", "y__1-png.png"]
    assert names(ctx, folder="labels") == ["x__1-png.txt", "y__1-png.txt"]


def test_polygons_become_the_boxes_around_them_and_bad_lines_stay(
    context: Any, picture: Any, write_csv: Any, tmp_path: Path
) -> None:
    picture(tmp_path / "d/a.png")
    write_csv("d/a.txt", "0 0.1 0.2 0.5 0.2 0.5 0.8\nnonsense here\n")
    ctx, _ = take(context)
    assert (
        ctx.outputs["data"] / "labels/a.txt"
    ).read_text() == "0 0.300000 0.500000 0.400000 0.600000\nnonsense here\n"


def test_a_missing_label_is_told_and_means_nothing_to_find(context: Any, picture: Any, tmp_path: Path) -> None:
    picture(tmp_path / "d/a.png")
    ctx, result = take(context)
    assert result.warnings == ("1 image without a label file: taken to show none of the classes",)
    assert names(ctx, folder="labels") == []
    assert dataset(ctx)["unlabelled"] == 1


def test_splits_by_name_are_disjoint_and_complete(context: Any, picture: Any, tmp_path: Path) -> None:
    for number in range(30):
        picture(tmp_path / f"d/{number}.png", grey=number)
    ctx, _ = take(context, ("train", "test"), split=SPLIT)
    assert sorted(names(ctx, "train") + names(ctx, "test")) == names(ctx)
    assert dataset(ctx, "train")["count"] == len(names(ctx, "train"))


def test_groups_are_the_part_of_the_name_before_the_first_dash(context: Any, picture: Any, tmp_path: Path) -> None:
    for group in "abcdef":
        for number in range(4):
            picture(tmp_path / f"d/{group}-{number}.png", grey=number)
    ctx, _ = take(context, ("train", "test"), split={**SPLIT, "by": "group"})
    train, test = ({name[0] for name in names(ctx, split)} for split in ("train", "test"))
    assert train and test and not train & test


def test_groups_named_as_splits_are_the_splits(context: Any, picture: Any, tmp_path: Path) -> None:
    for name in ("train-1", "train-2", "test-1"):
        picture(tmp_path / f"d/{name}.png")
    ctx, _ = take(context, ("train", "test"), split={**SPLIT, "by": "group"})
    assert (names(ctx, "train"), names(ctx, "test")) == (["train-1.png", "train-2.png"], ["test-1.png"])


def test_stratified_spreads_the_rare_class(context: Any, picture: Any, write_csv: Any, tmp_path: Path) -> None:
    for number in range(20):
        picture(tmp_path / f"d/{number}.png", grey=number)
        write_csv(f"d/{number}.txt", f"0 0.5 0.5 1 1\n{'1 0.5 0.5 1 1' if number < 4 else ''}\n")
    ctx, _ = take(context, ("train", "test"), split={**SPLIT, "by": "stratified"})
    assert [dataset(ctx, split)["boxes"] for split in ("train", "test")] == [{"0": 10, "1": 2}] * 2


def test_the_source_s_own_files_are_never_linked(context: Any, picture: Any, tmp_path: Path) -> None:
    picture(tmp_path / "d/a.png")
    ctx, _ = take(context)
    assert (ctx.outputs["data"] / "images/a.png").stat().st_ino != (tmp_path / "d/a.png").stat().st_ino
    assert (ctx.outputs["data"] / "images/a.png").read_bytes() == (tmp_path / "d/a.png").read_bytes()


def test_no_images_and_broken_names_are_told(context: Any, picture: Any, write_csv: Any, tmp_path: Path) -> None:
    write_csv("d/a.csv", "x")
    with pytest.raises(ModelyardError, match="holds no images"):
        take(context)
    picture(tmp_path / "d/a.png")
    write_csv("d/data.yaml", "names: [unclosed\n")
    with pytest.raises(ModelyardError, match=r"cannot read the class names in data.yaml"):
        take(context)
