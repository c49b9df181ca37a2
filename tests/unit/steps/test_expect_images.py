"""Expectations of images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.errors import ModelyardError
from modelyard.steps import expect, ingest
from modelyard.steps.expectations.images import fault


@pytest.fixture
def failing(context: Callable[..., Any], picture: Any, write_csv: Any, tmp_path: Path) -> Callable[..., list[str]]:
    """Images a (fine), b (a twin of a, bad label), c (broken), d (wide), and the lines told of what fails."""
    picture(tmp_path / "d/a.png")
    picture(tmp_path / "d/b.png")
    write_csv("d/c.png", "not an image")
    picture(tmp_path / "d/d.png", (40, 16), 7)
    write_csv("d/a.txt", "0 0.5 0.5 0.5 0.5\n1 0.2 0.2 0.1 0.1\n")
    write_csv("d/b.txt", "0 0.5 0.5 1.5 0.5\n")
    write_csv("d/classes.txt", "cat\ndog\nbird\n")
    source = context("sources.s", "ingest", {"type": "images", "path": "d", "labels": "yolo"}, ["data"])
    ingest.run(source)

    def run(name: str, **kwargs: Any) -> list[str]:
        config = {"severity": "warn", "expect": [{"name": name, "kwargs": kwargs}]}
        ctx = context("expectations.s", "expect", config, ["report"], inputs={"data": source.outputs["data"]})
        return [
            line.partition(": ")[2].partition("}: ")[2] or line.partition(": ")[2] for line in expect.run(ctx).warnings
        ]

    return run


def test_broken_images_are_named(failing: Callable[..., list[str]]) -> None:
    (line,) = failing("expect_images_to_be_readable")
    assert line.startswith("1 of 4 (25.00%): image c.png, error cannot identify image file")
    assert failing("expect_images_to_be_readable", mostly=0.75) == []


def test_counts_and_sizes(failing: Callable[..., list[str]]) -> None:
    assert failing("expect_image_count_to_be_between", min_value=4, max_value=4) == []
    assert failing("expect_image_count_to_be_between", min_value=5) == ["found 4"]
    (line,) = failing("expect_image_size_to_be_between", min_width=16, max_width=32)
    assert line.startswith("2 of 4 (50.00%): image c.png, error ")
    assert line.endswith("image d.png, size 40×16")


def test_labels(failing: Callable[..., list[str]]) -> None:
    (line,) = failing("expect_labels_to_be_valid_boxes")
    assert (
        line
        == "1 of 3 (33.33%): image b.png, line 1, label 0 0.5 0.5 1.5 0.5, fault no width or height between 0 and 1"
    )
    assert failing("expect_labels_to_be_valid_boxes", mostly=0.6) == []
    assert failing("expect_class_count_to_be_between", min_value=1) == ["1 of 3 (33.33%): class bird, boxes 0"]


def test_twins(failing: Callable[..., list[str]]) -> None:
    assert failing("expect_no_duplicate_images") == ["1 of 4 (25.00%): image b.png, same as a.png"]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("0 0.5 0.5 1 1", None),
        ("1 0.004 0.5 0.01 0.1", None),
        ("2 0.5 0.5 1 1", "class 2 of 2"),
        ("-1 0.5 0.5 1 1", "not a class"),
        ("0 0.5 0.5 1", "not a class"),
        ("0 a b c d", "not a class"),
        ("0 nan 0.5 0.1 0.1", "not a class"),
        ("inf 0.5 0.5 0.1 0.1", "not a class"),
        ("0 0.95 0.5 0.2 0.2", "outside"),
        ("0 0.5 0.5 0 0.2", "no width"),
        ("0.5 0.5 0.5 0.2 0.2", "not a class"),
    ],
)
def test_faults_of_label_lines(line: str, wrong: str | None) -> None:
    found = fault(line, 2)
    assert found is None if wrong is None else wrong in str(found)


@pytest.mark.parametrize(
    ("name", "kwargs", "says"),
    [
        ("expect_images_to_be_readible", {}, "did you mean `expect_images_to_be_readable`"),
        ("expect_image_count_to_be_between", {"min": 1}, "has no argument `min`"),
        ("expect_image_count_to_be_between", {"min_value": "many"}, "`min_value` is a number"),
        ("expect_column_to_exist", {"column": "a"}, "is no expectation of images"),
    ],
)
def test_unknown_names_and_arguments_are_told(
    failing: Callable[..., list[str]], name: str, kwargs: Any, says: str
) -> None:
    with pytest.raises(ModelyardError, match=says):
        failing(name, **kwargs)
