"""Variables: declarations, types with optional attributes, where values come from, validation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dstream_core.config import Task, lint, load_project
from dstream_core.errors import ConfigurationError, DiagnosticsError


def declared(inner: str, name: str = "x") -> str:
    return f'variable "{name}" {{\n{inner}\n}}\n'


@pytest.mark.parametrize(
    ("inner", "given", "value"),
    [
        ("", "5", "5"),
        ("", "a b = c", "a b = c"),
        ("type = string", '"quoted"', '"quoted"'),
        ("type = string", "", ""),
        ("type = number", "5", 5),
        ("type = number", "12345678901234567890123", 12345678901234567890123),
        ("type = bool", "true", True),
        ("type = any", "5", 5),
        ("type = any", '["a", 1]', ["a", 1]),
        ("type = list(string)", '["a", 1]', ["a", "1"]),
        ("type = list", '["a", 1]', ["a", "1"]),
        ("type = set(number)", "[3, 1, 3]", [1, 3]),
        ("type = map(number)", '{ b = 1, a = "2" }', {"a": 2, "b": 1}),
        ("type = tuple([string, number])", '[1, "2"]', ["1", 2]),
        ("type = object({ a = string })", "{ a = 1, b = 2 }", {"a": "1"}),
        ("type = object({ a = optional(string) })", "{}", {"a": None}),
        ('type = object({ a = optional(string, "d") })', "{}", {"a": "d"}),
        ('type = object({ a = optional(string, "d") })', "{ a = null }", {"a": "d"}),
        ("type = object({ a = optional(object({ b = optional(number, 7) }), {}) })", "{}", {"a": {"b": 7}}),
        ("type = list(object({ a = optional(number, 1) }))", "[{}, { a = 2 }]", [{"a": 1}, {"a": 2}]),
        ("type = map(object({ a = optional(number, 1) }))", "{ k = {} }", {"k": {"a": 1}}),
        ("type = tuple([object({ a = optional(number, 1) })])", "[{}]", [{"a": 1}]),
        ("type = list(any)", '[1, "a"]', ["1", "a"]),
        ("type = any", 'upper("a")', "A"),
        ("default = 5", None, 5),
        ('type = number\ndefault = "5"', None, 5),
        ("default = null", None, None),
        ("type = number\ndefault = 3\nnullable = false", None, 3),
        ("type = any\ndefault = 3\nnullable = false", "null", 3),
        ("type = any\ndefault = 3", "null", None),
        ('default = "{{ env "E" }}"', None, "from env"),
        ('description = "text"\nsensitive = false', "v", "v"),
    ],
)
def test_values_and_types(load: Callable[..., Task], inner: str, given: str | None, value: Any) -> None:
    given_values = [] if given is None else [f"x={given}"]
    task = load(config="v = var.x", extra=declared(inner), variables=given_values, environment={"E": "from env"})
    assert task.input.config == {"v": value}
    if given is not None:
        task = load(config="v = var.x", extra=declared(inner), environment={"DSTREAM_VAR_x": given})
        assert task.input.config == {"v": value}
        assert task.input.environment == {"DSTREAM_VAR_x"}


def test_the_order_is_that_of_terraform(load: Callable[..., Task], write: Callable[..., Path]) -> None:
    first, second = write("x = 1\n", "a.hcl"), write('{"x": 2}', "b.json")
    names = {"config": "v = var.x", "extra": declared("type = number\ndefault = 0")}

    def value(**given: Any) -> int:
        return int(load(**names, **given).input.config["v"])

    environment = {"DSTREAM_VAR_x": "9"}
    assert value() == 0
    assert value(environment=environment) == 9
    assert value(environment=environment, variable_files=[str(first)]) == 1
    assert value(variable_files=[str(first), str(second)]) == 2
    assert value(variable_files=[str(second), str(first)]) == 1
    assert value(variable_files=[str(second)], variables=["x=3", "x=4"]) == 4


def test_files(load: Callable[..., Task], write: Callable[..., Path]) -> None:
    hcl = write('a = ["x", 1.5] # comment\nb = "{{ env "E" }}"\n', "values.tfvars")
    data = {"c": {"k": [1, 12345678901234567890, 0.1, None, True, "${not}"]}}
    plain = write(json.dumps(data), "values.tfvars.json")
    extra = "".join(f'variable "{name}" {{\n}}\n' for name in "abc")
    task = load(
        config="v = [var.a, var.b, var.c]",
        extra=extra,
        variable_files=[str(hcl), str(plain)],
        environment={"E": "secret value"},
    )
    assert task.input.config["v"] == [
        ["x", Decimal("1.5")],
        "secret value",
        {"k": [1, 12345678901234567890, Decimal("0.1"), None, True, "${not}"]},
    ]
    assert task.input.secrets == {"secret value"}
    assert task.input.environment == {"E"}


def test_an_undeclared_variable_in_a_file_is_a_warning(write: Callable[..., Path]) -> None:
    path = write(declared("default = 1", "known"))
    values = write("knwn = 1\n", "values.hcl")
    project = load_project(path, variable_files=[str(values)], environment={})
    assert project.warnings == tuple(lint(path, variable_files=[str(values)], environment={}))
    [found] = lint(path, variable_files=[str(values)], environment={})
    assert (found.code, found.severity, str(found.where)) == ("variable/undeclared", "warning", f"{values}:1:1")
    assert found.hint is not None
    assert 'Did you mean "known"?' in found.hint


@pytest.mark.parametrize(
    ("variables", "code", "fragment"),
    [
        (["x"], "variable/option", "name=value"),
        (["y=1"], "variable/undeclared", "x"),
        (["x=a"], "variable/value", "a number is required"),
    ],
)
def test_wrong_options(load: Callable[..., Task], variables: list[str], code: str, fragment: str) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        load(config="v = var.x", extra=declared("type = number"), variables=variables)
    [found] = caught.value.diagnostics
    assert found.code == code
    assert fragment in f"{found.message} {found.hint}"


@pytest.mark.parametrize(
    ("content", "name", "code", "place"),
    [
        ("x 1\n", "v.hcl", "syntax/missing-equals", (1, 3)),
        ("x = 1\nx = 2\n", "v.hcl", "config/duplicate-argument", (2, 1)),
        ("b {\n}\n", "v.hcl", "variable/file", (1, 1)),
        ("x = local.a\n", "v.hcl", "expression/no-references", (1, 5)),
        ('x = "a"\n', "v.hcl", "variable/value", (1, 1)),
        ('{\n  "x": }', "v.json", "variable/file", (2, 8)),
        ("[]", "v.json", "variable/file", (1, 1)),
        ('{"x": NaN}', "v.json", "variable/file", (1, 1)),
        ('{"x": 1e9999}', "v.json", "variable/file", (1, 1)),
        ('{"x": "a"}', "v.json", "variable/value", (1, 1)),
    ],
)
def test_wrong_files(
    load: Callable[..., Task], write: Callable[..., Path], content: str, name: str, code: str, place: tuple[int, int]
) -> None:
    path = write(content, name)
    with pytest.raises(DiagnosticsError) as caught:
        load(config="v = var.x", extra=declared("type = number\ndefault = 1"), variable_files=[str(path)])
    [found] = caught.value.diagnostics
    assert found.where is not None
    assert (found.code, found.where.file, (found.where.line, found.where.column)) == (code, str(path), place)


def test_files_that_cannot_be_read(load: Callable[..., Task], tmp_path: Path) -> None:
    (tmp_path / "bad.hcl").write_bytes(b"x = \xff")
    for name in ("gone.hcl", "bad.hcl"):
        with pytest.raises(ConfigurationError) as caught:
            load(config="", extra=declared(""), variable_files=[str(tmp_path / name)])
        assert caught.value.code == "variable/file"


def test_a_variable_without_a_value(load: Callable[..., Task], write: Callable[..., Path]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        load(config="a = var.x\nb = var.x", extra=declared(""))
    assert [(item.code, item.where and item.where.line) for item in caught.value.diagnostics] == [
        ("variable/missing", 5),
        ("variable/missing", 6),
    ]
    assert caught.value.hint is not None
    assert "--var x=…" in caught.value.hint
    assert "DSTREAM_VAR_x" in caught.value.hint
    [found] = lint(write(declared("") + "locals {\n a = var.x\n b = var.x\n}\n"), environment={})
    assert (found.code, found.where and found.where.line) == ("variable/missing", 1)


def test_another_task_needs_no_value_of_it(load: Callable[..., Task]) -> None:
    other = 'task "o" {\n input {\n provider = var.x\n }\n output {\n provider = "c"\n }\n}\n'
    assert load(config="a = 1", extra=declared("") + other).input.config == {"a": 1}


@pytest.mark.parametrize(
    ("inner", "code", "line", "fragment"),
    [
        ("type = strin", "variable/type-constraint", 2, 'Did you mean "string"?'),
        ('type = "string"', "variable/type-constraint", 2, "quotes"),
        ("type = object", "variable/type-constraint", 2, "object({"),
        ("type = optional(string)", "variable/type-constraint", 2, "attributes"),
        ("type = list(string, number)", "variable/type-constraint", 2, "one type"),
        ("type = string(1)", "variable/type-constraint", 2, ""),
        ("type = foo(string)", "variable/type-constraint", 2, ""),
        ("type = tuple(string)", "variable/type-constraint", 2, "tuple(["),
        ("type = object(string)", "variable/type-constraint", 2, "object({"),
        ("type = object({ (a) = string })", "variable/type-constraint", 2, ""),
        ("type = object({ a = optional() })", "variable/type-constraint", 2, ""),
        ('type = object({ a = optional(number, "x") })', "variable/type-constraint", 2, "a number is required"),
        ("type = 5", "variable/type-constraint", 2, "Types:"),
        ('type = number\ndefault = "x"', "variable/default", 3, "a number is required"),
        ("default = null\nnullable = false", "variable/default", 2, "nullable"),
        ("default = local.a", "expression/no-references", 2, ""),
        ("sensitive = 5", "variable/flag", 2, "bool"),
        ("description = []", "variable/description", 2, ""),
    ],
)
def test_wrong_declarations(load: Callable[..., Task], inner: str, code: str, line: int, fragment: str) -> None:
    text = (
        declared(inner)
        + 'task "t" {\n input {\n provider = "c"\n config {\n v = var.x\n }\n }\n output {\n provider = "c"\n }\n}\n'
    )
    with pytest.raises(DiagnosticsError) as caught:
        load(text)
    [found] = caught.value.diagnostics
    assert (found.code, found.where and found.where.line) == (code, line)
    assert fragment in f"{found.message} {found.hint}"


VALIDATED = """\
type = number
validation {
  condition     = var.x > 0
  error_message = "must be above ${var.low}."
}
"""


@pytest.mark.parametrize(("given", "passes"), [("1", True), ("-1", False)])
def test_validation(load: Callable[..., Task], given: str, passes: bool) -> None:
    extra = declared(VALIDATED) + declared("default = 0", "low")
    if passes:
        assert load(config="v = var.x", extra=extra, variables=[f"x={given}"]).input.config == {"v": 1}
        return
    with pytest.raises(DiagnosticsError) as caught:
        load(config="v = var.x", extra=extra, variables=[f"x={given}"])
    assert caught.value.code == "variable/invalid"
    assert caught.value.message == 'The value of the variable "x" is invalid: must be above 0.'


def test_validations_that_need_each_other(load: Callable[..., Task]) -> None:
    one = declared('default = 1\nvalidation {\n condition = var.y > 0\n error_message = ""\n}', "x")
    two = declared('default = 1\nvalidation {\n condition = var.x > 0\n error_message = ""\n}', "y")
    assert load(config="v = var.x", extra=one + two).input.config == {"v": 1}


def test_no_secret_in_messages(load: Callable[..., Task], write: Callable[..., Path]) -> None:
    """Invariant 5, for values of sensitive variables that are wrong."""
    secret = "hunter2 = ["
    values = write(f'x = ["{secret}"]\n', "values.hcl")
    sensitive = declared("type = list(number)\nsensitive = true")
    attempts: list[Mapping[str, Any]] = [
        {"variables": [f"x={secret}"]},
        {"environment": {"DSTREAM_VAR_x": secret}},
        {"variable_files": [str(values)]},
        {"variables": ["hunter2"]},
    ]
    for given in attempts:
        with pytest.raises(DiagnosticsError) as caught:
            load(config="v = var.x", extra=sensitive, **given)
        assert "hunter2" not in str(caught.value.diagnostics), given
    message = 'sensitive = true\nvalidation {\n condition = false\n error_message = "bad: ${var.x}"\n}'
    with pytest.raises(DiagnosticsError) as caught:
        load(config="v = var.x", extra=declared(message), variables=["x=hunter2"])
    assert "hunter2" not in str(caught.value.diagnostics)


def test_sensitive_variables_are_masked_through_everything(load: Callable[..., Task]) -> None:
    task = load(
        config='a = "x-${local.l}"\nb = [1, { c = upper(var.x) }]\nd = length(var.x)\ne = nonsensitive(var.x)\n'
        "f = substr(var.x, 0, 2)\ng = 123456 + length(var.x)",
        extra=declared("sensitive = true") + 'locals {\n l = "y-${var.x}"\n}\n',
        variables=["x=tok"],
    )
    # what is so short that it is found everywhere ("3", "to") would destroy what is printed
    assert task.input.secrets == {"tok", "x-y-tok", "TOK", "123459"}
    assert task.input.secret_paths == {("a",), ("b", 1, "c"), ("d",), ("f",), ("g",)}
