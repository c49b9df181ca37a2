"""What an apply had named of an object can be told from the object alone, and applied again."""

from test_api_server import deployment

from cluster import ApiServer
from cluster.objects import How
from modelyard.targets.kubernetes.held import as_it_was

OURS = How("modelyard")


def test_it_is_what_was_applied_whatever_others_added(server: ApiServer) -> None:
    wanted = deployment("api:1", replicas=2)
    made = server.objects.apply(wanted, OURS)
    made["spec"]["template"]["spec"]["containers"].append({"name": "mesh", "image": "mesh:1"})
    made["metadata"]["annotations"] = {"theirs": "1"}
    live = server.objects.update(made, How("mesh"))
    assert as_it_was(live) == wanted


def test_applied_again_it_undoes_a_later_apply(server: ApiServer) -> None:
    before = server.objects.apply(deployment("api:1", replicas=2), OURS)
    server.objects.apply(deployment("api:2", minReadySeconds=5), OURS)
    again = server.objects.apply(as_it_was(before), How("modelyard", force=True))
    assert again["spec"] == before["spec"]
