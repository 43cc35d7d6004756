"""Invariant 5: known secrets are masked in everything that is printed."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

SECRET = 'p@ss"w\\ord/ü+1'

PLUGIN = """
    from dstream_core.api import ProviderInfo, RoleInfo, hookimpl

    @hookimpl
    def dstream_provider():
        verbs = ("run", "plan", "status")
        return ProviderInfo("leaky", "Leaks.", output=RoleInfo("leaky:Leaky", "leaky_options:Options", verbs))
"""
OPTIONS = """
    from pydantic import BaseModel, Field, SecretStr

    class Options(BaseModel):
        token: SecretStr = SecretStr("")
        connection: str = ""
        region: str = Field("", json_schema_extra={"secret": False})
        other: str = ""
"""
IMPLEMENTATION = """
    import base64, json, sys
    from urllib.parse import quote
    from dstream_core.api import ConfigurationError, Resource, Result, hookimpl

    def forms(text):
        return [text, json.dumps(text), quote(text), base64.b64encode(b"user:" + text.encode()).decode(), repr(text)]

    class Leaky:
        @hookimpl
        def dstream_run_output(self, context):
            everything = [context.options.token.get_secret_value(), context.options.connection, context.options.other]
            for text in everything:
                for form in forms(text):
                    print(form)
                    context.log.info("logged %s", form, field=form)
                    context.text(form)
                    print(form, file=sys.stderr)
            context.text(f"region {context.options.region}")
            for batch in context.batches():
                batch.ack()
            raise ConfigurationError(f"refused {everything[0]}", hint=f"try {everything[1]}")

        @hookimpl
        def dstream_plan(self, context):
            secret = context.options.token.get_secret_value()
            return Result(resources=[Resource("q", "queue", f"q-{secret}", "create", after={"key": secret})])

        @hookimpl
        def dstream_status(self, context):
            raise RuntimeError(context.options.token.get_secret_value())
"""

TASK = """
    task "t" {
      input {
        provider = "counter"
        config {
          max_count = 1
        }
      }
      output {
        provider = "leaky"
        config {
          token = %s
          connection = "Endpoint=sb://x/;SharedAccessKey=%s;EntityPath=q"
          region = env("REGION")
          other = env("OTHER")
        }
      }
    }
"""
KEY = "aGVsbG8td29ybGQta2V5"
OTHER = "value-from-env"


@pytest.fixture
def leaky(dstream, distribution):
    distribution(
        "dstream-leaky", {"leaky": "leaky_plugin"}, leaky_plugin=PLUGIN, leaky_options=OPTIONS, leaky=IMPLEMENTATION
    )
    dstream.environment |= {"REGION": "westeurope-1", "OTHER": OTHER}
    dstream.write(TASK % (json.dumps(SECRET), KEY))
    return dstream


def assert_clean(text: str) -> None:
    encoded = base64.b64encode(b"user:" + SECRET.encode()).decode()
    for form in (SECRET, json.dumps(SECRET)[1:-1], quote(SECRET), repr(SECRET)[1:-1], KEY, OTHER, encoded[8:-6]):
        assert form not in text, form


@pytest.mark.parametrize("more", [[], ["--log-format", "json"], ["--log-level", "debug"], ["--json"]])
def test_a_run_shows_no_secret(leaky, more: list[str]) -> None:
    done = leaky("run", "t", *more)
    assert done.code == 2
    assert_clean(done.out + done.err)
    assert done.out.count("(secret)") >= 15
    assert "(secret)" in done.err
    assert "region westeurope-1" in done.out


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_plan_shows_no_secret(leaky, more: list[str]) -> None:
    done = leaky("plan", "t", *more)
    assert done.code == 0, done.err
    assert_clean(done.out)
    assert "q-(secret)" in done.out


def test_a_bug_of_a_provider_shows_no_secret(leaky) -> None:
    done = leaky("status", "t")
    assert done.code == 1
    assert_clean(done.out + done.err)
    assert "RuntimeError" in done.err


def test_sensitive_variables_are_masked(leaky) -> None:
    leaky.write('variable "token" {\n  sensitive = true\n}\n' + (TASK % ("var.token", KEY)).replace("\n    ", "\n"))
    done = leaky("run", "t", "--var", f"token={SECRET}")
    assert done.code == 2, done.err
    assert_clean(done.out + done.err)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_lines_that_lint_draws_show_no_secret(leaky, more: list[str]) -> None:
    one_line = 'config = { token = %s, otherr = 1, connection = "SharedAccessKey=%s" }'
    leaky.write(
        'task "t" {\n  input {\n    provider = "counter"\n  }\n  output {\n    provider = "leaky"\n    '
        + one_line % (json.dumps(SECRET), KEY)
        + "\n  }\n}\n"
    )
    done = leaky("lint", *more)
    assert done.code == 2
    assert_clean(done.out + done.err)
    assert "otherr" in done.out + done.err
    assert "(secret)" in done.out + done.err


def test_json_stays_json_when_a_number_is_a_secret(leaky) -> None:
    leaky.environment["OTHER"] = "12345678"
    leaky.write(TASK % ('"12345678"', KEY))
    done = leaky("plan", "t", "--json")
    assert json.loads(done.out)["resources"][0]["after"] == {"key": "(secret)"}
