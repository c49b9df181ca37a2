"""From a graph and what was applied to a plan: what would be done, why, and what it would take."""

from modelyard.plan.builder import make_plan
from modelyard.plan.definition import Action, Change, Estimate, Plan, Reason, Totals

__all__ = ["Action", "Change", "Estimate", "Plan", "Reason", "Totals", "make_plan"]
