"""What a function of the configuration language is, how it is called, and how it says what is wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from dstream_core.config.records import Record
from dstream_core.config.values import (
    DYNAMIC,
    NUMBER,
    STRING,
    ConversionError,
    ListValue,
    SetValue,
    TupleValue,
    Type,
    Value,
    convert,
)

_WIDEST_INTEGER = 2**63


class FunctionError(ValueError):
    """A call failed.

    Args:
        message: what is wrong, in the words of Terraform where it has some; no full stop, no function name.
        argument_index: which argument is to blame, counted from 0, or None if it is the call as a whole.
    """

    def __init__(self, message: str, argument_index: int | None = None):
        super().__init__(message)
        self.message = message
        self.argument_index = argument_index


class Parameter(Record):
    """One parameter: its name in messages, the type that arguments convert to, and whether null is welcome."""

    name: str
    type: Type = DYNAMIC
    allow_null: bool = False


class Function(Record):
    """A pure function of the configuration language.

    Attributes:
        name: as it is written in a call.
        parameters: the fixed parameters.
        variadic: the parameter that takes all further arguments, if there may be any.
        call: takes the converted arguments, returns a value or raises `FunctionError`.
        summary: one sentence for the reference page.
        examples: pairs of an expression and its value, both as written; the tests run them.
        area: the heading of the reference page that it stands under.
    """

    name: str
    parameters: tuple[Parameter, ...]
    variadic: Parameter | None
    call: Callable[..., Any]
    summary: str
    examples: tuple[tuple[str, str], ...]
    area: str

    def invoke(self, args: Sequence[Value]) -> Value:
        """The function's value for some arguments.

        Args:
            args: values of any types; each is converted to its parameter's type.

        Raises:
            FunctionError: the number of arguments, one of them, or the call as a whole is wrong.
        """
        self._check_count(len(args))
        try:
            result: Value = _composed(self.call(*(self._argument(index, value) for index, value in enumerate(args))))
            return result
        except RecursionError:
            raise FunctionError("the value is nested too deeply") from None

    def parameter(self, index: int) -> Parameter | None:
        """The parameter that takes the argument at `index`, if there is one."""
        return self.parameters[index] if index < len(self.parameters) else self.variadic

    def signature(self) -> str:
        """How it is called, such as `join(separator, lists...)`."""
        names = [parameter.name for parameter in self.parameters]
        if self.variadic is not None:
            names.append(f"{self.variadic.name}...")
        return f"{self.name}({', '.join(names)})"

    def _check_count(self, count: int) -> None:
        wanted = len(self.parameters)
        if count < wanted:
            missing = self.parameters[count].name
            raise FunctionError(f'{self._expects()}; missing value for "{missing}"')
        if count > wanted and self.variadic is None:
            raise FunctionError(f"{self._expects()}; {count} were given", wanted)

    def _expects(self) -> str:
        count = len(self.parameters)
        at_least = "at least " if self.variadic is not None else ""
        return f"{self.signature()} expects {at_least}{count} argument{'' if count == 1 else 's'}"

    def _argument(self, index: int, value: Value) -> Value:
        parameter = self.parameter(index)
        assert parameter is not None, "the number of arguments has been checked"
        if value is None:
            if parameter.allow_null:
                return None
            raise FunctionError("argument must not be null", index)
        try:
            return convert(value, parameter.type)
        except ConversionError as error:
            raise FunctionError(str(error), index) from None


def parameters(*specifications: str | tuple[str, Type]) -> tuple[Parameter, ...]:
    """Parameters from bare names (of any type) and pairs of name and type."""
    return tuple(Parameter(one) if isinstance(one, str) else Parameter(*one) for one in specifications)


def strings(*names: str) -> tuple[Parameter, ...]:
    """Parameters that all take strings."""
    return tuple(Parameter(name, STRING) for name in names)


def numbers(*names: str) -> tuple[Parameter, ...]:
    """Parameters that all take numbers."""
    return tuple(Parameter(name, NUMBER) for name in names)


def whole(number: Decimal, index: int | None = None, prefix: str = "") -> int:
    """The number as an integer of 64 bits, as functions want counts and offsets.

    Args:
        number: the argument.
        index: which argument it is, for the message.
        prefix: what the message begins with, such as `invalid size: `.

    Raises:
        FunctionError: it has a fraction or is too large.
    """
    if not -_WIDEST_INTEGER <= number < _WIDEST_INTEGER or number != number.to_integral_value():
        bounds = f"between {-_WIDEST_INTEGER} and {_WIDEST_INTEGER - 1}"
        raise FunctionError(f"{prefix}value must be a whole number, {bounds}", index)
    return int(number)


def is_sequence(value: Any) -> bool:
    """Whether the value is a list, a tuple or a set."""
    return isinstance(value, (ListValue, TupleValue, SetValue))


def string_list(items: Sequence[str]) -> ListValue:
    """A list of strings."""
    return ListValue(items, STRING)


def _composed(value: Any) -> Any:
    """Strings in Unicode's composed form (NFC), as every string value is: joining two may have broken it."""
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, ListValue) and value.element == STRING:
        return ListValue([_composed(item) for item in value], STRING)
    return value
