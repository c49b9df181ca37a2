"""Columns, where they can be known without reading data: the header line of a local CSV file, a feature view's own."""

from pathlib import Path

from modelyard.spec.checks.addresses import Named
from modelyard.spec.checks.findings import At, Findings
from modelyard.spec.checks.references import is_address

_DELIMITERS = ",;\t|"
_MOST = 1 << 16


class Schemas:
    """Columns by source, read once."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._known: dict[str, tuple[str, ...] | None] = {}

    def of_source(self, name: str) -> tuple[str, ...] | None:
        if name not in self._known:
            path = self.findings.spec.sources[name].path
            known = self.findings.spec.sources[name].type == "table" and path and not is_address(path)
            self._known[name] = self._read(path) if known and path else None
        return self._known[name]

    def of(self, named: Named) -> tuple[str, ...] | None:
        """The columns of a source or a feature view; None where they are not known before something has run."""
        if named.section == "sources":
            return self.of_source(named.name)
        if named.section == "features":
            view = self.findings.spec.features[named.name]
            source = self.findings.spec.sources.get(view.source.removeprefix("sources."))
            timestamp = view.timestamp or (source.timestamp if source else None)
            return (*view.entity, *view.columns, *([timestamp] if timestamp else []))
        return None

    def check(self, at: At, column: str, columns: tuple[str, ...], of: str) -> None:
        if column not in columns:
            self.findings.unknown(
                at, column, f"`{column}` is not a column of {of}", columns, kind="It has", code="column"
            )

    def check_sql(self, at: At, sql: str, columns: tuple[str, ...], of: str) -> None:
        """An expression is looked at only where it is a column's bare name."""
        if sql.isidentifier():
            self.check(at, sql, columns, of)

    def _read(self, path: str) -> tuple[str, ...] | None:
        if "://" in path or "${" in path:
            return None
        root = self.findings.loaded.root
        try:
            file = next(iter(sorted(root.glob(path))), None) if any(sign in path for sign in "*?[") else root / path
            if file is not None and file.is_dir():
                file = next(iter(sorted(file.rglob("*.csv"))), None)
            return _header(file) if file is not None and file.suffix == ".csv" and file.is_file() else None
        except (OSError, ValueError, NotImplementedError):
            return None


def _header(file: Path) -> tuple[str, ...] | None:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        line = stream.readline(_MOST)
    if len(line) >= _MOST or not line.strip():
        return None
    delimiter = max(_DELIMITERS, key=line.count)
    import csv

    return tuple(word.strip() for word in next(csv.reader([line], delimiter=delimiter)))
