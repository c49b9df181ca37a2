"""`modelyard schema`."""

from pathlib import Path

import click


@click.command(epilog="Example: modelyard schema > mlops.v1.json")
@click.option("--write", type=click.Path(path_type=Path, file_okay=False), help="Write all schemas into this folder.")
def command(write: Path | None) -> None:
    """Print the JSON Schema of mlops.yaml: completion and hover text for editors."""
    import json

    from modelyard.plan.schema import plan_schema
    from modelyard.spec.schema import spec_schema

    if write is None:
        click.echo(json.dumps(spec_schema(), indent=2, ensure_ascii=False))
        return
    write.mkdir(parents=True, exist_ok=True)
    for name, schema in {"mlops.v1.json": spec_schema(), "plan.v1.json": plan_schema()}.items():
        (write / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        click.echo(f"Wrote {write / name}", err=True)
