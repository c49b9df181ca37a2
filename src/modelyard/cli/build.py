"""`modelyard build`."""

import json
import sys
from dataclasses import asdict

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session, has_color


@click.command(epilog="Example: modelyard build -e prod --push")
@common_options
@click.option("--push", is_flag=True, help="Push them to the target's `registry`, with the logins of `docker login`.")
@format_option("text", "json")
def command(common: Common, push: bool, form: str) -> None:
    """Build the images that the environment's target runs: the project's code and packages, one for each role.

    An image is named by what it is made of, so one that is there is not built or pushed again.
    """
    from modelyard.apply.events import NodeEvent, NodeStarted
    from modelyard.apply.images import build_images
    from modelyard.cli.interrupt import cancel_on_interrupt
    from modelyard.cli.progress import Progress
    from modelyard.cli.table import print_table

    session = Session(common)
    graph = session.graph
    cancel = cancel_on_interrupt(common)
    with Progress(common, color=has_color(common, sys.stderr)) as progress:
        progress(NodeStarted("images", "image"))
        images = build_images(
            graph, session.loaded.root, lambda event: progress(NodeEvent("images", event)), cancel, pushing=push
        )
    if form == "json":
        click.echo(json.dumps([asdict(image) for image in images], indent=2))
        return
    if not images:
        common.say("Every image is given by name in the spec; nothing to build.")
        return
    size = [f"{image.bytes / 1e6:.0f} MB" if image.bytes else "in the registry" for image in images]
    rows = [[image.role, image.name, text, image.digest] for image, text in zip(images, size, strict=True)]
    print_table(("role", "image", "size", "digest"), rows, common)
