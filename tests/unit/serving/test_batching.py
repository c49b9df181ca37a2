import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from modelyard.errors import ModelyardError
from modelyard.serving.batching import Batcher


class Doubling:
    """Doubles its input; refuses negative numbers; remembers how many rows came together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, feeds):
        self.sizes.append(len(feeds["x"]))
        if (feeds["x"] < 0).any():
            raise ModelyardError("negative", code="bad-input")
        return {"y": feeds["x"] * 2}


def ask(batcher_options: dict, *values: list[float]) -> tuple[list, list[int]]:
    model = Doubling()

    async def main() -> list:
        with ThreadPoolExecutor(2) as pool:
            batcher = Batcher(model, pool, **{"limit": 8, "wait": 0.02, "pending": 100, **batcher_options})
            asked = [batcher.submit({"x": np.array(value, np.float32).reshape(-1, 1)}) for value in values]
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(main()), model.sizes


def plain(answer) -> list[float]:
    return answer["y"].reshape(-1).tolist()


def test_requests_that_arrive_together_are_run_together_and_answered_apart():
    answers, sizes = ask({}, [1], [2, 3], [4])
    assert [plain(answer) for answer in answers] == [[2], [4, 6], [8]]
    assert sizes == [4]


def test_a_batch_is_never_larger_than_its_limit():
    answers, sizes = ask({"limit": 3}, *[[i] for i in range(7)])
    assert [plain(answer) for answer in answers] == [[2 * i] for i in range(7)]
    assert max(sizes) <= 3


def test_one_bad_request_spoils_no_other():
    answers, _ = ask({}, [1], [-1], [3])
    assert plain(answers[0]) == [2]
    assert isinstance(answers[1], ModelyardError)
    assert plain(answers[2]) == [6]


def test_without_batching_each_request_runs_alone():
    _, sizes = ask({"limit": 1}, [1], [2])
    assert sizes == [1, 1]


def test_more_than_can_wait_is_refused_at_once():
    answers, _ = ask({"pending": 2}, [1], [2], [3])
    assert isinstance(answers[2], ModelyardError)
    assert answers[2].code == "overloaded"


def test_inputs_of_other_shapes_are_not_joined():
    model = Doubling()

    async def main() -> list:
        with ThreadPoolExecutor(2) as pool:
            batcher = Batcher(model, pool, limit=8, wait=0.02, pending=9)
            return await asyncio.gather(
                batcher.submit({"x": np.ones((1, 2), np.float32)}), batcher.submit({"x": np.ones((1, 3), np.float32)})
            )

    assert [answer["y"].shape for answer in asyncio.run(main())] == [(1, 2), (1, 3)]
    assert model.sizes == [1, 1]


def test_a_model_that_fails_in_an_unknown_way_fails_every_request_of_its_batch():
    async def main() -> list:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(lambda feeds: 1 / 0, pool, limit=8, wait=0, pending=9)
            asked = [batcher.submit({"x": np.ones((1, 1))}) for _ in range(2)]
            return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(main())] == [ZeroDivisionError] * 2


def test_a_client_that_goes_away_leaves_the_others_alone():
    async def main() -> float:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(Doubling(), pool, limit=8, wait=0.05, pending=9)
            gone = asyncio.ensure_future(batcher.submit({"x": np.ones((1, 1), np.float32)}))
            stays = asyncio.ensure_future(batcher.submit({"x": np.ones((1, 1), np.float32)}))
            await asyncio.sleep(0.01)
            gone.cancel()
            return float((await stays)["y"][0, 0])

    assert asyncio.run(main()) == pytest.approx(2)


def test_uneven_tensors_shift_nobody_elses_rows():
    model = Doubling()

    async def main() -> list:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool, limit=16, wait=0.02, pending=9)
            uneven = {"x": np.full((2, 1), 7, np.float32), "z": np.ones((1, 1), np.float32)}
            even = {"x": np.ones((2, 1), np.float32), "z": np.ones((2, 1), np.float32)}
            return await asyncio.gather(batcher.submit(uneven), batcher.submit(even))

    assert [plain(answer) for answer in asyncio.run(main())] == [[14, 14], [2, 2]]
    assert model.sizes == [2, 2]
