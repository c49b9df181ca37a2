"""The name under which the runtime's parts find `modelyard.secrets`."""

from modelyard.secrets import Redactor, known_values, references, resolve

__all__ = ["Redactor", "known_values", "references", "resolve"]
