"""`python -m bench.peers.serve MODULE:APP PORT`: a bare app as `authsvc serve` serves, so that only the app differs."""

import gc
import sys
from importlib import import_module

from authsvc.cli.serving import listening, stopped_by_signals
from authsvc.web.server import run, serve


async def _main(target: str, port: int) -> None:
    module, _, name = target.partition(":")
    app = getattr(import_module(module), name)
    gc.freeze()
    await serve(app, [listening("127.0.0.1", port)], stopped_by_signals())


if __name__ == "__main__":
    run(_main(sys.argv[1], int(sys.argv[2])))
