"""`tracking`: an MLflow UI beside the project, where `tracking.ui` asks for one."""

from modelyard.graph.compile.compilation import Compilation


def compile_tracking(out: Compilation) -> None:
    tracking = out.spec.tracking
    if tracking.ui is None:
        return
    config = {"uri": tracking.uri, "port": tracking.ui.port}
    out.add("tracking", "tracking", config, role="service", origins={"": "tracking", "port": "tracking.ui.port"})
