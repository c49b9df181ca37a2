"""torchrun's environment, and the part of a batch that each process takes."""

import pytest

from modelyard.errors import ModelyardError
from modelyard.torchrun import Torchrun, torchrun_of


def test_torchruns_environment_is_read_and_nonsense_refused():
    assert torchrun_of({}) == Torchrun()
    told = torchrun_of({"PET_NNODES": "3", "PET_NODE_RANK": "2", "PET_NPROC_PER_NODE": "4", "PET_MASTER_ADDR": "a.b"})
    assert (told.world, told.follows, told.address, told.port) == (12, True, "a.b", 29500)
    for bad in ({"PET_NNODES": "two"}, {"PET_NNODES": "2", "PET_NODE_RANK": "2"}, {"PET_NPROC_PER_NODE": "0"}):
        with pytest.raises(ModelyardError):
            torchrun_of(bad)


@pytest.mark.parametrize(("rows", "world"), [(64, 1), (64, 2), (7, 3), (5, 2), (3, 2), (1, 4)])
def test_the_mean_of_all_parts_is_the_batchs_own(rows, world):
    import torch

    from modelyard.engines.torch_group import Group
    from modelyard.engines.torch_loop import part_of

    values = torch.arange(rows, dtype=torch.float64) ** 2
    parts = [part_of(torch.arange(rows), Group(rank, world)) for rank in range(world)]

    assert sum(float(values[mine].mean()) * weight for mine, weight in parts) / world == pytest.approx(values.mean())
