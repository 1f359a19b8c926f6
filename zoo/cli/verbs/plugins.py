"""`zoo plugins`: list, diagnose and check plugins, write the manifest of one, start a new one."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.output import notes, print_json, print_table
from zoo.cli.parameters import json_goes_last, json_option
from zoo.errors import OptionError, PluginError
from zoo.whole_file import write_whole


@click.group("plugins", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List, check and diagnose plugins, or start a new one.

    \b
    Example:
      zoo plugins
      zoo plugins doctor
      zoo plugins new birds --kind head,dataset
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)
    else:
        json_goes_last(ctx, as_json)


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List plugins with their state and what they provide; imports none of them.

    \b
    Example:
      zoo plugins list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    from zoo.plugin.listing import plugins

    table = plugins()
    if as_json:
        print_json(list(table))
    else:
        print_table(
            table, expendable=("error", "manifest", "distribution") if not any(row["error"] for row in table) else ()
        )


@command.command("doctor")
@click.argument("plugin", required=False)
@click.option(
    "--import", "imports", is_flag=True, help="Import each plugin, in a process of its own, and call its hooks."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    help="Seconds after which an import counts as hung.",
)
@json_option
@click.pass_context
def doctor_command(ctx: click.Context, plugin: str | None, imports: bool, timeout: float, as_json: bool) -> None:
    """Say what is wrong with plugins, and what to try; exit code 1 if something is broken.

    Reads metadata and manifests only. With --import each plugin is imported in a process of its own as well, which
    finds those that fail, hang, crash, print, are slow or load TensorFlow at import, and manifests out of date.

    \b
    Example:
      zoo plugins doctor
      zoo plugins doctor zoo_flowers --import --json
    """
    import warnings

    from zoo.cli.main import BUILT_IN
    from zoo.plugin.tools.doctor import examine
    from zoo.registry import ZooNotice

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZooNotice)  # all of it is in the answer
        examination = examine(plugin, imports=imports, timeout=timeout, taken=BUILT_IN)
    if as_json:
        print_json(examination.to_dict())
    else:
        click.echo(examination.render())
    if not examination.ok:
        ctx.exit(1)


@command.command("check")
@click.argument("plugin")
@json_option
@click.pass_context
def check_command(ctx: click.Context, plugin: str, as_json: bool) -> None:
    """Run the conformance checks on a plugin; exit code 1 if it does not pass.

    Imports the plugin and uses everything it provides: installing a plugin, and checking it, runs its code.

    \b
    Example:
      zoo plugins check zoo_flowers
    """
    from zoo.plugin import manager
    from zoo.plugin.records import find_record
    from zoo.testing import check_plugin

    report = check_plugin(find_record(manager().records(), plugin).id)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(report.render())
    if not report.ok:
        ctx.exit(1)


@command.command("new")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    default="head",
    show_default=True,
    help="What it provides, as a comma list: head, dataset, augmentation, backbone, label-set, command, recipe, "
    "modality.",
)
@click.option("--directory", type=click.Path(path_type=Path), help="Where to write it; default zoo-NAME.")
@click.option("--author", default="", help="Name for the license and the metadata.")
def new_command(name: str, kinds: str, directory: Path | None, author: str) -> None:
    """Start a plugin: a complete project with tests, manifest, license and CI, ready to edit and publish.

    \b
    Example:
      zoo plugins new birds --kind head,dataset,augmentation
    """
    from zoo.cli.main import BUILT_IN
    from zoo.cli.parameters import names
    from zoo.plugin.tools.scaffold import create

    target = create(name, names([kinds]), directory=directory, author=author, taken=BUILT_IN)
    click.echo(str(target))
    notes(f"next: cd {target} && pip install -e '.[dev]' && pytest")


@command.command("install")
@click.argument("name")
@click.option("--upgrade", is_flag=True, help="Also where an older version is installed.")
def install_command(name: str, upgrade: bool) -> None:
    """Install a plugin with pip, and say what it brought; exit code 1 if something of it is broken.

    NAME is a distribution, such as zoo-birds, or the path of a project or a wheel. Installing a plugin runs its code:
    install what you trust.

    \b
    Example:
      zoo plugins install zoo-birds
      zoo plugins install ./zoo-birds
    """
    from zoo.plugin.tools.installing import install

    brought = install(name, upgrade=upgrade)
    if not brought.plugins:
        notes(f"{name} is installed; nothing of its plugins is new (`zoo plugins` lists all of them)")
    for record in brought.plugins:
        row = record.row()
        click.echo(f"{record.id}  {record.provider.distribution} {record.provider.version}  {record.state}")
        if row["provides"]:
            click.echo(f"  {row['provides']}")
    broken = [record for record in brought.plugins if record.error]
    if broken:
        raise PluginError(f"{broken[0].id}: {broken[0].error}; `zoo plugins doctor {broken[0].id}` says more")


@command.command("rows")
@click.argument("builder")
@click.option("--input-size", type=click.IntRange(min=1), default=224, show_default=True, help="The default size.")
@click.option("--builder-option", "pairs", multiple=True, metavar="KEY=VALUE", help="Argument of the builder.")
@json_option
def rows_command(builder: str, input_size: int, pairs: tuple[str, ...], as_json: bool) -> None:
    """Print the row of a backbone, read off the network that its builder makes.

    BUILDER is "package.module:function", or the name of a backbone. The row is Python, to be pasted into a plugin;
    --json prints data. Preprocessing and weights are what its author knows.

    \b
    Example:
      zoo plugins rows zoo_birds.net:build --input-size 160
    """
    from zoo.cli.parameters import named_options
    from zoo.cli.quiet import load_keras
    from zoo.testing.rows import as_code, backbone_figures

    options = named_options(pairs, {}, flag="--builder-option")
    load_keras()
    figures = backbone_figures(builder, input_size=input_size, options=options)
    if as_json:
        print_json(figures)
    else:
        click.echo(as_code(figures))


@command.command("manifest")
@click.argument("plugin")
@click.option("--write", is_flag=True, help="Write the file into the plugin's package instead of printing it.")
def manifest_command(plugin: str, write: bool) -> None:
    """Make zoo-plugin.json of a plugin from its hooks.

    With this file in its package a plugin is listed without being imported. Make it anew whenever the hooks change.

    \b
    Example:
      zoo plugins manifest zoo_flowers --write
    """
    from zoo.plugin import calling, manager
    from zoo.plugin.manifest import make_manifest, manifest_path
    from zoo.plugin.records import find_record

    record = find_record(manager().records(), plugin)
    plugin, module = record.id, record.module
    with calling(record.provider, f"plugin {plugin!r}"):
        text = make_manifest(plugin, module)
    if not write:
        click.echo(text, nl=False)
        return
    path = manifest_path(module)
    if path is None:
        raise OptionError(f"plugin {plugin!r} is the single module {module!r}: a manifest needs a package to lie in")
    write_whole(path, text.encode(), mode=0o644)
    click.echo(str(path))
