"""Compose scenes from scikit-learn's real handwritten digits, with the box of every digit known.

    python make_scenes.py --seen SEEN_DIR --unseen UNSEEN_DIR [--scenes 400] [--held-out 80] [--size 160] [--seed 0]

The 1,797 digits (UCI's «Optical recognition of handwritten digits», 43 writers) are parted first: the scenes in
UNSEEN_DIR are made only of digits that no scene in SEEN_DIR holds. Labels are YOLO's: class, centre, width, height,
as shares of the picture.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

CLASSES = [str(digit) for digit in range(10)]


def compose(
    digits: np.ndarray, labels: np.ndarray, size: int, random: np.random.Generator
) -> tuple[Image.Image, list[str]]:
    """One scene of 3 to 6 digits that do not overlap, light ink on a dark, uneven ground."""
    slope = np.linspace(0, random.uniform(10, 50), size)
    ground = slope[None, :] if random.random() < 0.5 else slope[:, None]
    canvas = np.broadcast_to(ground, (size, size)) + random.normal(0, 6, (size, size))
    taken: list[tuple[int, int, int, int]] = []
    rows: list[str] = []
    wanted = int(random.integers(3, 7))
    for _ in range(wanted * 12):
        if len(rows) == wanted:
            break
        pick = int(random.integers(len(digits)))
        side = int(random.integers(size // 5, size // 3))
        left, top = (int(value) for value in random.integers(0, size - side, 2))
        if any(left < x2 and x1 < left + side and top < y2 and y1 < top + side for x1, y1, x2, y2 in taken):
            continue
        ink = Image.fromarray((digits[pick] * (255 / 16)).astype(np.uint8)).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        patch = np.asarray(ink, dtype=float) * random.uniform(0.7, 1.0)
        used_rows, used_columns = np.nonzero(patch > 40)
        area = canvas[top : top + side, left : left + side]
        canvas = canvas.copy() if not canvas.flags.writeable else canvas
        canvas[top : top + side, left : left + side] = np.maximum(area, patch)
        x1, x2 = left + used_columns.min(), left + used_columns.max() + 1
        y1, y2 = top + used_rows.min(), top + used_rows.max() + 1
        box = ((x1 + x2) / 2 / size, (y1 + y2) / 2 / size, (x2 - x1) / size, (y2 - y1) / size)
        rows.append(" ".join([str(int(labels[pick])), *(f"{value:.6f}" for value in box)]))
        taken.append((left, top, left + side, top + side))
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8)).convert("RGB"), rows


def write_scenes(folder: Path, digits: np.ndarray, labels: np.ndarray, count: int, size: int, seed: int) -> None:
    """Write `count` scenes as `images/NNNN.png` and `labels/NNNN.txt`, and the class names as `classes.txt`."""
    random = np.random.default_rng(seed)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture, rows = compose(digits, labels, size, random)
        picture.save(folder / "images" / f"{number:04d}.png")
        (folder / "labels" / f"{number:04d}.txt").write_text("\n".join(rows) + "\n")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seen", type=Path, required=True)
    parser.add_argument("--unseen", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--held-out", type=int, default=80)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    data = load_digits()
    order = np.random.default_rng(options.seed).permutation(len(data.images))
    seen, unseen = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    write_scenes(options.seen, data.images[seen], data.target[seen], options.scenes, options.size, options.seed + 1)
    write_scenes(
        options.unseen, data.images[unseen], data.target[unseen], options.held_out, options.size, options.seed + 2
    )
    print(f"{options.scenes} scenes from {len(seen)} digits, {options.held_out} from {len(unseen)} others")


if __name__ == "__main__":
    main()
