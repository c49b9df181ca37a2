"""A plan as a pull request's comment, as in FACE.md. Fits what GitHub takes; what had to be left out is said."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from modelyard.plan.definition import Action, Change, Plan, Reason
from modelyard.plan.objects import by_kind
from modelyard.plan.policies import Verdict
from modelyard.plan.quantities import duration
from modelyard.plan.style import SIGNS, clean
from modelyard.plan.summary import heading, summary_line
from modelyard.plan.text import words
from modelyard.wording import counted

LIMIT = 65_536
_ROOM_FOR_NOTES = 400
_MARKER = "<!-- modelyard plan {project}/{environment} -->"


def render_markdown(
    plan: Plan, *, verdicts: Sequence[Verdict] = (), metrics: Mapping[str, Mapping[str, float]] | None = None,
    command: str = "modelyard plan", now: datetime | None = None, limit: int = LIMIT,
) -> str:  # fmt: skip
    """At most `limit` characters. `metrics` are by column: {"last run": {…}, "production v6": {…}}.

    `command` makes the same plan. A long plan first loses the list of what is unchanged, then details, then rows;
    each time it says so.
    """
    head, foot = _head(plan, verdicts, now), _foot(metrics or {}, command)
    changes = list(plan.pending)
    unchanged = [change for change in plan.changes if not change.pending]
    room = limit - len(head) - len(foot) - _ROOM_FOR_NOTES
    folded = _unchanged(unchanged)
    table, told = _fit(map(_row, changes), room - _TABLE_HEAD_LENGTH if changes else 0)
    body = _table(table, len(changes) - told)
    room -= len(body)
    details, explained = _fit(map(_detail, changes[:told]), room)
    room -= len(details)
    notes = "" if explained >= told else f"_Details of {told - explained:,} more changes left out for length._\n\n"
    if len(folded) > room:
        folded = f"_{len(unchanged):,} unchanged._\n\n" if unchanged else ""
    room -= len(folded)
    objects = _objects(plan, room)
    return head + body + details + notes + objects + folded + foot


_TABLE_HEAD = "| | address | action | why | estimate |\n|---|---|---|---|---|\n"
_TABLE_HEAD_LENGTH = len(_TABLE_HEAD) + 100


def _head(plan: Plan, verdicts: Sequence[Verdict], now: datetime | None) -> str:
    marker = _MARKER.format(project=plan.project, environment=plan.environment or "")
    lines = [marker, f"### {_plain(summary_line(plan))}", "", _plain(heading(plan, now)), ""]
    for verdict in verdicts:
        sign = "⛔ **denied**" if verdict.effect == "deny" else "⚠️ **warning**"
        lines += [f"> {sign} `policies.{verdict.name}`: {_plain(verdict.message)}", ""]
    for warning in plan.warnings:
        lines += [f"> ⚠️ {_plain(warning)}", ""]
    return "\n".join(lines) + "\n"


def _fit(parts: Iterable[str], room: int) -> tuple[str, int]:
    """As many as fit, and how many those were."""
    found: list[str] = []
    for part in parts:
        room -= len(part)
        if room < 0:
            break
        found.append(part)
    return "".join(found), len(found)


def _table(rows: str, left_out: int) -> str:
    if not rows:
        return ""
    note = f"\n_{left_out:,} more changes left out for length: `modelyard plan` shows them all._\n" if left_out else ""
    return f"{_TABLE_HEAD}{rows}{note}\n"


def _row(change: Change) -> str:
    estimate = f"≈ {duration(change.estimate.seconds)}" if change.estimate else ""
    why = "; ".join(_code(reason) for reason in change.reasons[:2] if reason.kind != "restore")
    more = f" and {len(change.reasons) - 2} more" if len(change.reasons) > 2 else ""
    return (
        f"| `{SIGNS[change.action]}` | {_cell(change.address)} | {_plain(words(change))} | {why}{more} | {estimate} |\n"
    )


def _code(reason: Reason) -> str:
    if reason.kind == "after":
        return f"after {_cell(reason.what)}"
    return f"{_cell(reason.what)} {_plain(reason.text)}"


def _detail(change: Change) -> str:
    told = [reason for reason in change.reasons if reason.kind not in {"after", "restore", "removed", "new"}]
    if not told:
        return ""
    lines = [f"- {_code(reason)}" + (f" ({_cell(reason.place)})" if reason.place else "") for reason in told]
    title = f"<code>{escape(clean(change.address))}</code> {_plain(words(change))}"
    return f"<details><summary>{title}</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n\n"


def _objects(plan: Plan, room: int) -> str:
    """Of a cluster: what changes field by field; drift says who did it."""
    if not plan.objects:
        return ""
    made = [change for change in plan.objects if change.action == "create"]
    rest = [change for change in plan.objects if change.action != "create"]
    lines = [f"- `{SIGNS[Action.CREATE]}` {_plain(by_kind(made))}\n"] if made else []
    for change in rest:
        lines.append(f"- `{SIGNS[Action(change.action)]}` {_cell(change.title)}\n")
        lines += [f"  - {'⚠️ ' if field.drift else ''}{_cell(str(field))}\n" for field in change.fields]
    title = f"<details><summary>{_plain(counted(len(plan.objects), 'object'))} of the cluster</summary>\n\n"
    end = "\n</details>\n\n"
    note = "- _more left out for length_\n"
    text, told = _fit(lines, room - len(title) - len(end) - len(note))
    return f"{title}{text}{'' if told == len(lines) else note}{end}" if told else ""


def _unchanged(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    names = ", ".join(_cell(change.address) for change in changes)
    return f"<details><summary>{len(changes):,} unchanged</summary>\n\n{names}\n\n</details>\n\n"


def _foot(metrics: Mapping[str, Mapping[str, float]], command: str) -> str:
    table = ""
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))[:20]
    if names:
        columns = list(metrics)
        rows = [f"| {_cell(name)} | " + " | ".join(_value(metrics[column], name) for column in columns) + " |"
                for name in names]  # fmt: skip
        heads = " | ".join(_plain(column) for column in columns)
        table = f"| metric | {heads} |\n|---|{'---|' * len(columns)}\n" + "\n".join(rows) + "\n\n"
    return f"{table}The same plan: `{command}`\n"


def _value(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.4g}" if name in values else ""


def _cell(text: str) -> str:
    """As code that ends neither the code nor the table's cell."""
    return "`" + clean(text).replace("`", "ˋ").replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    """Words that are no Markdown, no HTML and mention nobody."""
    safe = escape(clean(text), quote=False)
    for sign in "\\`*_[]|#":
        safe = safe.replace(sign, f"\\{sign}")
    return safe.replace("@", "@\u200b")
