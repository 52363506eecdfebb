"""Every route of every API is described, nothing is described that is not there, and the documents are OpenAPI 3.1."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ates.platform.settings import Settings
from ates.web.kit import openapi

SERVICES = ("auth", "tasks", "accounting", "analytics", "topics")


@pytest.fixture
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    settings = Settings(
        kafka="x:1",
        registry="http://x",
        postgres="postgresql://x",
        csrf_secret="x",
        jwks="http://x",
        keys=str(tmp_path),
        query_postgres="postgresql://x",
    )
    return import_module(f"ates.web.{request.param}.app").create_app(settings)


def operations(app: Any) -> openapi.Operations:
    found: openapi.Operations = import_module(f"ates.web.{app[openapi.SERVICE]}.operations").OPERATIONS
    return found


@pytest.mark.parametrize("app", SERVICES, indirect=True)
def test_every_route_of_the_api_is_described_and_no_other(app: Any) -> None:
    assert set(operations(app)) == {f"{method} {path}" for method, path, _ in openapi.routes(app)}


@pytest.mark.parametrize("app", SERVICES, indirect=True)
def test_the_document_is_openapi_with_a_summary_for_each_operation(app: Any) -> None:
    document = openapi.document(app, operations(app))
    OpenAPIV31SpecValidator(document).validate()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], f"{method} {path} has no docstring"


@pytest.mark.parametrize("app", ["auth"], indirect=True)
def test_codes_that_a_client_acts_upon_are_described_and_on_the_page_of_errors(app: Any) -> None:
    page = (Path(__file__).parents[3] / "docs" / "errors.md").read_text(encoding="utf-8")
    paths, found = openapi.document(app, operations(app))["paths"], set()
    for name, operation in operations(app).items():
        method, path = name.lower().split(" ")
        for code, advice in operation.codes.items():
            found.add(code)
            assert f"`{code}`: {advice}." in paths[path][method]["description"]
            assert f"`{code}`" in page
    assert found == {
        "code_required",
        "second_factor_required",
        "code_wrong",
        "challenge_expired",
        "confirmation_required",
    }
