"""The command line: one file per noun. It owns words, options and the start of servers; the rules live in domain/.

A worker process imports `authsvc.app` and never what lies here but for `serving`, so that it carries no command line.
"""


def app() -> None:
    """Run the command that the arguments name: the console script `authsvc`."""
    from authsvc.cli.commands import run  # noqa: PLC0415 - serving.py lives in this package and must stay light

    run()
