"""SQL Server's errors by number, worded as "Database Engine events and errors" has them."""

from __future__ import annotations

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import SqlType


def syntax_error(near: str) -> SqlError:
    """102: whatever is not T-SQL."""
    return SqlError(102, f"Incorrect syntax near '{near}'.", 15)


def keyword_error(keyword: str) -> SqlError:
    """156: a keyword where none can stand."""
    return SqlError(156, f"Incorrect syntax near the keyword '{keyword}'.", 15)


def invalid_column(name: str) -> SqlError:
    """207."""
    return SqlError(207, f"Invalid column name '{name}'.")


def ambiguous_column(name: str) -> SqlError:
    """209."""
    return SqlError(209, f"Ambiguous column name '{name}'.")


def unbound_identifier(name: str) -> SqlError:
    """4104: a prefix that names no table of the query."""
    return SqlError(4104, f'The multi-part identifier "{name}" could not be bound.')


def invalid_object(name: str) -> SqlError:
    """208."""
    return SqlError(208, f"Invalid object name '{name}'.", state=1)


def undeclared(name: str) -> SqlError:
    """137."""
    return SqlError(137, f'Must declare the scalar variable "{name}".', 15, 2)


def unknown_function(name: str) -> SqlError:
    """195: a name without a schema that is no built-in function."""
    return SqlError(195, f"'{name}' is not a recognized built-in function name.", 15, 10)


def argument_count(name: str, count: str) -> SqlError:
    """174: the wrong number of arguments."""
    return SqlError(174, f"The {name.lower()} function requires {count} argument(s).", 15)


def conversion_failed(value: str, source: str, target: SqlType) -> SqlError:
    """245: a text that is no number."""
    return SqlError(245, f"Conversion failed when converting the {source} value '{value}' to data type {target.name}.")


def error_converting(source: SqlType, target: SqlType) -> SqlError:
    """8114."""
    return SqlError(8114, f"Error converting data type {source.name} to {target.name}.", state=5)


def date_failed() -> SqlError:
    """241."""
    return SqlError(241, "Conversion failed when converting date and/or time from character string.")


def date_out_of_range(source: SqlType, target: SqlType) -> SqlError:
    """242."""
    return SqlError(
        242,
        f"The conversion of a {source.name} data type to a {target.name} data type resulted in an out-of-range value.",
        state=3,
    )


def overflow_converting(source: SqlType, target: SqlType) -> SqlError:
    """8115: converting a number to a type that cannot hold it."""
    return SqlError(8115, f"Arithmetic overflow error converting {source.name} to data type {target.name}.", state=8)


def expression_overflow(target: SqlType) -> SqlError:
    """8115: what an expression gave does not fit its type."""
    return SqlError(8115, f"Arithmetic overflow error converting expression to data type {target.name}.", state=2)


def divide_by_zero() -> SqlError:
    """8134."""
    return SqlError(8134, "Divide by zero error encountered.")


def not_allowed(source: SqlType, target: SqlType) -> SqlError:
    """529: an explicit conversion that does not exist."""
    return SqlError(529, f"Explicit conversion from data type {source.name} to {target.name} is not allowed.", state=2)


def not_implicit(source: SqlType, target: SqlType) -> SqlError:
    """257: a conversion that has to be asked for by CONVERT."""
    return SqlError(
        257,
        f"Implicit conversion from data type {source.name} to {target.name} is not allowed. "
        "Use the CONVERT function to run this query.",
        state=3,
    )


def operand_clash(left: SqlType, right: SqlType) -> SqlError:
    """206."""
    return SqlError(206, f"Operand type clash: {left.name} is incompatible with {right.name}", state=2)


def incompatible(left: SqlType, right: SqlType, operator: str) -> SqlError:
    """402: types that an operator does not take."""
    return SqlError(402, f"The data types {left.name} and {right.name} are incompatible in the {operator} operator.")


def invalid_operand(type_: SqlType, operator: str) -> SqlError:
    """8117: a type that an operator or aggregate does not take."""
    return SqlError(8117, f"Operand data type {type_.name} is invalid for {operator} operator.")


def not_a_condition(near: str) -> SqlError:
    """4145: a value where a condition is needed."""
    return SqlError(
        4145,
        f"An expression of non-boolean type specified in a context where a condition is expected, near '{near}'.",
        15,
    )


def truncated(table: str, column: str, value: str) -> SqlError:
    """2628."""
    return SqlError(
        2628,
        f"String or binary data would be truncated in table '{table}', column '{column}'. Truncated value: '{value}'.",
    )
