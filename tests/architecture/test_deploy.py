import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from authsvc import __version__
from authsvc.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = [path for path in sorted((ROOT / "deploy").rglob("*")) if path.is_file() and path.suffix != ".lock"]
NAME = re.compile(r"AUTHSVC_[A-Z0-9_]*[A-Z0-9]")


def names(model: type[BaseModel], prefix: str) -> set[str]:
    found = set()
    for field, info in model.model_fields.items():
        group = info.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            found |= names(group, f"{prefix}{field.upper()}__")
        else:
            found.add(f"{prefix}{field.upper()}")
    return found


SETTINGS = names(Settings, "AUTHSVC_")


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in FILES])
def test_every_setting_that_a_deployment_names_exists(path: Path):
    assert set(NAME.findall(path.read_text())) <= SETTINGS


def test_the_settings_of_the_deployments_are_looked_for_in_all_their_files():
    named = {name for path in FILES for name in NAME.findall(path.read_text())}
    assert {"AUTHSVC_ISSUER", "AUTHSVC_HTTP__TRUSTED_PROXIES"} <= named


def test_the_chart_deploys_the_version_of_the_package():
    chart = (ROOT / "deploy" / "chart" / "Chart.yaml").read_text()
    assert re.search(r'^appVersion: "(.*)"$', chart, re.MULTILINE)[1] == __version__  # type: ignore[index]
