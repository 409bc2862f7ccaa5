"""The offline list of common passwords, from the package zxcvbn; loaded at the first new password, then kept."""

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path


@cache
def common_passwords() -> frozenset[str]:
    """Return some 30,000 passwords in lower case, the most used of known leaks.

    Its file is read on its own: the package builds indexes for its strength meter, twice the memory for nothing.
    """
    package = find_spec("zxcvbn")
    assert package is not None and package.origin is not None  # noqa: S101, PT018 - a dependency of authsvc
    spec = spec_from_file_location("authsvc_frequency_lists", Path(package.origin).with_name("frequency_lists.py"))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the file is there
    lists = module_from_spec(spec)
    spec.loader.exec_module(lists)
    return frozenset(lists.FREQUENCY_LISTS["passwords"])
