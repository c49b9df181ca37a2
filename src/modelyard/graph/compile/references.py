"""From what an address names in the spec to the output of a node: `sources.scenes:test` → that node's `test`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.graph.model import Ref
from modelyard.nearest import did_you_mean
from modelyard.spec.checks.addresses import Named, take_apart
from modelyard.spec.values import SECTIONS

if TYPE_CHECKING:
    from modelyard.spec.model import Spec

SPLITS = ("train", "val", "test")


class References:
    """Resolves the addresses of one spec."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._known: dict[str, Ref] = {}
        self._splits = _default_splits(spec)

    def parse(self, text: str) -> Named:
        """Take an address apart. Raises ModelyardError where it names nothing of the spec, with what is near."""
        address = take_apart(text)
        if address is None:
            raise ModelyardError(
                f"`{text}` is no address", code="address", fix="Write section.name, as in `sources.flights`."
            )
        if address.section not in SECTIONS:
            raise _unknown(text, f"there is no section `{address.section}`", address.section, SECTIONS, "Sections")
        names = getattr(self.spec, address.section)
        if address.name not in names:
            what = f"there is no `{address.node}`"
            raise _unknown(text, what, address.name, names, f"In `{address.section}`")
        return address

    def output(self, text: str) -> Ref:
        """The node and output that an address names. Raises ModelyardError with what is allowed."""
        if text not in self._known:
            self._known[text] = self._resolve(text)
        return self._known[text]

    def splits(self, name: str) -> tuple[str, ...]:
        """The splits of a source, in order: declared, or the default where a training needs them."""
        declared = self.spec.sources[name].split
        if declared is None:
            return SPLITS if name in self._splits else ()
        return tuple(split for split in SPLITS if getattr(declared.fractions, split))

    def data_type(self, text: str) -> str:
        """What the data at an address is: files, images, table, model or metrics."""
        address = self.parse(text)
        if address.section == "sources":
            return self.spec.sources[address.name].type
        if address.section == "steps":
            output = self.output(text).output
            return self.spec.steps[address.name].outputs[output].type
        return "table" if address.section == "features" else "files"

    def timestamp(self, text: str) -> str | None:
        """The column of a source that says when a row became known."""
        address = self.parse(text)
        return self.spec.sources[address.name].timestamp if address.section == "sources" else None

    def _resolve(self, text: str) -> Ref:
        address = self.parse(text)
        if address.section == "steps":
            return self._of_step(address, text)
        outputs = self._outputs(address)
        if not outputs:
            raise ModelyardError(f"`{address.node}` is no data: nothing can read it", code="address")
        if address.part is None:
            return outputs[next(iter(outputs))]
        if address.section == "features" and address.part in self.spec.features[address.name].columns:
            return Ref(address.node, "table")
        if address.part not in outputs:
            raise _unknown(text, f"`{address.node}` has no part `{address.part}`", address.part, outputs, "It has")
        return outputs[address.part]

    def _of_step(self, address: Named, text: str) -> Ref:
        outputs = self.spec.steps[address.name].outputs
        if address.part is not None:
            if address.part in outputs:
                return Ref(address.node, address.part)
            what = f"`{address.node}` has no output `{address.part}`"
            raise _unknown(text, what, address.part, outputs, "Its outputs")
        if len(outputs) == 1:
            return Ref(address.node, next(iter(outputs)))
        if not outputs:
            fix = f"Give it one: `outputs: {{data: {{type: files}}}}` under {address.node}."
            raise ModelyardError(f"`{address.node}` has no outputs to read", code="address", fix=fix)
        choices = ", ".join(f"`{address.node}:{name}`" for name in outputs)
        raise ModelyardError(f"`{text}` has several outputs", code="address", fix=f"Name one of {choices}.")

    def _outputs(self, address: Named) -> dict[str, Ref]:
        node = address.node
        if address.section == "sources":
            return {name: Ref(node, name) for name in ("data", *self.splits(address.name))}
        if address.section == "features":
            return {"table": Ref(node, "table")}
        if address.section in {"training", "tuning"}:
            own = ("model", "plots") if address.section == "training" else ("model", "trials", "plots")
            return {**{name: Ref(node, name) for name in own}, "metrics": Ref(f"{node}.evaluate", "metrics")}
        if address.section == "registry":
            return {"version": Ref(node, "version")}
        if address.section == "expectations":
            return {"report": Ref(node, "report")}
        return {}


def _default_splits(spec: Spec) -> frozenset[str]:
    """Sources without `split` that a training reads whole and is scored on: they are dealt out by default."""
    names = set()
    for training in spec.training.values():
        scored_on = training.evaluate.data
        if training.data.startswith("sources.") and ":" not in training.data and scored_on in {None, training.data}:
            names.add(training.data.removeprefix("sources.").partition("@")[0])
    return frozenset(name for name in names if name in spec.sources and spec.sources[name].split is None)


def _unknown(text: str, what: str, word: str, known: object, kind: str) -> ModelyardError:
    names = [str(name) for name in known] if hasattr(known, "__iter__") else []
    return ModelyardError(
        f"{what} (in `{text}`)" if text not in what else what,
        code="unknown-address",
        fix=did_you_mean(word, names, kind),
    )
