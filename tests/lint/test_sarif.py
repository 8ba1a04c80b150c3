# SPDX-License-Identifier: GPL-2.0-or-later
"""The SARIF log of ``paradrive lint``.

No package that pip or apt installs brings the schema of SARIF 2.1.0, so what follows is a part of it, written
from the standard: the objects that the linter writes, with those of their properties that it uses. It allows
nothing that the whole schema forbids.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Log = Callable[..., dict[str, Any]]

PVCTL = "/platform@f00000000/pvctl@0"


def sarif_object(required: list[str], **properties: object) -> dict[str, object]:
    """Return the schema of an object that has no other properties; "_" stands for "$"."""
    named = {name.replace("_", "$"): schema for name, schema in properties.items()}
    return {"type": "object", "additionalProperties": False, "required": required, "properties": named}


STRING = {"type": "string"}
NATURAL = {"type": "integer", "minimum": 1}
TEXT = sarif_object(["text"], text=STRING)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = sarif_object(
    ["id"],
    id=STRING,
    shortDescription=TEXT,
    fullDescription=TEXT,
    help=TEXT,
    defaultConfiguration=sarif_object([], level=LEVEL),
)
LOCATION = sarif_object(
    [],
    physicalLocation=sarif_object(
        [],
        artifactLocation=sarif_object([], uri={"type": "string", "pattern": "^[^ ]+$"}),
        region=sarif_object([], startLine=NATURAL, startColumn=NATURAL),
    ),
    logicalLocations={
        "type": "array",
        "uniqueItems": True,
        "items": sarif_object([], fullyQualifiedName=STRING, kind=STRING),
    },
)
RESULT = sarif_object(
    ["message"],
    ruleId=STRING,
    ruleIndex={"type": "integer", "minimum": -1},
    kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
    level=LEVEL,
    message=TEXT,
    locations={"type": "array", "items": LOCATION},
)
RUN = sarif_object(
    ["tool"],
    tool=sarif_object(
        ["driver"],
        driver=sarif_object(
            ["name"],
            name=STRING,
            version=STRING,
            rules={"type": "array", "uniqueItems": True, "items": RULE},
        ),
    ),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)
SCHEMA = sarif_object(
    ["version", "runs"],
    _schema=STRING,
    version={"enum": ["2.1.0"]},
    runs={"type": "array", "items": RUN},
)


@pytest.fixture
def log(lint: Callable[..., Any], write_tree: Callable[..., str]) -> Log:
    """Return what makes the log of trees, each the ppce500's with an addition."""

    def execute(*additions: str) -> dict[str, Any]:
        names = [
            write_tree(addition, name=f"tree number {number}.dts")
            for number, addition in enumerate(additions)
        ]
        result: dict[str, Any] = json.loads(lint("--format", "sarif", *names).out)
        return result

    return execute


@pytest.mark.parametrize(
    "additions",
    [
        [""],
        ["&pvctl { unknown; };", "/ { device@1 { }; };"],
        ["/ { device { flag; flag; }; };"],
        ["/ { /delete-node/ memory@0; };"],
    ],
    ids=["nothing", "findings", "unloadable", "no boot"],
)
def test_log_is_valid(log: Log, additions: list[str]) -> None:
    written = log(*additions)
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(written, SCHEMA, cls=jsonschema.Draft7Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**written, "runs": [{"results": []}]}, SCHEMA)


def test_finding_names_its_rule_and_its_place(log: Log) -> None:
    (run,) = log("", "&pvctl {\n\tunknown;\n};\n")["runs"]
    result = next(result for result in run["results"] if "'unknown'" in result["message"]["text"])
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (rule["id"], result["level"]) == (result["ruleId"], "error") == ("schema", "error")
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"].endswith("/tree%20number%201.dts")
    assert location["physicalLocation"]["region"] == {"startLine": 5, "startColumn": 8}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == PVCTL


def test_rules_that_found_something_explain_themselves(log: Log) -> None:
    (run,) = log("/ { device@1 { }; };")["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert list(rules) == sorted(rules)
    assert {result["ruleId"] for result in run["results"]} - set(rules) == {"prediction"}
    assert rules["dtc:unit_address_vs_reg"]["help"]["text"]


def test_predictions_are_information_and_no_problems(log: Log) -> None:
    (run,) = log("")["runs"]
    assert {(result["kind"], result["level"]) for result in run["results"]} == {("informational", "none")}
    texts = {
        result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]: result["message"]["text"]
        for result in run["results"]
    }
    assert texts[PVCTL].startswith("bound")
