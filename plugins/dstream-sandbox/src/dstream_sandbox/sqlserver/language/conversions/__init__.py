"""CAST and CONVERT: every conversion of "CAST and CONVERT (Transact-SQL)" that readers and writers of tables need."""

from dstream_sandbox.sqlserver.language.conversions.assign import assigner, fit
from dstream_sandbox.sqlserver.language.conversions.convert import converter, implicit_converter

__all__ = ["assigner", "converter", "fit", "implicit_converter"]
