"""`dstream fmt`: files in the one format."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dstream_core.config.format import format_text
from dstream_core.config.load import DEFAULT_FILE
from dstream_core.errors import ConfigurationError


@dataclass(frozen=True)
class Formatted:
    """One file: as it was and as it should be."""

    path: Path
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether it was not in the format."""
        return self.before != self.after

    def diff(self) -> str:
        """What changes, as a unified diff."""
        from difflib import unified_diff  # noqa: PLC0415  only who asks for it pays

        before, after = self.before.splitlines(), self.after.splitlines()
        return "\n".join(unified_diff(before, after, f"{self.path} (as it is)", str(self.path), lineterm=""))


def format_stdin(content: bytes) -> Formatted:
    """Formats what was read from stdin.

    Raises:
        DiagnosticsError: it has a syntax error.
        ConfigurationError: it is not UTF-8.
    """
    return _formatted(Path("<stdin>"), content)


def format_files(paths: list[Path], *, write: bool) -> list[Formatted]:
    """Formats files; of a directory all `.hcl` files in it.

    Args:
        paths: files and directories.
        write: change them; False only looks.

    Raises:
        DiagnosticsError: a file has a syntax error; then no file is changed.
        ConfigurationError: a file cannot be read or written.
    """
    files = [file for path in paths for file in _files(path)]
    formatted = [_format(file) for file in files]
    for item in formatted:
        if write and item.changed:
            _replace(item.path, item.after)
    return formatted


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(each for each in path.glob("*.hcl") if each.is_file())
    if not files:
        message = f"there is no .hcl file in {path.resolve()}"
        raise ConfigurationError(message, code="config/no-file", hint=f"name a file, or create {DEFAULT_FILE}")
    return files


def _format(path: Path) -> Formatted:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", code="config/no-file") from None
    return _formatted(path, content)


def _formatted(path: Path, content: bytes) -> Formatted:
    try:
        before = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8", code="syntax/not-utf8") from None
    return Formatted(path, before, format_text(before, str(path)))


def _replace(path: Path, text: str) -> None:
    """Writes the whole file under another name first: a crash must not leave half of it."""
    target = path.resolve()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, target.stat().st_mode & 0o7777)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", code="config/no-file") from None
