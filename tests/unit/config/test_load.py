"""Loading: the structure of a file, tasks evaluated alone, places, provenance, everything wrong at once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from dstream_core.config import BlockSettings, Project, Task, evaluate_task, lint, load_project
from dstream_core.errors import ConfigurationError, DiagnosticsError, ExitCode

FULL = """\
dstream {
  plugin_registry = "ghcr.io/acme"
  required_plugins {
    name    = "counter"
    version = "1.0"
  }
}

locals {
  names = ["a", "b"]
  next  = local.first + 1
  first = 41
}

task "t" {
  type         = "providers"
  description  = "an example"
  stop_timeout = "1m"

  input {
    provider      = "counter"
    envelope      = "bare"
    start_timeout = 5
    config {
      text   = "x"
      number = local.next
      ratio  = 1.50
      big    = 123456789012345678901234567890
      flag   = true
      none   = null
      list   = [for name in local.names : upper(name)]
      object = { a = { b = [1, { c = "d" }] } }
      lock {
        type = "none"
      }
      rule {
        id = 1
      }
      rule {
        id = 2
        part {
          x = 1
        }
      }
    }
  }

  output {
    provider_path = "bin/out"
    on_reject     = "stop"
    max_rejects   = 7
    config = {
      output_format = "json"
    }
  }
}

task "other" {
  input {
    provider = "./mine"
  }
  output {
    provider_ref = "acme/out:1"
  }
}
"""


def test_everything(load: Callable[..., Task]) -> None:
    task = load(FULL)
    assert (task.name, task.description, task.settings.stop_timeout) == ("t", "an example", 60)
    assert (task.where.line, task.where.column) == (15, 6)
    source, sink = task.input, task.output
    assert (source.role, source.kind, source.reference) == ("input", "provider", "counter")
    assert source.settings == BlockSettings(envelope="bare", start_timeout=5.0)
    assert source.config == {
        "text": "x",
        "number": 42,
        "ratio": Decimal("1.5"),
        "big": 123456789012345678901234567890,
        "flag": True,
        "none": None,
        "list": ["A", "B"],
        "object": {"a": {"b": [1, {"c": "d"}]}},
        "lock": {"type": "none"},
        "rule": [{"id": 1}, {"id": 2, "part": {"x": 1}}],
    }
    assert isinstance(source.config["number"], int)
    assert str(source.config["ratio"]) == "1.5"
    assert (sink.role, sink.kind, sink.reference) == ("output", "provider_path", "bin/out")
    assert sink.settings == BlockSettings(on_reject="stop", max_rejects=7)
    assert sink.config == {"output_format": "json"}
    assert not task.secrets


def test_defaults(write: Callable[..., Path]) -> None:
    project = load_project(write(FULL), environment={})
    task = evaluate_task(project, "other")
    assert (task.input.kind, task.input.reference) == ("provider_path", "./mine")
    assert (task.output.kind, task.output.config) == ("provider_ref", {})
    assert task.input.settings == BlockSettings("command", 30.0, "dead_letter", 100)
    assert task.settings.stop_timeout == 25
    assert task.description is None


def test_the_project_knows_its_tasks_without_evaluating(write: Callable[..., Path]) -> None:
    path = write(FULL + 'task "broken" {\n input {\n provider = local.gone\n }\n output {\n provider = "x"\n }\n}\n')
    project = load_project(path.parent, environment={})
    assert isinstance(project, Project)
    assert list(project.tasks) == ["t", "other", "broken"]
    assert project.tasks["t"].description == "an example"
    assert project.tasks["t"].provider("input") == "counter"
    assert project.tasks["t"].provider("output") == "bin/out"
    assert project.tasks["broken"].provider("input") is None
    assert project.directory == path.parent.resolve()
    assert project.file == path
    evaluate_task(project, "t")
    with pytest.raises(DiagnosticsError):
        evaluate_task(project, "broken")


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("counter", "provider"),
        ("a/b", "provider_path"),
        ("a\\\\b", "provider_path"),
        (".x", "provider_path"),
        ("..", "provider_path"),
    ],
)
def test_a_provider_with_a_separator_is_a_path(load: Callable[..., Task], reference: str, kind: str) -> None:
    text = f'task "t" {{\n input {{\n provider = "{reference}"\n }}\n output {{\n provider_image = "i"\n }}\n}}\n'
    task = load(text)
    assert task.input.kind == kind
    assert task.output.kind == "provider_image"


def test_places(load: Callable[..., Task]) -> None:
    block = load(FULL).input
    at = {path: (place.line, place.column) for path, place in block.places.items()}
    assert at[()] == (24, 5)
    assert at["text",] == (25, 16)
    assert at["list",] == (31, 16)
    assert at["object", "a", "b", 1, "c"] == (32, 38)
    assert at["lock", "type"] == (34, 16)
    assert at["rule",] == (36, 7)
    assert at["rule", 1] == (39, 7)
    assert at["rule", 1, "part", "x"] == (42, 15)
    assert (block.name_places["text",].line, block.name_places["text",].column) == (25, 7)
    assert block.name_places["object", "a"].column == 18
    assert block.place_of(("list", 1)) == block.places["list",]
    assert block.place_of(("absent", "x")) == block.places[()]
    assert block.name_place_of(("text",)) == block.name_places["text",]
    assert block.name_place_of(("object", "a", "b", 0)) == block.places["object", "a", "b", 0]


def test_config_as_an_expression(load: Callable[..., Task]) -> None:
    text = """\
locals {
  base = { url = "{{ env "URL" }}", size = 1 }
}
task "t" {
  input {
    provider = "counter"
    config   = merge(local.base, { size = 2 })
  }
  output {
    provider = "console"
    config   = null
  }
}
"""
    task = load(text, environment={"URL": "https://example.org"})
    assert task.input.config == {"url": "https://example.org", "size": 2}
    assert task.output.config == {}
    assert task.input.place_of(("url",)).line == 7
    assert ("url",) in task.input.secret_paths


SECRETS = """\
variable "token" {
  sensitive = true
}
variable "port" {
  default = "5432"
}
locals {
  server = "db.{{ env "DOMAIN" }}"
  url    = "server=${local.server};password={{ env "PASSWORD" }}"
  joined = "${local.url}"
}
task "t" {
  input {
    provider = "counter"
    config {
      connection = local.joined
      server     = local.server
      mode       = "{{ env "MODE" }}"
      number     = {{ env "COUNT" }}
      plain      = "nothing special"
      public     = nonsensitive(env("PASSWORD"))
      nested = {
        deep = ["x", "{{ env "PASSWORD" }}"]
      }
    }
  }
  output {
    provider = "console"
    config {
      token = "Bearer ${var.token}"
      port  = var.port
    }
  }
}
"""
ENVIRONMENT = {
    "DOMAIN": "example.org",
    "PASSWORD": "correct horse",
    "MODE": "fast",
    "COUNT": "12345678",
    "DSTREAM_VAR_port": "5433",
}


def test_what_is_secret_and_where_it_came_from(load: Callable[..., Task]) -> None:
    task = load(SECRETS, environment=ENVIRONMENT, variables=["token=tok"])
    source, sink = task.input, task.output
    connection = "server=db.example.org;password=correct horse"
    assert source.config["connection"] == connection
    assert source.secrets == {connection, "correct horse", "example.org", "db.example.org", "12345678"}
    assert sink.secrets == {"tok", "Bearer tok"}
    assert source.environment == {"DOMAIN", "PASSWORD", "MODE", "COUNT"}
    assert sink.environment == {"DSTREAM_VAR_port"}
    assert source.secret_paths == {("connection",), ("server",), ("number",), ("nested", "deep", 1)}
    assert sink.secret_paths == {("token",)}
    assert source.provenance["mode",].environment == {"MODE"}
    assert source.provenance["connection",].environment == {"DOMAIN", "PASSWORD"}
    assert sink.provenance["token",].sensitive
    assert task.secrets == source.secrets | sink.secrets


def test_options_declared_not_secret_are_left_out(load: Callable[..., Task]) -> None:
    source = load(SECRETS, environment=ENVIRONMENT, variables=["token=tok"]).input
    assert source.secrets_except([("number",), ("server",)]) == source.secrets - {"12345678", "db.example.org"}
    assert "correct horse" not in source.secrets_except([("connection",), ("nested",)])


def test_one_block_does_not_know_the_environment_of_the_other(load: Callable[..., Task]) -> None:
    text = """\
task "t" {
  input {
    provider = "{{ env "KIND" }}"
    config {
      "x" = 1
    }
  }
}
""".replace('      "x" = 1\n', '      a = env("ONLY_INPUT")\n').replace(
        "  }\n}\n", '  }\n  output {\n    provider = "x"\n    start_timeout = env("T")\n  }\n}\n'
    )
    task = load(text, environment={"KIND": "counter", "ONLY_INPUT": "value", "T": "5s"})
    assert task.input.environment == {"KIND", "ONLY_INPUT"}
    assert task.output.environment == {"T"}


def body(inner: str, output: str = 'provider = "console"') -> str:
    return f'task "t" {{\n  input {{\n{inner.rstrip()}\n  }}\n  output {{\n    {output}\n  }}\n}}\n'


COUNTER = '    provider = "counter"\n'

WRONG = [
    ("a = 1\n", "config/unexpected-argument", 1, 1, "locals"),
    ("tasks {\n}\n", "config/unknown-block", 1, 1, 'Did you mean "task"?'),
    ('terraform {\n}\n', "config/unknown-block", 1, 1, "dstream, locals, task, variable"),
    ("task {\n}\n", "config/missing-name", 1, 1, 'task "name" {'),
    ('task "a" "b" {\n}\n', "config/unexpected-label", 1, 10, ""),
    ('task "a" {\n  output {\n    provider = "x"\n  }\n}\n', "config/missing-input", 1, 6, "input {"),
    ('task "a" {\n  input {\n    provider = "x"\n  }\n}\n', "config/missing-output", 1, 6, "output {"),
    (body(COUNTER) + body(COUNTER), "config/duplicate-task", 9, 6, "line 1"),
    (body(COUNTER).replace("task", "x = 1\ntask"), "config/unexpected-argument", 1, 1, ""),
    (body(COUNTER).replace("  output", "  outptu"), "config/unknown-block", 5, 3, 'Did you mean "output"?'),
    (body(COUNTER).replace("  output", '  input {\n    provider = "x"\n  }\n  output'), "config/duplicate-input", 5, 3, "line 2"),
    (body(COUNTER).replace('"t" {', '"t" {\n  tpye = "providers"'), "config/unknown-argument", 2, 3, 'Did you mean "type"?'),
    (body(COUNTER).replace("input {", "input = {"), "config/block-expected", 2, 3, "without"),
    (body("    provder = \"counter\""), "config/unknown-argument", 3, 5, 'Did you mean "provider"?'),
    (body("    config {\n    }"), "config/missing-provider", 2, 3, "provider_image"),
    (body(COUNTER + '    provider_path = "x"'), "config/several-providers", 4, 5, "Exactly one"),
    (body(COUNTER + "    provider {\n    }"), "config/argument-expected", 4, 5, "provider = "),
    (body(COUNTER + "    confg {\n    }"), "config/unknown-block", 4, 5, 'Did you mean "config"?'),
    (body(COUNTER + "    confg {\n    }"), "config/unknown-block", 4, 5, "can stand here: config, envelope, provider,"),
    (body(COUNTER + "    config {\n    }\n    config {\n    }"), "config/duplicate-config", 6, 5, "line 4"),
    (body(COUNTER + "    config {\n    }\n    config = {}"), "config/duplicate-config", 4, 5, "line 6"),
    (body(COUNTER + '    on_reject = "stop"'), "config/output-only", 4, 5, "output"),
    ('locals {\n}\nlocals {\n}\n', "config/duplicate-locals", 3, 1, "line 1"),
    ('locals {\n  a {\n  }\n}\n', "config/block-in-locals", 2, 3, "a = {"),
    ('locals "x" {\n}\n', "config/unexpected-label", 1, 8, ""),
    ('variable {\n}\n', "config/missing-name", 1, 1, ""),
    ('variable "1x" {\n}\n', "variable/name", 1, 10, ""),
    ('variable "x" {\n}\nvariable "x" {\n}\n', "variable/duplicate", 3, 10, "line 1"),
    ('variable "x" {\n  typ = string\n}\n', "config/unknown-argument", 2, 3, 'Did you mean "type"?'),
    ('variable "x" {\n  validation {\n    condition = true\n  }\n}\n', "variable/validation", 2, 3, "error_message"),
    ("dstream {\n}\ndstream {\n}\n", "config/duplicate-dstream", 3, 1, ""),
    ("dstream {\n  plugin_regstry = 1\n}\n", "config/unknown-argument", 2, 3, 'Did you mean "plugin_registry"?'),
    ('task "a" {\n  type = "x"\n  type = "y"\n}\n', "config/duplicate-argument", 3, 3, "line 2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "fragment"), WRONG, ids=[f"{row[1]}-{index}" for index, row in enumerate(WRONG)]
)
def test_structure(write: Callable[..., Path], text: str, code: str, line: int, column: int, fragment: str) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        load_project(write(text), environment={})
    found = {
        (item.code, item.where and item.where.line, item.where and item.where.column): item
        for item in caught.value.diagnostics
    }
    assert (code, line, column) in found, caught.value.diagnostics
    item = found[code, line, column]
    assert fragment in f"{item.message} {item.hint}"
    assert caught.value.exit_code is ExitCode.CONFIGURATION


VALUES = [
    (body("    provider = 5"), "config/provider", 3, 16, "number"),
    (body("    provider = null"), "config/provider", 3, 16, "null"),
    (body('    provider = ""'), "config/provider", 3, 16, "empty"),
    (body(COUNTER + "    config = 5"), "config/config", 4, 14, "object"),
    (body(COUNTER + '    envelope = "x"'), "config/envelope", 4, 16, '"command" or "bare"'),
    (body(COUNTER + '    start_timeout = "5 parsecs"'), "config/duration", 4, 21, "units"),
    (body(COUNTER + "    start_timeout = true"), "config/duration", 4, 21, "30s"),
    (body(COUNTER + "    start_timeout = 0"), "config/duration", 4, 21, "longer"),
    (body(COUNTER + '    start_timeout = "-1s"'), "config/duration", 4, 21, "longer"),
    (body(COUNTER, 'provider = "x"\n    on_reject = "drop"'), "config/on-reject", 7, 17, '"dead_letter" or "stop"'),
    (body(COUNTER, 'provider = "x"\n    max_rejects = 0'), "config/number", 7, 19, "at least 1"),
    (body(COUNTER, 'provider = "x"\n    max_rejects = 1.5'), "config/number", 7, 19, "whole"),
    (body(COUNTER, 'provider = "x"\n    max_rejects = "a"'), "config/number", 7, 19, "whole"),
    (body(COUNTER).replace('"t" {', '"t" {\n  type = "job"'), "config/task-type", 2, 10, "left out"),
    (body(COUNTER).replace('"t" {', '"t" {\n  description = []'), "config/string", 2, 17, "string"),
    (body(COUNTER + '    config {\n      a "x" {\n      }\n    }'), "config/unexpected-label", 5, 9, "a = { x ="),
    (body(COUNTER + '    config {\n      dynamic "x" {\n      }\n    }'), "config/dynamic-block", 5, 15, "x = [for"),
    (body(COUNTER + "    config {\n      a = 1\n      a {\n      }\n    }"), "config/duplicate-argument", 6, 7, ""),
    (body(COUNTER + "    config {\n      a = local.x\n    }"), "config/unknown-local", 5, 11, "locals { … }"),
    (body(COUNTER + "    config {\n      a = var.x\n    }"), "config/unknown-variable", 5, 11, 'variable "x" {}'),
    (body(COUNTER) + "locals {\n  aa = 1\n  b = local.a\n}\n", "config/unknown-local", 11, 7, 'Did you mean "local.aa"? The locals that exist: local.aa, local.b.'),
    (body(COUNTER) + "locals {\n  a = local.b\n  b = local.c\n  c = local.a\n}\n", "config/local-cycle", 12, 7, "local.a → local.b → local.c → local.a"),
    (body(COUNTER) + "locals {\n  a = local.a\n}\n", "config/local-cycle", 10, 7, "local.a → local.a"),
    (body(COUNTER) + 'locals {\n  a = local["a"]\n}\n', "config/local-cycle", 10, 7, ""),
    (body(COUNTER) + "locals {\n  a = keys(local)\n}\n", "config/local-cycle", 10, 12, ""),
    (body(COUNTER) + "locals {\n  unused = 1 / 0\n}\n", "expression/division-by-zero", 10, 16, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "fragment"),
    VALUES,
    ids=[f"{row[1]}-{index}" for index, row in enumerate(VALUES)],
)
def test_values(
    load: Callable[..., Task], write: Callable[..., Path], text: str, code: str, line: int, column: int, fragment: str
) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        load(text)
    [found] = caught.value.diagnostics
    assert found.where is not None
    assert (found.code, found.where.line, found.where.column) == (code, line, column), found
    assert fragment in f"{found.message} {found.hint}"
    assert lint(write(text), environment={}) == [found]


def test_lint_reports_everything_at_once_in_order(write: Callable[..., Path]) -> None:
    text = """\
locals {
  bad = 1 / 0
}
task "one" {
  input {
    provider = "counter"
    config {
      a = local.gone
      b = { c = nope, d = env("GONE") }
      e = [1, uper("x")]
    }
  }
  output {
    provder = "console"
  }
}
task "two" {
  input {
    provider = local.bad
  }
  output {
    provider = "console"
    config {
      f = "{{ env "GONE" }}"
      g = "{{ sha1sum "x" }}"
    }
  }
}
"""
    found = lint(write(text), environment={})
    assert [(item.code, item.where and item.where.line) for item in found] == [
        ("expression/division-by-zero", 2),
        ("config/unknown-local", 8),
        ("expression/unknown-name", 9),
        ("expression/unset-variable", 9),
        ("expression/unknown-function", 10),
        ("config/missing-provider", 13),
        ("config/unknown-argument", 14),
        ("template/unset-variable", 24),
        ("template/unsupported", 25),
    ]
    assert all(item.excerpt for item in found)


def test_lint_of_a_good_file_and_of_a_syntax_error(write: Callable[..., Path]) -> None:
    assert lint(write(FULL), environment={}) == []
    found = lint(write("task {\n"), environment={})
    assert [item.code for item in found] == ["syntax/unclosed-block"]


def test_unknown_task(write: Callable[..., Path]) -> None:
    project = load_project(write(FULL), environment={})
    with pytest.raises(ConfigurationError) as caught:
        evaluate_task(project, "othr")
    assert caught.value.code == "config/unknown-task"
    assert caught.value.hint == 'Did you mean "other"? The tasks: other, t.'
    empty = load_project(write("locals {\n}\n"), environment={})
    with pytest.raises(ConfigurationError) as caught:
        evaluate_task(empty, "t")
    assert caught.value.hint == "The file declares no task."


def test_no_file(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_project(tmp_path, environment={})
    assert caught.value.code == "config/no-file"
    write(FULL, "other.hcl")
    with pytest.raises(ConfigurationError) as caught:
        load_project(tmp_path, environment={})
    assert "other.hcl" in str(caught.value.hint)
    with pytest.raises(ConfigurationError) as caught:
        load_project(tmp_path / "gone.hcl", environment={})
    assert caught.value.code == "config/no-file"


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "dstream.hcl"
    path.write_bytes("# fine\ná = ".encode() + b"\xff\n")
    with pytest.raises(DiagnosticsError) as caught:
        load_project(path, environment={})
    assert caught.value.code == "syntax/not-utf8"
    assert (caught.value.where and (caught.value.where.line, caught.value.where.column)) == (2, 5)


def test_a_chain_of_a_thousand_locals(load: Callable[..., Task]) -> None:
    chain = "\n".join(f"  n{number} = local.n{number + 1} + 1" for number in range(1000))
    task = load(config="a = local.n0", extra=f"locals {{\n{chain}\n  n1000 = 0\n}}\n")
    assert task.input.config == {"a": 1000}


def test_the_failing_local_is_reported_once(load: Callable[..., Task]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        load(
            config="a = local.bad\nb = local.bad\nc = local.worse",
            extra="locals {\n bad = 1 / 0\n worse = local.bad\n}\n",
        )
    assert [item.code for item in caught.value.diagnostics] == ["expression/division-by-zero"]


def test_a_repeated_key_forgets_the_places_of_the_first(load: Callable[..., Task]) -> None:
    block = load(config='a = { b = { c = "{{ env "X" }}" }, b = 1 }', environment={"X": "a long secret"}).input
    assert block.config == {"a": {"b": 1}}
    assert ("a", "b", "c") not in block.places
    assert not block.secrets
