"""The command line: one file per noun. It owns words, options and the start of servers; the rules live in domain/.

A server's workers carry of this package what `serving` needs, and never the command line itself.
"""


def app() -> None:
    """Run the command that the arguments name: the console script `authsvc`."""
    from authsvc.cli.commands import run  # noqa: PLC0415 - a worker lives in this package, too, and carries no command line

    run()
