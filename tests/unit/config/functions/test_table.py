"""The table of functions: complete, documented, cheap to import."""

from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from dstream_core.config.functions import _HOMES as HOMES
from dstream_core.config.functions import BUILT_INS, FUNCTIONS, LEFT_OUT, Function, FunctionError
from dstream_core.config.values import ListValue, TupleValue, Value, convert, type_of

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "scripts/generate_functions_reference.py"

# Every function of Terraform 1.11.
TERRAFORM = """
abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 basename bcrypt can ceil
chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains csvdecode
dirname distinct element endswith ephemeralasnull file filebase64 filebase64sha256 filebase64sha512 fileexists filemd5
fileset filesha1 filesha256 filesha512 flatten floor format formatdate formatlist indent index issensitive join
jsondecode jsonencode keys length list log lookup lower map matchkeys max md5 merge min nonsensitive one parseint
pathexpand plantimestamp pow range regex regexall replace reverse rsadecrypt sensitive setintersection setproduct
setsubtract setunion sha1 sha256 sha512 signum slice sort split startswith strcontains strrev substr sum templatefile
templatestring textdecodebase64 textencodebase64 timeadd timecmp timestamp title tobool tolist tomap tonumber toset
tostring transpose trim trimprefix trimspace trimsuffix try type upper urlencode uuid uuidv5 values yamldecode
yamlencode zipmap
""".split()  # noqa: SIM905  a list of literals would be ten times as long


def test_every_function_of_terraform_is_there_or_has_a_reason() -> None:
    groups = [set(FUNCTIONS), set(BUILT_INS), set(LEFT_OUT)]
    assert set(TERRAFORM) - set().union(*groups) == set()
    assert set().union(*groups) - set(TERRAFORM) == {"env"}
    assert len(set().union(*groups)) == sum(map(len, groups))


@pytest.mark.parametrize("module", HOMES)
def test_each_module_holds_what_the_table_says(module: str) -> None:
    functions = importlib.import_module(f"dstream_core.config.functions.{module}").FUNCTIONS
    assert sorted(function.name for function in functions) == sorted(HOMES[module].split())


def test_the_table_is_a_mapping() -> None:
    assert "upper" in FUNCTIONS
    assert "uppr" not in FUNCTIONS
    assert FUNCTIONS.get("uppr") is None
    assert len(list(FUNCTIONS)) == len(FUNCTIONS)
    assert list(FUNCTIONS) == sorted(FUNCTIONS)
    assert all(function.name == name for name, function in FUNCTIONS.items())


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_the_summary_is_a_sentence(function: Function) -> None:
    assert function.summary.endswith(".")
    assert function.summary[0].isupper() or not function.summary[0].isalpha()
    assert function.area


EXAMPLES = [example for function in FUNCTIONS.values() for example in function.examples]
EXAMPLES += [built_in.example for built_in in BUILT_INS.values()]


def _plain(value: Value) -> Value:
    """Lists and sets as tuples, for the page shows values and not their kinds."""
    if isinstance(value, list):
        return TupleValue(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(of) for key, of in value.items()}  # type: ignore[return-value]  # only to compare
    return value


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_examples_are_true(value: Callable[[str], Value], expression: str, expected: str) -> None:
    assert _plain(value(expression)) == _plain(value(expected))


def test_the_reference_page_is_up_to_date() -> None:
    written = (ROOT / "docs/reference/functions.md").read_text(encoding="utf-8")
    expected = runpy.run_path(str(SCRIPT))["page"]()
    assert written == expected, "run: python scripts/generate_functions_reference.py"


def test_importing_the_table_imports_no_function() -> None:
    """Reading a small file must not pay for what it does not call."""
    code = (
        "import sys, dstream_core.config.functions as f; "
        "print(*[name for name in sys.modules if name.startswith(f.__name__ + '.')])"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["dstream_core.config.functions.model"]


def test_values_are_normalised() -> None:
    assert FUNCTIONS["join"].invoke(["", ListValue(["e", "\u0301"], type_of(""))]) == "é"
    assert FUNCTIONS["formatlist"].invoke(["e%s", TupleValue(["\u0301"])]) == ["é"]


@pytest.mark.parametrize(
    ("name", "arguments", "message", "index"),
    [
        ("upper", [], 'upper(str) expects 1 argument; missing value for "str"', None),
        ("upper", ["a", "b"], "upper(str) expects 1 argument; 2 were given", 1),
        ("join", [], 'join(separator, lists...) expects at least 1 argument; missing value for "separator"', None),
        ("upper", [None], "argument must not be null", 0),
        ("substr", ["a", "x", Decimal(1)], "a number is required", 1),
        ("join", [",", TupleValue(["a"]), None], "argument must not be null", 2),
        ("slice", [TupleValue(["a"]), Decimal(0), Decimal(2)], "end index", 2),
    ],
)
def test_errors_name_the_argument(name: str, arguments: list[Value], message: str, index: int | None) -> None:
    with pytest.raises(FunctionError) as caught:
        FUNCTIONS[name].invoke(arguments)
    assert message in caught.value.message
    assert caught.value.argument_index == index


def test_arguments_are_converted() -> None:
    assert FUNCTIONS["upper"].invoke([True]) == "TRUE"
    assert FUNCTIONS["floor"].invoke(["1.5"]) == 1
    assert convert("5", FUNCTIONS["pow"].parameters[0].type) == 5
