"""The whole of Modelyard in one go: apply, send a picture, draw the boxes, plan again.

python demo.py        from anywhere; `make demo` does the same after installing
"""

import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def modelyard(*arguments: str, capture: bool = False) -> str:
    print(f"\n$ modelyard {' '.join(arguments)}", flush=True)
    argv = [sys.executable, "-m", "modelyard", *arguments]
    done = subprocess.run(argv, cwd=HERE, check=False, text=True, stdout=subprocess.PIPE if capture else None)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def main() -> None:
    started = time.monotonic()
    modelyard("apply", "--auto-approve")
    picture = HERE / "out" / "scene.png"
    boxed = HERE / "out" / "boxes.png"
    picture.parent.mkdir(exist_ok=True)
    modelyard("show", "steps.scenes:unseen", "--get", "images/0000.png", "--to", str(picture))
    answer = json.loads(modelyard("predict", "serving.api", str(picture), "--draw", str(boxed), capture=True))
    for box in answer["boxes"]:
        corners = ", ".join(f"{box[side]:.0f}" for side in ("x1", "y1", "x2", "y2"))
        print(f"  a {box['class']} at ({corners}), score {box['score']:.2f}")
    print(f"  the picture with its boxes: {boxed}")
    modelyard("plan")
    modelyard("status")
    print(f"\nWhole demo: {time.monotonic() - started:.0f} s. `modelyard destroy` in {HERE} stops the services.")


if __name__ == "__main__":
    main()
