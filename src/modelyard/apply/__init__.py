"""From a plan to what it says: tasks run, services up, each step written down before the next."""

from modelyard.apply.driver import apply_plan
from modelyard.apply.planning import plan_project
from modelyard.apply.report import ApplyReport, MetricChange, NodeReport

__all__ = ["ApplyReport", "MetricChange", "NodeReport", "apply_plan", "plan_project"]
