"""The faces of one plan: text, JSON, Markdown, and the file."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from plan_builders import apply, digits, graph, node, results_of

from modelyard.errors import ModelyardError
from modelyard.graph.model import CodeFile, Environment, ExternalData, Resources
from modelyard.plan import Plan, make_plan
from modelyard.plan.against import compare_graphs
from modelyard.plan.estimate import Prices
from modelyard.plan.json import plan_from_json, plan_to_json
from modelyard.plan.markdown import LIMIT, render_markdown
from modelyard.plan.planfile import load_plan, save_plan
from modelyard.plan.policies import denied, judge
from modelyard.plan.schema import plan_schema, schema_text
from modelyard.plan.text import render_text

SCHEMA_FILE = Path(__file__).parents[3] / "schemas" / "plan.v1.json"


def history(address: str, kind: str) -> list[float]:
    return [250.0, 240.0, 260.0] if kind == "train" else [2.0]


def lower_rate(**options: object) -> Plan:
    return make_plan(digits(0.002), apply(digits(0.003)), history=history, **options)


def wide(count: int, changed: int = 0) -> Plan:
    before = graph(*[node(f"steps.s{i}", config={"n": i}) for i in range(count)])
    after = graph(*[node(f"steps.s{i}", config={"n": -i - 1 if i < changed else i}) for i in range(count)])
    return make_plan(after, apply(before))


def test_text_says_what_why_where_and_how_long():
    text = render_text(lower_rate(applied_at="2026-01-01T00:00:00+00:00", applied_by="ana"))
    assert re.search(r"~ training\.detector +rerun +≈ 4 min 10 s", text)
    assert re.search(r"params\.lr0 +0\.003 → 0\.002 +mlops\.yaml:18", text)
    assert re.search(r"~ registry\.digits +gate, then production .*after training\.detector", text)
    assert re.search(r"~ serving\.api +new version, no restart +after registry\.digits", text)
    assert "Plan: 1 rerun, 3 follow, 3 unchanged · about 4 min 14 s on this machine" in text
    assert "by ana" in text.splitlines()[0]


def test_many_unchanged_are_folded():
    text = render_text(wide(3_000, changed=10))
    assert "= 2,990 unchanged" in text
    assert len(text.splitlines()) < 40
    assert render_text(wide(3_000)).splitlines()[-1] == "Nothing to do: 3,000 unchanged."


def test_very_many_changes_are_cut_and_counted():
    assert "and 700 more" in render_text(wide(1000, changed=1000))


def test_colour_only_on_demand_and_never_alone():
    plain, coloured = render_text(lower_rate()), render_text(lower_rate(), color=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, render_text(lower_rate(), width=width).splitlines())) <= width


def test_what_a_spec_says_moves_no_cursor():
    old = graph(node("steps.a", config={"title": "x"}))
    new = graph(node("steps.a", config={"title": "\x1b[2J\x9b31m\r\u202eevil"}))
    text = render_text(make_plan(new, apply(old)), color=False)
    assert all(line.isprintable() for line in text.splitlines())


def test_json_is_what_the_published_schema_says():
    validator = Draft202012Validator(plan_schema())
    verdicts = judge(lower_rate(), digits(0.002), {"any": {"warn": "plan.reruns > 0", "message": "look"}})
    for plan in (lower_rate(), make_plan(digits(), {}), compare_graphs(digits(), digits(0.1), "main")):
        validator.validate(json.loads(json.dumps(plan_to_json(plan, verdicts))))


def test_the_published_schema_is_fresh():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_json_and_back_is_the_same_plan():
    plan = make_plan(digits(), apply(digits(0.1)), results_of(apply(digits())).get, history=history, serial=4)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_markdown_leads_with_denials_and_ends_with_the_command():
    plan = lower_rate()
    verdicts = judge(plan, digits(), {"slow": {"warn": "plan.seconds > 60", "message": "Slow"},
                                      "none": {"deny": "plan.reruns > 0", "message": "No | reruns"}})  # fmt: skip
    text = render_markdown(plan, verdicts=verdicts, metrics={"last run": {"mAP50": 0.91}, "production v6": {}})
    assert text.index("denied") < text.index("warning") < text.index("| address |") < text.index("<details>")
    assert "| `mAP50` | 0.91 |" in text
    assert text.rstrip().endswith("`modelyard plan`")


@pytest.mark.parametrize(("count", "changed"), [(6_000, 3), (1_500, 1_500)])
def test_a_long_markdown_fits_and_says_what_it_left_out(count, changed):
    text = render_markdown(wide(count, changed))
    assert len(text) <= LIMIT
    assert ("unchanged._" in text) if changed < count else ("more changes left out for length" in text)


def test_markdown_of_hostile_names_stays_text():
    old = graph(node("steps.a", config={"title": "x"}))
    new = graph(node("steps.a", config={"title": "<img src=x> @everyone | `"}))
    text = render_markdown(make_plan(new, apply(old)))
    assert "<img" not in text and "@everyone" not in text


def test_reasons_name_code_data_and_packages():
    def training(version: str, digest: str, files: int) -> object:
        return graph(
            node("sources.a", "ingest", external=ExternalData("data/a", digest, files, files * 1000),
                 code=(CodeFile("prepare.py", digest, 10 + files), CodeFile("new.py", "d", 3))[: 1 + (files > 1)],
                 environment=Environment("3.11", (("ultralytics", version),)))
        )  # fmt: skip

    plan = make_plan(training("8.4.2", "b3:2", 13), apply(training("8.4.1", "b3:1", 1)))
    assert [str(reason) for reason in plan.by_address["sources.a"].reasons] == [
        "new.py added (3 lines)",
        "prepare.py changed (+12 lines)",
        "data/a 12 files added, +12.0 kB",
        "ultralytics 8.4.1 → 8.4.2",
    ]


def test_estimates_follow_the_longest_chain_and_know_prices():
    wide_graph = graph(
        node("training.a", "train", resources=Resources(gpu=2)), node("training.b", "train", config={"n": 2}),
        node("steps.c", inputs={"a": "training.a:out", "b": "training.b:out"}),
    )  # fmt: skip
    totals = make_plan(wide_graph, {}, history=history, prices=Prices(gpu_hour=3.6)).totals
    assert totals.seconds == 252.0
    assert totals.gpu_hours == pytest.approx(500 / 3600)
    assert totals.cost == pytest.approx(0.5)


def test_without_history_no_time_is_made_up():
    assert "no earlier runs" in render_text(make_plan(digits(), {}))


def test_comparing_two_versions_needs_no_state():
    plan = compare_graphs(digits(0.003), digits(0.002), "main")
    assert [change.address for change in plan.pending] == [
        "training.detector", "training.detector.evaluate", "registry.digits", "serving.api",
    ]  # fmt: skip
    assert "against main" in render_text(plan)
    assert compare_graphs(digits(), digits()).empty


def test_a_plan_file_comes_back_as_it_was(tmp_path: Path):
    plan = lower_rate(serial=3, lineage="abc")
    save_plan(plan, digits(0.002), tmp_path / "p.plan")
    assert load_plan(tmp_path / "p.plan", digits(0.002)) == plan


def test_a_comment_moves_marks_and_spoils_no_plan(tmp_path: Path):
    save_plan(lower_rate(), digits(0.002), tmp_path / "p.plan")
    moved = digits(0.002)
    nodes = {address: replace(one, marks={"": "mlops.yaml:99"}) for address, one in moved.nodes.items()}
    assert load_plan(tmp_path / "p.plan", replace(moved, nodes=nodes))


@pytest.mark.parametrize("other", [digits(0.004), replace(digits(0.002), environment="prod")])
def test_a_plan_file_of_another_graph_is_refused(tmp_path: Path, other):
    save_plan(lower_rate(), digits(0.002), tmp_path / "p.plan")
    with pytest.raises(ModelyardError) as caught:
        load_plan(tmp_path / "p.plan", other)
    assert caught.value.code == "stale-plan"


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"format":"modelyard-plan-1"}'])
def test_what_is_no_plan_file_is_told_in_a_line(tmp_path: Path, data):
    (tmp_path / "p.plan").write_bytes(data)
    with pytest.raises(ModelyardError) as caught:
        load_plan(tmp_path / "p.plan", digits())
    assert caught.value.code == "plan-file"


def test_an_edited_plan_file_is_refused(tmp_path: Path):
    save_plan(lower_rate(), digits(0.002), tmp_path / "p.plan")
    text = (tmp_path / "p.plan").read_text(encoding="utf-8").replace('"rerun"', '"no-op"')
    (tmp_path / "p.plan").write_text(text, encoding="utf-8")
    with pytest.raises(ModelyardError, match="changed after it was written"):
        load_plan(tmp_path / "p.plan", digits(0.002))


def test_policies_see_plan_and_graph():
    policies = {
        "gpu": {"deny": "plan.gpu_hours > 8", "message": "Ask the ML leads"},
        "detector": {"warn": "plan.changes.exists(c, c.address == 'training.detector' && c.certain)"},
        "port": {"deny": "graph.nodes['serving.api'].config.port == 8080", "message": "Not that port"},
    }
    verdicts = judge(lower_rate(), digits(), policies)
    assert [(verdict.name, verdict.effect) for verdict in verdicts] == [("port", "deny"), ("detector", "warn")]
    error = denied(verdicts)
    assert error and error.what == "Not that port" and error.address == "policies.port"


def test_a_long_policy_is_told_on_one_line():
    condition = " ||\n  ".join(f"plan.changes.exists(c, c.address == 'training.m{n}')" for n in range(9)) + " || true"
    (verdict,) = judge(lower_rate(), digits(), {"long": {"deny": condition}})
    assert verdict.message == (
        "plan.changes.exists(c, c.address == 'training.m0') || plan.changes.exists(c, c.address ==… holds"
    )
    (verdict,) = judge(lower_rate(), digits(), {"words": {"deny": "true", "message": "One.\n\n  Two."}})
    assert verdict.message == "One. Two."


@pytest.mark.parametrize(
    ("condition", "says"),
    [("plan.gpu_hourz > 8", "gpu_hourz"), ("plann.gpu_hours > 8", "plann"), ("plan.gpu_hours >", "parse"),
     ("plan.reruns", "true or false"), ("nope(plan)", "nope")],
)  # fmt: skip
def test_a_policy_that_cannot_be_evaluated_is_an_error_not_a_pass(condition, says):
    with pytest.raises(ModelyardError, match=says) as caught:
        judge(lower_rate(), digits(), {"bad": {"deny": condition}})
    assert caught.value.address == "policies.bad.deny"
