"""The words of the protocol: roles, verbs and the version."""

from __future__ import annotations

from typing import Literal, get_args

PROTOCOL_VERSION = 1

Role = Literal["input", "output"]
Verb = Literal["run", "init", "plan", "status", "destroy", "discover", "check", "state", "describe"]

ROLES: tuple[Role, ...] = get_args(Role)
VERBS: tuple[Verb, ...] = get_args(Verb)

LIFECYCLE_VERBS: frozenset[Verb] = frozenset({"init", "plan", "status", "destroy"})
"""Verbs about infrastructure: an output's."""

ACK_CAPABILITY = "ack"
