"""Evaluation of expressions, with the meaning that HCL and Terraform give them."""

from __future__ import annotations

from dstream_core.config.evaluate.evaluator import EmptyScope, Evaluator, Scope
from dstream_core.config.evaluate.trace import Trace, texts_in

__all__ = ["EmptyScope", "Evaluator", "Scope", "Trace", "texts_in"]
