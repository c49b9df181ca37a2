"""The typed spec: one file a section."""

from modelyard.spec.model.spec import Spec

__all__ = ["Spec"]
