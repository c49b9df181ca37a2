"""What a spec means, checked across its sections: every mistake at its place, none found only when it runs."""

from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.spec.checks.findings import Findings

if TYPE_CHECKING:
    from modelyard.spec.load import LoadedSpec


def check(loaded: "LoadedSpec") -> list[ModelyardError]:
    """All that is wrong with a typed spec. What its sections do not use is not imported."""
    from modelyard.spec.checks.addresses import Addresses
    from modelyard.spec.checks.around import check_around
    from modelyard.spec.checks.code import Code
    from modelyard.spec.checks.references import check_cycles, check_references
    from modelyard.spec.checks.schemas import Schemas
    from modelyard.spec.unsupported import refuse_unsupported

    findings = Findings(loaded)
    spec = loaded.spec
    addresses, code, schemas = Addresses(findings), Code(findings), Schemas(findings)
    refuse_unsupported(findings)
    check_references(findings, addresses)
    check_cycles(findings, addresses)
    check_around(findings)
    if spec.target.kubernetes is not None:
        from modelyard.spec.checks.cluster import check_cluster

        check_cluster(findings)
    if any(endpoint.rollout for endpoint in spec.serving.values()):
        from modelyard.spec.checks.rollouts import check_rollouts

        check_rollouts(findings)
    if spec.steps:
        from modelyard.spec.checks.steps import check_steps

        check_steps(findings, code)
    if spec.sources:
        from modelyard.spec.checks.sources import check_sources

        check_sources(findings, schemas)
    if spec.expectations or spec.monitoring:
        from modelyard.spec.checks.named_checks import check_expectations, check_monitoring

        check_expectations(findings, addresses, schemas)
        check_monitoring(findings, schemas)
    if spec.features or spec.training or spec.tuning or spec.registry:
        from modelyard.spec.checks.choosing import check_registry, check_tuning
        from modelyard.spec.checks.learning import check_features, check_training

        check_features(findings, schemas)
        check_training(findings, addresses, code, schemas)
        check_tuning(findings)
        check_registry(findings)
    return findings.errors
