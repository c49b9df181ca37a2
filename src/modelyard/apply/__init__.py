"""From a plan to what it says: tasks run, services up, each step written down before the next.

Names are loaded on first use: a plan alone needs nothing of what runs it.
"""

from typing import TYPE_CHECKING

__all__ = ["ApplyReport", "MetricChange", "NodeReport", "apply_plan", "plan_project"]

if TYPE_CHECKING:
    from modelyard.apply.driver import apply_plan
    from modelyard.apply.planning import plan_project
    from modelyard.apply.report import ApplyReport, MetricChange, NodeReport

_HOMES = {"apply_plan": "driver", "plan_project": "planning"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'modelyard.apply' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"modelyard.apply.{_HOMES.get(name, 'report')}"), name)
